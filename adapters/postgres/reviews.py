"""Answers to what reviews ask: lists of what was said, and how many of what."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import TypeVar

import asyncpg

from adapters.postgres import counting, listing
from adapters.postgres import cursor as cursors
from adapters.postgres.pool import talk
from adapters.postgres.rows import ActionFilter, ActivationFilter, RefusalFilter, VoteFilter
from counterseal.core.canonical import Json
from counterseal.core.review import ActivationLine, RefusalLine, Summary, VoteLine

MOST_GROUPS = 1000

L = TypeVar("L", VoteLine, RefusalLine, ActivationLine)


class PostgresReviews:
    """Answers from Postgres. Every method raises ``Unavailable`` when it cannot be reached.

    Lists come latest first, with the cursor of the next page if there is one, and raise
    ``BadCursor``. Summaries count by the words they are given.
    """

    def __init__(self, pool: asyncpg.Pool, *, patience: float = 5.0) -> None:
        self._pool = pool
        self._patience = patience

    async def votes(
        self, tenant: str, wanted: VoteFilter, cursor: str | None = None, limit: int = 50
    ) -> tuple[tuple[VoteLine, ...], str | None]:
        """List votes that counted."""
        after = cursors.read_place(cursor, "votes") if cursor is not None else None
        rows = await self._rows(listing.votes(tenant, wanted, after, limit + 1))
        return _page(VoteLine, rows, limit, "votes")

    async def refusals(
        self, tenant: str, wanted: RefusalFilter, cursor: str | None = None, limit: int = 50
    ) -> tuple[tuple[RefusalLine, ...], str | None]:
        """List requests that were refused."""
        after = cursors.read_place(cursor, "refusals") if cursor is not None else None
        rows = await self._rows(listing.refusals(tenant, wanted, after, limit + 1))
        return _page(RefusalLine, rows, limit, "refusals")

    async def activations(
        self, tenant: str, wanted: ActivationFilter, cursor: str | None = None, limit: int = 50
    ) -> tuple[tuple[ActivationLine, ...], str | None]:
        """List bundles that came into force. What they changed is not said here."""
        after = cursors.read_place(cursor, "activations") if cursor is not None else None
        rows = await self._rows(listing.activations(tenant, wanted, after, limit + 1))
        return _page(ActivationLine, rows, limit, "activations")

    async def count_actions(self, tenant: str, wanted: ActionFilter, by: Sequence[str]) -> Summary:
        """Count actions."""
        return await self._count(counting.actions(tenant, wanted, by), by)

    async def count_votes(self, tenant: str, wanted: VoteFilter, by: Sequence[str]) -> Summary:
        """Count votes that counted."""
        return await self._count(counting.votes(tenant, wanted, by), by)

    async def count_refusals(
        self, tenant: str, wanted: RefusalFilter, by: Sequence[str]
    ) -> Summary:
        """Count requests that were refused."""
        return await self._count(counting.refusals(tenant, wanted, by), by)

    async def _count(self, statement: listing.Written, by: Sequence[str]) -> Summary:
        return _summed(await self._rows(statement), by)

    async def _rows(self, statement: listing.Written) -> list[asyncpg.Record]:
        sql, arguments = statement
        async with talk(self._pool, self._patience) as db:
            # Prepared anew, so that each list is planned for the values it filters by.
            return await (await db.prepare(sql)).fetch(*arguments)


def _page(
    kind: type[L], rows: Sequence[asyncpg.Record], limit: int, of: cursors.List
) -> tuple[tuple[L, ...], str | None]:
    lines = tuple(kind.model_validate(_told(row)) for row in rows[:limit])
    if len(rows) <= limit:
        return lines, None
    return lines, cursors.write(cursors.Place(of=of, at=lines[-1].at, seq=lines[-1].seq))


def _told(row: asyncpg.Record) -> dict[str, object]:
    """Take the tenant off a row: callers know whose they are."""
    return {name: value for name, value in row.items() if name != "tenant"}


def _summed(rows: Sequence[asyncpg.Record], by: Sequence[str]) -> Summary:
    """Take groups apart that stand for several rules, approvers or groups of people."""
    counts: Counter[tuple[Json, ...]] = Counter()
    for row in rows[: counting.MOST_READ]:
        for values in _combinations([*row.values()][: len(by)]):
            counts[values] += int(row["count"])
    largest = sorted(counts.items(), key=lambda each: (-each[1], str(each[0])))
    return Summary(
        by=tuple(by),
        total=int(rows[0]["total"]) if rows else 0,
        groups=tuple(
            {**dict(zip(by, values, strict=True)), "count": count}
            for values, count in largest[:MOST_GROUPS]
        ),
        complete=len(rows) <= counting.MOST_READ and len(largest) <= MOST_GROUPS,
    )


def _combinations(values: Sequence[object]) -> list[tuple[Json, ...]]:
    found: list[tuple[Json, ...]] = [()]
    for value in values:
        each = (value or [None]) if isinstance(value, list) else [value]
        plain = [one.isoformat() if isinstance(one, date) else one for one in each]
        found = [(*before, one) for before in found for one in plain]
    return found
