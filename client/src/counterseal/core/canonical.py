"""Canonical bytes and digests (RFC 8785, SHA-256), and the bounds within which we read JSON.

A digest is only worth something if everybody who reads the same bytes reads the same action. So
whatever two JSON readers could read differently is refused before it is parsed or hashed:
duplicate keys, numbers beyond 2^53-1, NaN, lone surrogates, nesting that overflows a stack.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

import rfc8785

from counterseal.core.errors import (
    DuplicateKey,
    NotUnicode,
    NumberOutOfRange,
    TooDeep,
    TooLarge,
    TooManyKeys,
    Unreadable,
)

Json = object
"""A value of RFC 8259: None, bool, int, float, str, list of Json, dict of str to Json."""

GREATEST_INTEGER = 2**53 - 1
_LONGEST_NUMBER = 400  # characters; longer ones cost quadratic time to parse

_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[{}\[\]:]', re.DOTALL)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much JSON is read: ``size`` in bytes, ``depth`` in nested values, ``keys`` in total."""

    size: int
    depth: int
    keys: int


ARGUMENTS = Bounds(size=256 * 1024, depth=32, keys=4096)
"""The bounds of one action's arguments."""


def parse(text: bytes, bounds: Bounds, *, recorded: bool = False) -> Json:
    """Read JSON strictly. Raises a subclass of ``Unreadable`` that says what and where.

    ``recorded`` text is our own: there, RFC 8785 may have written a large sum without exponent.
    """
    _check_bounds(text, bounds)
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_int=_recorded_integer if recorded else _integer,
            parse_float=_recorded_float if recorded else _float,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as error:
        raise NotUnicode(f"byte {error.start} is not UTF-8; send JSON as UTF-8.") from error
    except json.JSONDecodeError as error:
        raise Unreadable(
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error


def check(value: Json, bounds: Bounds) -> bytes:
    """Hold a parsed value to ``bounds`` and return its canonical bytes."""
    keys = depth = 0
    layer = _containers([value])
    while layer:
        depth += 1
        if depth > bounds.depth:
            raise TooDeep(f"nested deeper than {bounds.depth} levels; flatten the value.")
        keys += sum(len(each) for each in layer if isinstance(each, dict))
        if keys > bounds.keys:
            raise TooManyKeys(f"more than {bounds.keys} keys; send fewer or nest less data.")
        layer = _containers(
            below for each in layer for below in (each.values() if isinstance(each, dict) else each)
        )
    written = canonical(value)
    if len(written) > bounds.size:
        raise TooLarge(
            f"{len(written)} bytes where at most {bounds.size} are read; "
            "send a reference to the content instead of the content."
        )
    return written


def _containers(values: Iterable[Json]) -> list[dict[str, Json] | list[Json]]:
    found: list[dict[str, Json] | list[Json]] = []
    for value in values:
        if isinstance(value, dict | list):
            found.append(value)
        elif isinstance(value, float) and abs(value) > GREATEST_INTEGER:
            raise NumberOutOfRange(f"the number {value} is beyond ±(2^53-1); send it as a string.")
    return found


def canonical(value: Json) -> bytes:
    """Write ``value`` as RFC 8785 canonical JSON. Raises a subclass of ``Unreadable``."""
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type] # it checks the types itself
    except (rfc8785.IntegerDomainError, rfc8785.FloatDomainError) as error:
        raise NumberOutOfRange(f"{error}; send large or exact numbers as strings.") from error
    except rfc8785.CanonicalizationError as error:
        if isinstance(error.__cause__ or error.__context__, UnicodeError):
            raise NotUnicode("text holds a lone surrogate, which is not Unicode.") from error
        raise Unreadable(f"not a JSON value: {error}.") from error
    except UnicodeError as error:
        raise NotUnicode("text holds a lone surrogate, which is not Unicode.") from error
    except RecursionError as error:
        raise TooDeep("nested too deep to be written.") from error


def digest(domain: str, value: Json) -> str:
    """Hash ``value`` under ``domain``: ``sha256:`` and 64 hex digits.

    The domain, for example ``counterseal/action/v1``, keeps a digest of one thing from ever being
    taken for the digest of another.
    """
    return digest_bytes(domain, canonical(value))


def digest_bytes(domain: str, written: bytes) -> str:
    """Hash bytes that are canonical already."""
    return "sha256:" + hashlib.sha256(domain.encode() + b"\n" + written).hexdigest()


def is_digest(text: str) -> bool:
    """Say whether ``text`` has the form of our digests."""
    return _DIGEST.match(text) is not None


def _check_bounds(text: bytes, bounds: Bounds) -> None:
    if len(text) > bounds.size:
        raise TooLarge(f"{len(text)} bytes where at most {bounds.size} are read.")
    depth = keys = 0
    for token in _TOKENS.finditer(text):
        match text[token.start()]:
            case 0x7B | 0x5B:  # { [
                depth += 1
                if depth > bounds.depth:
                    raise TooDeep(
                        f"nested deeper than {bounds.depth} levels at byte {token.start()}."
                    )
            case 0x7D | 0x5D:  # } ]
                depth -= 1
            case 0x3A:  # :
                keys += 1
                if keys > bounds.keys:
                    raise TooManyKeys(
                        f"more than {bounds.keys} keys, counted up to byte {token.start()}."
                    )
            case _:
                pass  # a string: whatever is inside it opens and closes nothing


def _without_duplicates(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise DuplicateKey(f"the key {key!r} stands twice in one object; send it once.")
        found[key] = value
    return found


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER or abs(int(text)) > GREATEST_INTEGER:
        raise NumberOutOfRange(f"the integer {text[:24]} is beyond ±(2^53-1); send it as a string.")
    return int(text)


def _float(text: str) -> float:
    number = _recorded_float(text)
    if abs(number) > GREATEST_INTEGER:
        raise NumberOutOfRange(f"the number {text[:24]} is beyond ±(2^53-1); send it as a string.")
    return number


def _recorded_integer(text: str) -> int | float:
    if len(text) > _LONGEST_NUMBER:
        return _integer(text)
    number = int(text)
    return number if abs(number) <= GREATEST_INTEGER else _recorded_float(text)


def _recorded_float(text: str) -> float:
    if len(text) > _LONGEST_NUMBER or not math.isfinite(number := float(text)):
        raise NumberOutOfRange(f"the number {text[:24]} is not finite; send it as a string.")
    return number


def _constant(text: str) -> NoReturn:
    raise NumberOutOfRange(f"{text} is not a JSON number.")
