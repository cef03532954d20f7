"""JSON Pointers (RFC 6901) into an action's arguments; a ``*`` stands for any key or position."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from counterseal.core.canonical import Json


@lru_cache(4096)
def tokens(pointer: str) -> tuple[str, ...]:
    """Split a pointer: ``/to/0/iban`` has three tokens."""
    parts = pointer.split("/")[1:]
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def find(value: Json, path: tuple[str, ...]) -> Iterator[Json]:
    """Follow a pointer's tokens; a wildcard can lead to several values."""
    if not path:
        yield value
        return
    for below in _below(value, path[0]):
        yield from find(below, path[1:])


def _below(value: Json, token: str) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values() if token == "*" else [value[token]] if token in value else []  # noqa: S105 - a wildcard, no password
    if isinstance(value, list | tuple):
        if token == "*":  # noqa: S105 - likewise
            return value
        # Python reads `²` as a digit; RFC 6901 §4 does not.
        if token.isascii() and token.isdigit() and int(token) < len(value):
            return [value[int(token)]]
    return []


def touches(path: tuple[str, ...], pointers: Iterable[tuple[str, ...]]) -> bool:
    """Say whether ``path`` leads into, to, or around anything one of ``pointers`` means."""
    return any(
        all(one in (other, "*") or other == "*" for one, other in zip(path, pointer, strict=False))
        for pointer in pointers
    )
