"""The inputs that conditions can read: their names, types and values.

Every input is declared under its full dotted name, so a misspelt one is refused when the bundle
is loaded. One whose value is missing is not bound, and reading it is an error: missing facts
close. All numbers are doubles.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

from counterseal.core.action import Action
from counterseal.core.policy.bundle import Bundle, Param
from counterseal.core.policy.expressions import Kind
from counterseal.core.policy.facts import Facts, Past
from counterseal.core.words import Risk

ATTRIBUTE_KINDS: dict[str, Kind] = {
    "number": Kind.NUMBER,
    "string": Kind.STRING,
    "boolean": Kind.BOOLEAN,
    "strings": Kind.STRINGS,
}

FIXED: dict[str, Kind] = {
    "action.tool": Kind.STRING,
    "action.class": Kind.STRING,
    "action.risk": Kind.STRING,
    "action.environment": Kind.STRING,
    "action.resource": Kind.STRING,
    "action.arguments": Kind.MAP,
    "action.attributes": Kind.STRINGS,
    "agent.id": Kind.STRING,
    "agent.owner": Kind.STRING,
    "agent.labels": Kind.STRINGS,
    "principal.id": Kind.STRING,
    "principal.verified": Kind.BOOLEAN,
    "session.id": Kind.STRING,
    "session.length": Kind.NUMBER,
    "session.tainted": Kind.BOOLEAN,
    "session.tainted_by": Kind.STRINGS,
    "session.tools": Kind.STRINGS,
    "session.classes": Kind.STRINGS,
    "session.history": Kind.MAPS,
    "time.at": Kind.TIMESTAMP,
    "time.hour": Kind.NUMBER,
    "time.weekday": Kind.STRING,
    "request.given": Kind.BOOLEAN,
    "observations.given": Kind.NUMBER,
}
"""Inputs that every bundle has."""

KEYS = (
    "action.tool",
    "action.class",
    "action.environment",
    "action.resource",
    "agent.id",
    "principal.id",
    "session.id",
)
"""Inputs that can be part of a counter's key, besides attributes."""

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def declared(bundle: Bundle) -> dict[str, Kind]:
    """Name every input of a bundle except parameters, which belong to their rule."""
    inputs = dict(FIXED)
    for each in bundle.classes:
        for name, attribute in each.attributes.items():
            inputs[f"attr.{name}"] = ATTRIBUTE_KINDS[attribute.type]
            inputs[f"origin.{name}"] = Kind.STRING
    for name in bundle.counters:
        inputs[f"counters.{name}.count"] = Kind.NUMBER
        inputs[f"counters.{name}.sum"] = Kind.NUMBER
    for name in bundle.directories:
        inputs[f"known.{name}"] = Kind.STRINGS
    return inputs


def param_kinds(params: Mapping[str, Param]) -> dict[str, Kind]:
    """Name the parameters of one rule, typed by their values."""
    return {f"params.{name}": _kind_of(value) for name, value in params.items()}


def param_values(params: Mapping[str, Param]) -> dict[str, object]:
    """Give the values of the parameters of one rule as an engine takes them."""
    return {
        f"params.{name}": list(value) if isinstance(value, tuple) else value
        for name, value in params.items()
    }


def _kind_of(value: Param) -> Kind:
    match value:
        case bool():
            return Kind.BOOLEAN
        case float():
            return Kind.NUMBER
        case str():
            return Kind.STRING
        case tuple():
            return Kind.NUMBERS if isinstance(value[0], float) else Kind.STRINGS


@dataclass(frozen=True)
class Situation:
    """One action and the facts about it, as values of inputs, computed when first asked for."""

    action: Action
    action_class: str | None
    risk: Risk
    attributes: Mapping[str, object]
    absent: Mapping[str, str]
    tainted_by: tuple[str, ...]
    history_classes: tuple[str, ...]
    facts: Facts
    known: Mapping[str, list[str]]
    timezone: ZoneInfo
    _found: dict[str, object] = field(default_factory=dict)

    def values(self, names: Iterable[str]) -> dict[str, object]:
        """Bind those of ``names`` that have a value."""
        found = ((name, self.value(name)) for name in names)
        return {name: value for name, value in found if value is not MISSING}

    def value(self, name: str) -> object:
        """Give the value of an input, ``MISSING`` if it has none."""
        if name not in self._found:
            self._found[name] = self._look_up(name)
        return self._found[name]

    def why_missing(self, name: str) -> str:
        """Say why an input has no value."""
        group, _, rest = name.partition(".")
        match group:
            case "attr":
                return self.absent.get(rest, "the action's class has no such attribute")
            case "origin":
                return "the facts do not say where the value was seen"
            case "counters":
                return "the facts hold no such counter"
            case _:
                return "no value"

    def _look_up(self, name: str) -> object:
        group, _, rest = name.partition(".")
        match group:
            case "attr":
                return self.attributes.get(rest, MISSING)
            case "origin":
                origin = self.facts.origins.get(rest)
                return MISSING if origin is None else origin.value
            case "counters":
                return self._counter(*rest.split("."))
            case "known":
                return self.known.get(rest, MISSING)
            case _:
                return _FIXED_VALUES[name](self)

    def _counter(self, name: str, part: str) -> object:
        counter = self.facts.counters.get(name)
        if counter is None:
            return MISSING
        return float(counter.count) if part == "count" else float(counter.sum)

    @cached_property
    def history(self) -> list[dict[str, object]]:
        """Tell the session's earlier actions, oldest first, as maps."""
        classes = zip(self.facts.history, self.history_classes, strict=True)
        return [_told(past, named, self.facts) for past, named in classes]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""The value of an input that has none."""


def _told(past: Past, action_class: str, facts: Facts) -> dict[str, object]:
    return {
        "action": past.action,
        "tool": past.tool,
        "class": action_class,
        "verdict": past.verdict.value,
        "effective": past.effective.value,
        "phase": past.phase.value,
        "disposition": past.disposition.value if past.disposition else "",
        "outcome": past.outcome.value if past.outcome else "",
        "at": past.at,
        "minutes_ago": (facts.at - past.at).total_seconds() / 60,
    }


_FIXED_VALUES: dict[str, Callable[[Situation], object]] = {
    "action.tool": lambda case: case.action.tool,
    "action.class": lambda case: case.action_class or "",
    "action.risk": lambda case: case.risk.value,
    "action.environment": lambda case: case.action.environment,
    "action.resource": lambda case: case.action.resource or "",
    "action.arguments": lambda case: case.action.arguments,
    "action.attributes": lambda case: sorted(case.attributes),
    "agent.id": lambda case: case.action.agent,
    "agent.owner": lambda case: case.facts.agent_owner or "",
    "agent.labels": lambda case: list(case.facts.agent_labels),
    "principal.id": lambda case: case.action.principal or "",
    "principal.verified": lambda case: case.facts.principal_verified,
    "session.id": lambda case: case.action.session or "",
    "session.length": lambda case: float(len(case.facts.history)),
    "session.tainted": lambda case: bool(case.tainted_by),
    "session.tainted_by": lambda case: list(case.tainted_by),
    "session.tools": lambda case: [past.tool for past in case.facts.history],
    "session.classes": lambda case: list(case.history_classes),
    "session.history": lambda case: case.history,
    "time.at": lambda case: case.facts.at,
    "time.hour": lambda case: float(case.facts.at.astimezone(case.timezone).hour),
    "time.weekday": lambda case: _WEEKDAYS[case.facts.at.astimezone(case.timezone).weekday()],
    "request.given": lambda case: case.facts.request_given,
    "observations.given": lambda case: float(case.facts.observations_given),
}
