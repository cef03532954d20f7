"""Ed25519 signatures over canonical JSON, separated by purpose."""

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from counterseal.core.canonical import Json, canonical
from counterseal.core.errors import Unreadable

_SMALL_ORDER = frozenset(
    tuple(bytes.fromhex(point))
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)
"""The encodings of points of order 1, 2, 4 and 8, without their sign bit."""

PrivateKey = Ed25519PrivateKey
PublicKey = Ed25519PublicKey


def _bytes_signed(purpose: str, body: Json) -> bytes:
    return f"counterseal/{purpose}/v1\n".encode() + canonical(body)


def sign(key: Ed25519PrivateKey, purpose: str, body: Json) -> str:
    """Sign ``body`` for one purpose (``vote``, ``receipt`` …); unpadded base64url."""
    return encode(key.sign(_bytes_signed(purpose, body)))


def is_signed(key: Ed25519PublicKey, purpose: str, body: Json, signature: str) -> bool:
    """Say whether ``signature`` is ``key``'s over ``body`` for ``purpose``."""
    raw = decode(signature)
    if raw is None:
        return False
    try:
        key.verify(raw, _bytes_signed(purpose, body))
    except (InvalidSignature, Unreadable):
        return False
    return True


def public_text(key: Ed25519PublicKey) -> str:
    """Write a public key as unpadded base64url of its 32 bytes."""
    return encode(key.public_bytes_raw())


def public_key(text: str) -> Ed25519PublicKey | None:
    """Read a public key back; None if ``text`` is not one."""
    raw = decode(text)
    if raw is None or len(raw) != 32:  # noqa: PLR2004 - RFC 8032 §5.1.5
        return None
    if (*raw[:31], raw[31] & 0x7F) in _SMALL_ORDER:
        return None  # for these, anybody can make a signature that verifies
    return Ed25519PublicKey.from_public_bytes(raw)


def encode(raw: bytes) -> str:
    """Write bytes as unpadded base64url (RFC 4648 §5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes | None:
    """Read unpadded base64url; None unless it is the one canonical spelling of its bytes."""
    try:
        raw = base64.b64decode(
            (text + "=" * (-len(text) % 4)).encode("ascii"), altchars=b"-_", validate=True
        )
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return None
    # Python accepts stray trailing bits, which would make signatures malleable.
    return raw if encode(raw) == text else None
