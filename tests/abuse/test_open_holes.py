"""Holes that are known and open. Each says what should be; whoever closes one is told here."""

import uuid
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from counterseal.core.action import Action, action_digest, action_id
from domain.candidate import Candidate
from entrypoints.settings import DECISION_QUEUE
from tests.abuse.test_wire import asked, talk
from tests.abuse.world import BUNDLE, World, fresh
from workflows.governed_action import GovernedAction, Opening, workflow_id

PROMISE_3 = "the worker believes the digest and the identity that a candidate brings along"


async def slipped_in(world: World, shown: Action, digest: str) -> Any:
    """Start an action past the gateway, as somebody with Temporal credentials can."""
    client = await Client.connect(
        world.cast.stack.temporal_address, data_converter=pydantic_data_converter
    )
    candidate = Candidate(action=shown, digest=digest, key_id="nobody's")
    handle = await client.start_workflow(
        GovernedAction.run,
        Opening(candidate=candidate),
        id=workflow_id(shown.tenant, shown.id),
        task_queue=DECISION_QUEUE,
    )
    try:
        await client.get_workflow_handle(handle.id).execute_update(GovernedAction.submit)
    except Exception:  # noqa: BLE001 - a refusal is what is hoped for
        return None
    return world.agent.read(shown.id).json()


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


@pytest.mark.xfail(reason=PROMISE_3)
async def test_what_was_judged_is_what_the_digest_covers(world: World) -> None:
    shown = action()
    meant = shown.model_copy(update={"arguments": {**shown.arguments, "amount": 1_000_000}})
    await slipped_in(world, shown, action_digest(meant))
    granted = world.agent.read(shown.id).json()
    assert not granted.get("grant"), "judged as 5, and granted for 1,000,000"


@pytest.mark.xfail(reason=PROMISE_3)
async def test_nobody_proposes_past_the_gateway(world: World) -> None:
    forged = action(environment="sandbox")
    await slipped_in(world, forged, action_digest(forged))
    assert world.auditor.read(forged.id).status_code == 404


@pytest.mark.xfail(reason="reply_to takes any refusal under the same ID for the answer")
def test_another_agents_refusal_is_not_my_answer(world: World) -> None:
    held, request = world.held(), {"request_id": fresh(), "reason": "changed my mind"}
    path = f"/v1/actions/{held['action_id']}/withdrawal"
    assert world.rival.http.post(path, json=request).status_code == 403
    assert world.agent.http.post(path, json=request).json()["disposition"] == "CANCELLED"


@pytest.mark.xfail(reason="after the close a second receipt is compared by outcome alone")
@pytest.mark.parametrize(
    "changed", [{"digest": "sha256:" + "1" * 64}, {"result_digest": "sha256:" + "2" * 64}]
)
def test_a_second_receipt_that_says_something_else_is_kept(
    world: World, changed: dict[str, str]
) -> None:
    used, redemption = world.redeemed()
    assert world.agent.report(used, redemption).status_code == 200
    with world.adding("receipt.refused"):
        assert world.agent.report(used, redemption, **changed).status_code == 409


@pytest.mark.xfail(reason="a bundle that includes files which were not sent is taken without them")
def test_a_bundle_is_whole_or_refused(world: World) -> None:
    files = {"bundle.yaml": BUNDLE + "\ninclude: [../payments]\n"}
    answer = world.operator.http.post("/v1/rehearsals", json={"files": files})
    assert answer.status_code == 422


@pytest.mark.xfail(reason="httptools sets no bound to headers, and reads them before any key")
def test_headers_have_a_bound(world: World) -> None:
    heard = talk(world, asked(world, b"GET /v1/whoami HTTP/1.1", b"X-Long: " + b"a" * 4_000_000))
    assert heard.startswith(b"HTTP/1.1 4")


@pytest.mark.xfail(reason="whoever may report may also fill the record: nothing limits refusals")
def test_refusals_have_a_limit(world: World) -> None:
    granted = world.granted()
    answers = {world.agent.redeem(granted, grant="x").status_code for _ in range(120)}
    assert 429 in answers
