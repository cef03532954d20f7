"""A small log of its own, for whoever watches logs: it signs what it is told to, lies included."""

from collections.abc import Iterator
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.tlog.checkpoint import Checkpoint
from counterseal.core.tlog.note import Note, Signature, SignatureType, VerifierKey, to_base64
from counterseal.core.tlog.proofs import Node, consistency_path, folded
from counterseal.core.tlog.tree import Frontier


class SmallLog:
    """Leaves in memory; its trees, checkpoints and proofs. ``salts`` make it another history."""

    def __init__(self, origin: str = "example.com/log", *salts: tuple[int, str]) -> None:
        self.origin = origin
        self.key = Ed25519PrivateKey.generate()
        self.salts = salts

    @property
    def verifier(self) -> VerifierKey:
        public = self.key.public_key().public_bytes_raw()
        return VerifierKey(self.origin, SignatureType.ED25519, public)

    def fork(self, at: int = 0, name: str = "fork") -> "SmallLog":
        """Another history under the same key, the same up to leaf ``at``."""
        other = SmallLog(self.origin, *self.salts, (at, name))
        other.key = self.key
        return other

    def leaf(self, index: int) -> bytes:
        salts = [name for at, name in self.salts if index >= at]
        return sha256(f"{salts}/{index}".encode()).digest()

    def tree(self, size: int) -> Frontier:
        tree = Frontier()
        tree.extend(self.leaf(index) for index in range(size))
        return tree

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(self.origin, size, self.tree(size).root())

    def sign(self, text: str) -> Signature:
        return Signature(self.verifier.name, self.verifier.id, self.key.sign(text.encode()))

    def note(self, size: int) -> Note:
        text = self.checkpoint(size).text
        return Note(text, (self.sign(text),))

    def node(self, node: Node) -> bytes:
        level, index = node
        part = Frontier()
        part.extend(self.leaf(each) for each in range(index << level, (index + 1) << level))
        return part.root()

    def proof(self, old: int, new: int) -> list[bytes]:
        if old == 0:
            return []
        return [folded([self.node(each) for each in group]) for group in consistency_path(old, new)]

    def request(self, old: int, new: int) -> bytes:
        """What an honest client sends to a witness."""
        return request(old, self.proof(old, new), str(self.note(new)))


def request(old: int | str, proof: list[bytes], note: str) -> bytes:
    lines: Iterator[str] = (to_base64(each) for each in proof)
    return ("\n".join([f"old {old}", *lines]) + f"\n\n{note}").encode()
