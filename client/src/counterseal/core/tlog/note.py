"""Signed notes (C2SP signed-note): a text, a blank line, and one line per signature.

A verifier accepts up to 64 signatures, ignores those of keys it does not know, and refuses a note
in which a key it knows has signed wrongly.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from counterseal.core.errors import Refused
from counterseal.core.signing import encode, public_key

LARGEST_NOTE = 1 << 20
MOST_SIGNATURES = 64
_KEY_SIZE = 32
_NAME = re.compile(r"[^\s+\x00-\x20\x7f\ud800-\udfff]{1,255}\Z")
_LINE = re.compile(r"\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)\Z")


class BadNote(Refused):
    """A text that is not a signed note, or is signed wrongly, or by nobody we know."""

    code = "bad-note"


class SignatureType(IntEnum):
    """What a key signs: notes as such, or timestamped cosignatures (C2SP tlog-cosignature)."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name, as auditors keep it: ``name+hex ID+base64(type, key)``."""

    name: str
    kind: SignatureType
    public: bytes

    def __post_init__(self) -> None:
        if _NAME.match(self.name) is None:
            raise BadNote(f"{self.name[:64]!r} cannot name a key: no spaces, no plus sign.")
        if public_key(encode(self.public)) is None:
            raise BadNote(f"the key of {self.name} is not an Ed25519 public key.")

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature line names its key."""
        named = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(named).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read a verifier key. Raises ``BadNote``."""
        parts = text.split("+", 2)
        raw = from_base64(parts[2]) if len(parts) == 3 else None  # noqa: PLR2004 - name, ID, key
        if raw is None or len(raw) != 1 + _KEY_SIZE or raw[0] not in {*SignatureType}:
            raise BadNote(f"{text[:120]!r} is not a verifier key (name+ID+base64 of type and key).")
        key = cls(parts[0], SignatureType(raw[0]), raw[1:])
        if key.id.hex() != parts[1]:
            raise BadNote(
                f"the ID of the verifier key {key.name} is {key.id.hex()}, not {parts[1]}."
            )
        return key

    def is_signed(self, text: str, signature: bytes) -> bool:
        """Say whether ``signature``, as it stands in a note, is this key's over ``text``."""
        match self.kind:
            case SignatureType.ED25519:
                return self._verifies(signature, text.encode())
            case SignatureType.COSIGNATURE:
                at = cosigned_at(signature)
                return at is not None and self._verifies(signature[8:], cosigned_bytes(text, at))

    def _verifies(self, signature: bytes, signed: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, signed)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who signed, the ID of the key, and what the key made of the text."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note, without its newline."""
        return f"\u2014 {self.name} {to_base64(self.key_id + self.value)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends in a newline, and the signatures under it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(f"{each.line}\n" for each in self.signatures)

    def with_signatures(self, more: Iterable[Signature]) -> "Note":
        """Add signatures that are not there yet."""
        added = dict.fromkeys((*self.signatures, *more))
        return Note(self.text, tuple(added))

    def signed_by(self, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Name the keys that have signed, each once. Raises ``BadNote`` if one signed wrongly."""
        known = {(key.name, key.id): key for key in keys}
        found: dict[VerifierKey, None] = {}
        for each in self.signatures:
            key = known.get((each.name, each.key_id))
            if key is None:
                continue
            if not key.is_signed(self.text, each.value):
                raise BadNote(f"the signature of {key.name} does not fit the text above it.")
            found[key] = None
        return tuple(found)


def parse_note(text: str) -> Note:
    """Read a signed note. Raises ``BadNote``; nothing is verified yet."""
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_NOTE:
        raise BadNote(f"a note has at most {LARGEST_NOTE} bytes.")
    body, blank, rest = text.rpartition("\n\n")
    if not blank or not body or not rest.endswith("\n"):
        raise BadNote("a note is a text, a blank line, and signature lines.")
    if any((ord(each) < 0x20 and each != "\n") or ord(each) == 0x7F for each in text):  # noqa: PLR2004 - control characters
        raise BadNote("a note holds no control characters.")
    if any(0xD800 <= ord(each) <= 0xDFFF for each in text):  # noqa: PLR2004 - surrogates
        raise BadNote("a note is UTF-8.")
    lines = rest[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise BadNote(f"a note has at most {MOST_SIGNATURES} signatures.")
    return Note(body + "\n", tuple(parse_signature(line) for line in lines))


def parse_signature(line: str) -> Signature:
    """Read one signature line. Raises ``BadNote``."""
    found = _LINE.match(line)
    raw = from_base64(found[2]) if found else None
    if found is None or raw is None or len(raw) <= 4 or _NAME.match(found[1]) is None:  # noqa: PLR2004 - key ID
        raise BadNote(f"{line[:80]!r} is not a signature line.")
    return Signature(found[1], raw[:4], raw[4:])


def cosigned_bytes(text: str, at: int) -> bytes:
    """Write what a cosignature at ``at`` (POSIX seconds) signs (C2SP tlog-cosignature v1)."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def cosigned_at(signature: bytes) -> int | None:
    """Read when a cosignature was made; None if it is not one."""
    if len(signature) != 8 + 64:
        return None
    at: int = struct.unpack(">Q", signature[:8])[0]
    return at


def cosignature(at: int, signature: bytes) -> bytes:
    """Write a cosignature as it stands in a note: the time, then the signature."""
    return struct.pack(">Q", at) + signature


def to_base64(raw: bytes) -> str:
    """Write standard base64 with padding (RFC 4648 §4)."""
    return base64.b64encode(raw).decode()


def from_base64(text: str) -> bytes | None:
    """Read standard base64; None unless it is the one canonical spelling of its bytes."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return None
    # Python accepts stray trailing bits, which would make signatures malleable.
    return raw if to_base64(raw) == text else None


def from_base64_lines(lines: Sequence[str]) -> list[bytes] | None:
    """Read one value per line; None if any of them cannot be read."""
    found = [raw for line in lines if (raw := from_base64(line)) is not None]
    return found if len(found) == len(lines) else None
