"""What evidence needs of the world: the log to read, its tree, and its signed checkpoints."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from counterseal.core.packages import PeriodFilters
from counterseal.core.tlog.proofs import Nodes
from counterseal.core.words import Level
from domain.evidence.contents import Leaf
from domain.evidence.period import Total


class End(NamedTuple):
    """The last event of a stream, if there is one: where the next one goes."""

    version: int = -1
    link: bytes | None = None
    canonical: bytes | None = None


class Counted(NamedTuple):
    """What a total needs to know of an event: the text only of kinds that are counted by it."""

    stream: str
    kind: str
    canonical: bytes | None


class EvidenceLog(Protocol):
    """Reads a tenant's log. Every method raises ``Unavailable`` if it cannot be reached."""

    async def tenants(self) -> Sequence[str]:
        """Name everyone who has a log."""
        ...

    async def size(self, tenant: str) -> int:
        """Tell how many events there are."""
        ...

    async def end(self, tenant: str, stream: str) -> End:
        """Find the last event of a stream."""
        ...

    async def streams(self, tenant: str, streams: Sequence[str]) -> Sequence[Leaf]:
        """Read whole streams from one snapshot."""
        ...

    async def activations(self, tenant: str, judged: Collection[tuple[str, int]]) -> Sequence[Leaf]:
        """Find, for each bundle's digest and seq, how it last came into force before."""
        ...

    async def rosters(self, tenant: str, votes: Collection[tuple[int, datetime]]) -> Sequence[Leaf]:
        """Find, for each vote's seq and instant, the rosters in force by place and by time."""
        ...

    def run(self, tenant: str, start: int, end: int) -> AsyncIterator[Leaf]:
        """Read the events [start, end), in order."""
        ...

    def counted(self, tenant: str, start: int, end: int) -> AsyncIterator[Counted]:
        """Read the same for counting."""
        ...

    async def total_before(self, tenant: str, at: datetime) -> Total | None:
        """Find the latest control total taken at ``at`` or before."""
        ...

    async def fitting(
        self, tenant: str, actions: Collection[str], filters: PeriodFilters
    ) -> Collection[str]:
        """Say which of these actions were decided so that they fit."""
        ...

    def nodes(self, tenant: str) -> Nodes:
        """Give the source of nodes from which proofs are made."""
        ...


class SealedUpTo(Protocol):
    """How far a log is sealed and witnessed."""

    @property
    def witnessed(self) -> int:
        """How many events lie under a checkpoint that enough witnesses cosigned."""
        ...

    def level(self, seq: int) -> Level:
        """Tell how far the evidence up to ``seq`` has come."""
        ...


class Seals(Protocol):
    """Where signed checkpoints are found."""

    async def seal(self, tenant: str) -> SealedUpTo:
        """Tell how far a tenant's log is sealed."""
        ...

    async def checkpoint(self, tenant: str, size: int = 1) -> str | None:
        """Give the best checkpoint of at least ``size`` events: cosigned, then newest."""
        ...
