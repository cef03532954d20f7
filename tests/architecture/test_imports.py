"""The domain knows little: what it may import is a list, and all else is foreign."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
CORE = HOUSE / "client/src/counterseal/core"

PURE = {
    "collections",
    "collections.abc",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "io",  # bytes in memory: `open` is not called, see below
    "itertools",
    "json",
    "re",
    "types",
    "typing",
    "unicodedata",
    "zipfile",  # archives in memory
}
"""What of the standard library does no I/O and reads no clock. (For ``datetime.now``: ruff.)"""

NEVER_CALLED = {"open", "input", "print", "eval", "exec", "compile", "__import__", "breakpoint"}

DOMAIN = sorted((HOUSE / "domain").rglob("*.py"))


def path_of(module: Path) -> str:
    return str(module.relative_to(HOUSE))


def imported(module: Path) -> Iterator[str]:
    """Name every module that ``module`` imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.name} imports relatively"
            assert node.module is not None
            yield node.module


def test_there_is_a_domain() -> None:
    assert len(DOMAIN) > 10


@pytest.mark.parametrize("module", DOMAIN, ids=path_of)
def test_the_domain_imports_only_what_is_pure(module: Path) -> None:
    for name in imported(module):
        root = name.split(".", maxsplit=1)[0]
        assert (
            name in PURE
            or root in {"domain", "pydantic"}
            or name == "counterseal.core"
            or name.startswith("counterseal.core.")
        ), f"{path_of(module)} imports {name}; hand in what it needs, or extend PURE with a reason"


@pytest.mark.parametrize("module", DOMAIN, ids=path_of)
def test_the_domain_calls_nothing_that_reaches_outside(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in NEVER_CALLED, f"{path_of(module)} calls {node.func.id}()"


@pytest.mark.parametrize("module", DOMAIN, ids=path_of)
def test_nothing_in_the_domain_can_be_rebound(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.Global | ast.Nonlocal), f"{path_of(module)} keeps state"
        assert not isinstance(node, ast.AsyncFunctionDef) or is_promised(node), path_of(module)


def is_promised(function: ast.AsyncFunctionDef) -> bool:
    """Say whether a function is only declared, as those of ports are."""
    last = function.body[-1]
    return isinstance(last, ast.Expr) and getattr(last.value, "value", None) is ...


def test_the_core_knows_nothing_else_of_ours() -> None:
    for module in sorted(CORE.rglob("*.py")):
        for name in imported(module):
            if name.split(".", maxsplit=1)[0] == "counterseal":
                assert name.startswith("counterseal.core"), f"{path_of(module)} imports {name}"


def test_pure_modules_are_of_the_standard_library() -> None:
    assert {name.split(".", maxsplit=1)[0] for name in PURE} <= sys.stdlib_module_names
