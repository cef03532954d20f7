"""Counting what a replay met."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from counterseal.core.canonical import Json
from counterseal.core.policy.decision import Decision
from counterseal.core.wire import ActionRow, Answer
from counterseal.core.words import Phase
from counterseal.replay.lines import BadLine

MOST_TOLD = 50


@dataclass(frozen=True, slots=True)
class Mishap:
    """A call that could not be replayed to its end."""

    line: int
    code: str
    sentence: str


@dataclass(slots=True)
class Tally:
    """Everything counted so far; whole at any moment, so that Ctrl-C can print it."""

    sessions: int = 0
    calls: int = 0
    asked: int = 0
    sessions_done: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    effective: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)
    unknown_tools: Counter[str] = field(default_factory=Counter)
    waiting_for: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    mishaps: list[Mishap] = field(default_factory=list)
    bad_lines: list[BadLine] = field(default_factory=list)
    actions: set[str] = field(default_factory=set)
    looked_up: int = 0
    undelivered: int = 0

    def answered(self, answer: Answer, seconds: float) -> None:
        """Count the answer to a proposal."""
        self.asked += 1
        self.latencies.append(seconds)
        self.actions.add(answer.action_id)
        if answer.phase is Phase.UNDECIDED:
            self.verdicts["UNDECIDED"] += 1
            self.effective["UNDECIDED"] += 1
            return
        self.verdicts[str(answer.verdict)] += 1
        self.effective[str(answer.effective)] += 1

    def failed(self, line: int, code: str, sentence: str) -> None:
        """Count a mishap."""
        self.mishaps.append(Mishap(line, code, sentence))

    def recorded(self, row: ActionRow) -> None:
        """Count what the server recorded about one of our actions."""
        self.looked_up += 1
        self.rules.update(row.rules)
        self.ended[str(row.outcome or row.phase)] += 1
        if row.action_class is None:
            self.unknown_tools[row.tool] += 1
        if row.phase is Phase.HELD:
            self.waiting_for.update(row.asked)

    def judged(self, decision: Decision) -> None:
        """Count every rule that fired, whether it made the difference or not."""
        self.fired.update(each.rule for each in decision.fired)

    @property
    def is_clean(self) -> bool:
        """Say whether every line was read and every call answered."""
        return not self.mishaps and not self.bad_lines

    def report(self) -> dict[str, Json]:
        """Write the summary for programs."""
        return {
            "sessions": self.sessions,
            "sessions_done": self.sessions_done,
            "calls": self.calls,
            "asked": self.asked,
            "verdict": dict(self.verdicts),
            "effective": dict(self.effective),
            "ended": dict(self.ended),
            "determining_rules": dict(self.rules.most_common()),
            "fired_rules": dict(self.fired.most_common()),
            "unknown_tools": dict(self.unknown_tools.most_common()),
            "waiting_for": dict(self.waiting_for.most_common()),
            "latency_ms": percentiles(self.latencies),
            "looked_up": self.looked_up,
            "receipts_undelivered": self.undelivered,
            "errors": dict(Counter(each.code for each in self.mishaps)),
            "error_lines": [
                {"line": each.line, "code": each.code, "sentence": each.sentence}
                for each in self.mishaps[:MOST_TOLD]
            ],
            "bad_lines": len(self.bad_lines),
            "bad_line_reasons": [
                {"line": each.line, "why": each.why} for each in self.bad_lines[:MOST_TOLD]
            ],
        }


def percentiles(seconds: Sequence[float]) -> dict[str, Json]:
    """Give p50, p95, p99 and the maximum in milliseconds (nearest rank)."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    ranks = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {
        name: round(ordered[ceil(part * len(ordered)) - 1] * 1000, 1)
        for name, part in ranks.items()
    }
