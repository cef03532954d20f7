"""Whatever a workflow says or is told is encrypted where Temporal keeps it."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.message import Message
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import (
    DescribeScheduleRequest,
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    QueryWorkflowRequest,
)
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    ScheduleState,
    StartWorkflowInput,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import HeaderCodecBehavior, RetryPolicy
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from adapters.payload_keys import PayloadKeys, make_payload_keys, rotate_payload_keys
from entrypoints.temporal import data_converter
from tests.support.payloads import in_clear, payloads_in
from tests.support.workflows import Venue, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

CANARY = "canary" + uuid.uuid4().hex
QUEUE = "talkative"


@activity.defn(name="talkative.fail")
async def fail(told: str) -> str:
    activity.heartbeat(told)
    raise ApplicationError(told, told) from ValueError(told)


@activity.defn(name="talkative.repeat")
async def repeat(told: str) -> str:
    return told


@workflow.defn(name="Talkative")
class Talkative:
    """Says what it is told in every way there is."""

    def __init__(self) -> None:
        self._told: list[str] = []

    @workflow.run
    async def run(self, told: str) -> str:
        workflow.set_current_details(told)
        await workflow.wait_condition(lambda: bool(self._told))
        await workflow.execute_local_activity(
            repeat, told, start_to_close_timeout=timedelta(seconds=5)
        )
        if self._told[0].endswith("again"):
            workflow.continue_as_new(told)
        await workflow.execute_activity(
            fail,
            told,
            start_to_close_timeout=timedelta(seconds=5),
            heartbeat_timeout=timedelta(seconds=5),
            retry_policy=RetryPolicy(maximum_attempts=2, initial_interval=timedelta(seconds=1)),
            summary=told,
        )
        return told

    @workflow.signal
    def tell(self, told: str) -> None:
        self._told.append(told)

    @workflow.update
    async def ask(self, told: str) -> str:
        return told

    @workflow.update
    async def fail(self, told: str) -> None:
        raise ApplicationError(told, told)

    @workflow.query
    def repeat(self, told: str) -> str:
        if told != CANARY:
            raise ApplicationError(told)
        return told


class _WithHeader(Interceptor):
    """Sends a header with every start, as a tracing library would."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - as Temporal names it
        class Heading(OutboundInterceptor):
            async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002 - likewise

                payload = Payload(metadata={"encoding": b"json/plain"}, data=CANARY.encode())
                input.headers = {"trace": payload}
                return await super().start_workflow(input)

        return Heading(next)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(venue: Venue) -> AsyncIterator[Client]:
    """Connect as our programs do, and run a worker for the talkative one."""
    config = venue.client.config()
    config["interceptors"] = [_WithHeader()]
    config["header_codec_behavior"] = HeaderCodecBehavior.CODEC
    speaking = Client(**config)
    async with Worker(
        speaking,
        task_queue=QUEUE,
        workflows=[Talkative],
        activities=[fail, repeat],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield speaking


async def started(client: Client) -> WorkflowHandle[Talkative, str]:
    return await client.start_workflow(
        Talkative.run,
        CANARY,
        id=f"main/{uuid.uuid4().hex}",
        task_queue=QUEUE,
        memo={"note": CANARY},
        static_summary=CANARY,
        static_details=CANARY,
    )


def sealed(kept: Message, least: int) -> None:
    """Hold what Temporal keeps to being encrypted, all of it."""
    assert in_clear(kept) == []
    assert CANARY.encode() not in kept.SerializeToString()
    assert len([*payloads_in(kept)]) >= least


async def history(client: Client, handle: WorkflowHandle[Any, Any], run_id: str = "") -> History:
    asked = GetWorkflowExecutionHistoryRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=handle.id, run_id=run_id),
    )
    return (await client.workflow_service.get_workflow_execution_history(asked)).history


