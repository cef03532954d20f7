import asyncio

import asyncpg
import pytest

from adapters.embedded_postgres import EmbeddedPostgres
from adapters.postgres.migrate import migrate, newest, upgrade
from tests.support.postgres import Database, make_database


async def revision(database: Database) -> str:
    db = await asyncpg.connect(database.dsn)
    try:
        return str(await db.fetchval("SELECT version_num FROM ledger.alembic_version"))
    finally:
        await db.close()


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
