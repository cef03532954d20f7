"""A package's contents as people and SIEMs are told them."""

from collections.abc import Mapping
from dataclasses import dataclass

from counterseal.core.canonical import Json


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """One event of a package, at ``seq`` of the log.

    Of a withheld event nothing is told but its place and ``leaf``, its hash in hex.
    """

    seq: int
    stream: str
    version: int
    leaf: str
    kind: str | None
    at: str | None
    event: Mapping[str, Json] | None

    @property
    def action_id(self) -> str:
        """The action of whose streams this is one, if it is; else the stream's name."""
        return self.stream.partition(":")[0]


@dataclass(frozen=True, slots=True)
class PackageStory:
    """Everything in a package that is worth telling. ``scope`` and ``witnesses`` are for people.

    ``disclosures`` maps ``(action, pointer)`` to the canonical JSON of the value that was taken
    along; ``shredded`` names the actions whose sensitive values were destroyed.
    """

    log: str
    tenant: str
    tree_size: int
    root: str
    level: str
    witnesses: tuple[str, ...]
    exported_at: str
    requested_by: str
    purpose: str
    profile: str
    scope: str
    events: tuple[StoryEvent, ...]
    disclosures: Mapping[tuple[str, str], str]
    shredded: frozenset[str]
