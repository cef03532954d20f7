"""Destroy sensitive values when their retention ends. Started by a Temporal Schedule."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.orders import END_RETENTION, Retained
    from activities.orders import Retention as RetentionOrder

MOST_ROUNDS = 100
_RETRIES = RetryPolicy(maximum_attempts=5)


@workflow.defn(name="Retention")
class Retention:
    """Batch after batch, until nothing is due."""

    @workflow.run
    async def run(self) -> int:
        """End what is due; return how many actions' values were shredded."""
        shredded = 0
        for _ in range(MOST_ROUNDS):
            ended: Retained = await workflow.execute_activity(
                END_RETENTION,
                RetentionOrder(at=workflow.now()),
                result_type=Retained,
                start_to_close_timeout=timedelta(minutes=5),
                heartbeat_timeout=timedelta(seconds=30),
                retry_policy=_RETRIES,
            )
            shredded += ended.shredded
            if not ended.more:
                break
        return shredded
