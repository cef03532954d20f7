"""Gathers the evidence of a period: every event of a run of the log, so that none is missing."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from activities.action_packages import MOST_SHOWN
from activities.counting import Counting
from activities.recorder import StillMoving
from counterseal.core.links import unseal
from counterseal.core.packages import PeriodScope, Profile
from domain.evidence.contents import Gathered, Leaf
from domain.evidence.events import LEDGER_STREAM, LedgerSealed
from domain.evidence.gathering import Fitting, bundles, judged, whole
from domain.evidence.period import Total, check_period, last_total, period_said
from domain.evidence.ports import EvidenceLog
from domain.evidence.profile import shown
from domain.evidence.refusals import EvidenceTooLarge
from domain.ports import Ledger, Recorded

MOST_EVENTS = 400_000

_ROUNDS = 5


class Run(NamedTuple):
    """A run of the log. Totals count it up to ``counted``."""

    start: int
    end: int
    counted: int


class PeriodPackages:
    """Gathers packages about periods."""

    def __init__(
        self,
        ledger: Ledger,
        log: EvidenceLog,
        counting: Counting,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._log = log
        self._counting = counting
        self._clock = clock

    async def gather(
        self, tenant: str, scope: PeriodScope, profile: Profile
    ) -> tuple[Run, Gathered]:
        """Gather what was recorded in a period, taking a control total first if there is none.

        Raises ``PeriodRefused``, ``EvidenceTooLarge`` or ``StillMoving``.
        """
        now = self._clock()
        until = scope.until or now
        check_period(scope.since, until, now)
        run = await self._run(tenant, scope, until)
        if run.end - run.start > MOST_EVENTS:
            raise EvidenceTooLarge
        fitting = await self._fitting(tenant, scope, run)
        leaves, size = list[Leaf](), 0
        async for leaf in self._log.run(tenant, run.start, run.end):
            told = leaf.withheld() if fitting and fitting.hides(leaf, run.counted) else leaf
            leaves.append(shown(profile, told))
            size += len(leaves[-1].canonical or b"")
            if size > MOST_SHOWN:
                raise EvidenceTooLarge
        activations = await self._log.activations(tenant, judged(leaves))
        return run, Gathered(
            scope=period_said(scope, until, run.start, run.end),
            leaves=leaves,
            policies=bundles(activations),
            whole=whole(leaves),
        )

    async def _run(self, tenant: str, scope: PeriodScope, until: datetime) -> Run:
        before = await self._log.total_before(tenant, scope.since)
        start, after = (before.end, before.version) if before else (0, -1)
        filtered = scope.filters.is_any
        for _ in range(_ROUNDS):
            recorded = await self._ledger.read(tenant, LEDGER_STREAM, after=after)
            last = last_total([_total(each) for each in recorded], until, filtered=filtered)
            if last is not None:
                return Run(start, last.seq + 1, last.end)
            await self._counting.count(tenant, anyway=True)
        raise StillMoving("others kept counting the same log; ask again")

    async def _fitting(self, tenant: str, scope: PeriodScope, run: Run) -> Fitting | None:
        if not scope.filters.is_any:
            return None
        fitting = Fitting(scope.filters)
        async for one in self._log.counted(tenant, run.start, run.end):
            event = unseal(one.canonical)["event"] if one.canonical is not None else None
            fitting.see(one.stream, one.kind, event if isinstance(event, dict) else None)
        earlier = await self._log.fitting(tenant, fitting.undecided, scope.filters)
        fitting.actions.update(earlier)
        return fitting


def _total(recorded: Recorded) -> Total:
    said = LedgerSealed.model_validate(unseal(recorded.canonical)["event"])
    return Total(recorded.version, recorded.seq, said.at, said.end)
