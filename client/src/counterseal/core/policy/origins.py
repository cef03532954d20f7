"""Where the values of an action's attributes were seen before.

A value counts as seen only as a whole word of the text, whatever its case and however it is
spaced or formatted; a part of a longer name is not it.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from counterseal.core.canonical import Json
from counterseal.core.policy.facts import Asserted, Origin
from counterseal.core.policy.judge import Judge

_BEFORE = r"(?<![\w@+\-/])(?<!\w\.)"
_AFTER = r"(?![\w@+\-])(?![./]\w)"
_CODE_LENGTH = 8
_CODE = re.compile(r"[^\W_]+")
_NUMBER = re.compile(
    r"(?<![\w.,])[-+]?\d{1,3}(?:[.,'\s]\d{3})+(?:[.,]\d+)?(?![\w]|[.,]\d)"
    r"|(?<![\w.,])[-+]?\d+(?:[.,]\d+)?(?![\w]|[.,]\d)"
)
_TRUST = (Origin.NAMED, Origin.KNOWN, Origin.UNSEEN, Origin.UNTRUSTED)


def origins(
    judge: Judge, attributes: Mapping[str, Json], asserted: Asserted, *, tool: str | None = None
) -> dict[str, Origin]:
    """Tell for each string and number attribute where its value was seen.

    A list is as good as its worst entry. Booleans have no origin: they are everywhere. Which
    directories count depends on the tool's class; without ``tool`` none does.
    """
    action_class = judge.classify(tool) if tool is not None else None
    declared = action_class.attributes if action_class else {}
    request = _Text([asserted.user_request or ""])
    untrusted = _Text([each.content for each in asserted.observations if not each.trusted])
    found: dict[str, Origin] = {}
    for name, value in attributes.items():
        known = {
            normal(entry)
            for directory in (declared[name].known_in if name in declared else ())
            for entry in judge.bundle.directories[directory].values
        }
        if (origin := _origin(value, request, known, untrusted)) is not None:
            found[name] = origin
    return found


@lru_cache(1024)
def normal(text: str) -> str:
    """Write text so that equal looks are equal: NFKC, one case, no invisible characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    visible = "".join(each for each in folded if unicodedata.category(each) != "Cf")
    return " ".join(visible.split())


class _Text:
    """Texts to be searched, made ready once."""

    def __init__(self, texts: Iterable[str]) -> None:
        # The separator is no word character, so nothing is found across two texts.
        self._text = "\n\x00\n".join(normal(each) for each in texts)
        self._numbers: frozenset[float] | None = None

    def holds(self, value: str | float) -> bool:
        if isinstance(value, float):
            if self._numbers is None:
                self._numbers = frozenset(_numbers(self._text))
            return value in self._numbers
        if not self._text:
            return False
        wanted = normal(value)
        return bool(wanted) and _pattern(wanted).search(self._text) is not None


def _origin(value: Json, request: _Text, known: set[str], untrusted: _Text) -> Origin | None:
    match value:
        case bool():
            return None
        case str() | float():
            return _of_one(value, request, known, untrusted)
        case list():
            each = [_of_one(str(one), request, known, untrusted) for one in value]
            return max(each, key=_TRUST.index, default=Origin.UNSEEN)
        case _:
            return None


def _of_one(value: str | float, request: _Text, known: set[str], untrusted: _Text) -> Origin:
    if request.holds(value):
        return Origin.NAMED
    if isinstance(value, str) and normal(value) in known:
        return Origin.KNOWN
    return Origin.UNTRUSTED if untrusted.holds(value) else Origin.UNSEEN


@lru_cache(1024)
def _pattern(wanted: str) -> re.Pattern[str]:
    compact = re.sub(r"[\s-]", "", wanted)
    if _CODE.fullmatch(compact) and len(compact) >= _CODE_LENGTH and re.search(r"\d", compact):
        # Account and order numbers are written in groups by some and without by others.
        body = r"[\s-]?".join(compact)
    else:
        body = re.escape(wanted)
    return re.compile(f"{_BEFORE}{body}{_AFTER}")


def _numbers(text: str) -> Iterable[float]:
    """Read every number of a text in every way it could be meant: ``1.234`` is two numbers."""
    for match in _NUMBER.finditer(text):
        for spelling in _readings(match[0].replace("'", "").replace(" ", "")):
            yield float(spelling)


def _readings(written: str) -> set[str]:
    last = max(written.rfind("."), written.rfind(","))
    if last < 0:
        return {written}
    whole, fraction = re.sub(r"[.,]", "", written[:last]), written[last + 1 :]
    both = {f"{whole}.{fraction}"}
    marks = set(re.findall(r"[.,]", written))
    if len(fraction) == 3 and len(marks) == 1:  # noqa: PLR2004 - thousands come in threes
        both.add(whole + fraction)
    return both
