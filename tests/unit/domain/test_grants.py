"""A grant is used once, by its holder, for exactly what was approved; then a receipt is due."""

import pytest

from counterseal.core.words import Outcome, Verdict
from domain.commands import Redeem, Report
from domain.events import (
    ActionClosed,
    Event,
    ExecutionReported,
    GrantRedeemed,
    GrantRefused,
    ReceiptRefused,
)
from domain.states import Granted, Redeemed
from tests.support.stories import (
    ADA,
    AGENT,
    DIGEST,
    FORGED,
    GRANT,
    OTHER_AGENT,
    OTHER_DIGEST,
    RECEIPT_TTL,
    Given,
    ask,
    at,
    decision,
    granted,
    held,
    kinds,
    redeem,
    redeemed,
    report,
    vote,
)

KEY = "k" * 43


def refused(story: tuple[Event, ...]) -> GrantRefused:
    (event,) = story
    assert isinstance(event, GrantRefused)
    return event


def refused_receipt(story: tuple[Event, ...]) -> ReceiptRefused:
    (event,) = story
    assert isinstance(event, ReceiptRefused)
    return event


def test_what_was_approved_is_what_runs() -> None:
    (used,) = Given(held()).after(vote(ADA)).when(redeem())
    assert used == GrantRedeemed(
        at=at(30),
        grant_id=GRANT,
        redemption_id="redemption-1",
        digest=DIGEST,
        by=AGENT,
        receipt_due=at(30 + RECEIPT_TTL),
    )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (redeem(OTHER_AGENT), "not-the-holder"),
        (redeem(ADA), "not-the-holder"),
        (redeem(grant_id="grt_" + "0" * 32), "other-grant"),
        (redeem(digest=OTHER_DIGEST), "digest-mismatch"),
        (redeem(flaw=FORGED), "forged"),
    ],
)
def test_a_redemption_that_does_not_fit_is_refused_and_the_grant_stays(
    wrong: Redeem, code: str
) -> None:
    story = Given(granted())
    assert refused(story.when(wrong)).code == code
    assert isinstance(story.after(wrong).state, Granted)
    assert kinds(story.after(wrong).when(redeem(seconds=31))) == ["grant.redeemed"]


def test_a_refused_redemption_keeps_what_would_have_run() -> None:
    refusal = refused(Given(granted()).when(redeem(digest=OTHER_DIGEST)))
    assert (refusal.digest, refusal.by) == (OTHER_DIGEST, AGENT)
    assert DIGEST in refusal.sentence


def test_a_grant_is_used_once() -> None:
    again = redeem(redemption_id="redemption-2", seconds=35)
    refusal = refused(Given(redeemed()).when(again))
    assert refusal.code == "already-redeemed"
    assert "2026-01-01 09:00:30Z" in refusal.sentence


def test_a_retry_of_the_redemption_that_won_is_no_news() -> None:
    assert Given(redeemed(executor_key=KEY)).when(redeem(executor_key=KEY, seconds=35)) == ()


@pytest.mark.parametrize(
    "not_quite",
    [
        redeem(OTHER_AGENT),
        redeem(digest=OTHER_DIGEST),
        redeem(executor_key=KEY),
        redeem(grant_id="grt_" + "0" * 32),
    ],
)
def test_a_retry_that_differs_is_a_second_use(not_quite: Redeem) -> None:
    assert refused(Given(redeemed()).when(not_quite)).code == "already-redeemed"


def test_a_flawed_retry_is_not_told_to_go_ahead() -> None:
    assert refused(Given(redeemed()).when(redeem(flaw=FORGED))).code == "forged"


def test_a_held_action_cannot_be_redeemed() -> None:
    refusal = refused(Given(held()).when(redeem()))
    assert refusal.code == "not-granted"
    assert "wait" in refusal.sentence


def test_a_receipt_closes_the_story() -> None:
    for outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.UNKNOWN):
        told, end = Given(redeemed()).when(report(outcome))
        assert isinstance(told, ExecutionReported)
        assert (told.outcome, told.by, told.digest) == (outcome, AGENT, DIGEST)
        assert isinstance(end, ActionClosed)
        assert end.outcome is outcome


@pytest.mark.parametrize("outcome", [Outcome.NOT_RUN, Outcome.LAPSED])
def test_a_used_grant_cannot_be_reported_as_unused(outcome: Outcome) -> None:
    story = Given(redeemed())
    refusal = refused_receipt(story.when(report(outcome)))
    assert (refusal.code, refusal.outcome) == ("outcome-not-reportable", outcome)
    assert isinstance(story.after(report(outcome)).state, Redeemed)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (report(by=OTHER_AGENT), "not-the-executor"),
        (report(redemption_id="redemption-2"), "other-redemption"),
        (report(digest=OTHER_DIGEST), "digest-mismatch"),
    ],
)
def test_a_receipt_that_does_not_fit_is_refused_with_what_it_claimed(
    wrong: Report, code: str
) -> None:
    refusal = refused_receipt(Given(redeemed()).when(wrong))
    assert (refusal.code, refusal.outcome, refusal.detail) == (
        code,
        Outcome.SUCCEEDED,
        "transfer 77",
    )
    assert isinstance(Given(redeemed()).after(wrong).state, Redeemed)


@pytest.mark.parametrize("signed_by", [None, "x" * 43])
def test_a_receipt_must_be_signed_with_the_key_named_at_redemption(signed_by: str | None) -> None:
    story = Given(redeemed(executor_key=KEY))
    assert refused_receipt(story.when(report(signed_by=signed_by))).code == "bad-signature"


def test_a_signed_receipt_says_that_it_is_signed() -> None:
    told = Given(redeemed(executor_key=KEY)).when(report(signed_by=KEY))[0]
    assert isinstance(told, ExecutionReported)
    assert told.signed


def test_a_signature_bound_to_no_key_is_not_called_signed() -> None:
    for signed_by in (None, KEY):
        told = Given(redeemed()).when(report(signed_by=signed_by))[0]
        assert isinstance(told, ExecutionReported)
        assert not told.signed


def test_a_receipt_before_redemption_is_refused() -> None:
    for story in (held(), granted()):
        assert refused_receipt(Given(story).when(report())).code == "not-redeemed"


def test_a_receipt_with_something_that_is_not_a_digest_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="result_digest"):
        Report.model_validate({**report().model_dump(), "result_digest": "sha256:short"})


def test_an_action_whose_grant_was_used_is_not_voted_on_any_more() -> None:
    assert kinds(Given(redeemed()).when(vote(seconds=35))) == ["vote.refused"]


def test_allowed_and_approved_actions_are_granted_alike() -> None:
    ways = (
        Given().after(ask(decision(Verdict.ALLOW))),
        Given(held()).after(vote(ADA)),
    )
    for way in ways:
        assert kinds(way.when(redeem(), report())) == [
            "grant.redeemed",
            "execution.reported",
            "action.closed",
        ]
