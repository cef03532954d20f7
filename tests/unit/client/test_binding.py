"""A function's arguments become JSON by name, and the same call again."""

from typing import Any

import pytest

from counterseal.binding import Binding
from counterseal.errors import Unsendable
from counterseal.guard import Plan


def _send(to: str, amount: float = 5, *rest: str, note: str = "", **more: object) -> Any:
    return (to, amount, rest, note, more)


def _only(to: str, /, *, amount: float = 5) -> Any:
    return (to, amount)


@pytest.mark.parametrize(
    ("args", "kwargs", "arguments"),
    [
        (("a",), {}, {"to": "a", "amount": 5, "rest": (), "note": ""}),
        (("a", 7, "x", "y"), {}, {"to": "a", "amount": 7, "rest": ("x", "y"), "note": ""}),
        ((), {"to": "a", "urgent": True}, {"to": "a", "amount": 5, "rest": (), "note": ""}),
    ],
)
def test_defaults_are_part_of_the_action(
    args: tuple[object, ...], kwargs: dict[str, object], arguments: dict[str, object]
) -> None:
    bound = Binding.of(_send, frozenset()).take_apart(args, kwargs)
    extra = {name: value for name, value in kwargs.items() if name != "to"}
    assert bound.arguments == {**arguments, **extra}


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [(("a",), {}), (("a", 7, "x", "y"), {"note": "n", "k": [1]}), ((), {"to": "a", "z": None})],
)
def test_a_call_put_together_again_is_the_same_call(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    binding = Binding.of(_send, frozenset())
    bound = binding.take_apart(args, kwargs)
    arguments = {**bound.arguments, "rest": list(bound.arguments["rest"])}  # type: ignore[call-overload]
    again, named = binding.put_together(arguments, bound.outside)
    assert _send(*again, **named) == _send(*args, **kwargs)


def test_positional_only_and_keyword_only_parameters_find_their_place() -> None:
    args, kwargs = Binding.of(_only, frozenset()).put_together({"to": "a", "amount": 7}, {})
    assert _only(*args, **kwargs) == ("a", 7)


def test_what_is_outside_is_handed_through_and_not_asked_about() -> None:
    def pay(connection: object, amount: int) -> None: ...

    connection = object()
    binding = Binding.of(pay, frozenset({"connection"}))
    bound = binding.take_apart((connection, 5), {})
    assert bound.arguments == {"amount": 5}
    assert binding.put_together({"amount": 5}, bound.outside) == ([connection, 5], {})


@pytest.mark.parametrize("arguments", [{}, {"to": "a"}, {"to": "a", "amount": 1, "extra": 1}])
def test_arguments_of_another_function_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(Unsendable):
        Binding.of(_only, frozenset()).put_together(arguments, {})


def test_a_name_given_by_position_and_as_a_keyword_is_refused() -> None:
    def ambiguous(to: str, /, **more: object) -> None: ...

    with pytest.raises(Unsendable, match="twice"):
        Binding.of(ambiguous, frozenset()).take_apart(("a",), {"to": "b"})


def test_a_misspelt_outside_parameter_is_noticed_when_decorating() -> None:
    with pytest.raises(TypeError, match="conection"):
        Binding.of(_only, frozenset({"conection"}))
    with pytest.raises(TypeError, match="keywords"):
        Binding.of(_send, frozenset({"more"}))


def test_terms_are_fixed_or_made_from_the_arguments() -> None:
    plan = Plan.of(
        _only,
        None,
        {"key": lambda given: f"pay-{given['to']}", "session": "s1", "wait": 3.0, "outside": ()},
    )
    assert plan.tool == "_only"
    said = plan.circumstances({"to": "a"})
    assert said == {"key": "pay-a", "session": "s1", "wait": 3.0}
