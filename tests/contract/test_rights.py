"""Nothing but the append function writes, whoever asks."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.pool import open_pool
from tests.support.entries import found_tenant, write
from tests.support.postgres import Database

TABLES = (
    "tenant_head",
    "event",
    "outbox",
    "action",
    "action_label",
    "api_key",
    "roster",
    "bundle",
    "velocity",
    "velocity_key",
    "alembic_version",
)
FORBIDDEN = (
    "INSERT INTO ledger.{0} SELECT * FROM ledger.{0}",
    "UPDATE ledger.{0} SET {1} = {1}",
    "DELETE FROM ledger.{0}",
    "TRUNCATE ledger.{0}",
    "ALTER TABLE ledger.{0} DISABLE TRIGGER ALL",
    "DROP TABLE ledger.{0}",
)


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection]:
    db = await asyncpg.connect(database.admin_dsn)
    yield db
    await db.close()


async def test_every_table_is_known_here(admin: asyncpg.Connection) -> None:
    found = await admin.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'ledger'")
    assert {each["tablename"] for each in found} == {*TABLES}


@pytest.mark.parametrize("table", TABLES)
async def test_the_application_changes_no_table(pool: asyncpg.Pool, table: str) -> None:
    column = "version_num" if table == "alembic_version" else "tenant"
    for statement in FORBIDDEN:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement.format(table, column))


async def test_the_application_calls_two_functions_only(pool: asyncpg.Pool) -> None:
    found = await pool.fetch("""
        SELECT proname FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace
        AND has_function_privilege(oid, 'EXECUTE')
    """)
    assert {each["proname"] for each in found} == {"append", "circumstances"}


async def test_the_application_makes_nothing_of_its_own(pool: asyncpg.Pool) -> None:
    for statement in (
        "CREATE TABLE ledger.mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "CREATE SCHEMA mine",
        "SET ROLE counterseal_owner",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_a_temporary_table_does_not_stand_in_for_ours(database: Database) -> None:
    async with open_pool(database.dsn, size=1) as session:
        ledger = PostgresLedger(session)
        tenant = await found_tenant(ledger)
        await session.execute("CREATE TEMP TABLE event (LIKE ledger.event)")
        await session.execute("SET search_path = pg_temp, ledger")
        await ledger.append(write(tenant, "s"))
        assert await session.fetchval("SELECT count(*) FROM pg_temp.event") == 0
        assert [each.kind for each in await ledger.read(tenant, "s")] == ["thing.happened"]


@pytest.mark.parametrize("role", ["counterseal_owner", "postgres"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.event SET recorded_at = now()",
        "UPDATE ledger.event SET canonical = ''",
        "DELETE FROM ledger.event",
        "TRUNCATE ledger.event",
        "TRUNCATE ledger.event CASCADE",
        "DELETE FROM ledger.outbox",
        "TRUNCATE ledger.outbox",
    ],
)
async def test_what_is_recorded_stays_even_for_its_owner(
    ledger: PostgresLedger, admin: asyncpg.Connection, role: str, statement: str
) -> None:
    await found_tenant(ledger)
    await admin.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="what is recorded stays"):
        await admin.execute(statement)


async def test_the_owner_is_nobody_special(admin: asyncpg.Connection) -> None:
    owner = await admin.fetchrow("SELECT * FROM pg_roles WHERE rolname = 'counterseal_owner'")
    assert owner is not None
    assert not any((owner["rolsuper"], owner["rolcanlogin"], owner["rolcreaterole"]))
    owners = await admin.fetch(
        "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'ledger'"
    )
    assert [each["tableowner"] for each in owners] == ["counterseal_owner"]
