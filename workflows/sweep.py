"""Close in bulk what nobody closed. Started by a Temporal Schedule."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.orders import OBEY, SWEEP, Hold, Order, Reply, Swept
    from activities.orders import Sweep as SweepOrder
    from workflows.governed_action import GovernedAction, workflow_id

GRACE = timedelta(seconds=5)
"""How long an open workflow has to act on its own deadline before the sweeper does it for it."""

MOST_ROUNDS = 50
_RETRIES = RetryPolicy(maximum_attempts=5)


@workflow.defn(name="Sweep")
class Sweep:
    """Lapsed grants, missing receipts, and holds whose workflow was ended by hand."""

    @workflow.run
    async def run(self) -> int:
        """Sweep until nothing is overdue; return how many actions were moved on."""
        swept = await self._round()
        moved = swept.moved + sum(await asyncio.gather(*map(self._move_on, swept.holds)))
        for _ in range(MOST_ROUNDS - 1):
            if not swept.more:
                break
            swept = await self._round()
            moved += swept.moved
        return moved

    async def _round(self) -> Swept:
        now = workflow.now()
        swept: Swept = await workflow.execute_activity(
            SWEEP,
            SweepOrder(at=now, before=now - GRACE),
            result_type=Swept,
            start_to_close_timeout=timedelta(minutes=2),
            heartbeat_timeout=timedelta(seconds=15),
            retry_policy=_RETRIES,
        )
        return swept

    async def _move_on(self, hold: Hold) -> bool:
        """Nudge a hold's workflow, which hears votes made in time first; else let time pass."""
        named = workflow_id(hold.tenant, hold.action_id)
        holder = workflow.get_external_workflow_handle_for(GovernedAction.run, named)
        try:
            await holder.signal(GovernedAction.news)
        except ApplicationError:  # there is no such workflow, or it was ended by hand
            order = Order(tenant=hold.tenant, action_id=hold.action_id, at=workflow.now())
            await workflow.execute_activity(
                OBEY,
                order,
                result_type=Reply,
                start_to_close_timeout=timedelta(seconds=10),
                retry_policy=_RETRIES,
            )
            return True
        return False
