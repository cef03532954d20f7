"""The keys that payloads in Temporal are encrypted with: one file, the newest key first.

A key's ID carries a mark that only holders of the file can make. So an ID nobody here knows is
either a newer key of ours, which is worth waiting for, or made up, which is not.
"""

import hmac
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from counterseal.core.signing import decode, encode

_HEADING = "# Keys, newest first. Whoever has them can read what is encrypted with them."
_LINE = re.compile(r"(?:(mark)|key ([0-9a-f]{32})) ([A-Za-z0-9_-]{43})\Z")
_HALF = 16
"""Characters of a key's ID that are drawn; the others are their mark."""


@dataclass(frozen=True, slots=True)
class PayloadKey:
    """One key, ready to use."""

    id: str
    cipher: AESGCM


class PayloadKeys:
    """The keys of one file, read again when a key is asked for that was not in it.

    So a new key can be put into the file while everybody runs, and be used by some of them first.
    Raises ``OSError`` or ``ValueError`` if the file cannot be read at the start.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = _stamp(path)
        self._mark, self._keys = _read(path)

    @property
    def newest(self) -> PayloadKey:
        """Give the key to encrypt with."""
        return next(iter(self._keys.values()))

    def find(self, key_id: str) -> PayloadKey | None:
        """Find a key by its ID, in the file as it is now."""
        found = self._keys.get(key_id)
        if found is None and self.is_ours(key_id) and self._read_again():
            found = self._keys.get(key_id)
        return found

    def is_ours(self, key_id: str) -> bool:
        """Say whether somebody who has this file made up this ID."""
        return hmac.compare_digest(_marked(self._mark, key_id[:_HALF]).encode(), key_id.encode())

    def _read_again(self) -> bool:
        """Take in the file if it has changed; one that is broken now changes nothing."""
        try:
            stamp = _stamp(self.path)
            if stamp == self._stamp:
                return False
            self._mark, self._keys = _read(self.path)
        except (OSError, ValueError):
            return False
        self._stamp = stamp
        return True


def make_payload_keys(path: Path) -> str:
    """Make a file with one key, mode 0600, unless it is there; return the newest key's ID."""
    if not path.exists():
        mark = secrets.token_bytes(32)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, [_HEADING, f"mark {encode(mark)}", _new_line(mark)])
    return PayloadKeys(path).newest.id


def rotate_payload_keys(path: Path) -> str:
    """Put a new key before all others and return its ID; the others still decrypt."""
    mark, _ = _read(path)
    lines = path.read_text("ascii").splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("key "))
    _write(path, [*lines[:first], _new_line(mark), *lines[first:]])
    return PayloadKeys(path).newest.id


def _read(path: Path) -> tuple[bytes, dict[str, PayloadKey]]:
    mark, keys = b"", dict[str, PayloadKey]()
    for number, line in enumerate(path.read_text("ascii").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        read = _LINE.match(line)
        raw = decode(read[3]) if read else None
        if read is None or raw is None:
            raise ValueError(f"{path}, line {number}: neither a key nor a mark")  # never the line
        if read[1]:
            mark = raw
        elif read[2] != _marked(mark, read[2][:_HALF]):
            raise ValueError(f"{path}, line {number}: the key's ID does not bear the file's mark")
        else:
            keys[read[2]] = PayloadKey(read[2], AESGCM(raw))
    if not keys:
        raise ValueError(f"{path} holds no key")
    return mark, keys


def _marked(mark: bytes, drawn: str) -> str:
    return drawn + hmac.digest(mark, drawn.encode(), "sha256").hex()[:_HALF]


def _new_line(mark: bytes) -> str:
    return f"key {_marked(mark, secrets.token_hex(_HALF // 2))} {encode(secrets.token_bytes(32))}"


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _write(path: Path, lines: Sequence[str]) -> None:
    """Replace the file in one step: nobody ever reads half of it."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
