"""The facts a decision is made from: frozen before the judge sees them, recorded beside it.

Whoever holds the facts and the bundle can judge again and must reach the same decision. No fact
is read while judging.
"""

from enum import StrEnum

from pydantic import Field

from counterseal.core.action import Name
from counterseal.core.model import Instant, Record
from counterseal.core.words import Disposition, Outcome, Phase, Verdict


class Origin(StrEnum):
    """Where the value of an argument was seen before.

    ``named``: in the user's own request. ``known``: in a directory the policy owner keeps.
    ``untrusted``: only in content that tools brought in. ``unseen``: nowhere we were shown.
    ``named`` and ``untrusted`` rest on what the caller supplied and say so in the facts.
    """

    NAMED = "named"
    KNOWN = "known"
    UNTRUSTED = "untrusted"
    UNSEEN = "unseen"


class Past(Record):
    """An earlier action of the same session, as our own ledger has it."""

    action: str
    tool: str
    action_class: str | None
    verdict: Verdict
    effective: Verdict
    phase: Phase
    disposition: Disposition | None = None
    outcome: Outcome | None = None
    at: Instant


class Count(Record):
    """A velocity counter as it stood: ``count`` actions and ``sum`` of amounts in its window.

    Pending holds are included; the action being judged is not. ``version`` changes with every
    contribution, so that the ledger can refuse a decision made from a count that has moved.
    """

    key: str
    count: int = Field(ge=0)
    sum: float
    version: int = Field(ge=0)


class Observation(Record):
    """What a tool returned earlier, as the caller tells it."""

    tool: str = Field(max_length=128)
    content: str = Field(max_length=262_144)
    trusted: bool = False


class Asserted(Record):
    """What the caller says about how it came to ask. Never believed, only compared against."""

    user_request: str | None = Field(default=None, max_length=65_536)
    observations: tuple[Observation, ...] = Field(default=(), max_length=64)


def _is_false(value: object) -> bool:
    return value is False  # so that facts keep the digest they had before this could be said


class Facts(Record):
    """Everything a decision may rest on, at one instant.

    ``history`` is oldest first. ``origins`` maps attribute names to where their values were seen.
    ``principal_verified``: the roster lets this agent act for this principal by name;
    ``principal_refused``: it names others, so that the action is blocked whatever the rules say.
    ``unrevealed``: sensitive values could not be opened to be judged, with the same consequence.
    ``read_at`` says when each group of facts was read; ``asserted`` names the groups that rest on
    the caller's word.
    """

    at: Instant
    agent_owner: Name | None = None
    agent_labels: tuple[str, ...] = ()
    principal_verified: bool = False
    principal_refused: bool = False
    history: tuple[Past, ...] = ()
    counters: dict[str, Count] = Field(default_factory=dict)
    origins: dict[str, Origin] = Field(default_factory=dict)
    request_given: bool = False
    observations_given: int = 0
    unrevealed: bool = Field(default=False, exclude_if=_is_false)
    read_at: dict[str, Instant] = Field(default_factory=dict)
    asserted: tuple[str, ...] = ()
