"""Who may see sensitive values, and when they may go."""

import pytest

from counterseal.core.commitments import commit
from counterseal.core.words import Role, Verdict
from domain.commands import Flaw
from domain.custody import (
    DataShredded,
    data_stream,
    read_custody_event,
    retention_ended,
    reveal_flaw,
    sensitive_places,
    shred_flaw,
)
from domain.lifecycle import decide, replay
from domain.states import Closed, Held, State, Unseen
from tests.support.stories import ACTION, ask, at, decision, withdraw

SECRET = ACTION.model_copy(
    update={"arguments": {"amount": 1, "pin": commit(bytes(32), "1234")}},
)


def story(*, secret: bool = True, withdrawn: bool = False) -> State:
    asked = ask(quorum=1, action=SECRET if secret else ACTION)
    told = decide(Unseen(), asked)
    return replay((*told, *(decide(replay(told), withdraw()) if withdrawn else ())))


def code(flaw: Flaw | None) -> str | None:
    return flaw.code if flaw is not None else None


def test_the_places_of_an_action_are_those_that_are_committed_to() -> None:
    assert sensitive_places(story()) == ("/pin",)
    assert sensitive_places(story(secret=False)) == ()
    assert sensitive_places(Unseen()) == ()


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OPERATOR])
def test_auditors_and_operators_may_see_at_any_time(role: Role) -> None:
    for state in (story(), story(withdrawn=True)):
        assert reveal_flaw(state, role, ["mary"], []) is None


def test_an_approver_sees_what_is_theirs_to_answer_and_nothing_else() -> None:
    held, closed = story(), story(withdrawn=True)
    assert isinstance(held, Held)
    assert reveal_flaw(held, Role.APPROVER, ["ada"], ["treasury"]) is None
    assert code(reveal_flaw(held, Role.APPROVER, ["ada"], ["chiefs"])) == "may-not-reveal"
    assert code(reveal_flaw(held, Role.APPROVER, ["ada"], [])) == "may-not-reveal"
    assert code(reveal_flaw(closed, Role.APPROVER, ["ada"], ["treasury"])) == "may-not-reveal"


@pytest.mark.parametrize("name", ["olga", "OLGA", "olga@home", "paul", "paul@home"])
def test_whoever_has_an_interest_is_not_shown_more_for_being_asked(name: str) -> None:
    flaw = reveal_flaw(story(), Role.APPROVER, ["ada", name], ["treasury"])
    assert code(flaw) == "may-not-reveal"


def test_an_agent_is_not_shown_values_this_way() -> None:
    assert code(reveal_flaw(story(), Role.AGENT, [ACTION.agent], ["treasury"])) == "may-not-reveal"


def test_only_a_closed_action_with_sensitive_values_can_be_shredded() -> None:
    assert isinstance(story(withdrawn=True), Closed)
    assert shred_flaw(story(withdrawn=True)) is None
    assert code(shred_flaw(story())) == "still-open"
    assert code(shred_flaw(Unseen())) == "still-open"
    assert code(shred_flaw(story(secret=False, withdrawn=True))) == "nothing-to-shred"


def test_a_granted_action_still_needs_its_values() -> None:
    told = decide(Unseen(), ask(decision(Verdict.ALLOW), action=SECRET))
    assert code(shred_flaw(replay(told))) == "still-open"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (90 * 86_400, "90 days"),
        (86_400, "1 day"),
        (36 * 3600, "36 hours"),
        (90 * 60, "90 minutes"),
        (61, "61 seconds"),
    ],
)
def test_the_end_of_retention_names_how_long_it_was(seconds: int, said: str) -> None:
    assert retention_ended(seconds, "cards") == f"retention of {said} (class cards) ended"


def test_an_event_is_read_back_with_what_a_newer_version_added() -> None:
    gone = DataShredded(
        at=at(), action=ACTION.id, by="olga", because="request 7", pointers=("/pin",)
    )
    newer = {**gone.model_dump(mode="json"), "shift": "night"}
    assert read_custody_event(newer).model_dump(mode="json") == newer
    assert read_custody_event(gone.model_dump(mode="json")) == gone
    assert data_stream(ACTION.id) == f"{ACTION.id}:data"
