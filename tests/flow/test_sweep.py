"""The sweeper closes what nobody closed, and leaves to an open workflow what is the workflow's."""

import uuid
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.orders import Sweep as SweepOrder
from counterseal.core.words import Disposition, Outcome
from domain.evolution import BrokenStory
from entrypoints.settings import DECISION_QUEUE
from tests.support.workflows import Scene
from workflows.sweep import Sweep

pytestmark = pytest.mark.asyncio(loop_scope="session")

MINUTES = timedelta(minutes=20)
HOURS = timedelta(hours=2)
DAYS = timedelta(days=4)


async def sweep(scene: Scene, later: timedelta) -> int:
    """Sweep as the schedule will in a while."""
    handle = await scene.venue.skipper.client.start_workflow(
        Sweep.run,
        id=f"sweep-{uuid.uuid4().hex}",
        task_queue=DECISION_QUEUE,
        start_delay=later,
    )
    return await handle.result()


async def test_an_allowed_action_that_nobody_runs_lapses(scene: Scene) -> None:
    now = await scene.propose("read")
    await sweep(scene, timedelta(minutes=14))
    assert (await scene.kinds(now))[-1] == "grant.issued"
    assert await sweep(scene, MINUTES) >= 1
    closed = (await scene.story(now))[-1]
    assert closed.kind == "action.closed"
    assert (closed.disposition, closed.outcome) == (Disposition.ALLOWED, Outcome.LAPSED)


async def test_a_receipt_that_never_comes_is_unknown(scene: Scene) -> None:
    now = await scene.propose("read")
    await scene.redeem(now)
    await sweep(scene, HOURS)
    assert (await scene.kinds(now))[-2:] == ["execution.unknown", "action.closed"]


async def test_sweeping_again_finds_nothing_of_what_was_closed(scene: Scene) -> None:
    now = await scene.propose("read")
    await sweep(scene, MINUTES)
    before = await scene.kinds(now)
    await sweep(scene, MINUTES)
    assert await scene.kinds(now) == before


async def test_a_hold_whose_workflow_was_ended_by_hand_expires_all_the_same(scene: Scene) -> None:
    now = await scene.propose("ask")
    await scene.handle(now).terminate("an operator's mistake")
    await sweep(scene, DAYS)
    closed = (await scene.story(now))[-1]
    assert closed.kind == "action.closed"
    assert closed.disposition is Disposition.EXPIRED


async def test_a_click_in_time_counts_although_the_sweeper_comes_before_the_workers(
    scene: Scene,
) -> None:
    now = await scene.propose("ask")
    clicked = scene.envelope(now, "ada")
    async with scene.overdue(now, DAYS):
        await scene.signal(now, clicked)
        order = SweepOrder(at=scene.clock(), before=scene.clock())
        await ActivityEnvironment().run(scene.venue.touched.sweep, order)
    settled = await scene.until(now, "action.settled")
    assert settled[0].disposition is Disposition.APPROVED


async def test_one_damaged_story_does_not_keep_the_others_from_being_closed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged, now = await scene.propose("read"), await scene.propose("read")
    recorder = scene.venue.touched._recorder  # noqa: SLF001 - there is no other way to damage it
    obey = recorder.obey

    async def break_on(tenant: str, action_id: str, *rest: object, **more: object) -> object:
        if action_id == damaged.action_id:
            raise BrokenStory("a disk has lost a page")
        return await obey(tenant, action_id, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(recorder, "obey", break_on)
    await sweep(scene, MINUTES)
    assert (await scene.kinds(now))[-1] == "action.closed"
