"""Small trees for tests: all nodes kept, all proofs to be had."""

import hashlib
from collections.abc import Sequence

from counterseal.core.tlog.proofs import Node
from counterseal.core.tlog.tree import Frontier


def leaf(content: bytes) -> bytes:
    """Hash a leaf (RFC 6962 §2.1)."""
    return hashlib.sha256(b"\x00" + content).digest()


class Forest:
    """Every tree a log has had while it grew to ``count`` leaves."""

    def __init__(self, contents: Sequence[bytes]) -> None:
        self.leaves = [leaf(each) for each in contents]
        self.stored: dict[Node, bytes] = {}
        grown = Frontier()
        self.roots = [grown.root()]
        for each in self.leaves:
            grown.append(each, self._keep)
            self.roots.append(grown.root())

    @classmethod
    def of(cls, count: int) -> "Forest":
        return cls([str(nth).encode() for nth in range(count)])

    async def nodes(self, wanted: Sequence[Node]) -> list[bytes]:
        return [self.stored[node] for node in wanted]

    def _keep(self, level: int, index: int, node: bytes) -> None:
        self.stored[level, index] = node


def mth(leaves: Sequence[bytes]) -> bytes:
    """Hash a list the way RFC 6962 §2.1 defines it, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:split]) + mth(leaves[split:])).digest()
