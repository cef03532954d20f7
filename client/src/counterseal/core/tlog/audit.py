"""Reads a whole log once and says what was done to it: the check behind ``ledger verify``.

What is stored is compared with itself (hashes, links, places), and the tree that the events make
is compared with every checkpoint that somebody outside has kept. The second comparison is the one
that an administrator of the database cannot prepare for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from counterseal.core.canonical import canonical
from counterseal.core.links import leaf_hash
from counterseal.core.tlog.checkpoint import Checkpoint
from counterseal.core.tlog.tiles import HEIGHT, WIDTH, Tile
from counterseal.core.tlog.tree import HASH_SIZE, Frontier

MOST_FINDINGS = 100
CLOCKS_APART = timedelta(seconds=5)
"""How far the database's clock may step back between two events before that is remarkable."""

_END_OF_STORY = "action.closed"


class Stored(NamedTuple):
    """One row of the log as the store gives it; nothing in it is believed."""

    seq: int
    stream: str
    version: int
    kind: str
    canonical: bytes
    link: bytes
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that cannot be so in a log that was only appended to. ``seq`` is where it shows."""

    code: str
    sentence: str
    seq: int | None = None


@dataclass(slots=True)
class LogAudit:
    """Takes one tenant's events in the order of ``seq`` and compares them with what was ``kept``.

    ``kept`` maps checkpoints to how they are told of, for example ``when ada saw it at noon``.
    """

    tenant: str
    kept: Mapping[Checkpoint, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    passed: int = 0
    _frontier: Frontier = field(default_factory=Frontier)
    _streams: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    _due: list[Checkpoint] = field(default_factory=list)
    _agreed: int = 0
    _next: int = 0
    _recorded_at: datetime | None = None
    _tenant_text: str = ""
    _tiles: dict[Tile, bytearray] = field(default_factory=dict)
    _full_tiles: dict[Tile, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._due = sorted(self.kept, key=lambda each: each.size, reverse=True)
        self._tenant_text = _text(self.tenant)
        self._compare()

    @property
    def size(self) -> int:
        """How many events were taken."""
        return self._frontier.size

    @property
    def root(self) -> bytes:
        """The root of what was taken, to be compared with what the store says."""
        return self._frontier.root()

    @property
    def is_sound(self) -> bool:
        """Say whether nothing was found so far."""
        return not self.findings

    def take(self, events: Iterable[Stored]) -> None:
        """Take the next events."""
        for event in events:
            if event.seq != self._next:
                self._find_gap(event)
            self._next = event.seq + 1
            leaf = leaf_hash(event.canonical)
            if leaf != event.link:
                self._find("changed", "its text does not have the hash stored beside it", event)
            self._check_place(event, leaf)
            self._check_clock(event)
            self._frontier.append(leaf, self._note)
            self._compare()

    def compare_head(self, size: int, root: bytes) -> None:
        """Compare with what the store itself says of the tree."""
        if (size, root) != (self.size, self.root):
            self._add(
                "head-changed",
                f"the store says {size} events with the root {root.hex()[:16]}…, but its "
                f"{self.size} events make {self.root.hex()[:16]}…",
            )

    def compare_tile(self, tile: Tile, hashes: bytes) -> None:
        """Compare with a stored tile, which may have grown since the last event was taken."""
        level, index = tile
        if not self._is_made(tile, hashes):
            self._add("tile-changed", f"tile {index} of level {level} is not what its events make")

    def finish(self) -> None:
        """Say what is missing at the end: the largest checkpoint must have been reached."""
        for each in self._due[:1]:
            self._add(
                "tail-dropped",
                f"the log ends after {self.size} events, but had {each.size} "
                f"{self.kept[each]}: "
                f"{each.size - self.size} events are gone",
                self.size,
            )
        self._due.clear()

    def _compare(self) -> None:
        while self._due and self._due[-1].size <= self._frontier.size:
            each = self._due.pop()
            if each.size == self._frontier.size and each.root != self._frontier.root():
                self._add(
                    "rewritten",
                    f"the first {each.size} events are not those of the checkpoint "
                    f"{self.kept[each]}: something from seq {self._agreed} "
                    f"to {each.size - 1} was changed, dropped, moved or back-dated since",
                    self._agreed,
                )
            elif each.size == self._frontier.size:
                self.passed += 1
                self._agreed = each.size

    def _find_gap(self, event: Stored) -> None:
        expected = self._next
        if event.seq == expected + 1:
            said = f"seq {expected} is missing"
        elif event.seq > expected:
            said = f"seq {expected} to {event.seq - 1} are missing"
        else:
            said = f"seq {event.seq} stands where {expected} should"
        self._add("gap", said, expected)

    def _check_place(self, event: Stored, leaf: bytes) -> None:
        version, link = self._streams.get(event.stream, (-1, None))
        if event.version != version + 1:
            self._find("misplaced", f"it follows version {version} of its stream", event)
        previous = f'"{link.hex()}"' if link else "null"
        end = (
            f'}},"prev":{previous},"stream":{_text(event.stream)},"tenant":{self._tenant_text},'
            f'"v":1,"version":{event.version}}}'
        )
        if not event.canonical.endswith(end.encode()):
            self._find("misplaced", "its text says that it stands elsewhere", event)
        if f'"kind":{_text(event.kind)}'.encode() not in event.canonical:
            self._find("changed", f"it is listed as {event.kind}, which its text is not", event)
        if event.kind == _END_OF_STORY:
            self._streams.pop(event.stream, None)
        else:
            self._streams[event.stream] = (event.version, leaf)

    def _check_clock(self, event: Stored) -> None:
        last, self._recorded_at = self._recorded_at, event.recorded_at or self._recorded_at
        if last and event.recorded_at and event.recorded_at < last - CLOCKS_APART:
            self._find("back-dated", "it was recorded before the event in front of it", event)

    def _note(self, level: int, index: int, node: bytes) -> None:
        if level % HEIGHT:
            return  # no row of a tile
        tile = (level // HEIGHT, index // WIDTH)
        hashes = self._tiles.setdefault(tile, bytearray())
        hashes.extend(node)
        if len(hashes) == WIDTH * HASH_SIZE:  # of a full tile its hash is enough to compare with
            self._full_tiles[tile] = sha256(self._tiles.pop(tile)).digest()

    def _is_made(self, tile: Tile, hashes: bytes) -> bool:
        """Compare as far as the events that were taken reach: the log may have grown since."""
        if tile in self._full_tiles:
            return sha256(hashes).digest() == self._full_tiles[tile]
        return hashes.startswith(self._tiles.get(tile, b""))

    def _find(self, code: str, said: str, event: Stored) -> None:
        self._add(
            code,
            f"seq {event.seq}, {event.kind} of {event.stream} version {event.version}: {said}",
            event.seq,
        )

    def _add(self, code: str, sentence: str, seq: int | None = None) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(code, f"{sentence}.", seq))


@lru_cache(1024)  # the few kinds there are, and the streams that are being written
def _text(value: str) -> str:
    return canonical(value).decode()
