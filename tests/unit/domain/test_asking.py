"""What policy's answer leads to, and what asking again leads to."""

from counterseal.core.words import Disposition, Outcome, Verdict
from domain.commands import Ask
from domain.events import (
    ActionClosed,
    ActionHeld,
    ActionRequested,
    ActionSettled,
    DecisionReached,
    GrantIssued,
    RequestRefused,
)
from domain.states import Closed, Granted, Held
from tests.support.stories import (
    ACTION,
    AGENT,
    DIGEST,
    EXCLUDED,
    GRANT,
    GRANT_TTL,
    OTHER_DIGEST,
    OWNER,
    SECURITY,
    TREASURY,
    Given,
    approved,
    ask,
    ask_otherwise,
    at,
    closed,
    decision,
    granted,
    held,
    kinds,
    need,
    redeemed,
    report,
    route,
    vote,
    wake,
    withdraw,
)


def only_refusal(story: tuple[object, ...]) -> RequestRefused:
    (event,) = story
    assert isinstance(event, RequestRefused)
    return event


def test_an_allowed_action_is_recorded_before_its_grant() -> None:
    story = Given().when(ask(decision(Verdict.ALLOW)))
    assert kinds(story) == [
        "action.requested",
        "decision.reached",
        "action.settled",
        "grant.issued",
    ]
    assert isinstance(Given(story).state, Granted)


def test_a_blocked_action_is_kept_as_carefully_as_an_allowed_one() -> None:
    story = Given().when(ask(decision(Verdict.BLOCK)))
    assert kinds(story) == [
        "action.requested",
        "decision.reached",
        "action.settled",
        "action.closed",
    ]
    requested = story[0]
    assert isinstance(requested, ActionRequested)
    assert requested.action == ACTION
    assert requested.excluded == EXCLUDED
    assert requested.agent_owner == OWNER
    assert requested.justification == "invoice 4411 is due"


def test_a_blocked_action_gets_no_grant_and_was_not_run() -> None:
    state = Given().after(ask(decision(Verdict.BLOCK))).state
    assert isinstance(state, Closed)
    assert (state.disposition, state.outcome) == (Disposition.BLOCKED, Outcome.NOT_RUN)
    assert state.grant is None


def test_a_held_action_asks_every_group_of_every_need_once() -> None:
    needs = (need(TREASURY, SECURITY, quorum=2), need(SECURITY))
    story = Given().when(ask(decision(by=route(*needs, timeout=600))))
    hold = story[-1]
    assert isinstance(hold, ActionHeld)
    assert hold.asked == (TREASURY, SECURITY)
    assert hold.deadline == at(600)


def test_a_step_up_that_names_nobody_is_a_block() -> None:
    story = Given().when(ask(decision(Verdict.STEP_UP, by=None)))
    settled = story[2]
    assert isinstance(settled, ActionSettled)
    assert settled.disposition is Disposition.BLOCKED
    assert "names none" in settled.because
    assert "grant.issued" not in kinds(story)


def test_a_block_that_is_only_observed_is_allowed_with_both_verdicts_on_record() -> None:
    story = Given().when(ask(decision(Verdict.ALLOW, verdict=Verdict.BLOCK)))
    reached = story[1]
    assert isinstance(reached, DecisionReached)
    assert (reached.decision.verdict, reached.decision.effective) == (
        Verdict.BLOCK,
        Verdict.ALLOW,
    )
    assert kinds(story)[-1] == "grant.issued"


def test_the_settlement_names_the_rules_that_made_the_difference() -> None:
    for verdict, word in ((Verdict.ALLOW, "allowed by"), (Verdict.BLOCK, "blocked by")):
        settled = Given().when(ask(decision(verdict)))[2]
        assert isinstance(settled, ActionSettled)
        assert settled.because == f"{word} large-transfer"


def test_a_grant_is_for_the_agent_and_for_this_action_and_for_a_while() -> None:
    grant = granted()[-1]
    assert isinstance(grant, GrantIssued)
    assert (grant.grant_id, grant.holder, grant.digest) == (GRANT, AGENT, DIGEST)
    assert grant.expires_at == at(GRANT_TTL)


def test_asking_again_for_the_same_changes_nothing_wherever_the_action_stands() -> None:
    for story in (held(), granted(), redeemed(), closed()):
        assert Given(story).when(ask(seconds=50)) == ()


def test_asking_for_other_content_under_the_same_id_is_refused_while_it_is_open() -> None:
    for story in (held(), granted(), redeemed()):
        refused = only_refusal(Given(story).when(ask_otherwise()))
        assert refused.code == "idempotency-key-reused"
        assert (refused.digest, refused.request_id) == (OTHER_DIGEST, "request-1")


def test_an_ask_that_carries_other_content_is_refused_too() -> None:
    changed = ACTION.model_copy(update={"tool": "payments.refund"})
    refused = only_refusal(Given(held()).when(ask(action=changed)))
    assert refused.code == "idempotency-key-reused"


def test_asking_otherwise_with_the_recorded_digest_is_only_a_repetition() -> None:
    assert Given(held()).when(ask_otherwise(DIGEST)) == ()


def test_nothing_but_a_request_begins_a_story() -> None:
    for command in (vote(), withdraw(), wake(1), report(), ask_otherwise()):
        assert Given().when(command) == ()


def test_a_decision_of_another_day_is_judged_by_its_own_time() -> None:
    late = ask(decision(by=route(timeout=60)), seconds=86_400)
    hold = Given().when(late)[-1]
    assert isinstance(hold, ActionHeld)
    assert hold.deadline == at(86_460)


def test_a_request_cannot_be_made_with_something_that_is_not_a_digest() -> None:
    sent = ask().model_dump()
    for wrong in ("", "sha256:", DIGEST.upper(), DIGEST + "\n", DIGEST[:-1]):
        try:
            Ask.model_validate({**sent, "digest": wrong})
        except ValueError:
            continue
        raise AssertionError(wrong)


def test_every_way_to_an_unrun_end_closes_the_story() -> None:
    ends = {
        Disposition.BLOCKED: Given().when(ask(decision(Verdict.BLOCK))),
        Disposition.DENIED: Given(held()).when(vote(approve=False)),
        Disposition.EXPIRED: Given(held()).when(wake(3600)),
        Disposition.CANCELLED: Given(held()).when(withdraw()),
    }
    for disposition, story in ends.items():
        end = story[-1]
        assert isinstance(end, ActionClosed)
        assert (end.disposition, end.outcome) == (disposition, Outcome.NOT_RUN)
        assert not disposition.may_execute


def test_a_quorum_ends_in_a_grant() -> None:
    story = Given(held(quorum=2), approved("grace")).when(vote())
    assert kinds(story) == ["vote.counted", "action.settled", "grant.issued"]
    assert isinstance(Given(held()).state, Held)
