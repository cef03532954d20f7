"""Where a list goes on: opaque to its holder, and checked when it comes back."""

import base64
import binascii
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError

from counterseal.core.errors import Refused
from counterseal.core.model import Instant, Record

_LONGEST = 512


class BadCursor(Refused):
    """A cursor that no list of ours has given out."""

    code = "bad-cursor"


class Cursor(Record):
    """The last action of the page before."""

    requested_at: Instant
    action_id: str


List = Literal["votes", "refusals", "activations"]


class Place(Record):
    """The last line of the page before, in a list of what was said. Lists do not share places."""

    of: List
    at: Instant
    seq: Annotated[int, Field(ge=0, lt=2**63)]


C = TypeVar("C", Cursor, Place)


def write(cursor: Cursor | Place) -> str:
    """Write a cursor as URL-safe text."""
    return base64.urlsafe_b64encode(cursor.model_dump_json().encode()).decode().rstrip("=")


def read(text: str) -> Cursor:
    """Read the cursor of a list of actions back. Raises ``BadCursor``."""
    return _read(text, Cursor)


def read_place(text: str, of: List) -> Place:
    """Read the cursor of another list back. Raises ``BadCursor``."""
    found = _read(text, Place)
    if found.of != of:
        raise BadCursor(f"this cursor is of a list of {found.of}, not of {of}.")
    return found


def _read(text: str, kind: type[C]) -> C:
    found = _parsed(text, kind) if len(text) <= _LONGEST else None
    if found is None or write(found) != text:
        raise BadCursor(
            "this cursor is not one of ours; leave it out to begin with the latest one."
        )
    return found


def _parsed(text: str, kind: type[C]) -> C | None:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return kind.model_validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, ValidationError):
        return None
