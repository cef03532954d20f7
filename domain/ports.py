"""What the rules need of the world, in their own words. Adapters fit by shape."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from pydantic import Field

from counterseal.core.canonical import Json
from counterseal.core.links import Sealed
from counterseal.core.model import Instant, Record
from counterseal.core.policy.facts import Past
from domain.roster import Roster


class Recorded(Record):
    """One stored event. ``seq`` is its place in the tenant's log, without gaps, from 0."""

    seq: int
    version: int
    kind: str
    canonical: bytes
    link: bytes
    recorded_at: Instant


class Contribution(Record):
    """What an action adds to a velocity counter; ``live`` ones count, others are attempts."""

    key: str
    amount: float
    live: bool


class Entry(Record):
    """One append to one stream: all of it or nothing.

    ``expected`` is the last version there is (-1 for none). ``summary`` is the row of ``table`` in
    the read model after this append. ``guards`` maps counter keys to the versions the decision was
    made from. ``release`` takes the action's contributions back out of the counters. ``wake`` tells
    listeners that the stream has moved.
    """

    tenant: str
    stream: str
    expected: int
    events: tuple[Sealed, ...] = Field(min_length=1)
    table: Literal["action", "api_key", "roster", "bundle", "secret"] | None = None
    summary: dict[str, Json] | None = None
    contributions: tuple[Contribution, ...] = ()
    guards: dict[str, int] = Field(default_factory=dict)
    release: bool = False
    wake: bool = False


class StreamMoved(Exception):  # noqa: N818 - it reads as what happened
    """Other events are already where these should go; read them and decide again."""

    def __init__(self, stream: str, current: int) -> None:
        super().__init__(f"{stream} is at version {current}")
        self.current = current


class FactsMoved(Exception):  # noqa: N818 - it reads as what happened
    """A counter has changed since the decision was made from it; judge again."""


class UnknownTenant(Exception):  # noqa: N818 - it reads as what happened
    """No such tenant has been created."""


class Unavailable(Exception):  # noqa: N818 - it reads as what happened
    """The store cannot be reached; nothing is known about whether the append happened."""


class Ledger(Protocol):
    """An append-only store of event streams, one log per tenant."""

    async def append(self, entry: Entry) -> int:
        """Write ``entry`` and return the seq of its last event.

        Writing the same events at the same version again changes nothing and returns the same.
        Raises ``StreamMoved``, ``FactsMoved``, ``UnknownTenant`` or ``Unavailable``.
        """
        ...

    async def read(self, tenant: str, stream: str, after: int = -1) -> Sequence[Recorded]:
        """Read a stream's events with a version greater than ``after``, in order."""
        ...


class CounterQuery(Record):
    """Which counter to read: everything under ``key`` in the ``window`` seconds before now."""

    name: str
    key: str
    window: int
    attempts: bool


class CounterReading(Record):
    """A counter as the store has it."""

    count: int
    sum: float
    version: int


class Circumstances(Record):
    """What the store knows about a request, read in one snapshot."""

    bundle: str | None
    roster_version: int
    history: tuple[Past, ...]
    counters: dict[str, CounterReading]


class FactSource(Protocol):
    """Where the facts of a decision come from."""

    async def circumstances(
        self, tenant: str, session: str | None, counters: Sequence[CounterQuery], at: datetime
    ) -> Circumstances:
        """Read, in one consistent snapshot, what a decision at ``at`` needs.

        ``bundle`` is the digest of the tenant's active bundle. ``history`` holds the session's
        latest 50 actions, oldest first. ``counters`` is keyed by name. Raises ``UnknownTenant``.
        """
        ...

    async def bundle(self, tenant: str, digest: str) -> bytes:
        """Fetch a bundle's canonical bytes. Raises ``KeyError`` if the tenant has none such."""
        ...

    async def roster(self, tenant: str) -> tuple[int, Roster]:
        """Fetch the tenant's current roster and its version (-1 and empty if none was set)."""
        ...


class Due(Record):
    """An open action whose deadline has passed."""

    tenant: str
    action_id: str
    deadline: Instant


class Overdue(Protocol):
    """Finds what nobody closed."""

    async def overdue(self, before: datetime, limit: int) -> Sequence[Due]:
        """Find open actions whose next deadline lies before ``before``, oldest first."""
        ...


Summary = Mapping[str, Json]
"""A row of the read model, as ``domain.summary`` makes it."""
