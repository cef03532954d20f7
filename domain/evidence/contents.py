"""What a package holds before it is written: events, proofs, and everything around them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from counterseal.core.canonical import Json, canonical
from counterseal.core.commitments import Disclosure
from counterseal.core.links import unseal
from counterseal.core.packages import Profile
from counterseal.core.tlog.note import to_base64
from counterseal.core.tlog.proofs import RangeProof
from domain.evidence.story import StoryEvent


@dataclass(frozen=True, slots=True)
class Leaf:
    """One event at its place in the log; ``canonical`` is None if its body is withheld."""

    seq: int
    stream: str
    version: int
    kind: str
    link: bytes
    canonical: bytes | None
    proof: tuple[bytes, ...] | None = None

    def withheld(self) -> "Leaf":
        """Keep the hash only."""
        return replace(self, canonical=None)

    @property
    def event(self) -> Mapping[str, Json] | None:
        """What happened, read anew each time; None if that is withheld."""
        if self.canonical is None:
            return None
        event = unseal(self.canonical)["event"]
        return event if isinstance(event, dict) else None

    @property
    def line(self) -> bytes:
        """The line of ``events.jsonl``."""
        told: dict[str, Json] = {"seq": self.seq}
        if self.canonical is None:
            told |= {"leaf": self.link.hex(), "stream": self.stream, "version": self.version}
        else:
            told["canonical"] = self.canonical.decode()
        if self.proof is not None:
            told["proof"] = [to_base64(each) for each in self.proof]
        # Texts and whole numbers only: here this is RFC 8785, and ten times as fast.
        written = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return written.encode() + b"\n"

    @property
    def told(self) -> StoryEvent:
        """The event as people and SIEMs are told it."""
        event = self.event
        return StoryEvent(
            seq=self.seq,
            stream=self.stream,
            version=self.version,
            leaf=self.link.hex(),
            kind=self.kind if event is not None else None,
            at=str(event["at"]) if event is not None else None,
            event=event,
        )


@dataclass(frozen=True, slots=True)
class Range:
    """What surrounds the leaves of a period."""

    start: int
    end: int
    proof: RangeProof

    @property
    def text(self) -> bytes:
        """The file ``range.json``."""
        return canonical(
            {
                "start": self.start,
                "end": self.end,
                "left": [to_base64(each) for each in self.proof.left],
                "right": [to_base64(each) for each in self.proof.right],
            }
        )


@dataclass(frozen=True, slots=True)
class Growth:
    """The proof that the log has only grown since an auditor's checkpoint."""

    size: int
    root: bytes
    proof: tuple[bytes, ...]

    @property
    def text(self) -> bytes:
        """The file ``consistency.txt``."""
        lines = (f"old {self.size}", to_base64(self.root), *map(to_base64, self.proof))
        return "".join(f"{line}\n" for line in lines).encode()


@dataclass(frozen=True, slots=True)
class Taking:
    """Who takes a package along, when, why, and how much of it."""

    by: str
    purpose: str
    at: str
    profile: Profile
    seq: int | None = None
    """Where the log says so; None if that is younger than the checkpoint."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The checkpoint that everything lies under, and how far its evidence has come."""

    log: str
    tenant: str
    size: int
    root: bytes
    note: str
    level: str
    witnesses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was asked for. ``scope`` is the statement's, ``policies`` are bundles by their digest.

    ``whole`` names the streams that are here from their first event to their last as of the tree.
    """

    scope: Mapping[str, Json]
    leaves: Sequence[Leaf]
    policies: Mapping[str, bytes]
    whole: frozenset[str] = frozenset()
    disclosed: tuple[tuple[str, Disclosure], ...] = ()

    @property
    def shredded(self) -> frozenset[str]:
        """The actions whose sensitive values were destroyed, as far as that is shown."""
        return frozenset(
            leaf.stream.partition(":")[0]
            for leaf in self.leaves
            if leaf.kind == "data.shredded" and leaf.canonical is not None
        )

    @property
    def withheld(self) -> int:
        """How many events are there by their hash only."""
        return sum(leaf.canonical is None for leaf in self.leaves)


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that is known before the package is written."""

    taking: Taking
    tree: Tree
    gathered: Gathered
    range: Range | None = None
    growth: Growth | None = None
    keys: str = ""
    verifier: bytes = b""


@dataclass(slots=True)
class _Extent:
    count: int = 0
    ended: bool = False


def streams(contents: Contents) -> dict[str, dict[str, Json]]:
    """Say of each stream how many of its events are here, and whether these are all."""
    found: dict[str, _Extent] = {}
    for leaf in contents.gathered.leaves:
        extent = found.setdefault(leaf.stream, _Extent())
        extent.count += 1
        extent.ended = leaf.kind == "action.closed"
    return dict(_listed(contents, found))


def _listed(
    contents: Contents, found: Mapping[str, _Extent]
) -> Iterator[tuple[str, dict[str, Json]]]:
    for stream, extent in found.items():
        if stream in contents.gathered.whole:
            yield stream, {"count": extent.count, "state": "closed" if extent.ended else "open"}
        elif contents.range is None:
            yield stream, {"count": extent.count, "state": "excerpt"}
