"""The same question gets the same answer: at once, much later, and when Temporal has forgotten."""

import asyncio

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.service import RPCError

from counterseal.core.words import Disposition, Phase
from domain.standing import Standing
from entrypoints.problems import Declined
from tests.support.workflows import Scene, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def forget(scene: Scene, now: Standing) -> None:
    """Delete an action's workflow as the end of its retention does."""
    await scene.venue.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id=scene.handle(now).id),
        )
    )

    async def look() -> bool:
        try:
            await scene.handle(now).describe()
        except RPCError:
            return True
        return False

    await until(look, f"the workflow of {now.action_id} to be gone")


async def test_asking_ten_times_at_once_is_asking_once(scene: Scene) -> None:
    candidate = scene.candidate("ask")
    answers = await asyncio.gather(*(scene.gate.submit(candidate) for _ in range(10)))
    assert len({answer.model_dump_json() for answer in answers if answer}) == 1
    assert answers[0] is not None
    assert await scene.kinds(answers[0]) == ["action.requested", "decision.reached", "action.held"]


@pytest.mark.parametrize("tool", ["read", "wipe", "ask"])
async def test_asking_again_gives_the_same_answer(scene: Scene, tool: str) -> None:
    now = await scene.propose(tool)
    before = await scene.kinds(now)
    assert await scene.ask_again(now) == now
    assert await scene.kinds(now) == before


@pytest.mark.parametrize("tool", ["read", "wipe"])
async def test_asking_again_after_retention_gives_the_same_answer(scene: Scene, tool: str) -> None:
    now = await scene.propose(tool)
    before = await scene.kinds(now)
    await scene.handle(now).result()
    await forget(scene, now)
    assert await scene.ask_again(now) == now
    assert await scene.kinds(now) == before


async def test_asking_again_after_the_close_tells_what_became_of_it(scene: Scene) -> None:
    now = await scene.propose("ask")
    await scene.vote(now, "ada", approve=False)
    await scene.handle(now).result()
    await forget(scene, now)
    again = await scene.ask_again(now)
    assert again is not None
    assert (again.phase, again.disposition) == (Phase.CLOSED, Disposition.DENIED)


async def test_a_hold_that_temporal_forgot_is_taken_up_again_by_asking_again(
    scene: Scene,
) -> None:
    now = await scene.propose("ask")
    await forget(scene, now)
    assert await scene.ask_again(now) == now
    reply = await scene.vote(now, "ada")
    assert reply is not None
    assert reply.standing.disposition is Disposition.APPROVED
    assert (await scene.kinds(now)).count("action.held") == 1


async def test_a_vote_on_a_hold_that_temporal_forgot_is_counted_by_the_ledger(
    scene: Scene,
) -> None:
    now = await scene.propose("ask")
    await forget(scene, now)
    reply = await scene.vote(now, "ada")
    assert reply is not None
    assert reply.standing.disposition is Disposition.APPROVED


@pytest.mark.parametrize("tool", ["read", "ask"])
async def test_the_same_key_for_something_else_is_refused_and_recorded(
    scene: Scene, tool: str
) -> None:
    now = await scene.propose(tool, key="order-4411", amount=1)
    with pytest.raises(Declined) as declined:
        await scene.propose(tool, key="order-4411", amount=1000)
    assert declined.value.declined_code == "idempotency-key-reused"
    assert (await scene.kinds(now))[-1] == "request.refused"
    scene.candidate(tool, key="order-4411", amount=1)
    assert await scene.ask_again(now) is not None


async def test_a_question_from_another_tenant_is_another_question(scene: Scene) -> None:
    here = scene.candidate("ask", key="order-4411")
    there = Scene(scene.venue, f"{scene.tenant}-b")
    await there.furnish()
    other = there.candidate("ask", key="order-4411")
    assert here.action.id != other.action.id
    assert here.digest != other.digest
