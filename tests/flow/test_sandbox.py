"""The same workflows run in Temporal's sandbox, and take nothing into it by accident."""

from datetime import timedelta

import pytest
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

import worker
from counterseal.core.words import Disposition
from entrypoints.settings import DECISION_QUEUE
from tests.support.workflows import Scene
from workflows.governed_action import GovernedAction
from workflows.sweep import Sweep

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def whole_way(scene: Scene) -> None:
    now = await scene.propose("climb")
    await scene.forward(now, timedelta(days=1, hours=1))
    await scene.until(now, "hold.escalated")
    reply = await scene.vote(now, "alan")
    assert reply is not None
    assert reply.standing.disposition is Disposition.APPROVED
    redeemed = await scene.redeem(now)
    await scene.report(redeemed, now)
    await scene.handle(now).result()


async def test_the_worker_runs_sandboxed_when_asked_to(scene: Scene) -> None:
    venue = scene.venue
    settings = venue.settings.model_copy(update={"sandbox": True})
    async with venue.replaced_by(lambda: worker.build(venue.client, venue.touched, settings)):
        await whole_way(scene)


async def test_no_module_gets_into_the_sandbox_by_accident(scene: Scene) -> None:
    venue = scene.venue
    restrictions = SandboxRestrictions.default.with_import_notification_policy(
        SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
    )

    def strict() -> Worker:
        return Worker(
            venue.client,
            task_queue=DECISION_QUEUE,
            workflows=[GovernedAction, Sweep],
            activities=[venue.touched.ask, venue.touched.obey, venue.touched.sweep],
            workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
        )

    async with venue.replaced_by(strict):
        await whole_way(scene)
