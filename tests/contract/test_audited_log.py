"""Whatever a superuser does to the database, a checkpoint kept outside tells."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest
from temporalio.testing import ActivityEnvironment

from activities.auditing import AuditActivities, audit_log
from activities.orders import Audit
from adapters.postgres.audited_log import PostgresAuditedLog
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.partitions import PostgresPartitions
from adapters.postgres.tree import PostgresTree
from counterseal.core.links import unseal
from counterseal.core.tlog.audit import LogAudit
from counterseal.core.tlog.checkpoint import Checkpoint
from domain.checks import CHECK_STREAM
from entrypoints.tampering import TAMPERS, Tamper, intrude
from tests.support.entries import end, found_tenant, new_action, write
from tests.support.postgres import Database

CODES = {
    "another name under an approval": "changed",
    "a refused attempt deleted": "gap",
    "the last five events dropped, the tree made anew": "tail-dropped",
    "two stories swapped, the tree made anew": "rewritten",
    "an approval back-dated, every hash made anew": "rewritten",
    "the stored root edited": "head-changed",
    "all events truncated": "tail-dropped",
}
KINDS = ("action.requested", "vote.counted", "grant.refused", "action.closed")


@pytest.fixture
async def intruder(database: Database) -> AsyncIterator[asyncpg.Connection]:
    db = await asyncpg.connect(database.admin_dsn)
    await intrude(db)
    yield db
    await db.close()


@pytest.fixture
async def tenant(ledger: PostgresLedger) -> str:
    """A tenant with some stories in its log, more than a tile of them."""
    tenant = await found_tenant(ledger)
    for _ in range(75):
        stream = new_action()
        opened = write(tenant, stream, *KINDS[:2])
        await ledger.append(opened)
        await ledger.append(write(tenant, stream, *KINDS[2:], after=end(opened)))
    return tenant


async def kept(pool: asyncpg.Pool, tenant: str) -> Checkpoint:
    """What somebody outside keeps."""
    return Checkpoint(f"test/{tenant}", *await PostgresTree(pool).head(tenant))


async def audited(pool: asyncpg.Pool, tenant: str, *checkpoints: Checkpoint) -> LogAudit:
    told = dict.fromkeys(checkpoints, "that was kept")
    return await audit_log(PostgresAuditedLog(pool), tenant, told, lambda *_: None)


async def test_an_honest_log_is_sound(pool: asyncpg.Pool, tenant: str) -> None:
    audit = await audited(pool, tenant, await kept(pool, tenant))
    assert (audit.findings, audit.size, audit.passed) == ([], 301, 1)


async def test_a_log_that_grew_since_is_sound(
    pool: asyncpg.Pool, ledger: PostgresLedger, tenant: str
) -> None:
    before = await kept(pool, tenant)
    await ledger.append(write(tenant, new_action(), *KINDS))
    assert (await audited(pool, tenant, before)).findings == []


@pytest.mark.parametrize("name", TAMPERS)
async def test_tampering_is_named(
    pool: asyncpg.Pool, tenant: str, intruder: asyncpg.Connection, name: str
) -> None:
    before = await kept(pool, tenant)
    tamper: Tamper = TAMPERS[name]
    await tamper(intruder, tenant)
    found = (await audited(pool, tenant, before)).findings
    assert CODES[name] in {each.code for each in found}


async def test_only_a_kept_checkpoint_tells_a_perfect_forgery(
    pool: asyncpg.Pool, tenant: str, intruder: asyncpg.Connection
) -> None:
    before = await kept(pool, tenant)
    await TAMPERS["an approval back-dated, every hash made anew"](intruder, tenant)
    assert (await audited(pool, tenant)).findings == []
    assert (await audited(pool, tenant, before)).findings != []


async def test_a_row_outside_the_log_is_found(
    pool: asyncpg.Pool, tenant: str, intruder: asyncpg.Connection
) -> None:
    await intruder.execute(
        "INSERT INTO event SELECT tenant, seq + 1000, stream, version, kind, canonical, link, "
        "prev, recorded_at FROM event WHERE tenant = $1 AND seq = 9",
        tenant,
    )
    assert [each.code for each in (await audited(pool, tenant)).findings] == ["strays"]


async def test_an_edited_tile_is_found(
    pool: asyncpg.Pool, tenant: str, intruder: asyncpg.Connection
) -> None:
    await intruder.execute(
        "UPDATE tile SET hashes = overlay(hashes placing sha256(hashes) from 1) "
        "WHERE tenant = $1 AND level = 0",
        tenant,
    )
    assert [each.code for each in (await audited(pool, tenant)).findings] == ["tile-changed"]


async def test_a_check_is_recorded_when_there_is_news(
    pool: asyncpg.Pool, ledger: PostgresLedger, tenant: str, intruder: asyncpg.Connection
) -> None:
    checks = AuditActivities(
        PostgresAuditedLog(pool),
        PostgresPartitions(pool),
        ledger,
        "test",
        lambda: datetime(2026, 11, 22, 12, tzinfo=UTC),
    )

    async def check() -> int:
        audited = await ActivityEnvironment().run(checks.audit, Audit(tenant=tenant))
        return int(audited.findings)

    assert [await check(), await check()] == [0, 0]
    assert len(await ledger.read(tenant, CHECK_STREAM)) == 1  # an idle log does not grow
    await TAMPERS["the stored root edited"](intruder, tenant)
    assert await check() == 1
    last = (await ledger.read(tenant, CHECK_STREAM))[-1]
    event = unseal(last.canonical)["event"]
    assert isinstance(event, dict)
    assert (event["found"], event["size"]) == (1, 302)
    assert event["findings"][0]["code"] == "head-changed"
