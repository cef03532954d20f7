"""What is told to those who come after the end. It stands beside the story, never in it."""

import pytest

from counterseal.core.words import Outcome, Verdict
from domain.commands import Command
from domain.events import ReceiptRefused, Refusal
from domain.lifecycle import decide
from domain.refusals import late_stream, refuse
from domain.states import Closed
from tests.support.stories import (
    ACTION,
    ADA,
    DIGEST,
    FORGED,
    GRACE,
    GRANT_TTL,
    OTHER_AGENT,
    RECEIPT_TTL,
    Given,
    approved,
    ask,
    ask_otherwise,
    closed,
    decision,
    granted,
    held,
    redeem,
    redeemed,
    report,
    vote,
    wake,
    withdraw,
)

BLOCKED = Given().after(ask(decision(Verdict.BLOCK)))
DENIED = Given(held()).after(vote(approve=False))
EXPIRED = Given(held(timeout=60)).after(wake(60))
CANCELLED = Given(held()).after(withdraw())
LAPSED = Given(granted()).after(wake(GRANT_TTL))
UNKNOWN = Given(redeemed()).after(wake(30 + RECEIPT_TTL))
SUCCEEDED = Given(closed())
ENDS = (BLOCKED, DENIED, EXPIRED, CANCELLED, LAPSED, UNKNOWN, SUCCEEDED)
LATER = 100_000


def answer(story: Given, command: Command) -> Refusal:
    assert isinstance(story.state, Closed)
    (refusal,) = refuse(story.state, command)
    return refusal


def silence(story: Given, command: Command) -> bool:
    assert isinstance(story.state, Closed)
    return refuse(story.state, command) == ()


@pytest.mark.parametrize("story", ENDS)
def test_nothing_follows_the_end(story: Given) -> None:
    commands: tuple[Command, ...] = (
        ask(seconds=LATER),
        ask_otherwise(seconds=LATER),
        vote(GRACE, seconds=LATER),
        withdraw(seconds=LATER),
        wake(LATER),
        redeem(seconds=LATER),
        report(seconds=LATER),
    )
    for command in commands:
        assert decide(story.state, command) == ()


def test_late_refusals_have_a_stream_of_their_own() -> None:
    assert late_stream(ACTION.id) == f"{ACTION.id}:late"


@pytest.mark.parametrize("story", ENDS)
def test_a_late_vote_is_refused_with_the_answer_that_stands(story: Given) -> None:
    refusal = answer(story, vote("lin", seconds=LATER))
    assert refusal.code == "already-settled"
    assert isinstance(story.state, Closed)
    assert story.state.disposition in refusal.sentence


def test_a_late_vote_that_is_forged_is_called_forged() -> None:
    assert answer(DENIED, vote(GRACE, flaw=FORGED)).code == "forged"


def test_a_vote_that_counted_is_not_refused_later() -> None:
    assert silence(DENIED, vote(ADA, approve=False))


def test_another_vote_under_a_counted_id_is_refused_later() -> None:
    assert answer(DENIED, vote(ADA, approve=True)).code == "already-settled"
    assert answer(DENIED, vote(GRACE, vote_id="vote-ada", approve=False)).code == "already-settled"


@pytest.mark.parametrize("story", [BLOCKED, DENIED, EXPIRED, CANCELLED])
def test_what_was_never_granted_cannot_be_redeemed(story: Given) -> None:
    assert answer(story, redeem(seconds=LATER)).code == "not-granted"


def test_a_lapsed_grant_cannot_be_redeemed() -> None:
    assert answer(LAPSED, redeem(seconds=LATER)).code == "grant-lapsed"


@pytest.mark.parametrize("story", [UNKNOWN, SUCCEEDED])
def test_a_used_grant_cannot_be_redeemed_after_the_end(story: Given) -> None:
    again = redeem(redemption_id="redemption-2", seconds=LATER)
    assert answer(story, again).code == "already-redeemed"


def test_a_flawed_redemption_after_the_end_is_not_answered_as_the_one_that_won() -> None:
    for story in (UNKNOWN, SUCCEEDED, LAPSED, DENIED):
        assert answer(story, redeem(flaw=FORGED, seconds=LATER)).code == "forged"


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED])
def test_a_late_receipt_is_kept_beside_an_unknown_end(outcome: Outcome) -> None:
    kept = answer(UNKNOWN, report(outcome, seconds=LATER))
    assert isinstance(kept, ReceiptRefused)
    assert (kept.code, kept.outcome, kept.detail) == ("already-closed", outcome, "transfer 77")
    assert "UNKNOWN" in kept.sentence


def test_a_receipt_that_contradicts_the_first_is_kept() -> None:
    kept = answer(SUCCEEDED, report(Outcome.FAILED, request_id="receipt-2"))
    assert kept.code == "already-closed"


def test_a_receipt_of_somebody_else_is_kept_after_the_end() -> None:
    assert answer(SUCCEEDED, report(by=OTHER_AGENT)).code == "already-closed"


def test_the_same_receipt_again_is_no_news() -> None:
    assert silence(SUCCEEDED, report(seconds=LATER))


@pytest.mark.parametrize("story", [BLOCKED, DENIED, EXPIRED, CANCELLED, LAPSED])
def test_a_receipt_for_what_was_not_redeemed_is_refused(story: Given) -> None:
    assert answer(story, report(seconds=LATER)).code == "not-redeemed"


@pytest.mark.parametrize("story", ENDS)
def test_the_same_request_is_answered_and_another_refused_after_the_end(story: Given) -> None:
    assert silence(story, ask(seconds=LATER))
    assert silence(story, ask_otherwise(DIGEST, seconds=LATER))
    assert answer(story, ask_otherwise(seconds=LATER)).code == "idempotency-key-reused"


@pytest.mark.parametrize("story", ENDS)
def test_time_alone_is_never_refused(story: Given) -> None:
    assert silence(story, wake(LATER))


def test_a_vote_that_comes_when_it_is_settled_but_open_is_refused_in_the_story() -> None:
    story = Given(held(), approved(ADA)).after(vote(GRACE, vote_id="vote-9"))
    assert story.when(vote("lin", seconds=50))[0].kind == "vote.refused"


def test_every_refusal_has_a_code_and_a_sentence() -> None:
    for story in ENDS:
        for command in (vote("lin"), ask_otherwise(), withdraw(OTHER_AGENT), redeem(flaw=FORGED)):
            refusal = answer(story, command)
            assert refusal.code == refusal.code.lower()
            assert refusal.sentence.endswith(".")
            assert "_" not in refusal.code
