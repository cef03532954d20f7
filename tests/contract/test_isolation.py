"""A reader of one tenant learns nothing of another, whichever way they turn."""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.news import CHANNEL
from adapters.postgres.pool import open_pool
from adapters.postgres.readers import make_reader
from adapters.postgres.tree import PostgresTree
from counterseal.core.tlog.proofs import is_included, prove_inclusion
from entrypoints.admin import main as admin_command
from tests.support.entries import found_tenant, new_action, row, write
from tests.support.postgres import Database
from tests.support.roles import administering, logged_in, relations

READABLE = "SELECT relname FROM pg_class WHERE has_table_privilege(oid, 'SELECT')"
LEAK = """
    CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$
"""


@dataclass(frozen=True)
class Neighbours:
    """Two tenants of one database, and the one who may read the first."""

    mine: str
    theirs: str
    reader: str


async def settle(database: Database) -> Neighbours:
    async with open_pool(database.dsn) as pool:
        ledger = PostgresLedger(pool)
        mine, theirs = [await found_tenant(ledger) for _ in range(2)]
        for tenant in (mine, theirs):
            action = new_action()
            await ledger.append(write(tenant, action, table="action", summary=row(action)))
            await ledger.append(write(tenant, "s", *["a"] * 300))
            roster = write(tenant, "roster", table="roster", summary={"body": {"people": []}})
            await ledger.append(roster)
    reader = f"reader_{uuid.uuid4().hex[:12]}"
    assert await make_reader(database.admin_dsn, mine, reader)
    async with administering(database) as admin:
        await admin.execute("ANALYZE")
    return Neighbours(mine, theirs, reader)


@pytest.fixture(scope="module")
def neighbours(database: Database) -> Iterator[Neighbours]:
    settled = asyncio.run(settle(database))
    yield settled
    asyncio.run(leave(database, settled.reader))


async def leave(database: Database, reader: str) -> None:
    async with administering(database) as admin:
        await admin.execute(f"DROP OWNED BY {reader}; DROP ROLE {reader}")


@pytest.fixture
async def session(database: Database, neighbours: Neighbours) -> AsyncIterator[asyncpg.Connection]:
    async with logged_in(database, neighbours.reader) as db:
        await db.execute("SET default_transaction_read_only = off")
        yield db


async def tenants_in(db: asyncpg.Connection, sql: str, *arguments: object) -> set[str]:
    return {each[0] for each in await db.fetch(sql, *arguments)}


async def readable(database: Database, db: asyncpg.Connection) -> list[str]:
    async with administering(database) as admin:
        tables = await relations(admin)
    return [name for name in await tenants_in(db, READABLE) if name in tables]


async def test_a_reader_sees_their_tenant_in_every_table_and_no_other(
    database: Database, session: asyncpg.Connection, neighbours: Neighbours
) -> None:
    tables = await readable(database, session)
    assert len(tables) > 10
    for table in tables:
        found = await tenants_in(session, f"SELECT tenant FROM ledger.{table}")  # noqa: S608 - ours
        assert found <= {neighbours.mine}, table
    for table in ("event", "tile", "tenant_head", "stream_head", "action", "roster"):
        found = await tenants_in(session, f"SELECT tenant FROM ledger.{table}")  # noqa: S608 - ours
        assert found == {neighbours.mine}, table


async def test_a_reader_reads_and_proves_with_the_same_code_as_we_do(
    database: Database, neighbours: Neighbours
) -> None:
    async with asyncpg.create_pool(database.dsn, user=neighbours.reader, min_size=0) as pool:
        tree = PostgresTree(pool)
        size, root = await tree.head(neighbours.mine)
        leaves = [leaf async for leaf in tree.leaves(neighbours.mine, 0, size)]
        proof = await prove_inclusion(7, size, tree.nodes(neighbours.mine))
        assert is_included(leaves[7], 7, size, proof, root)
        assert len(await PostgresLedger(pool).read(neighbours.mine, "s")) == 300
        assert await PostgresLedger(pool).read(neighbours.theirs, "s") == []
        assert [leaf async for leaf in tree.leaves(neighbours.theirs, 0, size)] == []


@asynccontextmanager
async def posing(db: asyncpg.Connection, *statements: str) -> AsyncIterator[asyncpg.Connection]:
    for statement in statements:
        await db.execute(statement)
    yield db
    await db.execute("RESET ROLE; RESET ALL; DISCARD TEMP")


@pytest.mark.parametrize(
    "pose",
    [
        ["SET ROLE counterseal_reader"],
        ["SET ledger.tenant = '{theirs}'", "SET app.tenant = '{theirs}'"],
        [
            "CREATE TEMP TABLE reader AS SELECT session_user AS role, '{theirs}' AS tenant",
            "SET search_path = pg_temp, ledger",
        ],
        [
            "CREATE FUNCTION pg_temp.reader_tenant() RETURNS text LANGUAGE sql "
            "AS $$ SELECT '{theirs}' $$",
            "SET search_path = pg_temp, ledger",
        ],
        ["CREATE TEMP VIEW peek AS SELECT * FROM ledger.event"],
        ["SET constraint_exclusion = on", "SET enable_partition_pruning = off"],
    ],
)
async def test_no_pose_shows_another_tenant(
    session: asyncpg.Connection, neighbours: Neighbours, pose: list[str]
) -> None:
    async with posing(session, *(each.format(theirs=neighbours.theirs) for each in pose)) as db:
        for table in ("ledger.event", "ledger.action", "ledger.tile"):
            assert await tenants_in(db, f"SELECT tenant FROM {table}") <= {neighbours.mine}  # noqa: S608 - ours
        if "peek" in pose[0]:
            assert await tenants_in(db, "SELECT tenant FROM peek") == {neighbours.mine}


