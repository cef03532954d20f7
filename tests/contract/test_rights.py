"""Nothing but the functions of the ledger writes, whoever asks, and whatever they try."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.pool import open_pool
from adapters.postgres.readers import make_reader
from tests.support.entries import found_tenant, write
from tests.support.postgres import Database
from tests.support.roles import APP, OWNER, SIGNER, administering, columns, logged_in, relations

PROOF = {"checkpoint", "cosigned_checkpoint", "seal", "tenant_head", "tile", "event"}
REVIEW = {"action", "action_label", "vote", "refusal", "activation", "tally", "bundle", "roster"}
TABLES = {
    *PROOF,
    *REVIEW,
    "stream_head",
    "outbox",
    "api_key",
    "velocity",
    "velocity_key",
    "secret",
    "reader",
    "alembic_version",
}
STAY = {"event", "outbox", "tile", "checkpoint", "cosigned_checkpoint"}
MAY_READ = {
    APP: TABLES - {"reader"},
    SIGNER: PROOF,
    "reader": PROOF | REVIEW | {"stream_head"},
    "stranger": set[str](),
}
MAY_CALL = {
    APP: {
        "append",
        "circumstances",
        "forget_secrets",
        "keep_secret",
        "leaves",
        "prepare_partitions",
        "story",
        "tiles",
    },
    SIGNER: {"leaves", "publish_checkpoint", "tiles"},
    "reader": {"leaves", "reader_tenant", "story", "tiles"},
    "stranger": set[str](),
}
ROLES = [*MAY_READ]
ON_A_TABLE = (
    "INSERT INTO {table} ({column}) SELECT {column} FROM {table}",
    "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE {table} SET {column} = {column}",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
    "MERGE INTO {table} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
    "COPY {table} FROM STDIN",
    "SELECT FROM {table} FOR UPDATE",
    "LOCK TABLE {table} IN EXCLUSIVE MODE",
    "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} OWNER TO CURRENT_USER",
    "CREATE POLICY mine ON {table} USING (true)",
    "CREATE TRIGGER mine AFTER INSERT ON {table} EXECUTE FUNCTION ledger.refuse_change()",
    "CREATE RULE mine AS ON UPDATE TO {table} DO INSTEAD NOTHING",
    "CREATE INDEX ON {table} ({column})",
    "COMMENT ON TABLE {table} IS 'mine'",
    "DROP TABLE {table}",
    "DROP TABLE {table} CASCADE",
)
ANYWHERE = (
    "CREATE TABLE ledger.mine (x int)",
    "CREATE TABLE public.mine (x int)",
    "CREATE VIEW ledger.mine AS SELECT 1",
    "CREATE FUNCTION ledger.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $1'",
    "CREATE OR REPLACE FUNCTION ledger.root_of(p_frontier bytea) RETURNS bytea "
    "LANGUAGE sql AS 'SELECT p_frontier'",
    "ALTER FUNCTION ledger.append(jsonb, bytea[]) SECURITY INVOKER",
    "ALTER FUNCTION ledger.append(jsonb, bytea[]) SET search_path = pg_temp",
    "DROP FUNCTION ledger.refuse_change() CASCADE",
    "CREATE SCHEMA mine",
    "DROP SCHEMA ledger CASCADE",
    "ALTER SCHEMA ledger OWNER TO CURRENT_USER",
    "DROP EXTENSION plpgsql CASCADE",
    "CREATE ROLE mine",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE counterseal_owner LOGIN",
    "GRANT counterseal_owner TO CURRENT_USER",
    "SET ROLE counterseal_owner",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION counterseal_owner",
    "SET SESSION AUTHORIZATION postgres",
    "SET session_replication_role = replica",
    "SELECT pg_reload_conf()",
    "ALTER DEFAULT PRIVILEGES FOR ROLE counterseal_owner GRANT ALL ON TABLES TO PUBLIC",
    "REASSIGN OWNED BY counterseal_owner TO CURRENT_USER",
    "DROP OWNED BY counterseal_owner",
    "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION ledger.refuse_change()",
    "CREATE PUBLICATION mine FOR ALL TABLES",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
)
REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedFunctionError)


async def make_roles(database: Database) -> dict[str, str]:
    made = {APP: APP, SIGNER: SIGNER}
    tag = uuid.uuid4().hex[:12]
    made |= {"reader": f"reader_{tag}", "stranger": f"stranger_{tag}"}
    async with open_pool(database.dsn) as pool:
        tenant = await found_tenant(PostgresLedger(pool))
    await make_reader(database.admin_dsn, tenant, made["reader"])
    async with administering(database) as admin:
        await admin.execute(f"CREATE ROLE {made['stranger']} LOGIN")
    return made


@pytest.fixture(scope="module")
def names(database: Database) -> dict[str, str]:
    """Make a reader and somebody nobody knows; tell what the roles of these tests are called."""
    return asyncio.run(make_roles(database))


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection]:
    async with administering(database) as db:
        yield db


async def allowed(db: asyncpg.Connection, statement: str) -> bool:
    """Say whether a statement went through; it is taken back."""
    undone = db.transaction()
    await undone.start()
    try:
        await db.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return False
    finally:
        await undone.rollback()
    return True


async def test_every_table_is_known_here(admin: asyncpg.Connection) -> None:
    found = await relations(admin)
    assert {name for name, is_partition in found.items() if not is_partition} == TABLES
    assert all(name.startswith("event_") for name, is_partition in found.items() if is_partition)


async def test_every_table_and_partition_has_row_security(admin: asyncpg.Connection) -> None:
    open_ones = await admin.fetch("""
        SELECT relname FROM pg_class WHERE relnamespace = 'ledger'::regnamespace
        AND relkind IN ('r', 'p') AND NOT relrowsecurity
    """)
    assert open_ones == []


async def test_nothing_is_granted_on_a_partition_and_no_policy_opens_it(
    admin: asyncpg.Connection,
) -> None:
    found = await admin.fetch("""
        SELECT relname FROM pg_class WHERE relnamespace = 'ledger'::regnamespace
        AND relispartition AND (
            EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee <> relowner)
            OR EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid))
    """)
    assert found == []


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_changes_any_table_or_partition(
    database: Database, admin: asyncpg.Connection, names: dict[str, str], role: str
) -> None:
    first = await columns(admin)
    async with logged_in(database, names[role]) as db:
        await db.execute("SET default_transaction_read_only = off")
        went_through = [
            told
            for table in await relations(admin)
            for statement in ON_A_TABLE
            if await allowed(
                db, told := statement.format(table=f"ledger.{table}", column=first[table])
            )
        ]
    assert went_through == []


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_reads_what_it_must_and_no_partition(
    database: Database, admin: asyncpg.Connection, names: dict[str, str], role: str
) -> None:
    async with logged_in(database, names[role]) as db:
        read = {
            table
            for table in await relations(admin)
            if await allowed(db, f"SELECT FROM ledger.{table} LIMIT 1")
        }
    assert read == MAY_READ[role]


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_calls_what_it_must(
    database: Database, names: dict[str, str], role: str
) -> None:
    async with logged_in(database, names[role]) as db:
        found = await db.fetch("""
            SELECT proname FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace
            AND has_function_privilege(oid, 'EXECUTE')
            AND has_schema_privilege('ledger', 'USAGE')
        """)
    assert {each["proname"] for each in found} == MAY_CALL[role]


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_makes_or_becomes_anything(
    database: Database, names: dict[str, str], role: str
) -> None:
    async with logged_in(database, names[role]) as db:
        await db.execute("SET default_transaction_read_only = off")
        assert [each for each in ANYWHERE if await allowed(db, each)] == []


async def test_only_functions_with_a_pinned_path_run_with_more_rights(
    admin: asyncpg.Connection,
) -> None:
    found = await admin.fetch("""
        SELECT proname, proconfig FROM pg_proc
        WHERE pronamespace = 'ledger'::regnamespace AND prosecdef
    """)
    assert {each["proname"] for each in found} == {
        "append",
        "forget_secrets",
        "keep_secret",
        "prepare_partitions",
        "publish_checkpoint",
        "reader_tenant",
    }
    for each in found:
        assert "search_path=ledger, pg_temp" in each["proconfig"], each["proname"]


async def test_a_temporary_table_does_not_stand_in_for_ours(database: Database) -> None:
    async with open_pool(database.dsn, size=1) as session:
        ledger = PostgresLedger(session)
        tenant = await found_tenant(ledger)
        for table in ("event", "stream_head", "tenant_head", "tile", "outbox"):
            await session.execute(f"CREATE TEMP TABLE {table} (LIKE ledger.{table})")
        await session.execute("SET search_path = pg_temp, ledger")
        await ledger.append(write(tenant, "s"))
        for table in ("event", "stream_head", "tenant_head", "outbox"):
            assert await session.fetchval(f"SELECT count(*) FROM pg_temp.{table}") == 0  # noqa: S608 - ours
        assert [each.kind for each in await ledger.read(tenant, "s")] == ["thing.happened"]


@pytest.mark.parametrize("role", [OWNER, "postgres"])
async def test_what_is_recorded_stays_even_for_its_owner(
    ledger: PostgresLedger, admin: asyncpg.Connection, role: str
) -> None:
    tenant = await found_tenant(ledger)
    await ledger.append(write(tenant, "s", *["a"] * 300))
    found = await relations(admin)
    await admin.execute(f"SET ROLE {role}")
    tables = [name for name, is_partition in found.items() if is_partition or name in STAY]
    full = [
        table
        for table in tables
        if await admin.fetchval(f"SELECT count(*) FROM ledger.{table}")  # noqa: S608 - ours
    ]
    assert {"event", "tile", "outbox"} <= {*full}
    statements = [
        *(f"TRUNCATE ledger.{table}" for table in tables if table != "checkpoint"),
        *(f"TRUNCATE ledger.{table} CASCADE" for table in tables),
        *(
            statement.format(table)
            for table in tables
            if table in full
            for statement in ("DELETE FROM ledger.{}", "UPDATE ledger.{} SET tenant = 'other'")
        ),
        "UPDATE ledger.event SET recorded_at = now()",
        "UPDATE ledger.event SET canonical = ''",
        "UPDATE ledger.tile SET hashes = substr(hashes, 33)",
        "UPDATE ledger.tile SET hashes = sha256('') || hashes",
    ]
    assert len(statements) > 2 * len(tables)
    for statement in statements:
        with pytest.raises(REFUSED, match="what is recorded stays"):
            await admin.execute(statement)


async def test_the_owner_is_nobody_special(admin: asyncpg.Connection) -> None:
    for name, can_login in ((OWNER, False), ("counterseal_reader", False), (APP, True)):
        role = await admin.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", name)
        assert role is not None
        assert not any((role["rolsuper"], role["rolcreaterole"], role["rolbypassrls"]))
        assert role["rolcanlogin"] is can_login
    owners = await admin.fetch(
        "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'ledger'"
    )
    assert [each["tableowner"] for each in owners] == [OWNER]
