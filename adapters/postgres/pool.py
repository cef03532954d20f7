"""Connections to Postgres: how many, how patient, and what it means when one is lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from domain.ports import Unavailable

LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
)
"""What goes away by itself. Whether a statement took effect is not known after any of them."""


def open_pool(dsn: str, size: int = 8, patience: float = 5.0) -> asyncpg.Pool:
    """Make a pool whose every call ends within ``patience`` seconds.

    It connects when it is first used (``async with`` or ``await`` it first), and again by itself
    whenever Postgres is back.
    """
    return asyncpg.create_pool(
        dsn,
        min_size=0,  # a floor would be restored in the background, with a traceback per failure
        max_size=size,
        max_inactive_connection_lifetime=0,
        timeout=patience,
        command_timeout=patience,
        reset=_leave,
        server_settings={
            "application_name": "counterseal",
            "statement_timeout": str(int(patience * 1000)),
            "search_path": "ledger, pg_temp",
            "jit": "off",
        },
    )


@asynccontextmanager
async def talk(pool: asyncpg.Pool, patience: float) -> AsyncIterator[PoolConnectionProxy]:
    """Lend a connection. Raises ``Unavailable``; a connection that failed is not used again."""
    try:
        db = await pool.acquire(timeout=patience)
    except LOST as error:
        raise Unavailable(f"Postgres cannot be reached ({_name(error)})") from None
    try:
        yield db
    except asyncpg.PostgresError as error:
        if not isinstance(error, LOST):
            raise
        _drop(db)
        raise Unavailable(f"Postgres gave up ({_name(error)})") from None
    except LOST as error:
        _drop(db)
        raise Unavailable(f"Postgres did not answer ({_name(error)})") from None
    except BaseException:
        _drop(db)  # cancelled in the middle of an answer
        raise
    finally:
        await pool.release(db, timeout=patience)


def _drop(db: PoolConnectionProxy) -> None:
    with suppress(asyncpg.InterfaceError):  # it was lost, and the pool has taken it back already
        db.terminate()


def _name(error: BaseException) -> str:
    return type(error).__name__


async def _leave(_db: object) -> None:
    """Spare a round trip per call: we leave nothing in a session that would need clearing."""