async def test_everything_a_workflow_says_and_is_told_is_encrypted(client: Client) -> None:
    handle = await started(client)
    assert await handle.execute_update(Talkative.ask, CANARY) == CANARY
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update(Talkative.fail, CANARY)
    assert CANARY in str(refused.value.cause)
    assert await handle.query(Talkative.repeat, CANARY) == CANARY
    with pytest.raises(WorkflowQueryFailedError, match="Encoded failure"):
        await handle.query(Talkative.repeat, CANARY + "!")
    await handle.signal(Talkative.tell, CANARY)
    asked = DescribeWorkflowExecutionRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=handle.id)
    )

    async def pending() -> Message | None:
        told = await client.workflow_service.describe_workflow_execution(asked)
        failing = [each for each in told.pending_activities if each.HasField("last_failure")]
        return told if failing else None

    described = await until(pending, "an activity that is tried again")
    sealed(described, least=4)  # memo, summary, details, what the activity said
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert CANARY in str(failed.value.cause.__cause__)
    kept = await history(client, handle)
    sealed(kept, least=14)
    kinds = {event.event_type for event in kept.events}
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED in kinds
    assert EventType.EVENT_TYPE_MARKER_RECORDED in kinds


async def test_a_run_hands_over_encrypted(client: Client) -> None:
    handle = await started(client)
    await handle.signal(Talkative.tell, f"{CANARY} again")

    async def handed_over() -> bool:
        return (await handle.describe()).run_id != handle.first_execution_run_id

    await until(handed_over, "another run")
    sealed(await history(client, handle, handle.first_execution_run_id or ""), least=5)
    sealed(await history(client, handle), least=2)
    await handle.terminate()


async def test_answers_to_queries_are_encrypted(client: Client) -> None:
    handle = await started(client)
    for query in ("__stack_trace", "__temporal_workflow_metadata"):
        asked = QueryWorkflowRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=handle.id),
            query=WorkflowQuery(query_type=query),
        )
        sealed(await client.workflow_service.query_workflow(asked), least=1)
    await handle.terminate()


async def test_what_a_schedule_will_start_is_encrypted(client: Client) -> None:
    named = f"main/{uuid.uuid4().hex}"
    schedule = await client.create_schedule(
        named,
        Schedule(
            action=ScheduleActionStartWorkflow(
                Talkative.run,
                CANARY,
                id=f"{named}/run",
                task_queue=QUEUE,
                memo={"note": CANARY},
                static_summary=CANARY,
            ),
            spec=ScheduleSpec(),
            state=ScheduleState(paused=True),
        ),
        memo={"note": CANARY},
    )
    asked = DescribeScheduleRequest(namespace=client.namespace, schedule_id=named)
    sealed(await client.workflow_service.describe_schedule(asked), least=4)
    await schedule.delete()


def speaking_with(venue: Venue, keys: Path) -> Client:
    config = venue.client.config()
    config["data_converter"] = data_converter(PayloadKeys(keys))
    return Client(**config)


async def test_work_waits_for_a_key_that_the_worker_does_not_have_yet(
    venue: Venue, tmp_path: Path
) -> None:
    here, there = tmp_path / "here.keys", tmp_path / "there.keys"
    make_payload_keys(here)
    there.write_bytes(here.read_bytes())
    key_id = rotate_payload_keys(there)
    working, asking = speaking_with(venue, here), speaking_with(venue, there)
    async with Worker(
        working,
        task_queue=f"{QUEUE}-{key_id}",
        workflows=[Talkative],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await asking.start_workflow(
            Talkative.run,
            CANARY,
            id=f"main/{uuid.uuid4().hex}",
            task_queue=f"{QUEUE}-{key_id}",
            task_timeout=timedelta(seconds=1),
        )

        async def failed() -> list[HistoryEvent]:
            read = await history(asking, handle)
            kind = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
            return [event for event in read.events if event.event_type == kind]

        [first, *_] = await until(failed, "a task that could not be done")
        error = await asking.data_converter.with_context(
            WorkflowSerializationContext(namespace="default", workflow_id=handle.id)
        ).decode_failure(first.workflow_task_failed_event_attributes.failure)
        assert key_id in str(error)
        here.write_bytes(there.read_bytes())
        assert await handle.execute_update(Talkative.ask, CANARY) == CANARY
        await handle.terminate()
