"""Having checkpoints witnessed: all witnesses at once, none waited for, sealing never held up."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from adapters.postgres.sealing import PostgresSealing
from adapters.postgres.tree import PostgresTree
from adapters.witnesses import KnownSize, NotCosigned, Witness, Witnesses
from counterseal.core.tlog.checkpoint import Checkpoint
from counterseal.core.tlog.note import Note, Signature
from counterseal.core.tlog.proofs import prove_consistency
from counterseal.core.tlog.tiles import MissingNode
from domain.ports import Unavailable
from domain.sealing import Head
from entrypoints.sealing.metrics import SealingMetrics

AT_ONCE = 16
"""How many checkpoints are brought to witnesses side by side."""

SHORTEST_REST, LONGEST_REST = 0.5, 60.0
"""Seconds for which a witness that failed is left alone."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Offer:
    """The newest checkpoint of a log, and who has cosigned it by now."""

    tenant: str
    checkpoint: Checkpoint
    note: Note
    cosigned: dict[Witness, Signature] = field(default_factory=dict)


@dataclass(slots=True)
class _Rest:
    """How long somebody is left alone: twice as long after each failure."""

    seconds: float = 0.0
    until: float = float("-inf")

    def begin(self, now: float) -> None:
        self.seconds = min(max(self.seconds * 2, SHORTEST_REST), LONGEST_REST)
        self.until = now + self.seconds


@dataclass(slots=True)
class _Habit:
    """How a witness has behaved lately, as such and towards each log, and what it knows of each."""

    rest: _Rest = field(default_factory=_Rest)
    rests: defaultdict[str, _Rest] = field(default_factory=lambda: defaultdict(_Rest))
    sizes: dict[str, int] = field(default_factory=dict)

    def until(self, tenant: str) -> float:
        return max(self.rest.until, self.rests[tenant].until)


class Witnessing:
    """Brings each log's newest checkpoint to the witnesses until ``quorum`` have cosigned it.

    A checkpoint that a newer one overtakes on the way is given up for it.
    """

    def __init__(
        self,
        witnesses: Sequence[Witness],
        quorum: int,
        *,
        sealing: PostgresSealing,
        tree: PostgresTree,
        metrics: SealingMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._habits = {each: _Habit() for each in witnesses}
        self._quorum = quorum
        self._sealing = sealing
        self._tree = tree
        self._metrics = metrics
        self._clock = clock
        self._asking = Witnesses()
        self._newest: dict[str, _Offer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)

    def offer(self, tenant: str, checkpoint: Checkpoint, note: Note) -> None:
        """Take a checkpoint that was published, and see to it beside everything else."""
        if not self._habits:
            return
        self._newest[tenant] = _Offer(tenant, checkpoint, note)
        if tenant not in self._tasks:
            self._tasks[tenant] = asyncio.create_task(self._see_to(tenant))

    async def close(self) -> None:
        """Leave everything as it is."""
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._asking.close()

    async def _see_to(self, tenant: str) -> None:
        try:
            while (offer := self._newest.get(tenant)) is not None:
                async with self._turn:
                    await asyncio.gather(*(self._ask(each, offer) for each in self._open(offer)))
                    is_done = await self._publish(offer)
                if not is_done:
                    await asyncio.sleep(self._pause(tenant))
                elif self._newest.get(tenant) is offer:
                    del self._newest[tenant]
        except Exception:
            # The next checkpoint of this log is brought to the witnesses as if nothing had been.
            log.exception("witnessing.broken", tenant=tenant)
            self._newest.pop(tenant, None)
        finally:
            del self._tasks[tenant]

    def _open(self, offer: _Offer) -> list[Witness]:
        now = self._clock()
        return [
            each
            for each, habit in self._habits.items()
            if each not in offer.cosigned and now >= habit.until(offer.tenant)
        ]

    def _pause(self, tenant: str) -> float:
        """Say how long to wait for the first witness that may be asked again."""
        first = min(each.until(tenant) for each in self._habits.values()) - self._clock()
        return min(max(first, 0.1), SHORTEST_REST)

    async def _ask(self, witness: Witness, offer: _Offer) -> None:
        habit = self._habits[witness]
        try:
            offer.cosigned[witness] = await self._cosigned(witness, habit, offer)
        except NotCosigned as failed:
            self._leave_alone(witness, offer, failed)
        except (Unavailable, MissingNode) as error:
            log.warning("proof.unavailable", log=offer.checkpoint.origin, because=str(error))
        else:
            habit.sizes[offer.tenant] = offer.checkpoint.size
            habit.rest, habit.rests[offer.tenant] = _Rest(), _Rest()

    async def _cosigned(self, witness: Witness, habit: _Habit, offer: _Offer) -> Signature:
        """Ask, and if the witness knows another size than we thought, once more from there."""
        size = offer.checkpoint.size
        for _ in range(2):
            old = habit.sizes.get(offer.tenant, 0)
            nodes = self._tree.nodes(offer.tenant)
            proof = await prove_consistency(old, size, nodes) if old else []
            answer = await self._asking.ask(witness, old, proof, offer.note)
            match answer:
                case Signature():
                    return answer
                case KnownSize() if answer.size > size:
                    raise NotCosigned(
                        "ahead", f"it has cosigned {answer.size} leaves of a log that has {size}"
                    )
                case KnownSize():
                    habit.sizes[offer.tenant] = answer.size
        raise NotCosigned("misbehaved", "it does not know its own size")

    def _leave_alone(self, witness: Witness, offer: _Offer, failed: NotCosigned) -> None:
        habit = self._habits[witness]
        # What it has against one log must not cost the others.
        rest = habit.rest if failed.reason == "unreachable" else habit.rests[offer.tenant]
        rest.begin(self._clock())
        self._metrics.witness_failures.labels(witness.key.name, failed.reason).inc()
        log.warning(
            "witness.failed",
            witness=witness.key.name,
            log=offer.checkpoint.origin,
            reason=failed.reason,
            because=str(failed),
        )

    async def _publish(self, offer: _Offer) -> bool:
        """Publish a checkpoint that enough have cosigned; say whether there is nothing left."""
        if len(offer.cosigned) < self._quorum:
            return self._newest.get(offer.tenant) is not offer
        cosigned = offer.note.with_signatures(offer.cosigned.values())
        head = Head(offer.checkpoint.size, offer.checkpoint.root)
        try:
            refused = await self._sealing.publish(offer.tenant, head, str(cosigned), witnessed=True)
        except Unavailable:
            return False
        if refused is not None:
            log.error("cosigned.unpublished", log=offer.checkpoint.origin, because=refused)
        else:
            self._metrics.checkpoints.labels("witnessed").inc()
        return True
