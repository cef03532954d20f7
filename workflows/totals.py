"""Take control totals of every log, so that periods have borders. Started by a Schedule."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.orders import COUNT

_RETRIES = RetryPolicy(maximum_attempts=5)


@workflow.defn(name="Totals")
class Totals:
    """One round over all logs; those in which nothing happened are left as they are."""

    @workflow.run
    async def run(self) -> int:
        """Count what is new; return how many totals that took."""
        taken: int = await workflow.execute_activity(
            COUNT,
            result_type=int,
            start_to_close_timeout=timedelta(hours=1),
            heartbeat_timeout=timedelta(minutes=1),
            retry_policy=_RETRIES,
        )
        return taken
