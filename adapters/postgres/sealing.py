"""What the signer reads of the logs, and the one function it may call to publish."""

from typing import NamedTuple

import asyncpg

from adapters.postgres.pool import talk
from domain.sealing import Head, Leaf

_HEADS = "SELECT tenant, next_seq, root FROM ledger.tenant_head"
_LEAVES = """
    SELECT seq, canonical, link FROM (
        SELECT seq, canonical, link, octet_length(canonical) AS own,
               sum(octet_length(canonical)) OVER (ORDER BY seq) AS joined
        FROM ledger.event WHERE tenant = $1 AND seq >= $2 AND seq < $3) AS following
    WHERE joined - own < $4 ORDER BY seq
"""
_LARGEST_BATCH = 16 * 1024 * 1024
_PUBLISHED = """
    SELECT size, root, note FROM ledger.checkpoint
    WHERE tenant = $1 AND starts_with(note, $2 || chr(10)) AND size < $3
    ORDER BY size DESC LIMIT 64
"""
_PUBLISH = "SELECT ledger.publish_checkpoint($1, $2, $3, $4, $5)"


class Published(NamedTuple):
    """A checkpoint as the database has it."""

    head: Head
    note: str


class PostgresSealing:
    """The signer's way into the ledger. Raises ``Unavailable`` when Postgres cannot be reached."""

    def __init__(self, pool: asyncpg.Pool, *, patience: float = 5.0) -> None:
        self._pool = pool
        self._patience = patience

    async def heads(self) -> dict[str, Head]:
        """Tell how far every tenant's log has come."""
        async with talk(self._pool, self._patience) as db:
            rows = await db.fetch(_HEADS)
        return {row[0]: Head(row[1], row[2]) for row in rows}

    async def leaves(self, tenant: str, start: int, end: int) -> list[Leaf]:
        """Read the events [start, end) that there are; fewer if they are large."""
        async with talk(self._pool, self._patience) as db:
            rows = await db.fetch(_LEAVES, tenant, start, end, _LARGEST_BATCH)
        return [Leaf(*row) for row in rows]

    async def published(self, tenant: str, origin: str, below: int) -> list[Published]:
        """Read some checkpoints that say they are of ``origin``, largest first, below a size."""
        async with talk(self._pool, self._patience) as db:
            rows = await db.fetch(_PUBLISHED, tenant, origin, below)
        return [Published(Head(row[0], row[1]), row[2]) for row in rows]

    async def publish(self, tenant: str, head: Head, note: str, *, witnessed: bool) -> str | None:
        """Publish a checkpoint; doing so again changes nothing. Says why if it is refused."""
        async with talk(self._pool, self._patience) as db:
            refused: str | None = await db.fetchval(
                _PUBLISH, tenant, head.size, head.root, note, witnessed
            )
        return refused
