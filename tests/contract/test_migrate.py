import asyncio
import uuid
from dataclasses import replace

import asyncpg
import pytest

from adapters.embedded_postgres import EmbeddedPostgres
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.migrate import migrate, newest, upgrade
from adapters.postgres.pool import open_pool
from adapters.postgres.queries import PostgresQueries
from domain.ports import StreamMoved, Unavailable
from tests.support.entries import START, counts, end, found_tenant, new_action, row, write
from tests.support.postgres import Database, make_database
from tests.support.roles import administering, logged_in
from tests.support.trees import check

READ_BY_0001 = (
    "SELECT seq, version, kind, canonical, link, recorded_at FROM ledger.event "
    "WHERE tenant = $1 AND stream = $2 AND version > $3 ORDER BY version"
)
OTHERS_READ_BY_0001 = (
    "SELECT * FROM ledger.event ORDER BY tenant, seq",
    "SELECT * FROM ledger.action",
    "SELECT tenant, next_seq AS events, created_at FROM ledger.tenant_head ORDER BY tenant",
    "SELECT ledger.circumstances('t', NULL, '[]', now())",
    "SELECT tenant, action_id, next_deadline FROM ledger.action WHERE next_deadline < now()",
)


async def revision(database: Database) -> str:
    async with logged_in(database, "counterseal_app") as db:
        return str(await db.fetchval("SELECT version_num FROM ledger.alembic_version"))


async def empty_database(server: EmbeddedPostgres) -> Database:
    name = f"old_{uuid.uuid4().hex[:12]}"
    db = await asyncpg.connect(server.admin_dsn)
    await db.execute(f"CREATE DATABASE {name}")
    await db.close()
    whole = Database(server.dsn, server.admin_dsn)
    return replace(
        whole,
        dsn=whole.dsn.replace("/counterseal?", f"/{name}?"),
        admin_dsn=whole.admin_dsn.replace("/counterseal?", f"/{name}?"),
    )


@pytest.fixture
async def old(postgres_server: EmbeddedPostgres) -> Database:
    """A database as the first release made it."""
    made = await empty_database(postgres_server)
    await upgrade(made.admin_dsn, "0001")
    return made


async def test_migrating_again_changes_nothing(database: Database) -> None:
    assert await revision(database) == newest()
    migrate(database.admin_dsn)  # from within a running loop too
    await asyncio.gather(*(upgrade(database.admin_dsn) for _ in range(3)))
    assert await revision(database) == newest()


def test_two_databases_of_one_server_share_the_roles(postgres_server: EmbeddedPostgres) -> None:
    assert asyncio.run(revision(make_database(postgres_server))) == newest()


