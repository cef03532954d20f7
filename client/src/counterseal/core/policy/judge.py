"""The judge: a pure function from a pinned bundle, an action and frozen facts to a decision."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from counterseal.core.action import Action
from counterseal.core.canonical import Json, digest
from counterseal.core.policy.attributes import Taken, sensitive_attributes, take
from counterseal.core.policy.bundle import ActionClass, Bundle, Counter, bundle_digest
from counterseal.core.policy.checks import problems
from counterseal.core.policy.compile import CompiledRule, Compiler
from counterseal.core.policy.complaint import BundleRefused, Complaint, spell
from counterseal.core.policy.conclusion import Conclusion
from counterseal.core.policy.decision import BundleName, Decision, facts_digest
from counterseal.core.policy.evaluate import Judged, judged, truths
from counterseal.core.policy.expressions import CelEngine, Engine
from counterseal.core.policy.facts import Facts, Past
from counterseal.core.policy.inputs import Situation
from counterseal.core.policy.patterns import fits
from counterseal.core.policy.pointers import tokens
from counterseal.core.words import Disposition

COUNTER_DOMAIN = "counterseal/counter/v1"

_NEVER_RAN = {
    Disposition.BLOCKED,
    Disposition.DENIED,
    Disposition.EXPIRED,
    Disposition.CANCELLED,
}


class CounterQuery(NamedTuple):
    """A velocity counter that an action reads or feeds.

    ``key`` holds no clear value; ``window`` is in seconds; ``amount`` is what the action adds to
    the sum, 0 if it adds nothing; ``feeds`` says whether the action counts at all.
    """

    name: str
    key: str
    window: int
    attempts: bool
    amount: float
    feeds: bool = True


def compile_bundle(bundle: Bundle, engine: Engine | None = None) -> "Judge":
    """Make a judge of a bundle. Raises ``BundleRefused`` if anything in it is wrong."""
    engine = engine or CelEngine()
    compiler = Compiler(bundle, engine)
    rules = [compiler.rule(rule, ("rules", number)) for number, rule in enumerate(bundle.rules)]
    found = (*problems(bundle), *compiler.problems)
    if found:
        raise BundleRefused(
            tuple(
                Complaint(
                    file=bundle.name,
                    line=0,
                    column=0,
                    code=each.code,
                    where=spell(each.path),
                    sentence=each.sentence,
                )
                for each in found
            )
        )
    return Judge(bundle, tuple(rule for rule in rules if rule is not None), engine.name)


class Judge:
    """Judges actions by one bundle. It keeps nothing between two judgements but compiled text."""

    def __init__(self, bundle: Bundle, rules: tuple[CompiledRule, ...], engine: str) -> None:
        self.bundle = bundle
        self.name = BundleName(
            name=bundle.name, version=bundle.version, digest=bundle_digest(bundle)
        )
        self.engine = engine
        self.rules = rules
        self._classes = {each.id: each for each in bundle.classes}
        self._known = {name: list(each.values) for name, each in bundle.directories.items()}
        self._timezone = ZoneInfo(bundle.timezone)
        # Both depend on nothing but the tool's name, and agents choose names: so bounded.
        self.classify = lru_cache(4096)(self._classify)
        self._rules_for = lru_cache(4096)(self._find_rules)

    def attributes(self, action: Action) -> dict[str, Json]:
        """Read the attributes that the action's class declares; those without a value are out."""
        return self._take(action).values

    def counter_queries(
        self, action: Action, attributes: dict[str, Json]
    ) -> tuple[CounterQuery, ...]:
        """Name the counters that this action feeds or that rules may read about it.

        A counter whose key the action lacks a part of is left out, so reading it is an error.
        """
        action_class = self.classify(action.tool)
        class_id = action_class.id if action_class else ""
        read = {name for rule in self._candidates(action) for name in _counters_read(rule)}
        queries = (
            self._query(name, counter, action, class_id, attributes)
            for name, counter in self.bundle.counters.items()
            if name in read or class_id in counter.classes
        )
        return tuple(query for query in queries if query is not None)

    def decide(self, action: Action, facts: Facts) -> Decision:
        """Judge ``action`` by ``facts``. The same arguments give the same decision, for ever."""
        situation = self.situation(action, facts)
        candidates = [
            rule
            for rule in self._candidates(action)
            if _is_any(rule.rule.match.labels, facts.agent_labels)
        ]
        conclusion = self._conclusion(
            self.classify(action.tool), situation, [judged(rule, situation) for rule in candidates]
        )
        queries = self.counter_queries(action, dict(situation.attributes))
        read = {name for rule in candidates for name in _counters_read(rule)}
        return conclusion.decision(
            counters_read=tuple(query.key for query in queries if query.name in read),
            contributes={query.key: query.amount for query in queries if query.feeds},
            facts=facts,
            facts_digest=facts_digest(facts),
            bundle=self.name,
            engine=self.engine,
        )

    def truths(self, action: Action, facts: Facts) -> dict[str, bool]:
        """Evaluate every clause about ``action``: ``rule/clause`` to its value, if it has one."""
        situation = self.situation(action, facts)
        return {
            f"{rule.rule.id}/{condition.name}": value
            for rule in self._candidates(action)
            for condition, value in truths(rule, situation)
        }

    def _conclusion(
        self, action_class: ActionClass | None, situation: Situation, judgements: list[Judged]
    ) -> Conclusion:
        return Conclusion(
            bundle=self.bundle,
            action_class=action_class,
            situation=situation,
            judgements=judgements,
            hidden=_hidden(action_class),
            sensitive=_sensitive(action_class),
        )

    def _classify(self, tool: str) -> ActionClass | None:
        return self.bundle.class_of(tool)

    def _find_rules(self, tool: str) -> tuple[CompiledRule, ...]:
        action_class = self.classify(tool)
        class_id = action_class.id if action_class else ""
        return tuple(
            each
            for each in self.rules
            if (not each.rule.match.tools or fits(tool, each.rule.match.tools))
            and _is_any(each.rule.match.classes, (class_id,))
        )

    def _candidates(self, action: Action) -> Iterable[CompiledRule]:
        return (
            each
            for each in self._rules_for(action.tool)
            if _is_any(each.rule.match.environment, (action.environment,))
        )

    def _take(self, action: Action) -> Taken:
        action_class = self.classify(action.tool)
        return take(action_class, action.arguments) if action_class else Taken({}, {})

    def situation(self, action: Action, facts: Facts) -> Situation:
        """See the action as conditions do: every input with its value."""
        action_class = self.classify(action.tool)
        taken = self._take(action)
        return Situation(
            action=action,
            action_class=action_class.id if action_class else None,
            risk=action_class.risk if action_class else self.bundle.unknown_tools.risk,
            attributes=taken.values,
            absent=taken.absent,
            tainted_by=self._tainted_by(facts),
            history_classes=tuple(self._class_of(past) for past in facts.history),
            facts=facts,
            known=self._known,
            timezone=self._timezone,
        )

    def _class_of(self, past: Past) -> str:
        found = self.classify(past.tool)
        return found.id if found else past.action_class or ""

    def _tainted_by(self, facts: Facts) -> tuple[str, ...]:
        tools = {past.tool for past in facts.history if self._taints(past)}
        given = ("observation",) if facts.observations_given > 0 else ()
        return (*sorted(tools), *given)

    def _taints(self, past: Past) -> bool:
        if past.effective.value == "BLOCK" or past.disposition in _NEVER_RAN:
            return False
        recorded = self._classes.get(past.action_class or "")
        current = self.classify(past.tool)
        if recorded is None and current is None:
            return self.bundle.unknown_tools.reads_untrusted
        return any(each is not None and each.reads_untrusted for each in (recorded, current))

    def _query(
        self,
        name: str,
        counter: Counter,
        action: Action,
        class_id: str,
        attributes: dict[str, Json],
    ) -> CounterQuery | None:
        parts = {each: _key_part(each, action, class_id, attributes) for each in counter.by}
        if not _hidden(self.classify(action.tool)).isdisjoint(parts):
            return None  # a digest of a short value is as good as the value
        if any(part is _NO_PART for part in parts.values()):
            return None
        feeds = class_id in counter.classes
        amount = attributes.get(counter.sum) if counter.sum and feeds else 0.0
        named = digest(COUNTER_DOMAIN, {"tenant": action.tenant, "counter": name, "by": parts})
        return CounterQuery(
            name=name,
            key=f"{name}/{named.removeprefix('sha256:')}",
            window=counter.window,
            attempts=counter.attempts,
            # A negative amount must not make room for others.
            amount=abs(amount) if isinstance(amount, float) else 0.0,
            feeds=feeds,
        )


def _sensitive(action_class: ActionClass | None) -> tuple[tuple[str, ...], ...]:
    return tuple(tokens(each) for each in action_class.sensitive) if action_class else ()


def _hidden(action_class: ActionClass | None) -> frozenset[str]:
    """Name the inputs that must not be written in clear about an action of this class."""
    if action_class is None or not action_class.sensitive:
        return frozenset()
    return frozenset(f"attr.{name}" for name in sensitive_attributes(action_class))


_NO_PART = object()


def _key_part(name: str, action: Action, class_id: str, attributes: dict[str, Json]) -> Json:
    match name.split("."):
        case ["attr", attribute]:
            return attributes.get(attribute, _NO_PART)
        case ["action", "class"]:
            return class_id
        case ["action", part]:
            return getattr(action, part)
        case [whose, _]:
            return getattr(action, whose)
        case _:
            return _NO_PART


def _counters_read(rule: CompiledRule) -> set[str]:
    return {name.split(".")[1] for name in rule.inputs if name.startswith("counters.")}


def _is_any(wanted: tuple[str, ...], given: Iterable[str]) -> bool:
    return not wanted or any(each in wanted for each in given)
