"""What somebody with raw access to Temporal can send, and that it is worth nothing."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import (
    SignalWorkflowExecutionRequest,
    UpdateWorkflowExecutionRequest,
)
from temporalio.client import WorkflowQueryFailedError, WorkflowUpdateFailedError

from counterseal.core.words import Disposition, Phase
from domain.standing import Standing
from tests.support.workflows import Scene
from workflows.governed_action import GovernedAction

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def alive(scene: Scene, now: Standing) -> None:
    """Assert that the hold still stands and can still be approved."""
    standing = await scene.standing(now)
    assert standing is not None
    assert standing.phase is Phase.HELD
    reply = await scene.vote(now, "ada")
    assert reply is not None
    assert reply.standing.disposition is Disposition.APPROVED


async def test_a_vote_forged_straight_into_temporal_is_refused_and_recorded(scene: Scene) -> None:
    now = await scene.propose("ask")
    await scene.signal(now, scene.envelope(now, "ada", key=Ed25519PrivateKey.generate()))
    refused = await scene.until(now, "vote.refused")
    assert refused[0].code == "forged"
    await alive(scene, now)


async def test_a_forgery_does_not_silence_or_belie_the_genuine_vote(scene: Scene) -> None:
    now = await scene.propose("pay")
    forged = scene.envelope(now, "ada", key=Ed25519PrivateKey.generate(), vote_id="ada/ballot-0001")
    await scene.signal(now, forged)
    await scene.until(now, "vote.refused")
    first = await scene.vote(now, "ada", vote_id="ballot-0001")
    assert first is not None
    assert first.accepted
    await scene.signal(now, {**forged, "signature": "AAAA"})  # the same flaw again adds nothing
    genuine = scene.envelope(now, "ada", vote_id="ada/ballot-0001")
    again = await scene.handle(now).execute_update(GovernedAction.message_and_wait, genuine)
    assert again.accepted, again.code
    assert (await scene.kinds(now)).count("vote.counted") == 1


async def test_a_forgery_after_the_vote_does_not_belie_it(scene: Scene) -> None:
    now = await scene.propose("pay")
    await scene.vote(now, "ada", vote_id="ballot-0001")
    forged = scene.envelope(now, "ada", key=Ed25519PrivateKey.generate(), vote_id="ada/ballot-0001")
    await scene.signal(now, forged)
    await scene.until(now, "vote.refused")
    genuine = scene.envelope(now, "ada", vote_id="ada/ballot-0001")
    again = await scene.handle(now).execute_update(GovernedAction.message_and_wait, genuine)
    assert again.accepted, again.code


async def test_a_changed_body_does_not_fit_its_signature(scene: Scene) -> None:
    now = await scene.propose("ask")
    envelope = scene.envelope(now, "ada", approve=False)
    envelope["body"]["approve"] = True
    await scene.signal(now, envelope)
    assert (await scene.until(now, "vote.refused"))[0].code == "forged"
    await alive(scene, now)


async def test_an_envelope_of_another_action_is_refused(scene: Scene) -> None:
    other = await scene.propose("ask")
    now = await scene.propose("ask")
    await scene.signal(now, scene.envelope(other, "ada"))
    assert (await scene.until(now, "vote.refused"))[0].code == "misaddressed"
    await alive(scene, now)
    assert "vote.counted" not in await scene.kinds(other)


async def test_an_envelope_of_another_tenant_is_refused(scene: Scene) -> None:
    now = await scene.propose("ask")
    await scene.signal(now, scene.envelope(now, "ada", tenant="somebody-else"))
    assert (await scene.until(now, "vote.refused"))[0].code == "misaddressed"


@pytest.mark.parametrize("apart", [timedelta(days=-8), timedelta(minutes=1)])
async def test_an_envelope_from_another_time_is_refused(scene: Scene, apart: timedelta) -> None:
    now = await scene.propose("ask")
    await scene.signal(now, scene.envelope(now, "ada", heard_at=scene.clock() + apart))
    assert (await scene.until(now, "vote.refused"))[0].code == "stale"
    await alive(scene, now)


async def test_a_withdrawal_in_another_name_is_refused(scene: Scene) -> None:
    now = await scene.propose("ask")
    envelope = scene.envelope(now, "ada")
    envelope["body"] |= {"kind": "withdrawal"}
    await scene.signal(now, envelope)  # neither a vote nor a withdrawal: fields of both
    assert (await scene.until(now, "vote.refused"))[0].code == "malformed"
    await alive(scene, now)


MALFORMED: dict[str, object] = {
    "not an envelope": "approve!",
    "a list": [1, 2, 3],
    "no body": {"signature": "AAAA"},
    "an empty body": {"body": {}, "signature": "AAAA"},
    "a body of another kind": {"body": {"kind": "tenant.created"}, "signature": "AAAA"},
    "a number": 10**400,
}


@pytest.mark.parametrize("what", MALFORMED)
async def test_a_message_that_cannot_be_read_is_refused_and_recorded(
    scene: Scene, what: str
) -> None:
    now = await scene.propose("ask")
    await scene.signal(now, MALFORMED[what])
    assert (await scene.until(now, "vote.refused"))[0].code == "malformed"
    await alive(scene, now)


POISON: dict[str, dict[str, Any]] = {
    "an instant before time": {"heard_at": "0001-01-01T00:00:00+23:59"},
    "an instant after time": {"heard_at": "9999-12-31T23:59:59-23:59"},
    "an instant as a number": {"heard_at": 2**62},
    "an instant without zone": {"heard_at": "2026-01-01T00:00:00"},
    "a null character": {"person": "ada\x00", "reason": "\x00", "vote_id": "\x00"},
    "a long channel": {"channel": "c" * 1_000_000},
    "an approval by number": {"approve": 1},
    "nothing at all": {"person": "", "vote_id": "", "digest": "", "channel": ""},
}


@pytest.mark.parametrize("what", POISON)
async def test_no_message_makes_a_hold_unanswerable(scene: Scene, what: str) -> None:
    now = await scene.propose("ask")
    envelope = scene.envelope(now, "ada")
    envelope["body"] |= POISON[what]
    await scene.signal(now, envelope)
    await scene.until(now, "vote.refused")
    await alive(scene, now)


RAW: dict[str, list[Payload]] = {
    "no argument": [],
    "two arguments": [
        Payload(metadata={"encoding": b"json/plain"}, data=b'"a"'),
        Payload(metadata={"encoding": b"json/plain"}, data=b'"b"'),
    ],
    "not JSON": [Payload(metadata={"encoding": b"json/plain"}, data=b"{")],
    "an unknown encoding": [Payload(metadata={"encoding": b"binary/else"}, data=b"\xff")],
    "a lone surrogate": [
        Payload(metadata={"encoding": b"json/plain"}, data=rb'{"body": {"kind": "\ud800"}}')
    ],
    "bytes": [Payload(metadata={"encoding": b"binary/plain"}, data=b"\xff\x00")],
    "nothing": [Payload(metadata={"encoding": b"binary/null"})],
    "a number that is none": [
        Payload(metadata={"encoding": b"json/plain"}, data=b'{"body": {"approve": NaN}}')
    ],
    "encrypted with nothing": [Payload(metadata={"encoding": b"binary/encrypted"})],
    "encrypted with a key nobody has": [
        Payload(
            metadata={
                "encoding": b"binary/encrypted",
                "encryption-key-id": b"0" * 32,
                "tenant": b"main",
            },
            data=bytes(64),
        )
    ],
    "deep nesting": [Payload(metadata={"encoding": b"json/plain"}, data=b"[" * 5000 + b"]" * 5000)],
}


@pytest.mark.parametrize("signal", ["message", "news", "no-such-signal"])
@pytest.mark.parametrize("what", RAW)
async def test_no_payload_makes_a_hold_unanswerable(scene: Scene, what: str, signal: str) -> None:
    now = await scene.propose("ask")
    await scene.venue.client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id=scene.handle(now).id),
            signal_name=signal,
            input=Payloads(payloads=RAW[what]),
        )
    )
    await alive(scene, now)


@pytest.mark.parametrize("update", ["message_and_wait", "submit", "no-such-update"])
@pytest.mark.parametrize("what", RAW)
async def test_no_update_makes_a_hold_unanswerable(scene: Scene, what: str, update: str) -> None:
    now = await scene.propose("ask")
    # the answer, if any, does not matter: what counts is that the hold is none the worse for it
    await scene.venue.client.workflow_service.update_workflow_execution(
        UpdateWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id=scene.handle(now).id),
            wait_policy=WaitPolicy(
                lifecycle_stage=UpdateWorkflowExecutionLifecycleStage.Value(
                    "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED"
                )
            ),
            request=Request(
                meta=Meta(update_id=uuid.uuid4().hex),
                input=Input(name=update, args=Payloads(payloads=RAW[what])),
            ),
        ),
        timeout=timedelta(seconds=5),
    )
    await alive(scene, now)


async def test_a_flood_of_forgeries_leaves_room_for_the_genuine_vote(scene: Scene) -> None:
    now = await scene.propose("ask")
    mallory = Ed25519PrivateKey.generate()
    flood = [scene.envelope(now, "ada", key=mallory) for _ in range(30)]
    await asyncio.gather(*(scene.signal(now, each) for each in flood))
    await scene.until(now, "vote.refused", times=30)
    await alive(scene, now)


async def test_an_unknown_update_is_turned_away(scene: Scene) -> None:
    now = await scene.propose("ask")
    with pytest.raises(WorkflowUpdateFailedError):
        await scene.handle(now).execute_update("approve-everything", "please")
    await alive(scene, now)


async def test_a_query_cannot_be_used_to_change_anything(scene: Scene) -> None:
    now = await scene.propose("ask")
    before = await scene.kinds(now)
    with pytest.raises(WorkflowQueryFailedError):
        await scene.handle(now).query("message", {"approve": True})
    assert await scene.kinds(now) == before
