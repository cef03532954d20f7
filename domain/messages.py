"""Messages to an action that are only worth something with our own gateway's signature.

Temporal accepts a signal from whoever can reach it. So the gateway that authenticated a person
signs what they said, and the worker verifies it before it counts: a signal forged straight into
Temporal is refused, and the refusal is recorded.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, ValidationError

from counterseal.core.canonical import Json
from counterseal.core.model import Instant, Record
from counterseal.core.signing import PrivateKey, PublicKey, is_signed, sign
from domain.commands import Flaw, Vote
from domain.roster import Roster

PURPOSE = "gateway-message"
LONGEST_WAY = timedelta(days=7)
CLOCKS_APART = timedelta(seconds=5)


class VoteMessage(Record):
    """What a person said, and which channel heard it, when."""

    kind: Literal["vote"] = "vote"
    tenant: str
    action_id: str
    vote_id: str = Field(max_length=128)
    person: str = Field(max_length=128)
    approve: bool
    reason: str = Field(max_length=4096)
    digest: str = Field(max_length=128)
    channel: str
    assurance: str
    heard_at: Instant


class WithdrawalMessage(Record):
    """An agent takes its question back."""

    kind: Literal["withdrawal"] = "withdrawal"
    tenant: str
    action_id: str
    request_id: str = Field(max_length=128)
    by: str = Field(max_length=128)
    reason: str = Field(max_length=4096)
    heard_at: Instant


Message = VoteMessage | WithdrawalMessage


class Signed(Record):
    """A message in its envelope. ``body`` is kept as it was signed."""

    body: dict[str, Json]
    signature: str


class Opened(Record):
    """An opened envelope: ``message`` if it is readable, ``flaw`` if it is not to be believed."""

    message: VoteMessage | WithdrawalMessage | None
    flaw: Flaw | None


def sign_message(key: PrivateKey, message: Message) -> Signed:
    """Put ``message`` into an envelope signed with the gateway's key."""
    body = message.model_dump(mode="json")
    return Signed(body=body, signature=sign(key, PURPOSE, body))


def open_message(
    envelope: Json, keys: Sequence[PublicKey], tenant: str, action_id: str, now: datetime
) -> Opened:
    """Verify an envelope of unknown origin against the gateways' keys and where it arrived."""
    try:
        signed = Signed.model_validate(envelope)
        message = _read(signed.body)
    except ValidationError:
        return Opened(
            message=None,
            flaw=Flaw(code="malformed", sentence="this is not a message of a gateway of ours."),
        )
    return Opened(message=message, flaw=_flaw(signed, message, keys, (tenant, action_id), now))


def _read(body: dict[str, Json]) -> Message:
    if body.get("kind") == "withdrawal":
        return WithdrawalMessage.model_validate(body)
    return VoteMessage.model_validate(body)


def _flaw(
    signed: Signed,
    message: Message,
    keys: Sequence[PublicKey],
    addressee: tuple[str, str],
    now: datetime,
) -> Flaw | None:
    if not any(is_signed(key, PURPOSE, signed.body, signed.signature) for key in keys):
        return Flaw(
            code="forged",
            sentence="no gateway of ours signed this message; answer through a channel instead.",
        )
    if (message.tenant, message.action_id) != addressee:
        return Flaw(code="misaddressed", sentence=f"it speaks of {message.action_id}.")
    if not now - LONGEST_WAY <= message.heard_at <= now + CLOCKS_APART:
        return Flaw(code="stale", sentence=f"it was signed at {message.heard_at}; answer again.")
    return None


def vote_command(message: VoteMessage, roster: Roster, at: datetime, flaw: Flaw | None) -> Vote:
    """Make a vote of what was heard and of who the roster says the person is."""
    person = roster.person(message.person)
    return Vote(
        at=at,
        vote_id=message.vote_id,
        person=person.id if person else message.person,
        aliases=person.aliases if person else (),
        groups=person.groups if person else (),
        approve=message.approve,
        reason=message.reason,
        digest=message.digest,
        channel=message.channel,
        assurance=message.assurance,
        flaw=flaw,
    )
