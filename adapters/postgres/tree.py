"""The Merkle tree over a tenant's log, as it stands in Postgres."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from adapters.postgres.pool import talk
from counterseal.core.tlog.proofs import Nodes
from counterseal.core.tlog.tiles import Tile, nodes_from
from counterseal.core.tlog.tree import HASH_SIZE
from domain.ports import UnknownTenant

_HEAD = "SELECT next_seq, root FROM ledger.tenant_head WHERE tenant = $1"
_TILES = "SELECT level, idx, hashes FROM ledger.tiles($1, $2, $3)"
_ENTRIES = """
    SELECT seq, stream, version, kind, canonical, link, recorded_at FROM ledger.event
    WHERE tenant = $1 AND seq >= $2 AND seq < $3 ORDER BY seq
"""
_LEAVES = """
    SELECT string_agg(link, '' ORDER BY seq) FROM ledger.event
    WHERE tenant = $1 AND seq >= $2 AND seq < $3
"""
_PAGE = 1_000
_LEAF_PAGE = 16_384


class Head(NamedTuple):
    """How many leaves a tree has, and its root."""

    size: int
    root: bytes


class LoggedEvent(NamedTuple):
    """An event at its place in the log of its tenant."""

    seq: int
    stream: str
    version: int
    kind: str
    canonical: bytes
    link: bytes
    recorded_at: datetime


class PostgresTree:
    """Reads trees. Every method raises ``Unavailable`` when Postgres cannot be reached.

    What was read of a tree of some size stays true while it grows, so that all reads agree.
    """

    def __init__(self, pool: asyncpg.Pool, *, patience: float = 5.0) -> None:
        self._pool = pool
        self._patience = patience

    async def head(self, tenant: str) -> Head:
        """Tell the size and root of a tenant's tree. Raises ``UnknownTenant``."""
        async with talk(self._pool, self._patience) as db:
            row = await db.fetchrow(_HEAD, tenant)
        if row is None:
            raise UnknownTenant(f"there is no tenant {tenant}; create it first")
        return Head(row["next_seq"], row["root"])

    def nodes(self, tenant: str) -> Nodes:
        """Give the source of nodes from which proofs of any of the tenant's trees are made.

        Each batch of nodes is one round trip. It raises ``MissingNode`` if there is no such node.
        """

        async def tiles(wanted: Sequence[Tile]) -> Mapping[Tile, bytes]:
            levels, indices = [tile[0] for tile in wanted], [tile[1] for tile in wanted]
            async with talk(self._pool, self._patience) as db:
                rows = await db.fetch(_TILES, tenant, levels, indices)
            return {(row["level"], row["idx"]): row["hashes"] for row in rows}

        return nodes_from(tiles)

    async def leaves(self, tenant: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Read the leaf hashes [start, end), in order, a page at a time."""
        for first in range(start, end, _LEAF_PAGE):
            last = min(first + _LEAF_PAGE, end)
            async with talk(self._pool, self._patience) as db:
                joined = await db.fetchval(_LEAVES, tenant, first, last) or b""
            for place in range(0, len(joined), HASH_SIZE):
                yield joined[place : place + HASH_SIZE]

    async def entries(self, tenant: str, start: int, end: int) -> AsyncIterator[LoggedEvent]:
        """Read the events [start, end), in order, a page at a time; none is made up if missing."""
        for first in range(start, end, _PAGE):
            async with talk(self._pool, self._patience) as db:
                rows = await db.fetch(_ENTRIES, tenant, first, min(first + _PAGE, end))
            for row in rows:
                yield LoggedEvent(*row)
