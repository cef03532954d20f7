"""Merkle trees as RFC 6962 §2.1 hashes them, kept as the frontier of a growing log."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Noticed = Callable[[int, int, bytes], None]
"""Told of every node that is complete: its level, its index in that level, its hash."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Frontier:
    """The right edge of a log of ``size`` leaves: the roots of its perfect subtrees, largest first.

    It is all that is needed to append and to tell the root.
    """

    size: int = 0
    nodes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nodes = [*self.nodes]
        if len(self.nodes) != self.size.bit_count() or any(
            len(node) != HASH_SIZE for node in self.nodes
        ):
            raise ValueError(f"a log of {self.size} leaves does not have this frontier")

    def append(self, leaf: bytes, notice: Noticed | None = None) -> None:
        """Add a leaf hash."""
        node, index, level = leaf, self.size, 0
        if notice is not None:
            notice(level, index, node)
        while index & 1:
            node = node_hash(self.nodes.pop(), node)
            index >>= 1
            level += 1
            if notice is not None:
                notice(level, index, node)
        self.nodes.append(node)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add many leaf hashes."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """Tell the root hash of the whole log."""
        root: bytes | None = None
        for node in reversed(self.nodes):
            root = node if root is None else node_hash(node, root)
        return EMPTY_ROOT if root is None else root

    def copy(self) -> "Frontier":
        """Make one that grows by itself."""
        return Frontier(self.size, self.nodes)
