"""The floor: a Temporal workflow that answers at once, with no activity and no database.

Run as a program it is the floor's worker, with the options of ours.
"""

import asyncio
import sys
from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

QUEUE = "bare"


@workflow.defn(name="Bare")
class Bare:
    """Answers its first update from its first task; held, it waits for one signal."""

    def __init__(self) -> None:
        self._released = False

    @workflow.run
    async def run(self, payload: dict[str, object]) -> str:
        """Wait if told to."""
        if payload.get("hold"):
            await workflow.wait_condition(lambda: self._released, timeout=timedelta(hours=4))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return "done"

    @workflow.update
    async def submit(self) -> str:
        """Answer."""
        return "ALLOW"

    @workflow.signal
    def release(self) -> None:
        """End the wait."""
        self._released = True


async def main() -> None:
    """Work until killed."""
    client = await Client.connect(sys.argv[1], data_converter=pydantic_data_converter)
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[Bare],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=2000,
        max_concurrent_workflow_tasks=200,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(minimum=2, maximum=20, initial=5),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
    )
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main())