async def test_row_security_cannot_be_left_out(session: asyncpg.Connection) -> None:
    await session.execute("SET row_security = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await session.fetch("SELECT * FROM ledger.event")


async def test_functions_answer_nothing_of_another_tenant(
    session: asyncpg.Connection, neighbours: Neighbours
) -> None:
    theirs = neighbours.theirs
    assert await session.fetch("SELECT * FROM ledger.story($1, ARRAY['s', 'tenant'])", theirs) == []
    assert await session.fetch("SELECT * FROM ledger.tiles($1, '{0,0,1}', '{0,1,0}')", theirs) == []
    leaves = "SELECT ledger.leaves($1, 0, 9, '-infinity')"
    assert await session.fetchval(leaves, theirs) is None
    assert await session.fetchval(leaves, neighbours.mine) is not None


async def test_a_cheap_function_is_not_shown_rows_before_they_are_filtered(
    session: asyncpg.Connection, neighbours: Neighbours
) -> None:
    told: list[str] = []
    session.add_log_listener(lambda _, message: told.append(str(message)))
    await session.execute(LEAK)
    for column in ("tenant", "stream", "kind"):
        await session.fetch(f"SELECT 1 FROM ledger.event WHERE pg_temp.leak({column})")  # noqa: S608 - ours
    assert any(neighbours.mine in each for each in told)
    assert not any(neighbours.theirs in each for each in told)


async def test_statistics_tell_nothing(session: asyncpg.Connection) -> None:
    assert await session.fetchval("SELECT count(*) FROM pg_stats WHERE schemaname = 'ledger'") == 0


async def test_a_listener_hears_that_something_happened_and_not_what(
    database: Database, session: asyncpg.Connection, neighbours: Neighbours
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    await session.add_listener(CHANNEL, lambda *told: heard.put_nowait(str(told[-1])))
    async with open_pool(database.dsn) as pool:
        action = new_action()
        await PostgresLedger(pool).append(write(neighbours.theirs, action, wake=True))
    payload = await asyncio.wait_for(heard.get(), 5)
    assert neighbours.theirs not in payload
    assert action not in payload


async def test_a_role_that_nobody_mapped_reads_nothing(
    database: Database, neighbours: Neighbours
) -> None:
    role = f"unmapped_{uuid.uuid4().hex[:12]}"
    async with administering(database) as admin:
        await admin.execute(f"CREATE ROLE {role} LOGIN; GRANT counterseal_reader TO {role}")
    async with logged_in(database, role) as db:
        assert await tenants_in(db, "SELECT tenant FROM ledger.event") == set()
        assert await db.fetchval("SELECT ledger.reader_tenant()") is None
    await leave(database, role)
    assert neighbours.mine


async def test_a_reader_is_made_once_and_for_one_tenant(
    database: Database, neighbours: Neighbours
) -> None:
    dsn, reader = database.admin_dsn, neighbours.reader
    assert not await make_reader(dsn, neighbours.mine, reader)
    with pytest.raises(ValueError, match=f"reads the tenant {neighbours.mine}"):
        await make_reader(dsn, neighbours.theirs, reader)
    for taken in ("postgres", "counterseal_app", "counterseal_owner", "counterseal_reader"):
        with pytest.raises(ValueError, match="is for something else"):
            await make_reader(dsn, neighbours.mine, taken)
    with pytest.raises(ValueError, match="no tenant nowhere"):
        await make_reader(dsn, "nowhere", "reader_of_nowhere")
    for name in ("", "x" * 64, "a\0b"):
        with pytest.raises(ValueError, match="1 to 63 bytes"):
            await make_reader(dsn, neighbours.mine, name)
    with pytest.raises(ValueError, match="only an administrator"):
        await make_reader(database.dsn, neighbours.mine, "reader_by_the_app")


async def test_a_name_is_a_name_and_no_statement(
    database: Database, neighbours: Neighbours
) -> None:
    name = f'"; DROP TABLE x; -- %I {uuid.uuid4().hex[:8]}'
    assert await make_reader(database.admin_dsn, neighbours.mine, name)
    async with logged_in(database, name) as db:
        assert await tenants_in(db, "SELECT tenant FROM ledger.event") == {neighbours.mine}
    quoted = name.replace('"', '""')
    await leave(database, f'"{quoted}"')


def test_the_command_makes_a_reader_and_says_so(
    database: Database,
    neighbours: Neighbours,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    role = f"grc_{uuid.uuid4().hex[:12]}"
    words = ["--json", "reader", database.admin_dsn, neighbours.mine, "--role", role]
    for is_new in (True, False):
        monkeypatch.setattr(sys, "argv", ["admin", *words])
        assert admin_command() == 0
        told = json.loads(capsys.readouterr().out)
        assert told == {"role": role, "tenant": neighbours.mine, "new": is_new}
    monkeypatch.setattr(sys, "argv", ["admin", "reader", database.admin_dsn, "nowhere"])
    assert admin_command() == 1
    assert capsys.readouterr().err == "reader: there is no tenant nowhere; create it first\n"
    asyncio.run(leave(database, role))
