"""Sensitive arguments: committed to where everybody looks, disclosed to those who may see them.

A commitment stands in the place of a value and can be opened only by the salt and the value that
made it. The salt is 256 random bits per place, so that a short value cannot be guessed from its
commitment (RFC 9901 §9.3). Without salt and value it means nothing, for ever.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, TypeVar

from pydantic import Field, StringConstraints

from counterseal.core.canonical import Json, canonical, digest_bytes
from counterseal.core.errors import Refused
from counterseal.core.model import Record
from counterseal.core.policy.pointers import tokens
from counterseal.core.signing import decode, encode

COMMITMENT_DOMAIN = "counterseal/commitment/v1"

MARKER = "$committed"
"""The one key of an object that stands for a committed value; no argument may bear its name."""

SALT_BYTES = 32

Path = tuple[str, ...]
T = TypeVar("T")


class Disclosure(Record):
    """What opens one commitment. ``pointer`` names the place exactly (RFC 6901, no wildcard)."""

    pointer: Annotated[str, StringConstraints(pattern=r"^(/([^~/]|~[01])*)+$")]
    salt: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")] = Field(repr=False)
    value: Json = Field(repr=False)


class WrongDisclosure(Refused):
    """What is disclosed is not what was committed to."""

    code = "wrong-disclosure"

    def __init__(self, pointer: str) -> None:
        super().__init__(
            f"what is disclosed for {pointer[:200]} is not what stands there committed; do not "
            "use it, and ask for the disclosures of exactly this action."
        )


def commit(salt: bytes, value: Json) -> dict[str, Json]:
    """Make what stands in the place of ``value``."""
    return {MARKER: digest_bytes(COMMITMENT_DOMAIN, salt + canonical(value))}


def places(arguments: Mapping[str, Json], pointers: Iterable[str]) -> tuple[str, ...]:
    """Name every place in ``arguments`` that ``pointers`` lead to, as exact pointers.

    A ``*`` in a pointer leads to any key or position. Of two places of which one holds the other,
    only the outer one is named. A place without a value is none, nor is one that is committed to.
    """
    patterns = tuple(tokens(pointer) for pointer in pointers)
    return tuple(sorted(_pointer(path) for path in _found(arguments, patterns, ())))


def commit_at(
    arguments: Mapping[str, Json], salts: Mapping[str, bytes]
) -> tuple[dict[str, Json], tuple[Disclosure, ...]]:
    """Put commitments at exactly the places that ``salts`` names.

    Raises ``WrongDisclosure`` if there is no such place.
    """
    disclosures: list[Disclosure] = []

    def committed(pointer: str, value: Json) -> Json:
        salt = salts[pointer]
        disclosures.append(Disclosure(pointer=pointer, salt=encode(salt), value=value))
        return commit(salt, value)

    made = _changed(arguments, salts, committed)
    return made, tuple(sorted(disclosures, key=lambda each: each.pointer))


def seal_arguments(
    arguments: Mapping[str, Json], pointers: Iterable[str], salt_for: Callable[[str], bytes]
) -> tuple[dict[str, Json], tuple[Disclosure, ...]]:
    """Put commitments wherever ``pointers`` lead, each with the salt that its place is given."""
    return commit_at(arguments, {each: salt_for(each) for each in places(arguments, pointers)})


def disclose(arguments: Mapping[str, Json], disclosures: Iterable[Disclosure]) -> dict[str, Json]:
    """Put disclosed values back in their places. Raises ``WrongDisclosure`` if any is not right."""
    known = {each.pointer: each for each in disclosures}

    def opened(pointer: str, found: Json) -> Json:
        if not is_opened_by(found, known[pointer]):
            raise WrongDisclosure(pointer)
        return known[pointer].value

    return _changed(arguments, known, opened)


def is_opened_by(found: Json, disclosure: Disclosure) -> bool:
    """Say whether ``found`` is a commitment to exactly what is disclosed."""
    salt = decode(disclosure.salt)
    if salt is None or len(salt) != SALT_BYTES:
        return False
    return bool(found == commit(salt, disclosure.value))


def has_marker(arguments: Json) -> bool:
    """Say whether the reserved key stands anywhere, as it does wherever something is committed."""
    return any(True for _ in _objects_with_marker(arguments))


def committed_places(arguments: Mapping[str, Json]) -> tuple[str, ...]:
    """Name every place at which a commitment stands, as exact pointers."""
    return tuple(sorted(_pointer(path) for path in _objects_with_marker(arguments)))


def _objects_with_marker(value: Json, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict) and MARKER in value:
        yield path
        return
    for key, below in _below(value):
        yield from _objects_with_marker(below, (*path, key))


def _found(value: Json, patterns: tuple[Path, ...], path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and MARKER in value:
        return
    if any(not pattern for pattern in patterns):
        yield path
        return
    for key, below in _below(value):
        onward = tuple(
            pattern[1:] for pattern in patterns if _leads(pattern[0], key, isinstance(value, dict))
        )
        if onward:
            yield from _found(below, onward, (*path, key))


def _leads(token: str, key: str, named: bool) -> bool:  # noqa: FBT001 - what kind of place it is in
    if token in (key, "*"):
        return True
    # A position may be spelt `01` where pointers are followed, so it must lead there here, too.
    return not named and token.isascii() and token.isdigit() and int(token) == int(key)


def _changed(
    arguments: Mapping[str, Json], wanted: Mapping[str, T], change: Callable[[str, Json], Json]
) -> dict[str, Json]:
    """Copy ``arguments`` with the values at ``wanted`` changed; every one must be there."""
    left = {tokens(pointer): pointer for pointer in wanted}

    def copied(value: Json, path: Path) -> Json:
        if (pointer := left.pop(path, None)) is not None:
            return change(pointer, value)
        if isinstance(value, dict):
            return {key: copied(below, (*path, key)) for key, below in value.items()}
        if isinstance(value, list | tuple):
            return [copied(below, (*path, str(nth))) for nth, below in enumerate(value)]
        return value

    made = {key: copied(below, (key,)) for key, below in arguments.items()}
    for pointer in left.values():
        raise WrongDisclosure(pointer)
    return made


def _below(value: Json) -> Iterable[tuple[str, Json]]:
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list | tuple):
        return ((str(nth), below) for nth, below in enumerate(value))
    return ()


def _pointer(path: Path) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)
