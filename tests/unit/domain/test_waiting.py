"""Deadlines, reminders, escalation, and what is caught up on when nobody was awake."""

from counterseal.core.words import Disposition, Outcome, Verdict
from domain.events import ActionClosed, ActionSettled, Event, HoldEscalated, HoldReminded
from domain.states import Closed, Granted, Held
from tests.support.stories import (
    ADA,
    AGENT,
    CHIEFS,
    GRANT_TTL,
    KEN,
    RECEIPT_TTL,
    SECURITY,
    TREASURY,
    Given,
    at,
    granted,
    held,
    kinds,
    need,
    redeem,
    redeemed,
    report,
    vote,
    wake,
    withdraw,
)


def settled(story: tuple[Event, ...]) -> ActionSettled:
    return next(event for event in story if isinstance(event, ActionSettled))


def last_outcome(story: tuple[Event, ...]) -> Outcome:
    end = story[-1]
    assert isinstance(end, ActionClosed)
    return end.outcome


def hold(story: Given) -> Held:
    assert isinstance(story.state, Held)
    return story.state


def test_silence_is_not_consent() -> None:
    story = Given(held(timeout=60)).when(wake(60))
    assert settled(story).disposition is Disposition.EXPIRED
    assert kinds(story) == ["action.settled", "action.closed"]


def test_a_moment_before_the_deadline_nothing_has_happened() -> None:
    assert Given(held(timeout=60)).when(wake(59.999999)) == ()


def test_a_vote_at_the_deadline_is_too_late() -> None:
    story = Given(held(timeout=60)).when(vote(seconds=60))
    assert kinds(story) == ["action.settled", "action.closed"]
    assert settled(story).disposition is Disposition.EXPIRED


def test_a_vote_that_arrives_after_the_deadline_meets_an_expired_hold() -> None:
    story = Given(held(timeout=60)).after(vote(seconds=3600))
    assert isinstance(story.state, Closed)
    assert story.state.votes == ()
    assert story.state.grant is None


def test_a_vote_just_in_time_counts() -> None:
    assert isinstance(Given(held(timeout=60)).after(vote(seconds=59.999999)).state, Granted)


def test_too_few_votes_expire_as_nobody_does() -> None:
    story = Given(held(quorum=2, timeout=60)).after(vote(ADA), wake(60))
    assert isinstance(story.state, Closed)
    assert story.state.disposition is Disposition.EXPIRED
    assert "too few" in settled(story.story).because


def test_silence_may_mean_yes_only_where_policy_says_so_and_the_record_says_that_it_did() -> None:
    story = Given(held(timeout=60, on_timeout=Verdict.ALLOW)).when(wake(60))
    assert kinds(story) == ["action.settled", "grant.issued"]
    assert settled(story).disposition is Disposition.ALLOWED
    assert settled(story).because == "nobody answered in time, and policy then says ALLOW"


def test_a_grant_for_silence_lives_from_the_moment_it_was_issued() -> None:
    story = Given(held(timeout=60, on_timeout=Verdict.ALLOW)).after(wake(10_000))
    assert isinstance(story.state, Granted)
    assert story.state.next_deadline == at(10_000 + GRANT_TTL)


def test_a_no_is_not_silence() -> None:
    route = {"timeout": 60, "on_timeout": Verdict.ALLOW, "deny_threshold": 2}
    story = Given(held(**route)).after(vote(approve=False), wake(60))
    assert isinstance(story.state, Closed)
    assert story.state.disposition is Disposition.EXPIRED


def test_a_yes_that_is_not_enough_still_counts_as_silence() -> None:
    route = {"timeout": 60, "on_timeout": Verdict.ALLOW, "quorum": 2}
    story = Given(held(**route)).when(vote(), wake(60))
    assert settled(story).because == "too few answered in time, and policy then says ALLOW"


def test_an_on_timeout_that_is_not_allow_is_the_closed_answer() -> None:
    for verdict in (Verdict.STEP_UP, Verdict.BLOCK):
        story = Given(held(timeout=60, on_timeout=verdict)).when(wake(60))
        assert settled(story).disposition is Disposition.EXPIRED


def test_people_are_reminded_at_the_pace_policy_sets() -> None:
    story = Given(held(timeout=100, remind_every=30))
    for nth, moment in enumerate((30, 60, 90), start=1):
        (reminder,) = story.when(wake(moment))
        assert reminder == HoldReminded(at=at(moment), nth=nth, asked=(TREASURY,))
        story = Given(story.story, reminder)
    assert hold(story).next_deadline == at(100)


def test_missed_reminders_are_not_made_up_for() -> None:
    story = Given(held(timeout=1000, remind_every=30)).after(wake(305))
    assert kinds(story.story)[-1:] == ["hold.reminded"]
    assert hold(story).next_deadline == at(335)


def test_a_vote_does_not_stop_the_reminders_of_the_others() -> None:
    story = Given(held(quorum=2, remind_every=30)).when(vote(), wake(30))
    assert kinds(story) == ["vote.counted", "hold.reminded"]


