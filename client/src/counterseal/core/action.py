"""The candidate action: one tool call an agent wants to make, and the digest that binds it."""

from typing import Annotated

from pydantic import Field, StringConstraints

from counterseal.core.canonical import Json, digest
from counterseal.core.model import Record

ACTION_DOMAIN = "counterseal/action/v1"

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,127}$")]
"""An identifier of ours or of a directory: printable ASCII, no spaces, at most 128 characters."""

ToolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$")]

ActionId = Annotated[str, StringConstraints(pattern=r"^act_[0-9a-f]{32}$")]

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class Action(Record):
    """What would run, for whom, where. Every field is in the digest, and nothing else is.

    The identity (``tenant``, ``agent``, ``environment``) comes from the credential, never from the
    caller's words. ``id`` makes the digest of two otherwise equal actions differ, so that an
    approval of one is never an approval of the other.
    """

    id: ActionId
    tenant: Name
    agent: Name
    principal: Name | None = None
    environment: Name
    session: Name | None = None
    tool: ToolName
    resource: Annotated[str, StringConstraints(max_length=1024)] | None = None
    arguments: dict[str, Json] = Field(default_factory=dict)


def action_digest(action: Action) -> str:
    """Bind ``action``: SHA-256 over its RFC 8785 bytes under ``counterseal/action/v1``."""
    # Not in JSON mode, which writes NaN as null: what JSON cannot say has no digest.
    return digest(ACTION_DOMAIN, action.model_dump())


def arguments_digest(arguments: dict[str, Json]) -> str:
    """Name arguments alone, so that equal calls can be recognised across actions."""
    return digest("counterseal/arguments/v1", arguments)


def action_id(tenant: str, agent: str, idempotency_key: str) -> str:
    """Derive an action's ID from who asks under which key.

    The same caller with the same key gets the same action however often it asks and whatever
    we have forgotten since; two callers cannot collide, because both names are hashed in.
    """
    named = digest("counterseal/action-id/v1", [tenant, agent, idempotency_key])
    return "act_" + named.removeprefix("sha256:")[:32]
