"""Search attributes help operators and betray nobody."""

import json

import pytest
from temporalio.client import WorkflowExecutionStatus

from domain.standing import Standing
from tests.support.workflows import PEOPLE, Scene, until
from workflows.governed_action import ACTION_CLASS, DEADLINE, STATE, TENANT

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def shown(scene: Scene, now: Standing) -> dict[str, object]:
    described = await scene.handle(now).describe()
    return {pair.key.name: pair.value for pair in described.typed_search_attributes}


async def test_a_hold_is_found_by_tenant_state_class_and_deadline(scene: Scene) -> None:
    now = await scene.propose("pay")
    attributes = await shown(scene, now)
    assert attributes[TENANT.name] == scene.tenant
    assert attributes[STATE.name] == "HELD"
    assert attributes[ACTION_CLASS.name] == "paying"
    assert attributes[DEADLINE.name] == now.held_until

    async def look() -> bool:
        query = f"{TENANT.name} = '{scene.tenant}' AND {STATE.name} = 'HELD'"
        found = [each.id async for each in scene.venue.client.list_workflows(query)]
        return found == [scene.handle(now).id]

    await until(look, "the hold in the list")


@pytest.mark.parametrize(
    ("approve", "state"), [(True, "APPROVED"), (False, "DENIED")], ids=["approved", "denied"]
)
async def test_the_state_that_is_shown_follows_the_answer(
    scene: Scene, *, approve: bool, state: str
) -> None:
    now = await scene.propose("ask")
    await scene.vote(now, "ada", approve=approve)

    async def look() -> bool:
        return (await shown(scene, now))[STATE.name] == state

    await until(look, state)


async def test_nothing_personal_is_shown(scene: Scene) -> None:
    secret = "IBAN-DE02120300000000202051"  # noqa: S105 - stands for one
    now = await scene.propose("ask", to=secret, note="for olga")
    await scene.vote(now, "ada", reason=f"matches {secret}")
    await scene.until(now, "action.settled")
    described = await scene.handle(now).describe()
    seen = json.dumps(
        [
            described.id,
            await shown(scene, now),
            await described.memo(),
            await described.static_summary(),
            await described.static_details(),
        ],
        default=str,
    )
    assert secret not in seen
    for person in (*PEOPLE, "bot"):
        assert person not in seen.replace(scene.tenant, "").lower().split('"')


async def test_a_workflow_of_a_hold_runs_until_its_end_and_then_completes(scene: Scene) -> None:
    now = await scene.propose("ask")
    await scene.withdraw(now)
    await scene.handle(now).result()
    described = await scene.handle(now).describe()
    assert described.status is WorkflowExecutionStatus.COMPLETED
