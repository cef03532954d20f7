"""Judges a candidate action: gathers and freezes the facts, asks the pinned bundle, records.

Judging and the first append are one step, so that an answer never leaves without its evidence,
and so that a workflow that replays finds the decision as a result and judges nothing again.
"""

import asyncio
import contextlib
from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from activities.recorder import TRIES, Obeyed, Page, Recorder, StillMoving
from counterseal.core.action import Action
from counterseal.core.canonical import Json
from counterseal.core.commitments import WrongDisclosure, disclose, has_marker, places
from counterseal.core.policy.assemble import freeze
from counterseal.core.policy.bundle import Bundle
from counterseal.core.policy.facts import Asserted, Count, Facts
from counterseal.core.policy.invariants import decide
from counterseal.core.policy.judge import Judge, compile_bundle
from domain.candidate import Candidate
from domain.commands import Ask
from domain.ports import Circumstances, CounterQuery, FactsMoved, FactSource
from domain.roster import Roster
from domain.states import Unseen
from domain.vault import KeyUnknown, Secrets

MOST_KEPT = 256
"""How many bundles and rosters are kept compiled and parsed; rehearsals make many."""


class Judging:
    """Answers candidates under each tenant's active bundle."""

    def __init__(
        self, recorder: Recorder, facts: FactSource, secrets: Secrets, default: Judge
    ) -> None:
        self._recorder = recorder
        self._facts = facts
        self._secrets = secrets
        self._default = default
        self._judges: dict[str, Judge] = {}
        self._active: dict[str, Judge] = {}
        self._rosters: dict[str, tuple[int, Roster]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ask(self, candidate: Candidate, at: datetime) -> Obeyed:
        """Judge and record ``candidate`` once; a repetition finds what was recorded first.

        Raises ``UnknownTenant``, ``Uncovered``, ``Unavailable`` or ``StillMoving``.
        """
        try:
            return await self._ask_once(candidate, at)
        except Uncovered:
            # What was recorded before policy called it sensitive keeps its answer.
            page = await self._recorder.read(candidate.action.tenant, candidate.action.id)
            if isinstance(page.state, Unseen):
                raise
            return Obeyed(page)
        except FactsMoved:
            # A limit was used up while we judged. Whoever loses that race queues for the next
            # one, or many callers at one limit would each judge over and over.
            async with self._turns[candidate.action.tenant]:
                return await self._ask_until_counted(candidate, at)

    async def _ask_until_counted(self, candidate: Candidate, at: datetime) -> Obeyed:
        for _ in range(TRIES):
            with contextlib.suppress(FactsMoved):  # judge again, from the new count
                return await self._ask_once(candidate, at)
        raise StillMoving(f"the counters behind {candidate.action.id} kept changing; ask again")

    async def _ask_once(self, candidate: Candidate, at: datetime) -> Obeyed:
        action = candidate.action
        page = Page(action.tenant, action.id)
        ask = await self._judged(candidate, at)
        return await self._recorder.obey(action.tenant, action.id, ask, known=page)

    async def _judged(self, candidate: Candidate, at: datetime) -> Ask:
        opened = await self._opened(candidate.action)
        action = opened.action
        found = await self._circumstances(action, at)
        _check_covered(found.judge, candidate.action)
        roster = await self._roster(action.tenant, found.seen.roster_version)
        agent = roster.agent(action.agent)
        facts = _frozen(opened, candidate.asserted, found, roster, at)
        return Ask(
            at=at,
            action=candidate.action,  # what is recorded holds commitments
            digest=candidate.digest,
            key_id=candidate.key_id,
            agent_owner=agent.owner,
            excluded=roster.every_name(action.agent, action.principal, agent.owner),
            justification=candidate.justification,
            context_digest=candidate.context_digest,
            decision=decide(found.judge, action, facts),
        )

    async def _opened(self, action: Action) -> "_Opened":
        """Put sensitive values back in their places, for rules to read."""
        if not has_marker(action.arguments):
            return _Opened(action, unrevealed=False)
        try:
            kept = await self._secrets.disclosures(action.tenant, action.id)
            arguments = disclose(action.arguments, kept if isinstance(kept, tuple) else ())
        except (KeyUnknown, WrongDisclosure):
            return _Opened(action, unrevealed=True)
        opened = action.model_copy(update={"arguments": arguments})
        return _Opened(opened, unrevealed=has_marker(arguments))

    async def _circumstances(self, action: Action, at: datetime) -> "_Found":
        """Read the facts under the bundle that is active in the very same snapshot."""
        judge = self._active.get(action.tenant, self._default)
        while True:
            attributes = judge.attributes(action)
            queries = _queries(judge, action, attributes)
            seen = await self._facts.circumstances(action.tenant, action.session, queries, at)
            if seen.bundle is None or seen.bundle == judge.name.digest:
                keys = {query.name: query.key for query in queries}
                return _Found(judge, attributes, keys, seen)
            judge = await self._judge(action.tenant, seen.bundle)
            self._active[action.tenant] = judge

    async def _judge(self, tenant: str, bundle: str) -> Judge:
        if bundle not in self._judges:
            if len(self._judges) >= MOST_KEPT:
                self._judges.clear()
                self._active.clear()
            written = await self._facts.bundle(tenant, bundle)
            self._judges[bundle] = compile_bundle(Bundle.model_validate_json(written))
        return self._judges[bundle]

    async def _roster(self, tenant: str, version: int) -> Roster:
        known = self._rosters.get(tenant)
        if known is None or known[0] != version:
            if len(self._rosters) >= MOST_KEPT:
                self._rosters.clear()
            known = self._rosters[tenant] = await self._facts.roster(tenant)
        return known[1]


class Uncovered(Exception):  # noqa: N818 - it reads as what happened
    """A candidate bears clear values that policy calls sensitive by now; ask again, covered."""


class _Opened(NamedTuple):
    """An action as it is judged, with its sensitive values in clear unless ``unrevealed``."""

    action: Action
    unrevealed: bool


class _Found(NamedTuple):
    """What a decision rests on, before it is frozen. ``keys`` are the counters' by name."""

    judge: Judge
    attributes: dict[str, Json]
    keys: dict[str, str]
    seen: Circumstances


def _queries(judge: Judge, action: Action, attributes: dict[str, Json]) -> list[CounterQuery]:
    return [
        CounterQuery(name=one.name, key=one.key, window=one.window, attempts=one.attempts)
        for one in judge.counter_queries(action, attributes)
    ]


def _check_covered(judge: Judge, action: Action) -> None:
    """Hold a candidate to what is sensitive under the very bundle that judges it."""
    described = judge.classify(action.tool)
    if described is not None and places(action.arguments, described.sensitive):
        raise Uncovered(f"{action.id} bears values in clear that {described.id} calls sensitive")


def _frozen(
    opened: _Opened, asserted: Asserted, found: _Found, roster: Roster, at: datetime
) -> Facts:
    action = opened.action
    agent = roster.agent(action.agent)
    counters = {
        name: Count(key=found.keys[name], count=one.count, sum=one.sum, version=one.version)
        for name, one in found.seen.counters.items()
    }
    principal = action.principal
    return freeze(
        found.judge,
        action,
        at,
        attributes=found.attributes,
        counters=counters,
        told=asserted,
        agent_owner=agent.owner,
        agent_labels=agent.labels,
        principal_verified=principal in agent.principals,
        principal_refused=bool(agent.principals) and principal not in agent.principals,
        history=found.seen.history,
        unrevealed=opened.unrevealed,
    )
