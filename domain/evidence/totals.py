"""Control totals: what a run of the log holds, counted, so that nothing can be left out unseen."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from counterseal.core.canonical import Json
from domain.checks import CHECK_STREAM
from domain.evidence.events import LEDGER_STREAM, LedgerSealed

DECISION, END = "decision.reached", "action.closed"
COUNTED_BY = frozenset({DECISION, END})
"""Kinds whose bodies are read; of all others the kind is enough."""

SEPARATOR = "|"

_OF_THE_LOG = frozenset({LEDGER_STREAM, CHECK_STREAM})


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted so far."""

    kinds: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)

    def count(self, kind: str, event: Mapping[str, Json] | None) -> None:
        """Count one event. Of the kinds in ``COUNTED_BY``, ``event`` is needed."""
        self.kinds[kind] += 1
        if kind == DECISION:
            self.decisions[decided_as(event)] += 1
        elif kind == END:
            self.closed[ended_as(event)] += 1

    def add(self, other: "Tally") -> None:
        """Count what ``other`` has counted."""
        self.kinds.update(other.kinds)
        self.decisions.update(other.decisions)
        self.closed.update(other.closed)

    def sealed(self, at: datetime, start: int, end: int) -> LedgerSealed:
        """Say it of the events at [``start``, ``end``)."""
        return LedgerSealed(
            at=at,
            start=start,
            end=end,
            kinds={**self.kinds},
            decisions={**self.decisions},
            closed={**self.closed},
        )


def is_news(streams: Iterable[str]) -> bool:
    """Say whether events of these streams are worth a total.

    Totals and checks alone are not: an idle log must not grow by being counted.
    """
    return not _OF_THE_LOG.issuperset(streams)


def decided_as(event: Mapping[str, Json] | None) -> str:
    """Write how a decision is counted: class, risk, effective verdict."""
    decision = (event or {}).get("decision")
    said = decision if isinstance(decision, dict) else {}
    parts = (said.get("action_class") or "-", said.get("risk"), said.get("effective"))
    return SEPARATOR.join(str(part) for part in parts)


def ended_as(event: Mapping[str, Json] | None) -> str:
    """Write how an end is counted: disposition, outcome."""
    said = event or {}
    return f"{said.get('disposition')}{SEPARATOR}{said.get('outcome')}"
