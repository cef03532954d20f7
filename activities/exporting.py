"""Takes evidence along: gathered, proven, and on record before it leaves."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from activities.action_packages import ActionPackages, Taker
from activities.counting import append
from activities.period_packages import PeriodPackages
from activities.proving import Prover
from activities.recorder import TRIES, StillMoving
from counterseal.core.model import instant_text
from counterseal.core.packages import NewPackage, PeriodScope
from counterseal.core.tlog.checkpoint import Checkpoint
from counterseal.core.tlog.note import VerifierKey
from domain.evidence.contents import Contents, Gathered, Taking
from domain.evidence.events import EXPORT_STREAM, EvidenceExported, Taken
from domain.evidence.ports import EvidenceLog
from domain.evidence.refusals import LogContradicts
from domain.ports import Ledger, StreamMoved


@dataclass(frozen=True, slots=True)
class Exporter:
    """Gathers packages; ``domain.evidence.package`` writes what was gathered."""

    ledger: Ledger
    log: EvidenceLog
    prover: Prover
    actions: ActionPackages
    periods: PeriodPackages
    clock: Callable[[], datetime]

    async def take_actions(
        self,
        taker: Taker,
        wanted: NewPackage,
        action_ids: Sequence[str],
        filters: Mapping[str, str],
        old: Checkpoint | None,
    ) -> Contents:
        """Take everything about some actions along, as of a checkpoint that covers it."""
        tree, gathered = await self.actions.gather(
            taker, wanted, action_ids, filters, old.size if old else 1
        )
        growth = await self.prover.growth(taker.tenant, tree, old) if old else None
        at = self.clock()
        seq = await self._record(taker, wanted, gathered, tree.size, old, at)
        taking = _taking(taker, wanted, at, seq if seq < tree.size else None)
        return Contents(taking, tree, gathered, growth=growth)

    async def take_period(
        self, taker: Taker, wanted: NewPackage, scope: PeriodScope, old: Checkpoint | None
    ) -> Contents:
        """Take everything along that was recorded in a period, up to a control total."""
        run, gathered = await self.periods.gather(taker.tenant, scope, wanted.profile)
        at = self.clock()
        seq = await self._record(taker, wanted, gathered, run.end, old, at)
        size = max(run.end, seq + 1, old.size if old else 1)
        tree = await self.prover.tree(taker.tenant, size)
        growth = await self.prover.growth(taker.tenant, tree, old) if old else None
        around = await self.prover.around(taker.tenant, tree, run.start, run.end)
        return Contents(_taking(taker, wanted, at, seq), tree, gathered, around, growth)

    async def earlier(
        self, tenant: str, text: str | None, keys: Sequence[VerifierKey]
    ) -> Checkpoint | None:
        """Read the checkpoint that an auditor kept, if one is given.

        Raises ``CheckpointRefused``, or ``LogContradicts`` if the log is shorter by now.
        """
        if text is None:
            return None
        old = self.prover.earlier(tenant, text, keys)
        if old.size > (size := await self.log.size(tenant)):
            raise LogContradicts(f"/since has {old.size} events, and this log {size}.")
        return old

    async def _record(
        self,
        taker: Taker,
        wanted: NewPackage,
        gathered: Gathered,
        size: int,
        old: Checkpoint | None,
        at: datetime,
    ) -> int:
        event = EvidenceExported(
            at=at,
            export_id=f"exp_{uuid.uuid4().hex}",
            by=taker.by,
            role=taker.role,
            purpose=wanted.purpose,
            scope={**gathered.scope},
            profile=wanted.profile,
            size=size,
            disclosed=tuple(
                Taken(action=action, pointer=each.pointer) for action, each in gathered.disclosed
            ),
            since=old.size if old else None,
        )
        for _ in range(TRIES):
            end = await self.log.end(taker.tenant, EXPORT_STREAM)
            try:
                return await append(self.ledger, taker.tenant, EXPORT_STREAM, end, event)
            except StreamMoved:
                continue
        raise StillMoving("others kept taking evidence along; ask again")


def _taking(taker: Taker, wanted: NewPackage, at: datetime, seq: int | None) -> Taking:
    return Taking(taker.by, wanted.purpose, instant_text(at), wanted.profile, seq)
