"""JSON written for reading: one member per line, sealed values named as such.

The text is not JSON. A line break inside a string continues on the next line behind ``│``, which
starts no other line, so that no string can pass itself off as a further member.
"""

from collections.abc import Mapping

from counterseal.core.canonical import Json, canonical, is_digest
from counterseal.core.commitments import MARKER
from counterseal.core.errors import Unreadable

_INDENT = "  "


def outline(value: Json) -> str:
    """Write ``value`` over as many lines as it needs."""
    return "\n".join(_lines(value, ""))


def compact(value: Json) -> str:
    """Write ``value`` on one line."""
    match value:
        case Mapping() if sealed := commitment(value):
            return f"sealed ({sealed})"
        case Mapping():
            members = (f"{_quoted(str(key))}: {compact(each)}" for key, each in value.items())
            return "{" + ", ".join(members) + "}"
        case list() | tuple():
            return "[" + ", ".join(compact(each) for each in value) + "]"
        case str():
            return _quoted(value)
        case _:
            return _scalar(value)


def commitment(value: Json) -> str | None:
    """Name the hash of a committed value; None if ``value`` is no commitment."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    named = value.get(MARKER)
    return named if isinstance(named, str) and is_digest(named) else None


def _lines(value: Json, indent: str) -> list[str]:
    inner = indent + _INDENT
    match value:
        case Mapping() if value and commitment(value) is None:
            parts = [
                _under(f"{inner}{_quoted(str(key))}: ", _lines(each, inner))
                for key, each in value.items()
            ]
            return ["{", *_listed(parts), indent + "}"]
        case list() | tuple() if value:
            return [
                "[",
                *_listed([_under(inner, _lines(each, inner)) for each in value]),
                indent + "]",
            ]
        case str():
            first, *more = _escaped(value).split("\n")
            lines = [f'"{first}', *(f"{inner}│ {line}" for line in more)]
            return [*lines[:-1], lines[-1] + '"']
        case _:
            return [compact(value)]


def _under(start: str, lines: list[str]) -> list[str]:
    return [start + lines[0], *lines[1:]]


def _listed(parts: list[list[str]]) -> list[str]:
    for part in parts[:-1]:
        part[-1] += ","
    return [line for part in parts for line in part]


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'.replace("\n", "\\n")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _scalar(value: Json) -> str:
    try:
        return canonical(value).decode()
    except Unreadable:
        return str(value)  # a number that no JSON of ours holds