def test_silence_climbs_the_ladder() -> None:
    rungs = [(60, (SECURITY,)), (120, (CHIEFS, SECURITY))]
    story = Given(held(need(TREASURY, escalation=rungs)))
    assert hold(story).next_deadline == at(60)
    story = story.after(wake(60))
    assert story.story[-1] == HoldEscalated(
        at=at(60), after=60, added=(SECURITY,), asked=(TREASURY, SECURITY)
    )
    assert hold(story).next_deadline == at(120)
    story = story.after(wake(120))
    assert hold(story).asked == (TREASURY, SECURITY, CHIEFS)
    assert hold(story).next_deadline == at(3600)


def test_a_rung_is_climbed_once() -> None:
    story = Given(held(need(TREASURY, escalation=[(60, (CHIEFS,))])))
    assert kinds(story.when(wake(60), wake(61), wake(62))) == ["hold.escalated"]


def test_every_rung_that_was_slept_through_is_climbed_in_order() -> None:
    rungs = [(120, (CHIEFS,)), (60, (SECURITY,))]
    story = Given(held(need(TREASURY, escalation=rungs))).when(wake(500))
    climbed = [event.after for event in story if isinstance(event, HoldEscalated)]
    assert climbed == [60, 120]


def test_rungs_of_two_needs_at_the_same_moment_are_climbed_together() -> None:
    needs = (
        need(TREASURY, escalation=[(60, (CHIEFS,))]),
        need(SECURITY, escalation=[(60, ("board",)), (60, (CHIEFS,))]),
    )
    (climbed,) = Given(held(*needs)).when(wake(60))
    assert isinstance(climbed, HoldEscalated)
    assert climbed.added == (CHIEFS, "board")
    assert {*climbed.asked} == {TREASURY, SECURITY, CHIEFS, "board"}


def test_a_vote_that_escalation_makes_eligible_counts_though_no_timer_has_fired() -> None:
    story = Given(held(need(TREASURY, escalation=[(60, (CHIEFS,))])))
    news = story.when(vote(KEN, groups=(CHIEFS,), seconds=60))
    assert kinds(news) == ["hold.escalated", "vote.counted", "action.settled", "grant.issued"]


def test_a_vote_before_its_rung_is_not_asked() -> None:
    story = Given(held(need(TREASURY, escalation=[(60, (CHIEFS,))])))
    assert kinds(story.when(vote(KEN, groups=(CHIEFS,), seconds=59))) == ["vote.refused"]


def test_those_asked_first_may_still_answer_after_escalation() -> None:
    story = Given(held(need(TREASURY, escalation=[(60, (CHIEFS,))])))
    assert isinstance(story.after(vote(ADA, seconds=61)).state, Granted)


def test_a_reminder_goes_to_the_escalated_as_well() -> None:
    story = Given(held(need(TREASURY, escalation=[(60, (CHIEFS,))]), remind_every=60))
    escalated, reminded = story.when(wake(60))
    assert isinstance(escalated, HoldEscalated)
    assert isinstance(reminded, HoldReminded)
    assert reminded.asked == (TREASURY, CHIEFS)


def test_a_rung_above_the_deadline_is_never_reached() -> None:
    story = Given(held(need(TREASURY, escalation=[(60, (CHIEFS,))]), timeout=60))
    assert kinds(story.when(wake(60))) == ["action.settled", "action.closed"]


def test_a_withdrawal_after_the_deadline_finds_the_hold_expired() -> None:
    story = Given(held(timeout=60)).when(withdraw(AGENT, seconds=61))
    assert settled(story).disposition is Disposition.EXPIRED


def test_an_unused_grant_lapses() -> None:
    story = Given(granted()).when(wake(GRANT_TTL))
    assert kinds(story) == ["grant.lapsed", "action.closed"]
    assert last_outcome(story) is Outcome.LAPSED


def test_a_grant_cannot_be_used_at_the_moment_it_lapses() -> None:
    story = Given(granted()).when(redeem(seconds=GRANT_TTL))
    assert kinds(story) == ["grant.lapsed", "action.closed"]


def test_a_grant_can_be_used_until_then() -> None:
    assert kinds(Given(granted()).when(redeem(seconds=GRANT_TTL - 1))) == ["grant.redeemed"]


def test_a_missing_receipt_is_recorded_as_unknown_and_never_guessed() -> None:
    story = Given(redeemed()).when(wake(30 + RECEIPT_TTL))
    assert kinds(story) == ["execution.unknown", "action.closed"]
    assert last_outcome(story) is Outcome.UNKNOWN


def test_a_receipt_that_comes_when_it_is_overdue_does_not_undo_unknown() -> None:
    story = Given(redeemed()).after(report(seconds=30 + RECEIPT_TTL))
    assert isinstance(story.state, Closed)
    assert story.state.outcome is Outcome.UNKNOWN


def test_one_late_wake_catches_up_on_one_life_only_as_far_as_the_record_goes() -> None:
    """A grant issued while catching up is fresh: nobody could have used it before."""
    story = Given(held(timeout=60, on_timeout=Verdict.ALLOW)).when(wake(1_000_000))
    assert kinds(story) == ["action.settled", "grant.issued"]


def test_what_is_caught_up_on_happened_when_it_was_noticed() -> None:
    story = Given(held(timeout=60)).when(wake(90))
    assert {event.at for event in story} == {at(90)}
