"""What was meant is what is asked, redeemed and run."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from counterseal.core.action import action_digest
from counterseal.core.canonical import Json
from counterseal.core.words import Disposition, Outcome, Phase
from counterseal.errors import Misunderstood, Unsendable
from counterseal.meant import Meant, frozen
from counterseal.standing import Hold, Permit, Refusal, parse_handle, standing
from tests.unit.client.support import ARGUMENTS, TOKEN, action, answer

MEANT = Meant("pay", frozen(ARGUMENTS))

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(names, values, max_size=4))
def test_what_is_read_back_has_the_digest_of_what_was_frozen(arguments: dict[str, Json]) -> None:
    meant = Meant("pay", frozen(arguments))
    asked = action(arguments=meant.arguments())
    assert meant.digest_of(answer(of=asked)) == action_digest(action(arguments=arguments))


def test_a_caller_who_changes_the_arguments_changes_nothing() -> None:
    arguments: dict[str, Json] = {"to": ["DE02"]}
    meant = Meant("pay", frozen(arguments))
    arguments["to"] = ["XX99"]
    taken = meant.arguments()
    taken["to"] = "XX99"
    assert meant.arguments() == {"to": ["DE02"]}


@pytest.mark.parametrize(
    "understood",
    [
        action("refund"),
        action(arguments={"amount": 2000, "to": "DE02"}),
        action(arguments={}),
        action(resource="account/7"),
    ],
)
def test_another_action_is_never_taken_for_the_one_that_was_meant(understood: object) -> None:
    assert understood != action()
    with pytest.raises(Misunderstood):
        MEANT.digest_of(answer(of=understood))  # type: ignore[arg-type]


def test_a_principal_that_was_named_must_be_the_one_that_was_understood() -> None:
    meant = Meant("pay", frozen(ARGUMENTS), principal="paul")
    assert meant.digest_of(answer(of=action(principal="paul")))
    with pytest.raises(Misunderstood):
        meant.digest_of(answer(of=action(principal="mallory")))


def test_a_server_that_does_not_say_what_it_understood_is_not_believed() -> None:
    silent = answer().model_copy(update={"action": None})
    other = answer().model_copy(update={"action_id": "act_" + "0" * 32})
    for told in (silent, other):
        with pytest.raises(Misunderstood):
            MEANT.digest_of(told)


def test_a_digest_that_is_not_of_the_action_is_not_believed() -> None:
    with pytest.raises(Misunderstood):
        MEANT.digest_of(answer().model_copy(update={"digest": "sha256:" + "0" * 64}))


@pytest.mark.parametrize(
    "arguments", [[1], {"a": float("nan")}, {"a": 2**53}, {"a": 2.0**53}, {"a": object()}]
)
def test_what_is_not_json_is_not_asked(arguments: Json) -> None:
    with pytest.raises(Unsendable):
        frozen(arguments)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("disposition", [None, *Disposition])
@pytest.mark.parametrize("granted", [True, False])
def test_only_a_grant_that_follows_a_yes_permits(
    phase: Phase, disposition: Disposition | None, *, granted: bool
) -> None:
    now = standing(MEANT, "key", answer(phase, disposition, granted=granted))
    yes = disposition in (Disposition.ALLOWED, Disposition.APPROVED)
    assert isinstance(now, Permit) == (phase is Phase.GRANTED and yes and granted)
    assert isinstance(now, Hold) == (phase in (Phase.HELD, Phase.UNDECIDED))
    if isinstance(now, Refusal):
        assert now.error.action_id == now.action_id


@pytest.mark.parametrize(
    ("phase", "disposition", "outcome", "code"),
    [
        (Phase.CLOSED, Disposition.BLOCKED, Outcome.NOT_RUN, "blocked"),
        (Phase.CLOSED, Disposition.DENIED, Outcome.NOT_RUN, "denied"),
        (Phase.CLOSED, Disposition.EXPIRED, Outcome.NOT_RUN, "expired"),
        (Phase.CLOSED, Disposition.CANCELLED, Outcome.NOT_RUN, "withdrawn"),
        (Phase.CLOSED, Disposition.APPROVED, Outcome.LAPSED, "lapsed"),
        (Phase.GRANTED, Disposition.APPROVED, None, "lapsed"),
        (Phase.REDEEMED, Disposition.ALLOWED, None, "already-run"),
        (Phase.CLOSED, Disposition.ALLOWED, Outcome.UNKNOWN, "already-run"),
        (Phase.CLOSED, None, None, "not-permitted"),
    ],
)
def test_every_ending_has_its_own_error(
    phase: Phase, disposition: Disposition | None, outcome: Outcome | None, code: str
) -> None:
    now = standing(MEANT, "key", answer(phase, disposition, outcome))
    assert isinstance(now, Refusal)
    assert now.error.code == code


def test_a_handle_names_one_action_and_its_digest() -> None:
    now = standing(MEANT, "key", answer())
    assert parse_handle(now.handle) == (now.action_id, now.digest)
    for bad in ("", now.action_id, now.handle + "\n", now.handle.upper()):
        with pytest.raises(Unsendable):
            parse_handle(bad)


def test_the_grants_token_is_never_printed() -> None:
    now = standing(MEANT, "key", answer(Phase.GRANTED, Disposition.ALLOWED, granted=True))
    assert isinstance(now, Permit)
    assert TOKEN not in repr(now) + str(now)
