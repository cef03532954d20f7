"""Workers away, the database down: nothing is lost, nothing is doubled, nothing is released."""

import asyncio
from datetime import timedelta

import pytest

from counterseal.core.words import Disposition, Phase, Verdict
from tests.support.workflows import Scene, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAYS = timedelta(days=4)


async def test_a_click_while_every_worker_is_down_is_not_lost(scene: Scene) -> None:
    now = await scene.propose("ask")
    hurried = scene.gate_with(vote=0.2)
    async with scene.venue.nobody_working():
        scene.gate, patient = hurried, scene.gate
        assert await scene.vote(now, "ada", vote_id="ballot-0001") is None
        scene.gate = patient
        # an update lives in Temporal's memory alone; a signal is in the history
        assert await scene.happened(now, "workflow_execution_signaled_event_attributes")
    settled = await scene.until(now, "action.settled")
    assert settled[0].disposition is Disposition.APPROVED
    again = await scene.vote(now, "ada", vote_id="ballot-0001")
    assert again is not None
    assert again.accepted, again.code
    assert (await scene.kinds(now)).count("vote.counted") == 1


async def test_a_vote_heard_in_time_counts_although_it_is_read_after_the_deadline(
    scene: Scene,
) -> None:
    now = await scene.propose("ask")
    clicked = scene.envelope(now, "ada")
    async with scene.overdue(now, DAYS):
        await scene.signal(now, clicked)
    settled = await scene.until(now, "action.settled")
    assert settled[0].disposition is Disposition.APPROVED
    assert settled[0].at < now.asked_at + timedelta(days=1)  # it counts from when it was heard


async def test_a_vote_heard_after_the_deadline_does_not(scene: Scene) -> None:
    now = await scene.propose("ask")
    async with scene.overdue(now, DAYS):
        await scene.signal(now, scene.envelope(now, "ada"))  # the clock is past the deadline
    settled = await scene.until(now, "action.settled")
    assert settled[0].disposition is Disposition.EXPIRED
    await scene.handle(now).result()
    assert [event.kind for event in await scene.story(now, late=True)] == ["vote.refused"]


async def test_without_workers_there_is_no_answer_and_then_the_same_one_for_everybody(
    scene: Scene,
) -> None:
    candidate = scene.candidate("read")
    hurried = scene.gate_with(answer=0.3)
    async with scene.venue.nobody_working():
        answers = await asyncio.gather(*(hurried.submit(candidate) for _ in range(3)))
        assert answers == [None, None, None]
    later = await asyncio.gather(*(scene.gate.submit(candidate) for _ in range(5)))
    assert len({answer.model_dump_json() for answer in later if answer}) == 1
    assert later[0] is not None
    assert (await scene.kinds(later[0])).count("decision.reached") == 1


async def test_without_the_ledger_nothing_is_released_and_then_it_is_decided_once(
    scene: Scene,
) -> None:
    candidate = scene.candidate("read")
    hurried = scene.gate_with(answer=1.0)
    async with scene.venue.database_down():
        assert await hurried.submit(candidate) is None
    answer = await scene.gate_with(answer=20).submit(candidate)
    assert answer is not None
    assert answer.effective is Verdict.ALLOW
    assert (await scene.kinds(answer)) == [
        "action.requested",
        "decision.reached",
        "action.settled",
        "grant.issued",
    ]


@pytest.mark.parametrize("how", ["database_down", "database_frozen"])
async def test_a_long_outage_of_the_ledger_is_waited_out(scene: Scene, how: str) -> None:
    held = await scene.propose("ask")
    async with getattr(scene.venue, how)():
        asked = await scene.start(scene.candidate("read"))
        await scene.signal(held, scene.envelope(held, "ada"))
        for now in (asked, held):  # local tries are given up, and a durable activity goes on
            await until(
                lambda now=now: scene.happened(now, "activity_task_scheduled_event_attributes"),  # type: ignore[misc] # mypy cannot see the default
                "a durable activity",
            )
    await scene.until(asked, "grant.issued")
    settled = await scene.until(held, "action.settled")
    assert settled[0].disposition is Disposition.APPROVED


async def test_a_vote_while_the_ledger_is_down_is_kept_until_it_is_back(scene: Scene) -> None:
    now = await scene.propose("pay")
    async with scene.venue.database_down():
        for person in ("ada", "grace", "ada"):
            await scene.signal(now, scene.envelope(now, person))
        await asyncio.sleep(0.3)  # let the first attempts fail
    settled = await scene.until(now, "action.settled")
    assert settled[0].disposition is Disposition.APPROVED
    assert (await scene.kinds(now)).count("vote.counted") == 2


async def test_redeeming_while_the_ledger_is_down_is_refused_and_can_be_done_later(
    scene: Scene,
) -> None:
    now = await scene.propose("read")
    async with scene.venue.database_down():
        with pytest.raises(Exception, match="Postgres"):
            await scene.redeem(now)
    assert (await scene.redeem(now)).digest == now.digest


async def test_a_workflow_that_was_ended_before_its_answer_does_not_end_the_question(
    scene: Scene,
) -> None:
    candidate = scene.candidate("ask")
    async with scene.venue.nobody_working():
        now = await scene.start(candidate)
        await scene.handle(now).terminate("an operator's mistake")
    answer = await scene.gate.submit(candidate)
    assert answer is not None
    assert answer.phase is Phase.HELD


async def test_too_many_updates_at_once_are_none_lost(scene: Scene) -> None:
    now = await scene.propose("pay")
    people = ["ada", "mallory", "alan", "mary", "olga"] * 8  # more than Temporal lets in at once
    await asyncio.gather(*(scene.vote(now, person) for person in people))
    await scene.until(now, "vote.refused", times=39)
    await scene.vote(now, "grace")
    settled = await scene.until(now, "action.settled")
    assert settled[0].disposition is Disposition.APPROVED
    assert (await scene.kinds(now)).count("vote.counted") == 2
