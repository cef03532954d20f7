"""Short sessions of browsers: a signed note of whose API key opened it, and until when.

The note holds no secret, and is worth nothing once the key is revoked: that is looked up each time.
"""

from datetime import UTC, datetime

from counterseal.core.canonical import Bounds, canonical, parse
from counterseal.core.errors import Unreadable
from counterseal.core.signing import PrivateKey, decode, encode, is_signed, sign

PURPOSE = "codec-session"
_BOUNDS = Bounds(size=256, depth=1, keys=2)


def write_session(key: PrivateKey, key_id: str, until: datetime) -> str:
    """Note that the holder of an API key has signed in."""
    body = {"key_id": key_id, "until": int(until.timestamp())}
    return f"{encode(canonical(body))}.{sign(key, PURPOSE, body)}"


def read_session(key: PrivateKey, token: str, now: datetime) -> str | None:
    """Give the ID of the API key; None unless we signed the note and it is still good."""
    written, _, signature = token.partition(".")
    try:
        body = parse(decode(written[: _BOUNDS.size * 2]) or b"", _BOUNDS)
    except Unreadable:
        return None
    match body:
        case {"key_id": str(key_id), "until": int(until)} if is_signed(
            key.public_key(), PURPOSE, body, signature
        ):
            return key_id if now < datetime.fromtimestamp(until, UTC) else None
        case _:
            return None
