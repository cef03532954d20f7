"""What the models object to, said so that a policy owner can mend it."""

import difflib
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from counterseal.core.policy.bundle import (
    ActionClass,
    Attribute,
    Bundle,
    Clause,
    Counter,
    Defaults,
    Directory,
    Match,
    Rule,
    UnknownTools,
)
from counterseal.core.policy.source import Place

_CODES = {
    "extra_forbidden": "unknown-field",
    "missing": "missing-field",
    "enum": "unknown-word",
    "literal_error": "unknown-word",
    "string_pattern_mismatch": "malformed",
    "string_too_short": "empty",
    "string_too_long": "too-large",
    "too_short": "empty",
    "too_long": "too-large",
    "greater_than": "out-of-range",
    "greater_than_equal": "out-of-range",
    "less_than": "out-of-range",
    "less_than_equal": "out-of-range",
}


def distinct(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Keep one objection to each parameter: a union objects once for each of its types."""
    kept: dict[tuple[int | str, ...], ErrorDetails] = {}
    for error in errors:
        path = tuple(error["loc"])
        if path[2:3] != ("params",) or len(path) < _PARAM:
            kept[path] = error
        else:
            kept.setdefault(path[:_PARAM], _about_a_param(error, path[:_PARAM]))
    return list(kept.values())


_PARAM = 4  # ("rules", number, "params", name)


def _about_a_param(error: ErrorDetails, path: tuple[int | str, ...]) -> ErrorDetails:
    said = "has to be a number, a string, true or false, or a list of numbers or of strings"
    return {**error, "loc": path, "type": "param", "msg": said}


def complaint_code(error: ErrorDetails) -> str:
    """Give the permanent code of a model's objection."""
    return _CODES.get(error["type"], "wrong-type")


def sentence_of(error: ErrorDetails, place: Place | None, fields: list[str] | None = None) -> str:
    """Say what is wrong and what would work; ``fields`` are those that could be meant."""
    name = str(error["loc"][-1]) if error["loc"] else "the bundle"
    context: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            known = fields or _fields(error["loc"][:-1])
            return f"there is no field `{name}` here{_meant(name, known)}"
        case "missing":
            return f"`{name}` is missing; {_WHY.get(name, 'it has no default')}."
        case "enum" | "literal_error":
            return f"{error['input']!r} is none of {context['expected']}."
        case "string_pattern_mismatch":
            return f"{error['input']!r} is malformed; it has to match {context['pattern']}."
        case "too_short" if name == "when":
            return 'a rule without a condition; if it always applies, say so: cel: "true".'
        case "string_type":
            return f'`{name}` has to be a string{_found(place)}; quote it: "…".'
        case _:
            return f"`{name}`: {_lower(error['msg'])}{_found(place)}."


_WHY = {
    "owner": "somebody has to answer for every rule",
    "when": 'say when the rule fires; if always, write cel: "true"',
    "verdict": "say ALLOW, STEP_UP or BLOCK",
    "timeout": "say for how long to wait, for example 30m",
    "groups": "say whom to ask",
}

_PLACES: dict[str, type[BaseModel]] = {
    "rules": Rule,
    "classes": ActionClass,
    "counters": Counter,
    "directories": Directory,
    "defaults": Defaults,
    "unknown_tools": UnknownTools,
    "match": Match,
    "when": Clause,
    "unless": Clause,
    "attributes": Attribute,
}
_ROUTE = ("groups", "quorum", "escalate", "needs", "deny_threshold", "timeout")
_ROUTE_FIELDS = (*_ROUTE, "remind_every", "on_timeout", "after")


def _meant(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else f"; there are {', '.join(known)}."


def _fields(path: tuple[int | str, ...]) -> list[str]:
    if "route" in path:
        return list(_ROUTE_FIELDS)
    model = next((_PLACES[str(step)] for step in reversed(path) if str(step) in _PLACES), Bundle)
    return [_spelt(model, name) for name in model.model_fields]


def _spelt(model: type[BaseModel], name: str) -> str:
    alias = model.model_fields[name].validation_alias
    choices = getattr(alias, "choices", None)
    return str(choices[0]) if choices else name


def _found(place: Place | None) -> str:
    if place is not None and isinstance(place.node, yaml.ScalarNode):
        return f", found {place.node.value!r}"
    return ""


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
