"""Where a list goes on: opaque to its holder, and checked when it comes back."""

import base64
import binascii

from pydantic import ValidationError

from counterseal.core.errors import Refused
from counterseal.core.model import Instant, Record

_LONGEST = 512


class BadCursor(Refused):
    """A cursor that no list of ours has given out."""

    code = "bad-cursor"


class Cursor(Record):
    """The last row of the page before."""

    requested_at: Instant
    action_id: str


def write(cursor: Cursor) -> str:
    """Write a cursor as URL-safe text."""
    return base64.urlsafe_b64encode(cursor.model_dump_json().encode()).decode().rstrip("=")


def read(text: str) -> Cursor:
    """Read a cursor back. Raises ``BadCursor``."""
    found = _parsed(text) if len(text) <= _LONGEST else None
    if found is None or write(found) != text:
        raise BadCursor(
            "this cursor is not one of ours; leave it out to begin with the latest action."
        )
    return found


def _parsed(text: str) -> Cursor | None:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return Cursor.model_validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, ValidationError):
        return None
