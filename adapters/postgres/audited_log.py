"""Everything that is stored of a tenant's log, as an audit reads it: nothing is believed."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg

from adapters.postgres.pool import talk
from counterseal.core.tlog.audit import Stored
from counterseal.core.tlog.checkpoint import Checkpoint
from counterseal.core.tlog.tiles import Tile

_TENANTS = "SELECT tenant FROM ledger.tenant_head ORDER BY tenant"
_HEAD = "SELECT next_seq, root FROM ledger.tenant_head WHERE tenant = $1"
_EVENTS = """
    SELECT seq, stream, version, kind, canonical, link, recorded_at FROM ledger.event
    WHERE tenant = $1 AND seq >= $2 AND seq < $3 ORDER BY seq
"""
_STRAYS = """
    SELECT (SELECT count(*) FROM ledger.event WHERE tenant = $1) - next_seq
    FROM ledger.tenant_head WHERE tenant = $1
"""
_TILES = """
    SELECT level, idx, hashes FROM ledger.tile
    WHERE tenant = $1 AND (level, idx) > ($2, $3) ORDER BY level, idx LIMIT 500
"""
_CHECKPOINTS = "SELECT size, root FROM ledger.checkpoint WHERE tenant = $1 ORDER BY size"
_PAGE = 2000


class PostgresAuditedLog:
    """Implements ``activities.auditing.AuditedLog``. Raises ``Unavailable``."""

    def __init__(self, pool: asyncpg.Pool, *, patience: float = 30.0) -> None:
        self._pool = pool
        self._patience = patience

    async def tenants(self) -> Sequence[str]:
        """Name everyone who has a log."""
        return [row["tenant"] for row in await self._rows(_TENANTS)]

    async def head(self, tenant: str) -> tuple[int, bytes] | None:
        """Tell size and root as the store has them."""
        found = await self._rows(_HEAD, tenant)
        return (found[0]["next_seq"], found[0]["root"]) if found else None

    async def strays(self, tenant: str) -> int:
        """Count the rows that the log has no place for; negative if some are missing."""
        found = await self._rows(_STRAYS, tenant)
        return int(found[0][0]) if found else 0

    async def events(self, tenant: str, size: int) -> AsyncIterator[Sequence[Stored]]:
        """Read the events below ``size`` in order, by pages, one page ahead of the caller."""
        places = [(first, min(first + _PAGE, size)) for first in range(0, size, _PAGE)]
        ahead = self._ahead(tenant, places, 0)
        try:
            for number in range(len(places)):
                rows, ahead = await ahead, self._ahead(tenant, places, number + 1)
                yield [Stored._make(row) for row in rows]
        finally:
            ahead.cancel()

    async def tiles(self, tenant: str) -> AsyncIterator[tuple[Tile, bytes]]:
        """Read every stored tile."""
        last = (-1, -1)
        while rows := await self._rows(_TILES, tenant, *last):
            for row in rows:
                last = (row["level"], row["idx"])
                yield last, row["hashes"]

    async def checkpoints(self, origin: str, tenant: str) -> Sequence[Checkpoint]:
        """Read the checkpoints that were published, smallest first."""
        rows = await self._rows(_CHECKPOINTS, tenant)
        return [Checkpoint(origin, row["size"], row["root"]) for row in rows]

    def _ahead(
        self, tenant: str, places: Sequence[tuple[int, int]], number: int
    ) -> "asyncio.Task[list[asyncpg.Record]]":
        first, last = places[number] if number < len(places) else (0, 0)
        return asyncio.create_task(self._rows(_EVENTS, tenant, first, last))

    async def _rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        async with talk(self._pool, self._patience) as db:
            return await db.fetch(sql, *arguments, timeout=self._patience)
