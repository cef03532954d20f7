"""Finds what nobody closed, in Postgres."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from adapters.postgres.pool import talk
from domain.ports import Due

_OVERDUE = """
    SELECT tenant, action_id, next_deadline AS deadline FROM ledger.action
    WHERE next_deadline < $1 ORDER BY next_deadline LIMIT $2
"""


class PostgresOverdue:
    """Implements ``domain.ports.Overdue``."""

    def __init__(self, pool: asyncpg.Pool, *, patience: float = 5.0) -> None:
        self._pool = pool
        self._patience = patience

    async def overdue(self, before: datetime, limit: int) -> Sequence[Due]:
        """Find open actions whose next deadline lies before ``before``, oldest first."""
        async with talk(self._pool, self._patience) as db:
            rows = await db.fetch(_OVERDUE, before, limit)
        return [Due.model_validate(dict(row)) for row in rows]
