"""Events lie by tenant and month; nobody who reads or appends has to know, or waits for it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.partitions import PostgresPartitions
from adapters.postgres.tree import PostgresTree
from domain.ports import Unavailable
from tests.support.entries import START, end, found_tenant, write
from tests.support.postgres import Database
from tests.support.roles import administering, relations

BUCKETS = 4


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection]:
    async with administering(database) as db:
        yield db


@pytest.fixture
def partitions(pool: asyncpg.Pool) -> PostgresPartitions:
    return PostgresPartitions(pool)


def month(ahead: int) -> datetime:
    """The first instant of the month that is ``ahead`` of this one."""
    now = datetime.now(UTC)
    years, months = divmod(now.month - 1 + ahead, 12)
    return datetime(now.year + years, months + 1, 1, tzinfo=UTC)


async def home(admin: asyncpg.Connection, tenant: str) -> set[str]:
    """Name the partitions in which a tenant's events lie."""
    found = await admin.fetch(
        "SELECT DISTINCT tableoid::regclass::text AS name FROM ledger.event WHERE tenant = $1",
        tenant,
    )
    return {each["name"].removeprefix("ledger.") for each in found}


async def test_events_lie_in_the_month_they_were_recorded_in(
    ledger: PostgresLedger, admin: asyncpg.Connection
) -> None:
    tenants = [await found_tenant(ledger) for _ in range(24)]
    homes = {name for tenant in tenants for name in await home(admin, tenant)}
    now = datetime.now(UTC)
    assert {name.partition("_")[2][1:] for name in homes} <= {f"_{now:%Y_%m}"}
    assert 1 < len(homes) <= BUCKETS


async def test_three_months_are_ready_from_the_start(
    partitions: PostgresPartitions, admin: asyncpg.Connection
) -> None:
    found = await relations(admin)
    for ahead in range(4):
        for bucket in range(BUCKETS):
            assert f"event_{bucket}_{month(ahead):%Y_%m}" in found
    assert await partitions.prepare(month(3)) == 0


async def test_preparing_makes_what_is_missing_once(partitions: PostgresPartitions) -> None:
    until = month(5) + timedelta(days=3)
    made = await asyncio.gather(*(partitions.prepare(until) for _ in range(3)))
    assert sorted(made) == [0, 0, 2 * BUCKETS]
    assert await partitions.prepare(until) == 0


async def test_a_new_partition_is_guarded_like_the_old_ones(
    partitions: PostgresPartitions, admin: asyncpg.Connection
) -> None:
    async def guards() -> dict[str, tuple[bool, frozenset[str], frozenset[str]]]:
        found = await admin.fetch("""
            SELECT relname, relrowsecurity,
                   ARRAY(SELECT tgname || ' ' || tgtype || ' ' || tgenabled::text FROM pg_trigger
                         WHERE tgrelid = pg_class.oid) AS triggers,
                   ARRAY(SELECT indkey::text FROM pg_index
                         WHERE indrelid = pg_class.oid AND indisvalid) AS indexes
            FROM pg_class WHERE relnamespace = 'ledger'::regnamespace
            AND relispartition AND relkind = 'r'
        """)
        return {
            each["relname"]: (
                each["relrowsecurity"],
                frozenset(each["triggers"]),
                frozenset(each["indexes"]),
            )
            for each in found
        }

    before = await guards()
    await partitions.prepare(month(7))
    after = await guards()
    assert len(after) > len(before)
    assert len({*after.values()}) == 1
    ((is_secured, triggers, indexes),) = {*after.values()}
    assert is_secured
    assert {each.partition(" ")[0] for each in triggers} >= {"event_rows_stay", "event_stays"}
    assert len(indexes) == 2


