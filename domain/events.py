"""Everything that can become true of one action. Kinds are permanent; fields are only ever added.

Each event is complete in itself: it carries the digest of the action it speaks of, so that a
reader never has to trust its neighbours.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from counterseal.core.action import Action, Digest
from counterseal.core.model import Instant, Kept
from counterseal.core.policy.decision import Decision
from counterseal.core.policy.route import Route
from counterseal.core.words import Disposition, Outcome


class Fact(Kept):
    """Something that happened at an instant."""

    at: Instant


class ActionRequested(Fact):
    """An agent asked. ``agent_owner`` and ``excluded`` come from the roster, not from the agent.

    ``excluded`` lists every identity that may not vote on this action: the agent, its owner, the
    principal and whatever the roster says is another name of theirs.
    """

    kind: Literal["action.requested"] = "action.requested"
    action: Action
    digest: Digest
    key_id: str
    agent_owner: str | None = None
    excluded: tuple[str, ...]
    justification: str | None = None
    context_digest: Digest | None = None


class DecisionReached(Fact):
    """Policy answered."""

    kind: Literal["decision.reached"] = "decision.reached"
    digest: Digest
    decision: Decision


class ActionHeld(Fact):
    """The action waits for people until ``deadline``."""

    kind: Literal["action.held"] = "action.held"
    digest: Digest
    route: Route
    asked: tuple[str, ...]
    deadline: Instant


class VoteCounted(Fact):
    """An eligible person answered. ``groups`` are those that made them eligible."""

    kind: Literal["vote.counted"] = "vote.counted"
    vote_id: str
    person: str
    aliases: tuple[str, ...] = ()
    groups: tuple[str, ...]
    approve: bool
    reason: str
    digest: Digest
    channel: str
    assurance: str


class VoteRefused(Fact):
    """Somebody answered who or which could not count. The hold is as it was."""

    kind: Literal["vote.refused"] = "vote.refused"
    vote_id: str
    person: str
    approve: bool | None
    code: str
    sentence: str
    digest: str | None = None
    channel: str


class HoldReminded(Fact):
    """The people asked were reminded for the ``nth`` time."""

    kind: Literal["hold.reminded"] = "hold.reminded"
    nth: int
    asked: tuple[str, ...]


class HoldEscalated(Fact):
    """More people are asked, because those before them have not answered."""

    kind: Literal["hold.escalated"] = "hold.escalated"
    after: int
    added: tuple[str, ...]
    asked: tuple[str, ...]


class ActionSettled(Fact):
    """The question ended. ``because`` is for people; ``by`` names whoever made the difference."""

    kind: Literal["action.settled"] = "action.settled"
    digest: Digest
    disposition: Disposition
    because: str
    by: tuple[str, ...] = ()


class GrantIssued(Fact):
    """The holder may run exactly this action once, until ``expires_at``."""

    kind: Literal["grant.issued"] = "grant.issued"
    grant_id: str
    digest: Digest
    holder: str
    expires_at: Instant


class GrantRedeemed(Fact):
    """The grant was used. ``executor_key`` is the key its receipt must be signed with, if given."""

    kind: Literal["grant.redeemed"] = "grant.redeemed"
    grant_id: str
    redemption_id: str
    digest: Digest
    by: str
    executor_key: str | None = None
    receipt_due: Instant


class GrantLapsed(Fact):
    """The grant can no longer be used: nobody did in time, or the requester gave it back."""

    kind: Literal["grant.lapsed"] = "grant.lapsed"
    grant_id: str
    because: str
    given_back: bool = False


class ExecutionReported(Fact):
    """The executor said how it went. ``signed`` tells whether the report is bound to its key."""

    kind: Literal["execution.reported"] = "execution.reported"
    redemption_id: str
    digest: Digest
    outcome: Outcome
    by: str
    detail: str | None = None
    result_digest: Digest | None = None
    signature: str | None = None
    signed: bool


class ExecutionUnknown(Fact):
    """No receipt came. Whether the action ran is not known, and is not guessed."""

    kind: Literal["execution.unknown"] = "execution.unknown"
    redemption_id: str
    because: str


class ActionClosed(Fact):
    """The story is complete. Nothing follows in this stream."""

    kind: Literal["action.closed"] = "action.closed"
    disposition: Disposition
    outcome: Outcome


class _Refusal(Fact):
    """A request about this action that was refused; kept as carefully as one that was granted."""

    request_id: str
    by: str
    code: str
    sentence: str
    digest: str | None = None


class RequestRefused(_Refusal):
    """The action's ID was used again for something else."""

    kind: Literal["request.refused"] = "request.refused"


class WithdrawalRefused(_Refusal):
    """A withdrawal that came from somebody else, or too late."""

    kind: Literal["withdrawal.refused"] = "withdrawal.refused"


class GrantRefused(_Refusal):
    """A redemption that did not fit: other arguments, other holder, a second time, too late."""

    kind: Literal["grant.refused"] = "grant.refused"


class ReceiptRefused(_Refusal):
    """A report on something that was not redeemed, or not by its sender."""

    kind: Literal["receipt.refused"] = "receipt.refused"
    outcome: Outcome
    redemption_id: str
    detail: str | None = None
    result_digest: str | None = None
    signature: str | None = None


Event = Annotated[
    ActionRequested
    | DecisionReached
    | ActionHeld
    | VoteCounted
    | VoteRefused
    | HoldReminded
    | HoldEscalated
    | ActionSettled
    | GrantIssued
    | GrantRedeemed
    | GrantLapsed
    | ExecutionReported
    | ExecutionUnknown
    | ActionClosed
    | RequestRefused
    | WithdrawalRefused
    | GrantRefused
    | ReceiptRefused,
    Field(discriminator="kind"),
]
"""Any event of an action's stream."""

Refusal = VoteRefused | RequestRefused | WithdrawalRefused | GrantRefused | ReceiptRefused
"""Events that change nothing but the record."""

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def read_event(recorded: object) -> Event:
    """Read a recorded event back, keeping fields this version does not know."""
    return _EVENT.validate_python(recorded)
