"""What can be asked of an action. ``at`` is stamped on our side when the command is taken up.

``flaw`` is what the door that received a command found wrong with its proof of origin (a bad
signature, say). The domain decides what a flawed command is worth, which is a refusal.
"""

from typing import Literal

from counterseal.core.action import Action, Digest
from counterseal.core.model import Instant, Record
from counterseal.core.policy.decision import Decision
from counterseal.core.words import Outcome


class Flaw(Record):
    """Why a command's origin is not believed."""

    code: str
    sentence: str


class Ask(Record):
    """May this action run? The decision has been reached from frozen facts."""

    kind: Literal["ask"] = "ask"
    at: Instant
    action: Action
    digest: Digest
    key_id: str
    agent_owner: str | None
    excluded: tuple[str, ...]
    justification: str | None = None
    context_digest: Digest | None = None
    decision: Decision


class AskOtherwise(Record):
    """The same action ID was sent with other content."""

    kind: Literal["ask-otherwise"] = "ask-otherwise"
    at: Instant
    request_id: str
    by: str
    digest: str


class Vote(Record):
    """A person answers. ``groups`` and ``aliases`` are what the roster says of them now."""

    kind: Literal["vote"] = "vote"
    at: Instant
    vote_id: str
    person: str
    aliases: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    approve: bool
    reason: str
    digest: str
    channel: str
    assurance: str
    flaw: Flaw | None = None


class Withdraw(Record):
    """The requester takes the question back."""

    kind: Literal["withdraw"] = "withdraw"
    at: Instant
    request_id: str
    by: str
    reason: str
    flaw: Flaw | None = None


class Wake(Record):
    """Time has passed. Whatever is due by ``at`` happens."""

    kind: Literal["wake"] = "wake"
    at: Instant


class Redeem(Record):
    """The holder is about to run the action."""

    kind: Literal["redeem"] = "redeem"
    at: Instant
    redemption_id: str
    by: str
    grant_id: str
    digest: str
    executor_key: str | None = None
    flaw: Flaw | None = None


class Report(Record):
    """The executor says what happened."""

    kind: Literal["report"] = "report"
    at: Instant
    request_id: str
    by: str
    redemption_id: str
    digest: str
    outcome: Outcome
    detail: str | None = None
    result_digest: Digest | None = None
    signature: str | None = None
    signed_by: str | None = None


Command = Ask | AskOtherwise | Vote | Withdraw | Wake | Redeem | Report
