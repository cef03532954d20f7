"""What time alone does to an action: reminders, escalation, expiry, lapse, a missing receipt."""

from datetime import timedelta

import pytest

from counterseal.core.words import Disposition, Outcome
from tests.support.workflows import Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def test_people_are_reminded_at_the_cadence_policy_asks_for(scene: Scene) -> None:
    now = await scene.propose("climb")
    await scene.forward(now, 9 * HOUR)
    await scene.until(now, "hold.reminded")
    await scene.forward(now, 8 * HOUR)
    reminders = await scene.until(now, "hold.reminded", times=2)
    assert [each.nth for each in reminders] == [1, 2]
    gap = reminders[1].at - reminders[0].at
    assert timedelta() <= gap - 8 * HOUR < timedelta(minutes=1)


async def test_escalation_asks_the_next_groups_and_only_then_may_they_answer(scene: Scene) -> None:
    now = await scene.propose("climb")
    early = await scene.vote(now, "alan")
    assert early is not None
    assert (early.accepted, early.code) == (False, "not-asked")
    await scene.forward(now, DAY + HOUR)
    climbed = await scene.until(now, "hold.escalated")
    assert climbed[0].added == ("chiefs",)
    still = await scene.vote(now, "mary")
    assert still is not None
    assert still.code == "not-asked"
    agreed = await scene.vote(now, "alan")
    assert agreed is not None
    assert agreed.standing.disposition is Disposition.APPROVED


async def test_the_whole_ladder_is_climbed_and_then_silence_is_no(scene: Scene) -> None:
    now = await scene.propose("climb")
    await scene.forward(now, 3 * DAY + HOUR)
    settled = await scene.until(now, "action.settled")
    assert settled[0].disposition is Disposition.EXPIRED
    kinds = await scene.kinds(now)
    assert kinds.count("hold.escalated") == 2
    assert kinds.count("hold.reminded") >= 6
    assert "grant.issued" not in kinds
    assert kinds[-1] == "action.closed"
    ended = await scene.handle(now).result()
    assert ended.outcome is Outcome.NOT_RUN


async def test_a_vote_after_the_end_is_refused_beside_the_story(scene: Scene) -> None:
    now = await scene.propose("ask")
    await scene.forward(now, 3 * DAY + HOUR)
    await scene.until(now, "action.closed")
    late = await scene.vote(now, "ada")
    assert late is not None
    assert (late.accepted, late.code) == (False, "already-settled")
    assert [event.kind for event in await scene.story(now, late=True)] == ["vote.refused"]


async def test_silence_is_consent_only_where_policy_says_so_and_it_is_recorded(
    scene: Scene,
) -> None:
    now = await scene.propose("deploy")
    await scene.forward(now, 3 * HOUR)
    settled = await scene.until(now, "action.settled")
    assert settled[0].disposition is Disposition.ALLOWED
    assert "policy then says ALLOW" in settled[0].because
    assert settled[0].by == ()
    # nobody has used the grant within its fifteen minutes, which have passed as well
    await scene.until(now, "grant.lapsed")


async def test_an_approved_grant_that_nobody_uses_lapses(scene: Scene) -> None:
    now = await scene.propose("ask")
    await scene.vote(now, "ada")
    await scene.until(now, "grant.issued")
    await scene.forward(now, timedelta(minutes=16))
    await scene.until(now, "action.closed")
    assert (await scene.kinds(now))[-2:] == ["grant.lapsed", "action.closed"]
    ended = await scene.handle(now).result()
    assert (ended.disposition, ended.outcome) == (Disposition.APPROVED, Outcome.LAPSED)


async def test_a_missing_receipt_is_unknown_and_never_guessed(scene: Scene) -> None:
    now = await scene.propose("ask")
    await scene.vote(now, "ada")
    await scene.redeem(now)
    await scene.forward(now, timedelta(minutes=30))  # the grant is over, the receipt not yet due
    assert "action.closed" not in await scene.kinds(now)
    await scene.forward(now, timedelta(minutes=31))
    await scene.until(now, "action.closed")
    assert (await scene.kinds(now))[-2:] == ["execution.unknown", "action.closed"]
    assert (await scene.handle(now).result()).outcome is Outcome.UNKNOWN


async def test_the_workflow_stays_until_the_receipt_and_says_how_it_ended(scene: Scene) -> None:
    now = await scene.propose("ask")
    await scene.vote(now, "ada")
    redeemed = await scene.redeem(now)
    await scene.report(redeemed, now)
    ended = await scene.handle(now).result()
    assert (ended.disposition, ended.outcome) == (Disposition.APPROVED, Outcome.SUCCEEDED)
