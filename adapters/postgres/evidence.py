"""What evidence packages are made of, read from Postgres in few round trips."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime

import asyncpg

from adapters.postgres.pool import talk
from adapters.postgres.tree import PostgresTree
from counterseal.core.packages import PeriodFilters
from counterseal.core.tlog.proofs import Nodes
from domain.evidence.contents import Leaf
from domain.evidence.events import LEDGER_STREAM
from domain.evidence.period import Total
from domain.evidence.ports import Counted, End
from domain.evidence.totals import COUNTED_BY

_TENANTS = "SELECT tenant FROM ledger.tenant_head ORDER BY tenant"
_STREAMS = "SELECT seq, stream, version, kind, link, canonical FROM ledger.story($1, $2)"
_END = """
    SELECT event.version, event.link, event.canonical
    FROM ledger.stream_head AS head JOIN ledger.event ON event.tenant = head.tenant
        AND event.stream = head.stream AND event.version = head.version
        AND event.recorded_at BETWEEN head.earliest AND head.latest
    WHERE head.tenant = $1 AND head.stream = $2
"""
_ACTIVATIONS = """
    SELECT event.seq, event.stream, event.version, event.kind, event.link, event.canonical
    FROM unnest($2::text[], $3::bigint[]) AS judged(digest, seq)
    CROSS JOIN LATERAL (
        SELECT activation.seq FROM ledger.activation
        WHERE activation.tenant = $1 AND activation.digest = judged.digest
            AND activation.seq < judged.seq
        ORDER BY activation.seq DESC LIMIT 1) AS came
    JOIN ledger.event ON event.tenant = $1 AND event.seq = came.seq
"""
_ROSTERS = """
    SELECT DISTINCT ON (seq) seq, stream, version, kind, link, canonical
    FROM unnest($2::bigint[], $3::timestamptz[]) AS vote(place, at)
    CROSS JOIN LATERAL (
        (SELECT * FROM ledger.event
         WHERE tenant = $1 AND stream = 'roster' AND seq < vote.place
         ORDER BY version DESC LIMIT 1)
        UNION ALL
        (SELECT * FROM ledger.event
         WHERE tenant = $1 AND stream = 'roster' AND seq < vote.place AND recorded_at <= vote.at
         ORDER BY version DESC LIMIT 1)) AS roster
    ORDER BY seq
"""
_COUNTED = """
    SELECT stream, kind, CASE WHEN kind = ANY ($4) THEN canonical END FROM ledger.event
    WHERE tenant = $1 AND seq >= $2 AND seq < $3 ORDER BY seq
"""
_TOTAL = """
    SELECT version, seq, (said->>'at')::timestamptz AS at, (said->>'end')::bigint AS end FROM (
        SELECT version, seq, convert_from(canonical, 'UTF8')::jsonb -> 'event' AS said
        FROM ledger.event WHERE tenant = $1 AND stream = $2) AS total
    WHERE (said->>'at')::timestamptz <= $3 ORDER BY version DESC LIMIT 1
"""
_FITTING = """
    SELECT action_id FROM ledger.action
    WHERE tenant = $1 AND action_id = ANY ($2) AND (risk = ANY ($3) OR $3 = '{}')
        AND (action_class = ANY ($4) OR $4 = '{}') AND (effective = ANY ($5) OR $5 = '{}')
"""
_PAGE = 5_000


class PostgresEvidence:
    """Implements ``domain.evidence.ports.EvidenceLog``."""

    def __init__(self, pool: asyncpg.Pool, *, patience: float = 5.0) -> None:
        self._pool = pool
        self._patience = patience
        self._tree = PostgresTree(pool, patience=patience)

    async def tenants(self) -> Sequence[str]:
        """Name everyone who has a log."""
        return [row["tenant"] for row in await self._rows(_TENANTS)]

    async def size(self, tenant: str) -> int:
        """Tell how many events there are. Raises ``UnknownTenant``."""
        return (await self._tree.head(tenant)).size

    async def end(self, tenant: str, stream: str) -> End:
        """Find the last event of a stream."""
        rows = await self._rows(_END, tenant, stream)
        return End(*rows[0]) if rows else End()

    async def streams(self, tenant: str, streams: Sequence[str]) -> Sequence[Leaf]:
        """Read whole streams from one snapshot."""
        return [Leaf(*row) for row in await self._rows(_STREAMS, tenant, [*streams])]

    async def activations(self, tenant: str, judged: Collection[tuple[str, int]]) -> Sequence[Leaf]:
        """Find, for each bundle's digest and seq, how it last came into force before."""
        digests, seqs = [each[0] for each in judged], [each[1] for each in judged]
        return [Leaf(*row) for row in await self._rows(_ACTIVATIONS, tenant, digests, seqs)]

    async def rosters(self, tenant: str, votes: Collection[tuple[int, datetime]]) -> Sequence[Leaf]:
        """Find, for each vote's seq and instant, the rosters in force by place and by time."""
        seqs, instants = [each[0] for each in votes], [each[1] for each in votes]
        return [Leaf(*row) for row in await self._rows(_ROSTERS, tenant, seqs, instants)]

    async def run(self, tenant: str, start: int, end: int) -> AsyncIterator[Leaf]:
        """Read the events [start, end), in order, a page at a time."""
        async for each in self._tree.entries(tenant, start, end):
            yield Leaf(each.seq, each.stream, each.version, each.kind, each.link, each.canonical)

    async def counted(self, tenant: str, start: int, end: int) -> AsyncIterator[Counted]:
        """Read the same for counting, a page at a time."""
        for first in range(start, end, _PAGE):
            last = min(first + _PAGE, end)
            for row in await self._rows(_COUNTED, tenant, first, last, [*COUNTED_BY]):
                yield Counted(*row)

    async def total_before(self, tenant: str, at: datetime) -> Total | None:
        """Find the latest control total taken at ``at`` or before."""
        rows = await self._rows(_TOTAL, tenant, LEDGER_STREAM, at)
        return Total(*rows[0]) if rows else None

    async def fitting(
        self, tenant: str, actions: Collection[str], filters: PeriodFilters
    ) -> Collection[str]:
        """Say which of these actions were decided so that they fit."""
        wanted = [[*map(str, each)] for each in (filters.risk, filters.action_class)]
        effective = [*map(str, filters.effective)]
        rows = await self._rows(_FITTING, tenant, [*actions], *wanted, effective)
        return {row["action_id"] for row in rows}

    def nodes(self, tenant: str) -> Nodes:
        """Give the source of nodes from which proofs are made."""
        return self._tree.nodes(tenant)

    async def _rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        async with talk(self._pool, self._patience) as db:
            return await db.fetch(sql, *arguments)
