"""What a compiled expression reads, taken from its checked syntax tree.

The engine hands the tree out as a ``cel.expr.CheckedExpr`` but brings no classes for it, so the
few fields that matter here are declared again (field numbers: cel-spec, ``syntax.proto``).
"""

from typing import Any, NamedTuple

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

_FIELDS: dict[str, list[tuple[str, int, str, bool]]] = {
    "CheckedExpr": [("expr", 4, "Expr", False)],
    "Expr": [
        ("const_expr", 3, "Constant", False),
        ("ident_expr", 4, "Ident", False),
        ("select_expr", 5, "Select", False),
        ("call_expr", 6, "Call", False),
        ("list_expr", 7, "CreateList", False),
        ("struct_expr", 8, "CreateStruct", False),
        ("comprehension_expr", 9, "Comprehension", False),
    ],
    "Constant": [("string_value", 6, "string", False)],
    "Ident": [("name", 1, "string", False)],
    "Select": [("operand", 1, "Expr", False), ("field", 2, "string", False)],
    "Call": [
        ("target", 1, "Expr", False),
        ("function", 2, "string", False),
        ("args", 3, "Expr", True),
    ],
    "CreateList": [("elements", 1, "Expr", True)],
    "CreateStruct": [("entries", 2, "Entry", True)],
    "Entry": [("map_key", 3, "Expr", False), ("value", 4, "Expr", False)],
    "Comprehension": [
        ("iter_var", 1, "string", False),
        ("iter_range", 2, "Expr", False),
        ("accu_var", 3, "string", False),
        ("accu_init", 4, "Expr", False),
        ("loop_condition", 5, "Expr", False),
        ("loop_step", 6, "Expr", False),
        ("result", 7, "Expr", False),
    ],
}


class Reading(NamedTuple):
    """Paths that are read, with the fields taken out of maps, and the names of loop variables."""

    paths: tuple[str, ...]
    loops: tuple[str, ...]


def reading(checked: bytes) -> Reading:
    """Collect what the expression reads; ``checked`` is an ``Any`` around a ``CheckedExpr``."""
    tree = _CHECKED()
    tree.ParseFromString(any_pb2.Any.FromString(checked).value)
    walk = _Walk()
    walk.visit(tree.expr, frozenset())
    return Reading(tuple(sorted(walk.paths)), tuple(sorted(walk.loops)))


def _message_class() -> Any:  # noqa: ANN401 - made at run time, so no type can be named
    file = descriptor_pb2.FileDescriptorProto(
        name="counterseal/cel.proto", package="counterseal.cel", syntax="proto3"
    )
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            message.field.add(name=field, number=number, label=3 if repeated else 1, **_kind(kind))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("counterseal.cel.CheckedExpr")
    )


def _kind(kind: str) -> dict[str, Any]:
    if kind == "string":
        return {"type": descriptor_pb2.FieldDescriptorProto.TYPE_STRING}
    return {
        "type": descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE,
        "type_name": f".counterseal.cel.{kind}",
    }


_CHECKED = _message_class()


class _Walk:
    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.loops: set[str] = set()

    def visit(self, expr: Any, bound: frozenset[str]) -> None:  # noqa: ANN401 - see above
        if (path := _path(expr)) is not None:
            if path[0] not in bound:
                self.paths.add(".".join(path))
            return
        for part in _parts(expr):
            self.visit(part, bound)
        if expr.HasField("comprehension_expr"):
            self._loop(expr.comprehension_expr, bound)

    def _loop(self, loop: Any, bound: frozenset[str]) -> None:  # noqa: ANN401 - see above
        if not loop.iter_var.startswith("@"):
            self.loops.add(loop.iter_var)
        self.visit(loop.iter_range, bound)
        inside = bound | {loop.iter_var, loop.accu_var}
        for part in (loop.accu_init, loop.loop_condition, loop.loop_step, loop.result):
            self.visit(part, inside)


def _path(expr: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - see above
    """Read ``name``, ``operand.field`` and ``operand["field"]`` as one path."""
    if expr.HasField("ident_expr"):
        return (expr.ident_expr.name,)
    if expr.HasField("select_expr"):
        return _onward(_path(expr.select_expr.operand), expr.select_expr.field)
    if expr.HasField("call_expr") and expr.call_expr.function == "_[_]":
        operand, index = expr.call_expr.args
        return _onward(_path(operand), index.const_expr.string_value)
    return None


def _onward(before: tuple[str, ...] | None, step: str) -> tuple[str, ...] | None:
    """Go one step further down a path; None if it cannot be told from two steps, or is no text."""
    return (*before, step) if before is not None and step and "." not in step else None


def _parts(expr: Any) -> list[Any]:  # noqa: ANN401 - see above
    if expr.HasField("select_expr"):
        return [expr.select_expr.operand]
    if expr.HasField("call_expr"):
        target = [expr.call_expr.target] if expr.call_expr.HasField("target") else []
        return [*target, *expr.call_expr.args]
    if expr.HasField("list_expr"):
        return list(expr.list_expr.elements)
    if expr.HasField("struct_expr"):
        return [part for entry in expr.struct_expr.entries for part in (entry.map_key, entry.value)]
    return []
