"""Read every log again, and have room for the months to come. Started by a Temporal Schedule."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.orders import AUDIT, LIST_TENANTS, PREPARE, Audit, Audited

_RETRIES = RetryPolicy(maximum_attempts=5)


@workflow.defn(name="StandingChecks")
class StandingChecks:
    """One round over all tenants, one after the other: a check must not crowd out decisions."""

    @workflow.run
    async def run(self) -> int:
        """Check everything; return how many findings there were, over all logs."""
        await self._prepare()
        tenants: list[str] = await workflow.execute_activity(
            LIST_TENANTS,
            result_type=list[str],
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=_RETRIES,
        )
        findings = 0
        for tenant in tenants:
            findings += await self._audit(tenant)
        return findings

    async def _prepare(self) -> None:
        try:
            await workflow.execute_activity(
                PREPARE,
                start_to_close_timeout=timedelta(minutes=5),
                retry_policy=_RETRIES,
            )
        except ActivityError:
            workflow.logger.warning("partitions could not be prepared; the next round tries again")

    async def _audit(self, tenant: str) -> int:
        audited: Audited = await workflow.execute_activity(
            AUDIT,
            Audit(tenant=tenant),
            result_type=Audited,
            start_to_close_timeout=timedelta(hours=12),
            heartbeat_timeout=timedelta(minutes=1),
            retry_policy=_RETRIES,
        )
        return audited.findings
