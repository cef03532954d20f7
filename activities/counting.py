"""Takes control totals: counts what was recorded since the last one, and records that."""

from collections.abc import Callable
from datetime import datetime

from temporalio import activity

from activities.orders import COUNT
from activities.recorder import TRIES, StillMoving
from counterseal.core.links import seal, unseal
from domain.events import Fact
from domain.evidence.events import LEDGER_STREAM, LedgerSealed
from domain.evidence.ports import End, EvidenceLog
from domain.evidence.totals import Tally, is_news
from domain.ports import Entry, Ledger, StreamMoved, Unavailable

CHUNK = 50_000
"""How many events one total counts at most: what was not counted for long is counted in several."""


class Counting:
    """Counts logs. Whoever counts at the same time loses no event and counts none twice."""

    def __init__(self, ledger: Ledger, log: EvidenceLog, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._log = log
        self._clock = clock

    async def count(self, tenant: str, *, anyway: bool = False) -> int:
        """Count a log up to its present end; return how many totals that took.

        Nothing is recorded of a log with nothing new in it, unless it is to be counted ``anyway``.
        Raises ``UnknownTenant``, ``Unavailable`` or ``StillMoving``.
        """
        made, lost = 0, 0
        size = await self._log.size(tenant)
        while lost < TRIES:
            last = await self._log.end(tenant, LEDGER_STREAM)
            total = await self._next(tenant, last, size, anyway=anyway)
            if total is None:
                return made
            try:
                await append(self._ledger, tenant, LEDGER_STREAM, last, total)
            except StreamMoved:
                lost += 1
                continue
            made += 1
        raise StillMoving("others kept counting the same log; ask again")

    async def _next(
        self, tenant: str, last: End, size: int, *, anyway: bool
    ) -> LedgerSealed | None:
        before = _total(last)
        start = before.end if before else 0
        end = min(size, start + CHUNK)
        if start >= end:
            return None
        tally, streams = Tally(), set[str]()
        async for one in self._log.counted(tenant, start, end):
            tally.count(one.kind, _event(one.canonical))
            streams.add(one.stream)
        if end == size and not anyway and not is_news(streams):
            return None
        now = self._clock()
        return tally.sealed(max(now, before.at) if before else now, start, end)


class CountingActivities:
    """Counts every log. Safe to repeat: what was counted is not counted again."""

    def __init__(self, counting: Counting, log: EvidenceLog) -> None:
        self._counting = counting
        self._log = log

    @activity.defn(name=COUNT)
    async def count(self) -> int:
        """Count what is new in each log; return how many totals that took."""
        taken = 0
        for tenant in await self._log.tenants():
            activity.heartbeat()
            try:
                taken += await self._counting.count(tenant)
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 - one log must not keep all others from being counted
                activity.logger.exception("the log of %s was not counted", tenant)
        return taken


async def append(ledger: Ledger, tenant: str, stream: str, end: End, event: Fact) -> int:
    """Add an event to the ``end`` of a stream; return its seq. Raises ``StreamMoved``."""
    after = (end.version, end.link)
    sealed = seal(tenant, stream, after, [event.model_dump(mode="json")])
    return await ledger.append(
        Entry(tenant=tenant, stream=stream, expected=end.version, events=sealed)
    )


def _total(end: End) -> LedgerSealed | None:
    event = _event(end.canonical)
    return None if event is None else LedgerSealed.model_validate(event)


def _event(canonical: bytes | None) -> dict[str, object] | None:
    event = None if canonical is None else unseal(canonical)["event"]
    return event if isinstance(event, dict) else None
