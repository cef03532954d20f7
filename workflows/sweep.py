"""Close in bulk what nobody closed. Started by a Temporal Schedule."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.orders import SWEEP, Swept
    from activities.orders import Sweep as SweepOrder

GRACE = timedelta(seconds=5)
"""How long an open workflow has to act on its own deadline before the sweeper does it for it."""

MOST_ROUNDS = 50


@workflow.defn(name="Sweep")
class Sweep:
    """Lapsed grants, missing receipts, and holds whose workflow was ended by hand."""

    @workflow.run
    async def run(self) -> int:
        """Sweep until nothing is overdue; return how many actions were moved on."""
        moved = 0
        for _ in range(MOST_ROUNDS):
            swept = await self._round()
            moved += swept.moved
            if not swept.more:
                break
        return moved

    async def _round(self) -> Swept:
        now = workflow.now()
        swept: Swept = await workflow.execute_activity(
            SWEEP,
            SweepOrder(at=now, before=now - GRACE),
            result_type=Swept,
            start_to_close_timeout=timedelta(minutes=2),
            heartbeat_timeout=timedelta(seconds=15),
            retry_policy=RetryPolicy(maximum_attempts=5),
        )
        return swept
