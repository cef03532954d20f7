"""What belongs into a package beside the events that were asked for, told from these."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from counterseal.core.canonical import Json, canonical
from counterseal.core.packages import PeriodFilters
from domain.custody import data_stream
from domain.evidence.contents import Leaf
from domain.evidence.period import fits
from domain.evidence.totals import DECISION, END
from domain.refusals import late_stream

_ACTION = "act_"

ENDINGS = frozenset({"action.settled", END})
"""What no filter withholds."""


def streams_of(action_ids: Iterable[str]) -> Iterator[str]:
    """Name all streams of actions."""
    for action_id in action_ids:
        yield from (action_id, late_stream(action_id), data_stream(action_id))


def judged(leaves: Iterable[Leaf]) -> set[tuple[str, int]]:
    """Name the bundles that judged, each with the first and the last place at which it did."""
    places: dict[str, list[int]] = {}
    for leaf in leaves:
        if leaf.kind == DECISION and (event := leaf.event) is not None:
            places.setdefault(_bundle(event), []).append(leaf.seq)
    return {(digest, seq) for digest, seqs in places.items() for seq in (min(seqs), max(seqs))}


def votes(leaves: Iterable[Leaf]) -> list[tuple[int, datetime]]:
    """Say where and when votes were counted."""
    return [
        (leaf.seq, datetime.fromisoformat(str(event["at"])))
        for leaf in leaves
        if leaf.kind == "vote.counted" and (event := leaf.event) is not None
    ]


def bundles(activations: Iterable[Leaf]) -> dict[str, bytes]:
    """Take the bundles out of their activations, by digest."""
    return {
        str(event["digest"]): canonical(event["bundle"])
        for leaf in activations
        if leaf.kind == "bundle.activated" and (event := leaf.event) is not None
    }


def in_order(*runs: Iterable[Leaf]) -> list[Leaf]:
    """Put leaves into the order of the log, each once."""
    found = {leaf.seq: leaf for run in runs for leaf in run}
    return [found[seq] for seq in sorted(found)]


@dataclass(slots=True)
class Fitting:
    """Finds the actions of a run whose events a filter shows."""

    filters: PeriodFilters
    actions: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)
    _decided: set[str] = field(default_factory=set)

    def see(self, stream: str, kind: str, event: Mapping[str, Json] | None) -> None:
        """See one event of the run. Of decisions, ``event`` is needed."""
        self._seen.add(action_of(stream))
        if kind == DECISION:
            self._decided.add(stream)
            if event is not None and fits(self.filters, event):
                self.actions.add(stream)

    @property
    def undecided(self) -> set[str]:
        """The actions that were decided before the run began: it cannot tell whether they fit."""
        return self._seen - self._decided - {""}

    def hides(self, leaf: Leaf, counted: int) -> bool:
        """Say whether an event is withheld: another action's, and counted by a total.

        Totals count up to ``counted``; what none of them counts is shown, whosever it is. So is
        how each action was answered and ended, or an end could be left out unseen.
        """
        action = action_of(leaf.stream)
        counts = leaf.kind in ENDINGS or leaf.seq >= counted
        return bool(action) and not counts and action not in self.actions


def whole(leaves: Iterable[Leaf]) -> frozenset[str]:
    """Name the actions whose stream is in a run from its beginning to its end."""
    begun, ended = set[str](), set[str]()
    for leaf in leaves:
        if leaf.version == 0 and leaf.stream == action_of(leaf.stream):
            begun.add(leaf.stream)
        if leaf.kind == END and leaf.canonical is not None:
            ended.add(leaf.stream)
    return frozenset(begun & ended)


def action_of(stream: str) -> str:
    """Name the action that a stream is about; nothing if it is about none."""
    return stream.partition(":")[0] if stream.startswith(_ACTION) else ""


def _bundle(event: Mapping[str, object]) -> str:
    decision = event["decision"]
    bundle = decision["bundle"] if isinstance(decision, dict) else {}
    return str(bundle["digest"])
