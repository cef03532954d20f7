"""Judging again what was recorded: the same bundle, action and facts must give the same decision.

Whoever holds the evidence holds all three, so nobody has to believe that the policy said what
the record says it said.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from counterseal.core.action import Action
from counterseal.core.canonical import Json, canonical
from counterseal.core.commitments import Disclosure, WrongDisclosure, committed_places, disclose
from counterseal.core.errors import Refused
from counterseal.core.policy.bundle import Bundle
from counterseal.core.policy.decision import Decision, RuleFinding
from counterseal.core.policy.invariants import decide
from counterseal.core.policy.judge import Judge, compile_bundle
from counterseal.core.words import Verdict, strictest

_NOT_IN_CLEAR: Json = {"sensitive": True}

_RESTING = frozenset(
    {
        "attributes",
        "contributes",
        "counters_read",
        "determining",
        "effective",
        "fired",
        "for_agent",
        "near_misses",
        "route",
        "verdict",
    }
)
"""What arguments can change; the rest follows from tool and policy alone."""


@dataclass(frozen=True, slots=True)
class Rejudged:
    """How it came out: ``same`` is None if it could not be told; ``sentence`` says why."""

    same: bool | None
    sentence: str


class Rejudging:
    """Judges again by recorded bundles, each compiled once."""

    def __init__(self, bundles: Mapping[str, Json]) -> None:
        self._bundles = bundles
        self._judges: dict[str, Judge] = {}

    def judge(
        self,
        action: Mapping[str, Json],
        decision: Mapping[str, Json],
        disclosures: Iterable[Disclosure] = (),
    ) -> Rejudged:
        """Judge ``action`` again, disclosed values put back, and compare with ``decision``."""
        try:
            recorded = Decision.model_validate(decision)
            whole = _opened(action, disclosures)
            judge = self._judge(recorded.bundle.digest)
            again = decide(judge, whole, recorded.facts)
        except WrongDisclosure as error:
            return Rejudged(same=False, sentence=str(error))
        except (Refused, ValidationError, KeyError) as error:
            return Rejudged(same=False, sentence=f"It cannot be judged again: {_brief(error)}")
        described = judge.classify(whole.tool)
        floor = described.verdict if described else Verdict.STEP_UP
        sealed = committed_places(whole.arguments)
        excused = bool(sealed) and _may_rest_on_sealed(recorded, again, floor)
        return _compared(decision, again, sealed, excused=excused)

    def _judge(self, digest: str) -> Judge:
        if digest not in self._judges:
            self._judges[digest] = compile_bundle(Bundle.model_validate(self._bundles[digest]))
        return self._judges[digest]


def _opened(action: Mapping[str, Json], disclosures: Iterable[Disclosure]) -> Action:
    read = Action.model_validate(action)
    return read.model_copy(update={"arguments": disclose(read.arguments, disclosures)})


def _compared(
    recorded: Mapping[str, Json], again: Decision, sealed: tuple[str, ...], *, excused: bool
) -> Rejudged:
    told = again.model_dump(mode="json")
    if sealed:
        told["attributes"] |= _sealed_attributes(recorded)
    # The engine is a build, not a reason; a field that is not recorded is younger than the record.
    others = [
        name
        for name in told.keys() & recorded.keys() - {"engine"}
        if canonical(told[name]) != canonical(recorded[name])
    ]
    if not others:
        return Rejudged(same=True, sentence=f"Judged again: {again.effective}, as recorded.")
    if excused and _RESTING.issuperset(others):
        return Rejudged(same=None, sentence=f"Not judged again: it rests on {', '.join(sealed)}.")
    return Rejudged(
        same=False,
        sentence=f"Judged again: {again.effective} by {', '.join(again.determining)}; the record "
        f"says otherwise in {', '.join(sorted(others))}.",
    )


def _may_rest_on_sealed(recorded: Decision, again: Decision, floor: Verdict) -> bool:
    """Say whether sealed values can be why two decisions differ.

    Each rule that came out otherwise must have read one, and what is done must follow from the
    rules as they are recorded.
    """
    before, now = (
        {each.rule: each for each in (*one.fired, *one.near_misses)} for one in (recorded, again)
    )
    differing = [name for name in before.keys() | now.keys() if before.get(name) != now.get(name)]
    if not all(_reads_sealed(now.get(name) or before[name]) for name in differing):
        return False
    if recorded.fired == again.fired:
        return _done(recorded) == _done(again)
    return (recorded.verdict, recorded.effective) == (
        strictest(floor, *(each.verdict for each in recorded.fired)),
        strictest(again.stage.applied_to(floor), *(each.effective for each in recorded.fired)),
    )


def _reads_sealed(rule: RuleFinding) -> bool:
    return any(_NOT_IN_CLEAR in clause.readings.values() for clause in rule.clauses)


def _done(decision: Decision) -> tuple[object, ...]:
    return (
        decision.verdict,
        decision.effective,
        decision.determining,
        decision.route,
        decision.for_agent,
    )


def _sealed_attributes(recorded: Mapping[str, Json]) -> dict[str, Json]:
    """Give the attributes that are recorded as there, but not in clear."""
    found = recorded.get("attributes")
    attributes = found if isinstance(found, dict) else {}
    return {name: value for name, value in attributes.items() if value == _NOT_IN_CLEAR}


def _brief(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return f"{error.title} has {error.error_count()} fields that are not as they must be."
    return f"{error.args[0]} is not there." if isinstance(error, KeyError) else str(error)
