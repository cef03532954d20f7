"""Bring a database to the schema this code was written for."""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x636F756E  # any number that nobody else locks; two migrations at once take turns

_ROLES = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'counterseal_owner') THEN
        CREATE ROLE counterseal_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'counterseal_app') THEN
        CREATE ROLE counterseal_app LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'counterseal_signer') THEN
        CREATE ROLE counterseal_signer LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'counterseal_reader') THEN
        CREATE ROLE counterseal_reader NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- roles belong to the whole server: somebody made them for another database just now
END $$
"""
_MISSING = """
    SELECT name FROM unnest('{counterseal_owner,counterseal_app,counterseal_signer,
        counterseal_reader}'::text[]) AS name
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
"""


def migrate(dsn: str) -> None:
    """Create or upgrade the schema ``ledger``; repeating it changes nothing.

    ``dsn`` names an administrator, who creates the roles if they are missing, or the role
    ``counterseal_owner`` itself. Migrations only ever add, so that the release before this one
    goes on working meanwhile.
    """
    with ThreadPoolExecutor(1) as aside:  # the caller may be running an event loop
        aside.submit(lambda: asyncio.run(upgrade(dsn))).result()


async def upgrade(dsn: str, to: str = "head") -> None:
    """Do as ``migrate`` does, from within an event loop, and stop at the revision ``to``."""
    db = await asyncpg.connect(dsn)
    try:
        await db.execute("SELECT pg_advisory_lock($1)", _LOCK)
        if await db.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            await db.execute(_ROLES)
            await db.execute("CREATE SCHEMA IF NOT EXISTS ledger AUTHORIZATION counterseal_owner")
        if missing := [row["name"] for row in await db.fetch(_MISSING)]:
            raise ValueError(
                f"the roles {', '.join(missing)} are missing; "
                "migrate once as an administrator, who may make them"
            )
        async with db.transaction():
            await db.execute("SET LOCAL ROLE counterseal_owner; SET LOCAL search_path = ledger")
            if script := await asyncio.to_thread(_script, await _revision(db), to):
                await db.execute(script)
    finally:
        await db.close()


def newest() -> str:
    """Name the revision this code was written for."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head() or "base"


async def _revision(db: asyncpg.Connection) -> str:
    if await db.fetchval("SELECT to_regclass('ledger.alembic_version')") is None:
        return "base"
    return await db.fetchval("SELECT version_num FROM ledger.alembic_version") or "base"


def _script(revision: str, to: str) -> str:
    """Write the SQL that leads from ``revision`` to ``to``."""
    if revision == newest():
        return ""
    written = io.StringIO()
    config = Config(output_buffer=written)
    config.set_main_option("script_location", str(_MIGRATIONS))
    command.upgrade(config, f"{revision}:{to}", sql=True)
    return written.getvalue()
