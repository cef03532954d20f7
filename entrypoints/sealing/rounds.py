"""The signer's rounds: which logs have moved, whose turn it is, and which cannot be sealed."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from adapters.signing_keys import SigningFailed
from counterseal.core.tlog.tree import EMPTY_ROOT
from domain.ports import Unavailable
from domain.sealing import Head, NotSealed, Reason, is_due
from entrypoints.sealing.metrics import SealingMetrics
from entrypoints.sealing.sealer import Desk, LogSealer

POLL = 0.1
RETRY = 1.0
LOOK_AGAIN = 10.0
"""Seconds until a log that was refused is looked at again."""

AT_ONCE = 8
"""How many logs are worked on side by side."""

GONE = Head(0, EMPTY_ROOT)
"""How far a log has come that is not there."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Log:
    """One log between two rounds. ``moved_at`` is since when it has events that are not sealed."""

    sealer: LogSealer
    head: Head
    moved_at: float | None = None
    sealed_at: float = float("-inf")
    not_before: float = float("-inf")
    refused: Reason | None = None
    task: asyncio.Task[None] | None = None


class Rounds:
    """Seals every log of one database, each as often as it moves; one never waits for another."""

    def __init__(
        self, desk: Desk, metrics: SealingMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._desk = desk
        self._metrics = metrics
        self._clock = clock
        self._logs: dict[str, _Log] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._is_reachable = False
        self._signed = desk.tenants()

    @property
    def flaws(self) -> dict[str, str]:
        """Name what keeps logs from being sealed; nothing if all is well."""
        found = {
            each.sealer.origin: str(each.refused) for each in self._logs.values() if each.refused
        }
        return found if self._is_reachable else {**found, "ledger": "unavailable"}

    async def run(self) -> None:
        """Go round until cancelled."""
        try:
            while True:
                await self.once()
                await asyncio.sleep(POLL)
        finally:
            await self._end()

    async def once(self) -> None:
        """Look at every log, and begin to seal those that are due."""
        try:
            heads = await self._desk.sealing.heads()
        except Unavailable as error:
            if self._is_reachable:
                log.warning("ledger.unavailable", because=str(error))
            self._is_reachable = False
            return
        self._is_reachable = True
        self._signed |= self._logs.keys()
        # A log that was signed and has vanished is one that was rolled back to nothing.
        for tenant in self._signed | heads.keys():
            self._look(tenant, heads.get(tenant, GONE))
        self._count()

    async def settle(self) -> None:
        """Wait until nothing is being sealed."""
        while tasks := [each.task for each in self._logs.values() if each.task is not None]:
            await asyncio.gather(*tasks)

    def _look(self, tenant: str, head: Head) -> None:
        now = self._clock()
        each = self._logs.get(tenant)
        if each is None:
            each = self._logs[tenant] = _Log(LogSealer(tenant, self._desk), head)
        each.head = head
        if head.size > each.sealer.size and each.moved_at is None:
            each.moved_at = now
        if each.task is None and now >= each.not_before and self._is_due(each, now):
            each.task = asyncio.create_task(self._seal(each))

    def _is_due(self, each: _Log, now: float) -> bool:
        if not each.sealer.is_settled or each.refused is not None:
            return True
        try:
            moved = each.sealer.has_moved(each.head)
        except NotSealed:
            return True  # it is refused where all refusals are
        return moved and is_due(each.head.size - each.sealer.size, now - each.sealed_at)

    async def _seal(self, each: _Log) -> None:
        head, before = each.head, each.sealer.size
        try:
            async with self._turn:
                await each.sealer.seal(head, self._give_way)
        except NotSealed as refused:
            self._refuse(each, refused)
        except (Unavailable, SigningFailed, OSError) as error:
            self._put_off(each, error)
        except Exception:
            # Whatever surprises us in one log must not keep the others waiting.
            log.exception("seal.broken", log=each.sealer.origin)
            self._put_off(each, None)
        else:
            each.refused = None
            each.sealed_at, each.moved_at = self._clock(), None
            if each.sealer.size > before:
                self._metrics.events.inc(each.sealer.size - before)
                self._metrics.checkpoints.labels("sealed").inc()
        finally:
            each.task = None

    async def _give_way(self) -> None:
        """Let the log that has waited longest go first."""
        self._turn.release()
        await asyncio.sleep(0)
        await self._turn.acquire()

    def _refuse(self, each: _Log, refused: NotSealed) -> None:
        if each.refused is not refused.reason:
            log.error(
                "log.not_sealed",
                log=each.sealer.origin,
                reason=str(refused.reason),
                because=str(refused),
                sealed=each.sealer.size,
            )
        each.refused, each.not_before = refused.reason, self._clock() + LOOK_AGAIN

    def _put_off(self, each: _Log, error: Exception | None) -> None:
        part = {Unavailable: "ledger", SigningFailed: "key", OSError: "state"}
        failed = next((name for kind, name in part.items() if isinstance(error, kind)), "signer")
        self._metrics.failures.labels(failed).inc()
        log.warning("seal.put_off", log=each.sealer.origin, part=failed, because=str(error))
        each.not_before = self._clock() + RETRY

    def _count(self) -> None:
        now = self._clock()
        waiting = [now - each.moved_at for each in self._logs.values() if each.moved_at is not None]
        self._metrics.lag.set(max(waiting, default=0.0))
        for reason in Reason:
            refused = sum(each.refused is reason for each in self._logs.values())
            self._metrics.refusing.labels(reason).set(refused)

    async def _end(self) -> None:
        tasks = [each.task for each in self._logs.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
