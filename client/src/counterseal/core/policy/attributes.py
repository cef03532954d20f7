"""The attributes of an action, taken from its arguments as its class says."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from counterseal.core.canonical import Json
from counterseal.core.policy.bundle import ActionClass, Attribute
from counterseal.core.policy.pointers import find, tokens, touches


class Taken(NamedTuple):
    """The attributes that have a value, and why the others have none."""

    values: dict[str, Json]
    absent: dict[str, str]


def take(action_class: ActionClass, arguments: Mapping[str, Json]) -> Taken:
    """Read all attributes of ``action_class`` out of ``arguments``."""
    taken = Taken({}, {})
    for name, attribute in action_class.attributes.items():
        found = [
            value
            for pointer in attribute.sources
            if (value := _at(pointer, arguments, attribute)) is not None
        ]
        if not found:
            taken.absent[name] = f"no value at {', '.join(attribute.sources)}"
            continue
        value = _together(found) if attribute.type == "strings" else found[0]
        if isinstance(value, _Wrong):
            taken.absent[name] = f"wanted {attribute.type}, found {value.found}"
        else:
            taken.values[name] = value
    return taken


def sensitive_attributes(action_class: ActionClass) -> Iterator[str]:
    """Name the attributes that are read from anything that must not be written in clear."""
    sensitive = [tokens(pointer) for pointer in action_class.sensitive]
    for name, attribute in action_class.attributes.items():
        if any(touches(tokens(pointer), sensitive) for pointer in attribute.sources):
            yield name


class _Wrong(NamedTuple):
    found: str


def _at(pointer: str, arguments: Mapping[str, Json], attribute: Attribute) -> Json:
    found = [value for value in find(dict(arguments), tokens(pointer)) if value is not None]
    if not found:
        return None
    if attribute.type == "strings":
        return _strings(found)
    if any(value != found[0] for value in found):
        return _Wrong("several different values")
    return _scalar(found[0], attribute)


def _scalar(value: Json, attribute: Attribute) -> Json:
    match attribute.type:
        case "number" if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        case "string" if isinstance(value, str):
            return value
        case "boolean" if isinstance(value, bool):
            return value
        case _:
            return _Wrong(_named(value))


def _strings(found: list[Json]) -> Json:
    every: list[str] = []
    for value in found:
        for each in value if isinstance(value, list | tuple) else [value]:
            if not isinstance(each, str):
                return _Wrong(_named(each))
            every.append(each)
    return every


def _together(found: list[Json]) -> Json:
    every: list[str] = []
    for value in found:
        if isinstance(value, _Wrong):
            return value
        if isinstance(value, list):
            every.extend(value)
    return list(dict.fromkeys(every))


def _named(value: Json) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return "null"
