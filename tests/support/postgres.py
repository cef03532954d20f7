"""A real Postgres for tests: one server per run, one fresh database per module.

A ``conftest.py`` that wants it says ``from tests.support.postgres import *``.
"""

import asyncio
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from adapters.embedded_postgres import EmbeddedPostgres
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.migrate import migrate
from adapters.postgres.pool import open_pool

__all__ = ["database", "ledger", "pool", "postgres_server"]


@dataclass(frozen=True)
class Database:
    """A migrated database. ``dsn`` connects as the application, ``admin_dsn`` as superuser."""

    dsn: str
    admin_dsn: str


def start_server() -> EmbeddedPostgres:
    """Start a server of its own; ``discard`` it afterwards."""
    # not pytest's tmp_path: it takes rights away that the user Postgres runs as needs
    server = EmbeddedPostgres(Path(tempfile.mkdtemp(prefix="counterseal-test-")))
    server.start()
    return server


def discard(server: EmbeddedPostgres) -> None:
    if server.pid is not None:
        os.kill(server.pid, signal.SIGQUIT)  # nothing here is kept, so nothing is written out
    server.stop()
    shutil.rmtree(server.socket_dir, ignore_errors=True)
    shutil.rmtree(server.data_dir, ignore_errors=True)


def make_database(server: EmbeddedPostgres) -> Database:
    name = f"test_{uuid.uuid4().hex[:12]}"

    async def create() -> None:
        db = await asyncpg.connect(server.admin_dsn)
        await db.execute(f"CREATE DATABASE {name}")
        await db.close()

    asyncio.run(create())
    made = Database(*(dsn.replace("/counterseal?", f"/{name}?") for dsn in _dsns(server)))
    migrate(made.admin_dsn)
    return made


def _dsns(server: EmbeddedPostgres) -> tuple[str, str]:
    return server.dsn, server.admin_dsn


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    server = start_server()
    yield server
    discard(server)


@pytest.fixture(scope="module")
def database(postgres_server: EmbeddedPostgres) -> Database:
    return make_database(postgres_server)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with open_pool(database.dsn) as opened:
        yield opened


@pytest.fixture
def ledger(pool: asyncpg.Pool) -> PostgresLedger:
    return PostgresLedger(pool)
