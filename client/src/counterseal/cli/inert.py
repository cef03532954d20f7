"""Hostile text made harmless for a person's eyes.

Whatever an agent wrote is shown so that it cannot hide: characters that are invisible, reorder
text, move the cursor or look like plain spaces are written as JSON escapes.
"""

import json
import unicodedata

from counterseal.core.canonical import Json, canonical

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Letters and marks that print as nothing."""


def visible(text: str) -> str:
    """Write one line in which every character can be seen; backslashes are doubled."""
    return _escaped(text.replace("\\", "\\\\"))


def pretty(value: Json) -> str:
    """Write JSON as its canonical form says it, spread over lines, every character visible.

    The text is still JSON and reads back as the same value.
    """
    return "\n".join(_lines(json.loads(canonical(value)), ""))


def compact(value: Json) -> str:
    """Write JSON canonically on one line, every character visible."""
    return _escaped(canonical(value).decode())


def _lines(value: Json, indent: str) -> list[str]:
    inner = indent + "  "
    match value:
        case dict() if value:
            parts = [_joined(f"{_text(key)}: ", _lines(each, inner)) for key, each in value.items()]
            return ["{", *_listed(parts, inner), indent + "}"]
        case list() if value:
            return ["[", *_listed([_lines(each, inner) for each in value], inner), indent + "]"]
        case str():
            return [_text(value)]
        case _:
            return [canonical(value).decode()]


def _joined(key: str, lines: list[str]) -> list[str]:
    return [key + lines[0], *lines[1:]]


def _listed(parts: list[list[str]], indent: str) -> list[str]:
    found: list[str] = []
    for number, part in enumerate(parts):
        comma = "" if number == len(parts) - 1 else ","
        found += [indent + part[0], *part[1:]]
        found[-1] += comma
    return found


def _text(text: str) -> str:
    return _escaped(json.dumps(text, ensure_ascii=False))


def _escaped(text: str) -> str:
    return "".join(_escape(each) if _is_hidden(each) else each for each in text)


def _is_hidden(character: str) -> bool:
    if " " <= character <= "~":
        return False
    category = unicodedata.category(character)
    # Spaces other than U+0020, and variation selectors, carry data nobody sees.
    return (
        category in _HIDDEN
        or category == "Zs"
        or character in _BLANK
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
