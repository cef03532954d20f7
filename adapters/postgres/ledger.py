"""The ledger in Postgres. Appends of one process share round trips and commits (ADR 0003)."""

import asyncio
import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import asyncpg
from pydantic_core import to_json

from adapters.postgres.pool import talk
from counterseal.core.errors import TooLarge
from counterseal.core.links import EVENT_BOUNDS
from domain.ports import (
    Entry,
    FactsMoved,
    Recorded,
    StreamMoved,
    Unavailable,
    UnknownTenant,
)

_APPEND = "SELECT err, seq, current FROM ledger.append($1::jsonb, $2::bytea[]) ORDER BY entry"
_READ = """
    SELECT seq, version, kind, canonical, link, recorded_at FROM ledger.story($1, ARRAY[$2], $3)
"""
_LARGEST_BATCH_BYTES = 8 * 1024 * 1024


class Malformed(ValueError):  # noqa: N818 - it reads as what happened
    """An entry that does not describe its own events; only a fault of ours makes one."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    entry: Entry
    answer: asyncio.Future[int]

    @property
    def size(self) -> int:
        return sum(len(event.canonical) for event in self.entry.events)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class PostgresLedger:
    """Implements ``domain.ports.Ledger``.

    While one batch commits the next one fills, so a lone append never waits for company.
    """

    def __init__(
        self, pool: asyncpg.Pool, *, largest_batch: int = 256, patience: float = 5.0
    ) -> None:
        self._pool = pool
        self._largest_batch = largest_batch
        self._patience = patience
        self._waiting: deque[_Waiting] = deque()
        self._flusher: asyncio.Task[None] | None = None

    async def append(self, entry: Entry) -> int:
        """Write ``entry`` and return the seq of its last event, once it is committed."""
        waiting = _Waiting(entry, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return await waiting.answer

    async def read(self, tenant: str, stream: str, after: int = -1) -> Sequence[Recorded]:
        """Read a stream's events with a version greater than ``after``, in order."""
        async with talk(self._pool, self._patience) as db:
            rows = await db.fetch(_READ, tenant, stream, after)
        return [Recorded.model_validate(dict(row)) for row in rows]

    async def _flush(self) -> None:
        try:
            while batch := [*self._take()]:
                try:
                    await self._send(batch)
                except Exception as error:  # noqa: BLE001 - it belongs to those who wait
                    for each in batch:
                        each.fail(error)
        finally:
            self._flusher = None

    def _take(self) -> Iterator[_Waiting]:
        """Take as many as fit into a batch, leaving out those whose caller has gone away."""
        room, left = self._largest_batch, _LARGEST_BATCH_BYTES
        while self._waiting and room and left > 0:
            first = self._waiting.popleft()
            if not first.answer.done():
                room, left = room - 1, left - first.size
                yield first

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        try:
            answers = await self._call(batch)
        except asyncpg.PostgresError as error:
            # One entry cannot be stored, and Postgres took the whole batch back: find out which.
            if len(batch) == 1:
                batch[0].fail(Malformed(f"{batch[0].entry.stream}: {type(error).__name__}"))
                return
            for each in batch:
                await self._send([each])
            return
        except Unavailable as lost:
            for each in batch:
                each.fail(Unavailable(*lost.args))
            return
        for each, answer in zip(batch, answers, strict=True):
            _resolve(each, answer)

    async def _call(self, batch: Sequence[_Waiting]) -> list[asyncpg.Record]:
        entries = to_json([_described(each.entry) for each in batch]).decode()
        canonical = [event.canonical for each in batch for event in each.entry.events]
        async with talk(self._pool, self._patience) as db:
            return await db.fetch(_APPEND, entries, canonical)


def _described(entry: Entry) -> dict[str, object]:
    """Describe an entry in the words of the SQL type ``ledger.entry``."""
    first = entry.events[0]
    described: dict[str, object] = {
        "tenant": entry.tenant,
        "stream": entry.stream,
        "expected": entry.expected,
        "kinds": [event.kind for event in entry.events],
        "prev": first.previous.hex() if first.previous else None,
    }
    if entry.table is not None:
        described |= {"table": entry.table, "summary": entry.summary}
    if entry.table is not None or entry.contributions:
        described["at"] = json.loads(entry.events[-1].canonical)["event"]["at"]
    if entry.contributions:
        described["contributions"] = [each.model_dump() for each in entry.contributions]
    if entry.guards:
        described["guards"] = entry.guards
    if entry.release:
        described["release"] = True
    if entry.wake:
        described["wake"] = True
    return described


def _resolve(waiting: _Waiting, answer: asyncpg.Record) -> None:
    """Give whoever waits the seq, or the reason why there is none."""
    entry = waiting.entry
    match answer["err"]:
        case None:
            if not waiting.answer.done():
                waiting.answer.set_result(answer["seq"])
        case "stream_moved":
            waiting.fail(StreamMoved(entry.stream, answer["current"]))
        case "facts_moved":
            waiting.fail(FactsMoved(f"a counter that {entry.stream} was judged by has changed"))
        case "unknown_tenant":
            waiting.fail(UnknownTenant(f"there is no tenant {entry.tenant}; create it first"))
        case "too_large":
            waiting.fail(TooLarge(f"an event may have at most {EVENT_BOUNDS.size} bytes."))
        case other:
            waiting.fail(Malformed(f"{entry.stream} after {entry.expected}: {other}"))