async def test_what_came_unprepared_is_kept_in_the_rest_and_stays_there(
    partitions: PostgresPartitions,
    ledger: PostgresLedger,
    pool: asyncpg.Pool,
    admin: asyncpg.Connection,
) -> None:
    tenant = await found_tenant(ledger)
    await ledger.append(write(tenant, "s"))
    await admin.execute("SET session_replication_role = replica")  # as if time had passed
    await admin.execute(
        "UPDATE ledger.event SET recorded_at = $2 WHERE tenant = $1 AND stream = 's'",
        tenant,
        month(9) + timedelta(days=1),
    )
    bounds = "UPDATE ledger.stream_head SET latest = $2 WHERE tenant = $1 AND stream = 's'"
    await admin.execute(bounds, tenant, month(9) + timedelta(days=2))
    assert any(name.endswith("_rest") for name in await home(admin, tenant))
    made = await partitions.prepare(month(10))
    assert made % BUCKETS == BUCKETS - 1  # but for the month of which the rest holds something
    assert await partitions.prepare(month(10)) == 0
    assert [each.seq for each in await ledger.read(tenant, "s")] == [1]
    assert [each.seq async for each in PostgresTree(pool).entries(tenant, 0, 2)] == [0, 1]


async def test_nobody_prepares_for_a_lifetime(partitions: PostgresPartitions) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="three years"):
        await partitions.prepare(month(40))


async def test_a_reader_in_the_way_is_waited_for_briefly_and_hinders_no_append(
    partitions: PostgresPartitions, ledger: PostgresLedger, admin: asyncpg.Connection
) -> None:
    tenant = await found_tenant(ledger)
    async with admin.transaction():
        await admin.execute("SELECT count(*) FROM ledger.event")
        preparing = asyncio.create_task(partitions.prepare(month(12)))
        after = START
        while not preparing.done():
            await ledger.append(entry := write(tenant, "s", after=after))
            after = end(entry)
        with pytest.raises(Unavailable, match="a little later"):
            await preparing
        assert after[0] > 1
    assert await partitions.prepare(month(12)) > 0


async def test_appending_and_reading_a_stream_touch_its_months_only(
    ledger: PostgresLedger, admin: asyncpg.Connection
) -> None:
    tenant = await found_tenant(ledger)
    homes = await home(admin, tenant)
    parts = [name for name, is_partition in (await relations(admin)).items() if is_partition]
    others = [name for name in parts if name.count("_") > 1 and name not in homes]
    assert len(others) > 2 * BUCKETS
    entry = write(tenant, "s")
    async with admin.transaction():
        # whoever looks into another partition now has to wait, in vain
        await admin.execute(f"LOCK TABLE {', '.join(f'ledger.{each}' for each in others)}")
        for _ in range(8):  # more often than Postgres needs to settle on a plan
            assert await ledger.append(entry) == 1
            assert [each.seq for each in await ledger.read(tenant, "s")] == [1]


async def test_a_clock_that_was_set_back_hides_nothing(
    ledger: PostgresLedger, pool: asyncpg.Pool, admin: asyncpg.Connection
) -> None:
    """What was recorded first may have the later time: seq is the order, and bounds only widen."""
    tenant = await found_tenant(ledger)
    first = write(tenant, "s", *["a"] * 100)
    await ledger.append(first)
    await admin.execute("SET session_replication_role = replica")
    for table, times in (
        ("event", "recorded_at = recorded_at + interval '1 day'"),
        ("stream_head", "earliest = earliest + interval '1 day'"),
        ("stream_head", "latest = latest + interval '1 day'"),
        ("tenant_head", "edge_at = edge_at + interval '1 day'"),
    ):
        await admin.execute(f"UPDATE ledger.{table} SET {times} WHERE tenant = $1", tenant)  # noqa: S608 - ours
    await ledger.append(write(tenant, "s", *["b"] * 200, after=end(first)))
    assert len(await ledger.read(tenant, "s")) == 300
    tree = PostgresTree(pool)
    leaves = [leaf async for leaf in tree.leaves(tenant, 0, 301)]
    assert await tree.nodes(tenant)([(0, 255), (0, 256), (0, 300)]) == [
        leaves[255],
        leaves[256],
        leaves[300],
    ]
