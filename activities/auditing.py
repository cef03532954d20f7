"""Reads whole logs and says what was done to them; the scheduled check and the one on demand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from temporalio import activity

from activities.orders import AUDIT, LIST_TENANTS, PREPARE, Audit, Audited
from counterseal.core.links import leaf_hash, seal, unseal
from counterseal.core.tlog.audit import Finding, LogAudit, Stored
from counterseal.core.tlog.checkpoint import Checkpoint, origin_of
from counterseal.core.tlog.tiles import Tile
from domain.checks import CHECK_STREAM, MOST_KEPT, Found, LedgerVerified, is_news
from domain.ports import Entry, Ledger, StreamMoved

TRIES = 16
AHEAD = timedelta(days=92)
SLICE = 200
"""Events between two turns that others of this process get."""


class AuditedLog(Protocol):
    """Everything that is stored of a log. Nothing in it is believed."""

    async def tenants(self) -> Sequence[str]:
        """Name everyone who has a log."""
        ...

    async def head(self, tenant: str) -> tuple[int, bytes] | None:
        """Tell size and root as the store has them."""
        ...

    async def strays(self, tenant: str) -> int:
        """Count the rows that the log has no place for."""
        ...

    def events(self, tenant: str, size: int) -> AsyncIterator[Sequence[Stored]]:
        """Read the events below ``size`` in order, by pages."""
        ...

    def tiles(self, tenant: str) -> AsyncIterator[tuple[Tile, bytes]]:
        """Read every stored tile."""
        ...

    async def checkpoints(self, origin: str, tenant: str) -> Sequence[Checkpoint]:
        """Read the checkpoints that were published, smallest first."""
        ...


class Partitions(Protocol):
    """Where coming events will be kept."""

    async def prepare(self, until: datetime) -> int:
        """Make what is missing up to ``until``."""
        ...


async def audit_log(
    log: AuditedLog,
    tenant: str,
    kept: Mapping[Checkpoint, str],
    progress: Callable[[int, int], object],
) -> LogAudit:
    """Read all of a tenant's log and compare it with itself and with ``kept`` checkpoints.

    ``progress`` is told how many events of how many were read. Tiles that are made meanwhile are
    compared as far as the events that were read reach.
    """
    head = await log.head(tenant)
    size, root = head or (0, b"")
    largest = max((each.size for each in kept), default=0)
    audit = LogAudit(tenant, kept)
    async for page in log.events(tenant, max(size, largest)):
        for first in range(0, len(page), SLICE):
            audit.take(page[first : first + SLICE])
            await asyncio.sleep(0)
        progress(audit.size, size)
    audit.finish()
    if head is None:
        audit.findings.append(Finding("head-changed", f"there is no log of {tenant}."))
    elif audit.size == size:
        audit.compare_head(size, root)
    if strays := await log.strays(tenant):
        said = f"the store holds {abs(strays)} rows {'too many' if strays > 0 else 'too few'}."
        audit.findings.append(Finding("strays", said))
    async for tile, hashes in log.tiles(tenant):
        audit.compare_tile(tile, hashes)
    return audit


class AuditActivities:
    """Standing checks. Safe to repeat: they change nothing but the record of themselves."""

    def __init__(
        self,
        log: AuditedLog,
        partitions: Partitions,
        ledger: Ledger,
        origin: str,
        clock: Callable[[], datetime],
        tell: Callable[[Audited, datetime], None] = lambda *_: None,
    ) -> None:
        self._log = log
        self._partitions = partitions
        self._ledger = ledger
        self._origin = origin
        self._clock = clock
        self._tell = tell

    @activity.defn(name=LIST_TENANTS)
    async def list_tenants(self) -> list[str]:
        """Name the tenants whose logs are to be checked."""
        return [*await self._log.tenants()]

    @activity.defn(name=AUDIT)
    async def audit(self, order: Audit) -> Audited:
        """Check one tenant's log, keep what was found, and tell the metrics."""
        kept = await self._log.checkpoints(origin_of(self._origin, order.tenant), order.tenant)
        published = dict.fromkeys(kept, "that was published")
        audit = await audit_log(self._log, order.tenant, published, _beat)
        verified = LedgerVerified(
            at=self._clock(),
            size=audit.size,
            root=audit.root.hex(),
            checkpoints=len(kept),
            found=len(audit.findings),
            findings=tuple(
                Found(code=each.code, sentence=each.sentence, seq=each.seq)
                for each in audit.findings[:MOST_KEPT]
            ),
            by=order.by,
        )
        await self._record(order.tenant, verified)
        for each in audit.findings[:MOST_KEPT]:
            activity.logger.error("ledger.unsound %s %s", order.tenant, each.sentence)
        audited = Audited(tenant=order.tenant, size=audit.size, findings=len(audit.findings))
        self._tell(audited, verified.at)
        return audited

    @activity.defn(name=PREPARE)
    async def prepare(self) -> int:
        """Have partitions ready for the next three months; tell how many were made."""
        return await self._partitions.prepare(self._clock() + AHEAD)

    async def _record(self, tenant: str, verified: LedgerVerified) -> None:
        current = -1
        for _ in range(TRIES):
            last = await self._ledger.read(tenant, CHECK_STREAM, after=current - 1)
            before = _verified(last[-1].canonical) if last else None
            if not is_news(before, verified):
                return
            version = last[-1].version if last else -1
            link = leaf_hash(last[-1].canonical) if last else None
            events = seal(tenant, CHECK_STREAM, (version, link), [verified.model_dump(mode="json")])
            try:
                await self._ledger.append(
                    Entry(tenant=tenant, stream=CHECK_STREAM, expected=version, events=events)
                )
            except StreamMoved as moved:
                current = moved.current
            else:
                return


def _verified(canonical: bytes) -> LedgerVerified:
    return LedgerVerified.model_validate(unseal(canonical)["event"])


def _beat(done: int, total: int) -> None:
    activity.heartbeat(done, total)
