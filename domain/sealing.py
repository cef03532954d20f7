"""What may be signed: a log that continues the one that was signed before, event by event.

The tree in the database is not believed. Every new event is hashed again, the root is computed
from the signer's own frontier, and only if both are as the database says is there anything to
sign (C2SP tlog-checkpoint: a log signs no checkpoint that is inconsistent with an earlier one).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from counterseal.core.tlog.tree import EMPTY_ROOT, Frontier

BATCH, INTERVAL = 256, 1.0
"""A log is sealed once it has this many new events, or after this many seconds."""


class Head(NamedTuple):
    """How far a log has come, as the database says."""

    size: int
    root: bytes


class Leaf(NamedTuple):
    """A stored event: where it stands, its text, and the hash that was stored with it."""

    seq: int
    canonical: bytes
    link: bytes


class Reason(StrEnum):
    """Why a log is not signed any further. The strings are permanent: they are in metrics."""

    ROLLED_BACK = "rolled-back"
    EVENT_MISSING = "event-missing"
    EVENT_CHANGED = "event-changed"
    TREE_DIFFERS = "tree-differs"
    STATE_DAMAGED = "state-damaged"
    PUBLISHED_OTHERWISE = "published-otherwise"


class NotSealed(Exception):  # noqa: N818 - it reads as what happened
    """A log contradicts what was signed of it. Only a person can decide what follows."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was signed last of a log: its size and root, the right edge of its tree, the note."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    frontier: tuple[bytes, ...] = ()
    note: str = ""

    def start(self) -> Frontier:
        """Begin where the signed tree ends."""
        return Frontier(self.size, [*self.frontier])


def has_moved(sealed: Sealed, head: Head) -> bool:
    """Say whether there is something new to follow. Raises ``NotSealed``."""
    if head.size < sealed.size:
        raise NotSealed(
            Reason.ROLLED_BACK,
            f"{sealed.size} events were signed, the database has {head.size}: it was rolled back.",
        )
    if head.size == sealed.size and head.root != sealed.root:
        raise NotSealed(
            Reason.TREE_DIFFERS,
            f"the database has another tree of {head.size} events than the one that was signed.",
        )
    return head.size > sealed.size


def is_due(new: int, waited: float) -> bool:
    """Say whether ``new`` events are to be sealed now, ``waited`` seconds after the last seal."""
    return new >= BATCH or (new > 0 and waited >= INTERVAL)


def follow(tree: Frontier, leaves: Iterable[Leaf]) -> None:
    """Append the next events to our own tree: at least one, each hashed again.

    Raises ``NotSealed``.
    """
    before = tree.size
    for seq, canonical, link in leaves:
        if seq != tree.size:
            break
        if sha256(b"\x00" + canonical).digest() != link:
            raise NotSealed(Reason.EVENT_CHANGED, f"the event at seq {seq} was changed.")
        tree.append(link)
    if tree.size == before:
        raise NotSealed(Reason.EVENT_MISSING, f"there is no event at seq {before}.")


def arrive(tree: Frontier, head: Head) -> None:
    """Compare our own tree with the head it has reached. Raises ``NotSealed``."""
    if tree.size != head.size or tree.root() != head.root:
        raise NotSealed(
            Reason.TREE_DIFFERS,
            f"{head.size} events lead to another root than the database has: its tree, or an "
            "event that was signed before, is not what it was.",
        )
