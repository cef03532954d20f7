"""A log, its keys and its witnesses, written by hand: signed notes, trees, proofs.

The tree is the textbook's recursion; nothing of the product's log core or verifier is used.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.links import seal
from tests.support import stories

ORIGIN = f"counterseal.local/{stories.TENANT}"
WITNESSED_AT = 1_767_258_000


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.b64decode(text)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def sha(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with the name and type that notes know it by."""

    name: str
    kind: int
    key: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def id(self) -> bytes:
        named = f"{self.name}\n".encode() + bytes([self.kind]) + self.public
        return hashlib.sha256(named).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64(bytes([self.kind]) + self.public)}"

    def line(self, text: str, at: int = WITNESSED_AT) -> str:
        """Sign a note's text: the line as it stands under it."""
        if self.kind == 1:
            value = self.key.sign(text.encode())
        else:
            signed = f"cosignature/v1\ntime {at}\n{text}".encode()
            value = at.to_bytes(8, "big") + self.key.sign(signed)
        return f"\u2014 {self.name} {b64(self.id + value)}\n"


def signer(name: str, kind: int = 1, secret: str | None = None) -> Signer:
    """Make the key that ``name`` always has."""
    seed = hashlib.sha256((secret or name).encode()).digest()
    return Signer(name, kind, Ed25519PrivateKey.from_private_bytes(seed))


LOG = signer(ORIGIN)
PACKAGER = signer("counterseal.local/packager")
WITNESSES = [signer(f"witness-{n}", 4) for n in (1, 2, 3)]
TRUST = "".join(
    (
        f"log {LOG}\n",
        f"packager {PACKAGER}\n",
        *(f"witness w{n} {each}\n" for n, each in enumerate(WITNESSES, 1)),
        "group any-two 2 w1 w2 w3\nquorum any-two\n",
    )
)
BRIEF_TRUST = f"log {LOG}\npackager {PACKAGER}\n"
"""Trust without witnesses, which is checked faster."""


def tree(leaves: Sequence[bytes]) -> bytes:
    """Hash a tree as RFC 6962 §2.1 defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b"")
    middle = split(len(leaves))
    return sha(b"\x01" + tree(leaves[:middle]) + tree(leaves[middle:]))


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Give the audit path of RFC 6962 §2.1.1."""
    if len(leaves) == 1:
        return []
    middle = split(len(leaves))
    if index < middle:
        return [*path(index, leaves[:middle]), tree(leaves[middle:])]
    return [*path(index - middle, leaves[middle:]), tree(leaves[:middle])]


def growth(old: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """Give the consistency proof of RFC 6962 §2.1.2."""
    if old == len(leaves):
        return [] if whole else [tree(leaves)]
    middle = split(len(leaves))
    if old <= middle:
        return [*growth(old, leaves[:middle], whole=whole), tree(leaves[middle:])]
    return [*growth(old - middle, leaves[middle:], whole=False), tree(leaves[:middle])]


def covering(start: int, end: int) -> list[tuple[int, int]]:
    """Cover [start, end) with the largest aligned blocks, from the left."""
    found = []
    while start < end:
        width = 1
        while start % (2 * width) == 0 and start + 2 * width <= end:
            width *= 2
        found.append((start, start + width))
        start += width
    return found


def split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


@dataclass(slots=True)
class Log:
    """A tenant's log: texts in order, each with its stream and version."""

    tenant: str = stories.TENANT
    entries: list[tuple[str, int, bytes]] = field(default_factory=list)

    def append(self, stream: str, *events: dict[str, Any]) -> None:
        last = [each for each in self.entries if each[0] == stream][-1:]
        after = (last[0][1], sha(b"\x00" + last[0][2])) if last else (-1, None)
        self.entries += [
            (stream, each.version, each.canonical)
            for each in seal(self.tenant, stream, after, events)
        ]

    @property
    def leaves(self) -> list[bytes]:
        return [sha(b"\x00" + text) for _, _, text in self.entries]

    def checkpoint(self, size: int | None = None, *, origin: str = ORIGIN) -> str:
        """Write what is signed: origin, size, root."""
        leaves = self.leaves[:size]
        return f"{origin}\n{len(leaves)}\n{b64(tree(leaves))}\n"

    def note(self, size: int | None = None) -> str:
        """Write a checkpoint with all signatures."""
        text = self.checkpoint(size)
        return text + "\n" + "".join(each.line(text) for each in (LOG, *WITNESSES))
