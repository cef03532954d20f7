"""Hostile text made harmless for a person's eyes.

Characters that are invisible, reorder text, move the cursor or look like plain spaces are spelt
out: ``⟦U+202E⟧``. The opening bracket itself is spelt out too, so that nobody can forge the mark.
"""

import unicodedata
from functools import lru_cache

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Letters and marks that print as nothing."""

_MARKS = {"Mn", "Me"}
_TALLEST = 4  # marks on one letter; more of them climb over the lines above

_ALPHABETS = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"}
"""Alphabets whose letters look like each other's."""


def inert(text: str, *, lines: bool = False) -> str:
    """Write ``text`` so that every character can be seen; line breaks stay only if ``lines``."""
    if text.isascii() and (text.replace("\n", "") if lines else text).isprintable():
        return text
    shown: list[str] = []
    stacked = _TALLEST  # a mark at the start would sit on what is not theirs
    for each in text:
        breaks = lines and each == "\n"
        stacked = stacked + 1 if unicodedata.category(each) in _MARKS else 0
        is_spelt = not breaks and (stacked > _TALLEST or _is_hidden(each))
        shown.append(_spelt(each) if is_spelt else each)
        if breaks or is_spelt:
            stacked = _TALLEST
    return unicodedata.normalize("NFC", "".join(shown))


def alphabets_mixed(text: str) -> tuple[str, ...]:
    """Name the alphabets that stand together in one word; nothing if none do."""
    if text.isascii():
        return ()
    mixed: set[str] = set()
    for word in text.split():
        found = {name for each in word if not each.isdigit() and (name := _alphabet(each))}
        if len(found) > 1:
            mixed |= found
    return tuple(sorted(mixed))


@lru_cache(maxsize=4096)
def _is_hidden(character: str) -> bool:
    if " " <= character <= "~":
        return False
    return (
        unicodedata.category(character) in _HIDDEN
        or character in _BLANK
        or character == "⟦"
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def _spelt(character: str) -> str:
    return f"⟦U+{ord(character):04X}⟧"


@lru_cache(maxsize=4096)
def _alphabet(character: str) -> str | None:
    name, _, rest = unicodedata.name(character, "").partition(" ")
    if name in {"FULLWIDTH", "MATHEMATICAL"} and character.isalpha():
        return name
    return name if name in _ALPHABETS and rest.startswith(("SMALL", "CAPITAL", "LETTER")) else None
