"""Who may connect to the database, and everything there is in it to be tried."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.support.postgres import Database

APP, SIGNER, OWNER = "counterseal_app", "counterseal_signer", "counterseal_owner"
_RELATIONS = """
    SELECT relname, relispartition FROM pg_class
    WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname
"""


@asynccontextmanager
async def logged_in(database: Database, role: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect as ``role``. The server of tests asks nobody for a password."""
    db = await asyncpg.connect(database.dsn, user=role)
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def administering(database: Database) -> AsyncIterator[asyncpg.Connection]:
    db = await asyncpg.connect(database.admin_dsn)
    try:
        yield db
    finally:
        await db.close()


async def relations(db: asyncpg.Connection) -> dict[str, bool]:
    """Name every table and partition; true for partitions."""
    return {row["relname"]: row["relispartition"] for row in await db.fetch(_RELATIONS)}


async def columns(db: asyncpg.Connection) -> dict[str, str]:
    """Name the first column of every table and partition."""
    found = await db.fetch("""
        SELECT relname, attname FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
        WHERE relnamespace = 'ledger'::regnamespace AND attnum = 1
    """)
    return {row["relname"]: row["attname"] for row in found}
