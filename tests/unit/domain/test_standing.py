"""Where an action stands, for a workflow, a caller and the read model."""

import json

import pytest

from counterseal.core.canonical import canonical
from counterseal.core.model import instant_text
from counterseal.core.words import Disposition, Outcome, Phase, Verdict
from domain.lifecycle import replay
from domain.standing import standing, summary
from tests.support.stories import (
    ADA,
    CHIEFS,
    DIGEST,
    GRANT,
    GRANT_TTL,
    RECEIPT_TTL,
    SECURITY,
    TREASURY,
    Given,
    ask,
    at,
    closed,
    decision,
    granted,
    held,
    need,
    redeemed,
    vote,
    wake,
)


def test_a_held_action_tells_whom_it_waits_for_and_until_when() -> None:
    now = standing(Given(held(timeout=600, remind_every=60)).state, 2)
    assert (now.phase, now.asked) == (Phase.HELD, (TREASURY,))
    assert (now.held_until, now.next_deadline) == (at(600), at(60))
    assert (now.disposition, now.outcome, now.grant_id) == (None, None, None)


def test_a_granted_action_tells_its_grant() -> None:
    now = standing(replay(granted()), 3)
    assert (now.phase, now.disposition) == (Phase.GRANTED, Disposition.ALLOWED)
    assert (now.grant_id, now.grant_expires) == (GRANT, at(GRANT_TTL))
    assert now.next_deadline == at(GRANT_TTL)


def test_a_redeemed_action_tells_when_its_receipt_is_due() -> None:
    now = standing(replay(redeemed()), 4)
    assert (now.phase, now.redemption_id) == (Phase.REDEEMED, "redemption-1")
    assert now.receipt_due == now.next_deadline == at(30 + RECEIPT_TTL)


def test_a_closed_action_waits_for_nothing() -> None:
    now = standing(replay(closed()), 6)
    assert (now.phase, now.outcome) == (Phase.CLOSED, Outcome.SUCCEEDED)
    assert now.next_deadline is None


def test_a_blocked_action_has_no_grant() -> None:
    now = standing(Given().after(ask(decision(Verdict.BLOCK))).state, 3)
    assert (now.grant_id, now.redemption_id) == (None, None)


def test_a_standing_names_the_action_by_its_digest() -> None:
    for story in (held(), granted(), redeemed(), closed()):
        now = standing(replay(story), len(story) - 1)
        assert (now.digest, now.version) == (DIGEST, len(story) - 1)


def test_what_is_never_the_end_of_an_append_has_no_standing() -> None:
    for length in range(4):
        halfway = replay(granted()[:length])
        with pytest.raises(AssertionError):
            standing(halfway, length)
        with pytest.raises(AssertionError):
            summary(halfway, length)


def test_a_summary_is_json_and_tells_no_arguments() -> None:
    for story in (held(), granted(), redeemed(), closed()):
        row = summary(replay(story), 1)
        written = canonical(row).decode()
        assert json.loads(written) == row
        assert "DE02120300000000202051" not in written
        assert "invoice" not in written


def test_a_summary_counts_approvals_and_names_voters() -> None:
    story = Given(held(quorum=3, deny_threshold=2)).after(vote(ADA), vote("no", approve=False))
    row = summary(story.state, 4)
    assert row["approvers"] == [ADA, "no"]
    assert (row["approvals"], row["quorum"]) == (1, 3)


def test_a_summary_adds_the_quorums_of_all_needs() -> None:
    row = summary(replay(held(need(TREASURY, quorum=2), need(SECURITY))), 2)
    assert row["quorum"] == 3
    assert row["asked"] == [TREASURY, SECURITY]


def test_a_summary_of_an_escalated_hold_names_those_asked_now() -> None:
    story = Given(held(need(TREASURY, escalation=[(60, (CHIEFS,))]))).after(wake(60))
    assert summary(story.state, 3)["asked"] == [TREASURY, CHIEFS]


def test_a_summary_writes_times_as_they_are_hashed() -> None:
    row = summary(replay(held(timeout=60)), 2)
    assert row["held_until"] == row["next_deadline"] == instant_text(at(60))
    assert row["requested_at"] == instant_text(at())
