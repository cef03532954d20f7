"""Credentials for Temporal are no way around the gateway: nothing it did not sign is judged."""

import asyncio
import uuid
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from counterseal.core.action import Action, action_digest, action_id
from counterseal.core.signing import encode
from domain.candidate import Candidate
from entrypoints.settings import DECISION_QUEUE
from tests.abuse.test_secrets import logs
from tests.abuse.world import World, fresh
from workflows.governed_action import GovernedAction, Opening, workflow_id


async def _slipped_in(world: World, shown: Action, digest: str, **more: Any) -> None:
    """Start an action past the gateway, as somebody with Temporal credentials can."""
    client = await Client.connect(
        world.cast.stack.temporal_address, data_converter=pydantic_data_converter
    )
    candidate = Candidate(action=shown, digest=digest, key_id="nobody's")
    handle = await client.start_workflow(
        GovernedAction.run,
        Opening(candidate=candidate, **more),
        id=workflow_id(shown.tenant, shown.id),
        task_queue=DECISION_QUEUE,
    )
    try:
        await client.get_workflow_handle(handle.id).execute_update(GovernedAction.submit)
    except Exception:  # noqa: BLE001 - a refusal is what is hoped for
        return


def slip_in(world: World, shown: Action, digest: str, **more: Any) -> None:
    asyncio.run(_slipped_in(world, shown, digest, **more))


def action(**changed: Any) -> Action:
    named = action_id("main", "support-agent", uuid.uuid4().hex)
    whole: dict[str, Any] = {
        "id": named,
        "tenant": "main",
        "agent": "support-agent",
        "environment": "production",
        "tool": "refund_order",
        "arguments": {"amount": 5, "customer": "c", "order_id": "o"},
    }
    return Action.model_validate(whole | changed)


def test_what_was_judged_is_what_the_digest_covers(world: World) -> None:
    shown = action()
    meant = shown.model_copy(update={"arguments": {**shown.arguments, "amount": 1_000_000}})
    with world.adding():
        slip_in(world, shown, action_digest(meant))
    assert world.agent.read(shown.id).status_code == 404


@pytest.mark.parametrize("signature", [None, "", "x", encode(bytes(64))], ids=range(4))
@pytest.mark.parametrize(
    "changed", [{}, {"environment": "sandbox"}, {"agent": "rival-agent"}], ids=range(3)
)
def test_nobody_proposes_past_the_gateway(
    world: World, changed: dict[str, Any], signature: str | None
) -> None:
    canary = "canary" + fresh()
    forged = action(**changed, resource=canary)
    more = {} if signature is None else {"signature": signature}
    with world.adding():
        slip_in(world, forged, action_digest(forged), **more)
    assert world.auditor.read(forged.id).status_code == 404
    assert canary not in logs(world)


def test_a_squatted_id_is_not_lost_to_its_owner(world: World) -> None:
    key = fresh()
    forged = action(id=action_id("main", "support-agent", key))
    slip_in(world, forged, action_digest(forged))
    answer = world.agent.propose("get_order", key).json()
    assert answer["disposition"] == "ALLOWED"
    assert world.agent.redeem(answer).status_code == 200
