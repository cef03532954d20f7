"""Reading what was recorded, leniently: events of another version of us are told as well.

Nothing here raises, whatever the event looks like.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from counterseal.core.canonical import GREATEST_INTEGER, Json
from domain.evidence.telling.outline import compact

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60))


def find(value: Json, *path: str) -> Json:
    """Follow ``path`` through objects; None where nothing is."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def text(value: Json, *path: str) -> str:
    """Read what stands there as text: nothing is the empty text, other things are written out."""
    found = find(value, *path)
    if found is None:
        return ""
    return found if isinstance(found, str) else compact(found)


def texts(value: Json, *path: str) -> tuple[str, ...]:
    """Read a list of texts."""
    return tuple(text(each) for each in items(value, *path))


def items(value: Json, *path: str) -> Sequence[Json]:
    """Read a list; empty if there is none."""
    found = find(value, *path)
    return found if isinstance(found, list | tuple) else ()


def entries(value: Json, *path: str) -> Mapping[str, Json]:
    """Read an object; empty if there is none."""
    found = find(value, *path)
    return found if isinstance(found, Mapping) else {}


def seconds(value: Json, *path: str) -> float | None:
    """Read a number that a length of time or a count can be."""
    found = find(value, *path)
    if not isinstance(found, int | float) or isinstance(found, bool):
        return None
    return found if abs(found) <= GREATEST_INTEGER else None


def instant(written: Json) -> datetime | None:
    """Read an instant; None if it is none."""
    if not isinstance(written, str):
        return None
    try:
        read = datetime.fromisoformat(written)
        return read.astimezone(UTC) if read.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def between(earlier: Json, later: Json) -> float | None:
    """Tell the seconds from one written instant to another."""
    first, second = instant(earlier), instant(later)
    return None if first is None or second is None else (second - first).total_seconds()


def clock(written: Json, *, to: str = "milliseconds") -> str:
    """Write an instant for people, in UTC; as it is if it is none."""
    read = instant(written)
    if read is None:
        return text(written) or "at an unknown time"
    return f"{read.isoformat(sep=' ', timespec=to).removesuffix('+00:00')} UTC"


def span(length: float | None) -> str:
    """Write a length of time for people, in its two largest units."""
    if length is None:
        return ""
    if length < 0:
        return f"minus {span(-length)}"
    if length < 1:
        return f"{length * 1000:.0f} ms"
    if length < 10:  # noqa: PLR2004 - below ten seconds, a tenth of one matters
        return f"{length:.1f} s"
    left, parts = round(length), list[str]()
    for name, size in _UNITS:
        if left >= size:
            parts.append(f"{left // size} {name}")
            left %= size
    if left:
        parts.append(f"{left} s")
    return " ".join(parts[:2])
