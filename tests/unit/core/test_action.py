"""The action's digest binds every field; its ID follows from who asked under which key."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.action import (
    ACTION_DOMAIN,
    Action,
    action_digest,
    action_id,
    arguments_digest,
)
from counterseal.core.canonical import Json, digest
from counterseal.core.errors import Refused

ACTION = Action(
    id="act_" + "1" * 32,
    tenant="acme",
    agent="agent:paybot",
    principal="paul",
    environment="production",
    session="s-1",
    tool="payments.transfer",
    resource="iban:DE02",
    arguments={"amount": 5, "memo": None},
)

CHANGES: dict[str, object] = {
    "id": "act_" + "2" * 32,
    "tenant": "acme2",
    "agent": "agent:mailbot",
    "principal": None,
    "environment": "staging",
    "session": None,
    "tool": "payments.refund",
    "resource": None,
    "arguments": {"amount": 5},
}


def test_every_field_is_in_the_digest() -> None:
    assert {*CHANGES} == {*Action.model_fields}
    digests = {action_digest(ACTION)}
    for field, value in CHANGES.items():
        digests.add(action_digest(Action.model_validate({**ACTION.model_dump(), field: value})))
    assert len(digests) == len(CHANGES) + 1


def test_moving_a_value_from_one_field_to_another_changes_the_digest() -> None:
    one = ACTION.model_copy(update={"session": "x", "principal": None})
    other = ACTION.model_copy(update={"session": None, "principal": "x"})
    assert action_digest(one) != action_digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": "1"}, {"a": 1}),
        ({"a": None}, {}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": {"b": 1}}, {"a": {"b": {}}}),
    ],
)
def test_arguments_that_differ_make_another_action(
    one: dict[str, Json], other: dict[str, Json]
) -> None:
    digests = [
        action_digest(ACTION.model_copy(update={"arguments": each})) for each in (one, other)
    ]
    assert digests[0] != digests[1]
    assert arguments_digest(one) != arguments_digest(other)


def test_the_order_of_arguments_does_not_matter() -> None:
    turned = ACTION.model_copy(update={"arguments": {"memo": None, "amount": 5}})
    assert action_digest(turned) == action_digest(ACTION)


def test_a_digest_survives_the_way_through_json() -> None:
    again = Action.model_validate_json(ACTION.model_dump_json())
    assert action_digest(again) == action_digest(ACTION)


def test_the_digest_is_of_the_action_domain() -> None:
    assert action_digest(ACTION) == digest(ACTION_DOMAIN, ACTION.model_dump(mode="json"))
    assert arguments_digest({}) != digest(ACTION_DOMAIN, {})


def test_a_number_too_large_for_json_is_not_hashed() -> None:
    with pytest.raises(Refused):
        action_digest(ACTION.model_copy(update={"arguments": {"a": 2**53}}))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_does_not_share_the_digest_of_null(number: float) -> None:
    null = action_digest(ACTION.model_copy(update={"arguments": {"a": None}}))
    try:
        odd = action_digest(ACTION.model_copy(update={"arguments": {"a": number}}))
    except Refused:
        return
    assert odd != null


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant", ""),
        ("tenant", "a\n"),
        ("tenant", " a"),
        ("tenant", "a b"),
        ("tenant", "ünï"),
        ("tenant", "-a"),
        ("tenant", "a" * 129),
        ("agent", "a\u200b"),
        ("agent", "a\x00"),
        ("principal", ""),
        ("environment", None),
        ("id", "act_" + "1" * 31),
        ("id", "act_" + "A" * 32),
        ("id", "act_" + "1" * 32 + "\n"),
        ("tool", "pay ments"),
        ("tool", "a" * 129),
        ("resource", "x" * 1025),
        ("resource", "\ud800"),
        ("arguments", []),
        ("arguments", {1: 2}),
    ],
)
def test_names_that_could_be_mistaken_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        Action.model_validate({**ACTION.model_dump(), field: value})


def test_an_unknown_field_is_refused_because_its_sender_meant_something_by_it() -> None:
    with pytest.raises(ValueError, match="stage"):
        Action.model_validate({**ACTION.model_dump(), "stage": "observe"})


def test_an_action_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        ACTION.tool = "x"  # type: ignore[misc] # that it is refused is what we test


def test_the_same_caller_with_the_same_key_gets_the_same_action() -> None:
    assert action_id("acme", "paybot", "k") == action_id("acme", "paybot", "k")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "bc", "k"), ("ab", "c", "k")),
        (("a", "b", "ck"), ("a", "bc", "k")),
        (("a", "b", "k"), ("b", "a", "k")),
        (("a", "b", "k"), ("a", "b", "K")),
        (("a", "b", '"],["'), ("a", 'b","', "]")),
        (("a", "b", "k"), ("a", "b", "k ")),
    ],
)
def test_two_callers_or_two_keys_never_get_one_action(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert action_id(*one) != action_id(*other)


@given(st.tuples(st.text(), st.text(), st.text()), st.tuples(st.text(), st.text(), st.text()))
def test_an_id_follows_from_all_three_and_nothing_else(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert (action_id(*one) == action_id(*other)) == (one == other)


@given(st.text())
def test_an_id_is_an_id_whatever_the_key(key: str) -> None:
    found = action_id("acme", "paybot", key)
    assert Action.model_validate({**ACTION.model_dump(), "id": found}).id == found
