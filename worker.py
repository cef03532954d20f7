"""The Temporal worker: settings in, adapters made, everyone introduced to everyone.

Run it from this folder: ``python worker.py``. On SIGTERM or SIGINT it tells Temporal and leaves,
so that a replacement takes over held actions at once.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog
import uvloop
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.actions import ActionActivities
from activities.auditing import AuditActivities
from activities.counting import Counting, CountingActivities
from activities.custody import Custody
from activities.judging import Judging
from activities.recorder import Recorder
from activities.retention import RetentionActivities
from adapters.postgres.audited_log import PostgresAuditedLog
from adapters.postgres.evidence import PostgresEvidence
from adapters.postgres.facts import PostgresFacts
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.overdue import PostgresOverdue
from adapters.postgres.partitions import PostgresPartitions
from adapters.postgres.pool import open_pool
from adapters.postgres.secrets import PostgresSecrets
from counterseal.core.policy.judge import compile_bundle
from counterseal.core.signing import PublicKey, public_key
from entrypoints.check_metrics import CheckMetrics
from entrypoints.keys import data_keys
from entrypoints.logs import set_up_logs
from entrypoints.policy import NO_BUNDLE
from entrypoints.settings import DECISION_QUEUE, Settings
from entrypoints.temporal import connect, ensure_schedules
from entrypoints.tokens import utc_now
from workflows.governed_action import GovernedAction
from workflows.retention import Retention
from workflows.standing_checks import StandingChecks
from workflows.sweep import Sweep
from workflows.totals import Totals


@asynccontextmanager
async def activities(settings: Settings) -> AsyncIterator[ActionActivities]:
    """Open the ledger and make what workflows touch."""
    async with open_pool(settings.database_url) as pool:
        facts = PostgresFacts(pool)
        recorder = Recorder(PostgresLedger(pool))
        kept = PostgresSecrets(pool, data_keys(settings.data_keys))
        judging = Judging(recorder, facts, kept, compile_bundle(NO_BUNDLE))
        yield ActionActivities(recorder, judging, facts, PostgresOverdue(pool), _gateways(settings))


@asynccontextmanager
async def upkeep(settings: Settings) -> AsyncIterator[list[Callable[..., Any]]]:
    """Make what scheduled workflows touch: checks and chores that no caller waits for."""
    metrics = CheckMetrics()
    if settings.worker_metrics_port is not None:
        metrics.serve(settings.host, settings.worker_metrics_port)
    async with open_pool(settings.database_url, size=4, patience=30) as pool:
        audits = AuditActivities(
            PostgresAuditedLog(pool),
            PostgresPartitions(pool),
            PostgresLedger(pool),
            settings.log_origin,
            utc_now,
            metrics.checked,
        )
        ledger = PostgresLedger(pool)
        kept = PostgresSecrets(pool, None)  # to shred takes no key
        retention = RetentionActivities(Recorder(ledger), Custody(ledger, kept), kept)
        log = PostgresEvidence(pool)
        totals = CountingActivities(Counting(ledger, log, utc_now), log)
        yield [audits.list_tenants, audits.audit, audits.prepare, retention.end, totals.count]


def build(
    client: Client,
    touched: ActionActivities,
    settings: Settings,
    aside: Sequence[Callable[..., Any]] = (),
) -> Worker:
    """Make the worker. Workflows run unsandboxed unless asked: the sandbox costs 4 to 6 ms each."""
    return Worker(
        client,
        task_queue=DECISION_QUEUE,
        workflows=[GovernedAction, Sweep, Retention, StandingChecks, Totals],
        activities=[touched.ask, touched.obey, touched.sweep, *aside],
        workflow_runner=SandboxedWorkflowRunner()
        if settings.sandbox
        else UnsandboxedWorkflowRunner(),
        max_cached_workflows=settings.cached_actions,
        max_concurrent_workflow_tasks=200,
        max_concurrent_local_activities=200,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(minimum=2, maximum=20, initial=5),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(minimum=1, maximum=10),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        graceful_shutdown_timeout=timedelta(seconds=10),
    )


def _gateways(settings: Settings) -> Sequence[PublicKey]:
    keys = [public_key(text) for text in settings.gateway_keys]
    if not keys or None in keys:
        raise SystemExit(
            "COUNTERSEAL_GATEWAY_KEYS must list the gateways' public keys (base64url, commas); "
            "without them no vote could ever count."
        )
    return [key for key in keys if key is not None]


async def main() -> None:
    """Work until told to stop."""
    settings = Settings()
    set_up_logs(settings.log_level)
    log = structlog.get_logger()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect(settings)
    async with activities(settings) as touched, upkeep(settings) as aside:
        await ensure_schedules(client)
        async with build(client, touched, settings, aside):
            log.info("worker.ready", queue=DECISION_QUEUE)
            await stop.wait()
    log.info("worker.stopped")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main())