async def test_the_application_cannot_migrate(database: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await upgrade(database.dsn)


async def test_an_empty_old_database_becomes_a_new_one(old: Database) -> None:
    await upgrade(old.admin_dsn)
    async with open_pool(old.dsn) as pool:
        tenant = await found_tenant(PostgresLedger(pool))
    assert len(await check(old, tenant)) == 1


async def test_what_was_recorded_before_is_carried_over(old: Database) -> None:
    sizes = (1, 2, 255, 256, 257, 700)
    async with open_pool(old.dsn) as pool:
        ledger = PostgresLedger(pool)
        tenants = [await found_tenant(ledger) for _ in sizes]
        for tenant, size in zip(tenants, sizes, strict=True):
            if size > 1:
                await ledger.append(write(tenant, "s", *["a"] * (size - 1)))
        action = new_action()
        first = write(tenants[0], action, "a", "b", table="action", summary=row(action))
        await ledger.append(first)
        before = await pool.fetch("SELECT * FROM ledger.event ORDER BY tenant, seq")
    async with administering(old) as db:  # some of it is of last year
        await db.execute("SET session_replication_role = replica")
        await db.execute(
            "UPDATE ledger.event SET recorded_at = recorded_at - interval '13 months' "
            "WHERE seq < 100"
        )
    await upgrade(old.admin_dsn)
    for tenant, size in zip(tenants, [3, *sizes[1:]], strict=True):
        assert len(await check(old, tenant)) == size
    async with open_pool(old.dsn) as pool:
        ledger = PostgresLedger(pool)
        after = await pool.fetch("SELECT * FROM ledger.event ORDER BY tenant, seq")
        plain = [{**each, "recorded_at": None} for each in map(dict, before)]
        assert [{**each, "recorded_at": None} for each in map(dict, after)] == plain
        assert not await pool.fetchval(
            "SELECT bool_or(tableoid::regclass::text LIKE '%rest') FROM ledger.event"
        )
        listed = await PostgresQueries(pool).get_action(tenants[0], action)
        assert listed is not None
        assert listed.last_seq == 2
        for tenant, size in zip(tenants[1:], sizes[1:], strict=True):
            story = await ledger.read(tenant, "s")
            assert [each.version for each in story] == [*range(size - 1)]
            following = (story[-1].version, story[-1].link)
            with pytest.raises(StreamMoved):
                await ledger.append(write(tenant, "s", "z"))
            await ledger.append(write(tenant, "s", *["b"] * 300, after=following))
        assert await ledger.append(first) == 2  # still known as what it was
    for tenant in tenants:
        await check(old, tenant)


async def test_a_log_with_a_gap_is_not_carried_over(old: Database) -> None:
    async with open_pool(old.dsn) as pool:
        ledger = PostgresLedger(pool)
        tenant = await found_tenant(ledger)
        await ledger.append(write(tenant, "s", *["a"] * 10))
    async with administering(old) as db:
        await db.execute("SET session_replication_role = replica")
        await db.execute("DELETE FROM ledger.event WHERE seq = 4")
    with pytest.raises(asyncpg.RaiseError, match=f"missing from the log of {tenant}"):
        await upgrade(old.admin_dsn)
    assert await revision(old) == "0001"


async def test_the_release_before_goes_on_with_the_new_schema(old: Database) -> None:
    """Its connections stay open through the migration, and so do its prepared statements."""
    async with open_pool(old.dsn) as pool:
        ledger, done = PostgresLedger(pool), asyncio.Event()
        tenant = await found_tenant(ledger)
        for statement in OTHERS_READ_BY_0001:
            await pool.fetch(statement)

        async def go_on(stream: str) -> int:
            after, written = START, 0
            while not done.is_set():
                entry = write(tenant, stream, "a", after=after, contributions=[counts("k")])
                try:
                    await ledger.append(entry)
                except Unavailable:
                    continue
                after, written = end(entry), written + 1
                assert len(await pool.fetch(READ_BY_0001, tenant, stream, -1)) == written
            return written

        writers = [asyncio.create_task(go_on(f"s-{nth}")) for nth in range(4)]
        await asyncio.sleep(0.1)
        await upgrade(old.admin_dsn)
        await asyncio.sleep(0.1)
        done.set()
        written = [await writer for writer in writers]
        for statement in OTHERS_READ_BY_0001:
            await pool.fetch(statement)
    assert len(await check(old, tenant)) == 1 + sum(written)


async def test_a_role_that_is_missing_is_named(postgres_server: EmbeddedPostgres) -> None:
    made = await empty_database(postgres_server)
    name = f"migrator_{uuid.uuid4().hex[:8]}"
    async with administering(made) as db:
        await db.execute(f"CREATE ROLE {name} LOGIN")
        await db.execute("ALTER ROLE counterseal_reader RENAME TO counterseal_hidden")
        try:
            with pytest.raises(ValueError, match="counterseal_reader are missing"):
                await upgrade(made.admin_dsn.replace("postgres@", f"{name}@"))
        finally:
            await db.execute("ALTER ROLE counterseal_hidden RENAME TO counterseal_reader")
            await db.execute(f"DROP ROLE {name}")
