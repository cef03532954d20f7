"""Where events of the coming months will be kept."""

from datetime import datetime

import asyncpg

from adapters.postgres.pool import talk
from domain.ports import Unavailable

_PREPARE = "SELECT ledger.prepare_partitions($1)"


class PostgresPartitions:
    """Makes partitions before they are needed. Without one, events go to the rest, and stay."""

    def __init__(self, pool: asyncpg.Pool, *, patience: float = 5.0) -> None:
        self._pool = pool
        self._patience = patience

    async def prepare(self, until: datetime) -> int:
        """Make what is missing up to the month of ``until``, and tell how many that were.

        Appends go on meanwhile. Raises ``Unavailable`` if a reader was in the way for too long;
        calling again goes on.
        """
        try:
            async with talk(self._pool, self._patience) as db:
                return int(await db.fetchval(_PREPARE, until))
        except asyncpg.LockNotAvailableError:
            raise Unavailable("partitions are being read; prepare them a little later") from None
