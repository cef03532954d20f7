"""Test cases for policies: an action, some facts, and what has to come out."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pydantic import Field

from counterseal.core.action import Action, action_id
from counterseal.core.canonical import Json
from counterseal.core.model import Instant, Record
from counterseal.core.policy.bundle import Text
from counterseal.core.policy.decision import Decision
from counterseal.core.policy.facts import Asserted, Count, Facts, Origin, Past
from counterseal.core.policy.judge import Judge
from counterseal.core.policy.origins import origins
from counterseal.core.words import Disposition, Outcome, Phase, Verdict

A_MONDAY_MORNING = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
"""When a case happens that does not say when: an ordinary working hour."""


class CaseAction(Record):
    """The action of a case; whatever does not matter has a default."""

    tool: str
    arguments: dict[str, Json] = Field(default_factory=dict)
    tenant: str = "cases"
    agent: str = "agent"
    principal: str | None = None
    environment: str = "production"
    session: str | None = None
    resource: str | None = None


class CasePast(Record):
    """An earlier action of the session: it was allowed, unless said otherwise."""

    tool: str
    effective: Verdict = Verdict.ALLOW
    disposition: Disposition | None = None
    outcome: Outcome | None = None
    minutes_ago: float = Field(default=1.0, ge=0)


class CaseCount(Record):
    """A counter as it stood."""

    count: int = 0
    sum: float = 0.0


class CaseFacts(Record):
    """Those facts that matter to a case. Counters that are not given stand at zero.

    ``origins`` says directly where values were seen; otherwise it is worked out from
    ``user_request`` and ``observations``. A counter named in ``unknown`` could not be read.
    """

    at: Instant = A_MONDAY_MORNING
    agent_owner: str | None = None
    agent_labels: tuple[str, ...] = ()
    principal_verified: bool = False
    history: tuple[CasePast, ...] = ()
    counters: dict[str, CaseCount] = Field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    origins: dict[str, Origin] = Field(default_factory=dict)
    user_request: str | None = None
    observations: tuple[str, ...] = ()


class Expected(Record):
    """What has to come out; ``rules`` are the determining ones, in any order."""

    effective: Verdict
    verdict: Verdict | None = None
    rules: tuple[str, ...] | None = None
    action_class: str | None = Field(default=None, alias="class")


class Case(Record):
    """One example of what a policy means."""

    name: Text
    action: CaseAction
    facts: CaseFacts = CaseFacts()
    expect: Expected


class CaseResult(NamedTuple):
    """How a case came out: it passed if ``differences`` is empty."""

    case: Case
    decision: Decision
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Say whether everything expected came out."""
        return not self.differences


class Coverage(NamedTuple):
    """What the cases left unproved.

    ``unfired`` are rules that no case made fire; ``one_sided`` maps ``rule/clause`` to the value
    that it never had in any case.
    """

    rules: int
    clauses: int
    unfired: tuple[str, ...]
    one_sided: dict[str, bool]

    @property
    def full(self) -> bool:
        """Say whether every rule fired and every clause was seen true and false."""
        return not self.unfired and not self.one_sided


def run_cases(judge: Judge, cases: tuple[Case, ...]) -> tuple[CaseResult, ...]:
    """Judge every case."""
    results = []
    for case in cases:
        action = action_of(case)
        decision = judge.decide(action, facts_of(judge, case, action))
        results.append(CaseResult(case, decision, tuple(_differences(case.expect, decision))))
    return tuple(results)


def coverage(judge: Judge, cases: tuple[Case, ...]) -> Coverage:
    """Tell which rules and clauses the cases prove nothing about."""
    seen: dict[str, set[bool]] = {
        f"{rule.rule.id}/{clause.name}": set() for rule in judge.rules for clause in rule.conditions
    }
    # A clause that is written to be always true cannot be seen false.
    constant = {
        f"{rule.rule.id}/{clause.name}"
        for rule in judge.rules
        for clause in rule.conditions
        if not clause.inputs
    }
    fired: set[str] = set()
    for case in cases:
        action = action_of(case)
        facts = facts_of(judge, case, action)
        fired |= {finding.rule for finding in judge.decide(action, facts).fired}
        for name, value in judge.truths(action, facts).items():
            seen[name].add(value)
    return Coverage(
        rules=len(judge.rules),
        clauses=len(seen),
        unfired=tuple(rule.rule.id for rule in judge.rules if rule.rule.id not in fired),
        one_sided={
            name: value
            for name, values in seen.items()
            if name not in constant
            for value in (True, False)
            if value not in values
        },
    )


def action_of(case: Case) -> Action:
    """Make the action of a case."""
    named = action_id("cases", case.action.agent, case.name)
    return Action(id=named, **case.action.model_dump())


def facts_of(judge: Judge, case: Case, action: Action) -> Facts:
    """Make the facts of a case."""
    given = case.facts
    attributes = judge.attributes(action)
    asserted = Asserted.model_validate(
        {
            "user_request": given.user_request,
            "observations": [
                {"tool": "observation", "content": each} for each in given.observations
            ],
        }
    )
    return Facts(
        at=given.at,
        agent_owner=given.agent_owner,
        agent_labels=given.agent_labels,
        principal_verified=given.principal_verified,
        history=tuple(
            _past(judge, number, past, given.at) for number, past in enumerate(given.history)
        ),
        counters={
            query.name: _count(query.key, given.counters.get(query.name, CaseCount()))
            for query in judge.counter_queries(action, attributes)
            if query.name not in given.unknown
        },
        origins={**origins(judge, attributes, asserted, tool=action.tool), **given.origins},
        request_given=given.user_request is not None,
        observations_given=len(given.observations),
    )


def _count(key: str, count: CaseCount) -> Count:
    return Count(key=key, count=count.count, sum=count.sum, version=count.count)


def _past(judge: Judge, number: int, past: CasePast, at: datetime) -> Past:
    found = judge.classify(past.tool)
    return Past(
        action=f"act_{number:032x}",
        tool=past.tool,
        action_class=found.id if found else None,
        verdict=past.effective,
        effective=past.effective,
        phase=Phase.CLOSED,
        disposition=past.disposition,
        outcome=past.outcome,
        at=at - timedelta(minutes=past.minutes_ago),
    )


def _differences(expected: Expected, decision: Decision) -> list[str]:
    pairs: list[tuple[str, Any, Any]] = [
        ("effective", expected.effective, decision.effective),
        ("verdict", expected.verdict, decision.verdict),
        ("class", expected.action_class, decision.action_class),
        (
            "rules",
            None if expected.rules is None else sorted(expected.rules),
            sorted(decision.determining),
        ),
    ]
    return [
        f"{name}: expected {wanted}, got {found}"
        for name, wanted, found in pairs
        if wanted is not None and wanted != found
    ]
