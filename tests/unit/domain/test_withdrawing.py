"""Taking a question, or a grant, back."""

import pytest

from counterseal.core.words import Disposition, Outcome
from domain.events import ActionSettled, Event, GrantLapsed, WithdrawalRefused
from domain.refusals import refuse
from domain.states import Closed, Held
from tests.support.stories import (
    ADA,
    AGENT,
    FORGED,
    GRANT_TTL,
    OTHER_AGENT,
    OWNER,
    PRINCIPAL,
    Given,
    at,
    closed,
    granted,
    held,
    kinds,
    redeem,
    redeemed,
    vote,
    wake,
    withdraw,
)


def refused(story: tuple[Event, ...]) -> WithdrawalRefused:
    (event,) = story
    assert isinstance(event, WithdrawalRefused)
    return event


def test_the_requester_withdraws_a_held_action() -> None:
    story = Given(held()).when(withdraw())
    assert kinds(story) == ["action.settled", "action.closed"]
    settled = story[0]
    assert isinstance(settled, ActionSettled)
    assert settled.disposition is Disposition.CANCELLED
    assert (settled.because, settled.by) == ("paid by hand", (AGENT,))


def test_a_withdrawn_action_cannot_be_approved() -> None:
    story = Given(held()).after(withdraw(), vote(ADA, seconds=30))
    assert isinstance(story.state, Closed)
    assert story.state.grant is None


def test_votes_before_a_withdrawal_stay_in_the_story() -> None:
    story = Given(held(quorum=2)).after(vote(ADA), withdraw())
    assert isinstance(story.state, Closed)
    assert [counted.person for counted in story.state.votes] == [ADA]


def test_a_granted_action_that_is_withdrawn_cannot_be_run() -> None:
    story = Given(granted()).after(withdraw())
    lapsed = story.story[-2]
    assert isinstance(lapsed, GrantLapsed)
    assert lapsed.given_back
    assert isinstance(story.state, Closed)
    assert story.state.outcome is Outcome.LAPSED
    assert story.when(redeem(seconds=30)) == ()


@pytest.mark.parametrize("by", [OTHER_AGENT, ADA, OWNER, PRINCIPAL])
def test_nobody_else_withdraws(by: str) -> None:
    for story in (held(), granted(), redeemed()):
        assert refused(Given(story).when(withdraw(by, seconds=35))).code == "not-the-requester"
    assert isinstance(Given(held()).after(withdraw(by)).state, Held)


def test_a_forged_withdrawal_is_refused_in_the_requesters_name() -> None:
    for story in (held(), granted(), redeemed()):
        assert refused(Given(story).when(withdraw(flaw=FORGED, seconds=35))).code == "forged"


def test_what_is_running_is_beyond_withdrawing() -> None:
    assert refused(Given(redeemed()).when(withdraw(seconds=35))).code == "too-late"


def test_withdrawing_again_is_no_news() -> None:
    for story in (held(), granted()):
        again = withdraw(seconds=25)
        ended = Given(story).after(withdraw())
        assert ended.when(again) == ()
        assert isinstance(ended.state, Closed)
        assert refuse(ended.state, again) == ()


def test_withdrawing_what_ended_otherwise_is_too_late() -> None:
    lapsed = Given(granted()).after(wake(GRANT_TTL))
    ran = Given(closed())
    expired = Given(held(timeout=60)).after(wake(60))
    for story in (lapsed, ran, expired):
        assert isinstance(story.state, Closed)
        assert refused(refuse(story.state, withdraw(seconds=9000))).code == "too-late"


def test_a_forged_withdrawal_of_what_was_withdrawn_is_still_refused() -> None:
    ended = Given(held()).after(withdraw())
    assert isinstance(ended.state, Closed)
    assert refused(refuse(ended.state, withdraw(flaw=FORGED))).code == "forged"
    assert refused(refuse(ended.state, withdraw(OTHER_AGENT))).code == "not-the-requester"


def test_a_refused_withdrawal_names_who_tried_and_when() -> None:
    refusal = refused(Given(held()).when(withdraw(ADA, seconds=44)))
    assert (refusal.by, refusal.at, refusal.request_id) == (ADA, at(44), "withdrawal-1")
    assert AGENT in refusal.sentence
