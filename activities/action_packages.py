"""Gathers the evidence of single actions: their streams, and what explains them, each proven."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from activities.custody import Custody
from activities.proving import Prover
from activities.recorder import Page
from counterseal.core.canonical import Json
from counterseal.core.commitments import Disclosure, committed_places
from counterseal.core.packages import NewPackage
from counterseal.core.words import Role
from domain.evidence.contents import Gathered, Leaf, Tree
from domain.evidence.gathering import (
    action_of,
    bundles,
    in_order,
    judged,
    streams_of,
    votes,
)
from domain.evidence.ports import EvidenceLog
from domain.evidence.profile import shown
from domain.evidence.refusals import EvidenceTooLarge, NoSuchActions, NothingSealedThere
from domain.vault import Shredded

MOST_SHOWN = 48 << 20
"""Bytes of events. A package tells them three times: as they are, as OCSF, and as a page."""

_AT_ONCE = 100


class Taker(NamedTuple):
    """Who takes evidence along."""

    tenant: str
    by: str
    role: Role


class ActionPackages:
    """Gathers packages about actions."""

    def __init__(
        self, log: EvidenceLog, prover: Prover, custody: Custody, clock: Callable[[], datetime]
    ) -> None:
        self._log = log
        self._prover = prover
        self._custody = custody
        self._clock = clock

    async def gather(
        self,
        taker: Taker,
        wanted: NewPackage,
        action_ids: Sequence[str],
        filters: Mapping[str, str],
        least: int,
    ) -> tuple[Tree, Gathered]:
        """Gather everything about these actions as of a checkpoint of at least ``least`` events.

        Values that are disclosed are recorded as seen before that. Raises ``NoSuchActions``,
        ``NothingSealedThere``, ``EvidenceTooLarge`` or ``NotSealedYet``.
        """
        ids = sorted({*action_ids})
        tree = await self._prover.tree(taker.tenant, least)
        leaves = await self._read(taker.tenant, ids)
        disclosed = await self._disclose(taker, wanted, leaves)
        if disclosed:
            leaves = await self._read(taker.tenant, ids)
        if (size := max(leaf.seq for leaf in leaves) + 1) > tree.size:
            tree = await self._prover.tree(taker.tenant, size)
            leaves = await self._read(taker.tenant, ids)
        # What was recorded after the checkpoint is not in it, whether we have read it or not.
        leaves = [leaf for leaf in leaves if leaf.seq < tree.size]
        found = await self._explained(taker.tenant, leaves)
        proven = await self._prover.included(taker.tenant, tree, found)
        scope: dict[str, Json] = {"kind": "actions", "action_ids": ids, "filters": {**filters}}
        return tree, Gathered(
            scope=scope,
            leaves=[shown(wanted.profile, leaf) for leaf in proven],
            policies=bundles(found),
            whole=frozenset(streams_of(ids)),
            disclosed=disclosed,
        )

    async def _read(self, tenant: str, ids: Sequence[str]) -> list[Leaf]:
        leaves: list[Leaf] = []
        for first in range(0, len(ids), _AT_ONCE):
            leaves += await self._log.streams(tenant, [*streams_of(ids[first : first + _AT_ONCE])])
            if sum(len(leaf.canonical or b"") for leaf in leaves) > MOST_SHOWN:
                raise EvidenceTooLarge
        there = {leaf.stream for leaf in leaves}
        for action_id in ids:
            if action_id not in there:
                raise NoSuchActions(f"there is no action {action_id} here.", action_id)
        return leaves

    async def _explained(self, tenant: str, leaves: Sequence[Leaf]) -> list[Leaf]:
        """Add the policies and the rosters in force."""
        activations = await self._log.activations(tenant, judged(leaves))
        rosters = await self._log.rosters(tenant, votes(leaves))
        return in_order(leaves, activations, rosters)

    async def _disclose(
        self, taker: Taker, wanted: NewPackage, leaves: Iterable[Leaf]
    ) -> tuple[tuple[str, Disclosure], ...]:
        if not wanted.disclose:
            return ()
        found: list[tuple[str, Disclosure]] = []
        for action_id, pointers in _sealed_places(leaves, wanted.disclose).items():
            page = Page(taker.tenant, action_id)
            seen = await self._custody.reveal(
                page, self._clock(), taker.by, taker.role, wanted.purpose, pointers
            )
            if seen is not None and not isinstance(seen, Shredded):
                found += [(action_id, each) for each in seen]
        opened = {each.pointer for _, each in found}
        for pointer in wanted.disclose:
            if pointer not in opened:
                raise NothingSealedThere(pointer)
        return tuple(sorted(found, key=lambda each: (each[0], each[1].pointer)))


def _sealed_places(leaves: Iterable[Leaf], wanted: Sequence[str]) -> dict[str, list[str]]:
    """Name, for each action, which of the wanted places are committed to."""
    found: dict[str, list[str]] = {}
    for leaf in leaves:
        event = leaf.event if leaf.kind == "action.requested" else None
        action = event["action"] if event is not None else None
        if isinstance(action, dict) and isinstance(action["arguments"], dict):
            there = {*committed_places(action["arguments"])}
            if places := [each for each in wanted if each in there]:
                found[action_of(leaf.stream)] = places
    return dict(sorted(found.items()))
