"""What queries answer: plain values, never rows of an ORM."""

from pydantic import Field

from counterseal.core.model import Instant, Kept, Record
from counterseal.core.words import Disposition, Level, Outcome, Phase, Risk, Role, Stage, Verdict


class ListedAction(Kept):
    """An action as lists show it."""

    tenant: str
    action_id: str
    version: int
    digest: str
    phase: Phase
    verdict: Verdict
    effective: Verdict
    stage: Stage | None
    disposition: Disposition | None
    outcome: Outcome | None
    tool: str
    action_class: str | None
    risk: Risk | None
    agent: str
    agent_owner: str | None
    principal: str | None
    session: str | None
    environment: str | None
    bundle: str | None
    rules: tuple[str, ...]
    asked: tuple[str, ...]
    approvers: tuple[str, ...]
    approvals: int
    quorum: int
    requested_at: Instant
    next_deadline: Instant | None
    held_until: Instant | None
    settled_at: Instant | None
    closed_at: Instant | None
    updated_at: Instant
    last_seq: int = -1


class Within(Record):
    """A time, as long as it is given. ``until`` is exclusive."""

    since: Instant | None = None
    until: Instant | None = None


class ActionFilter(Within):
    """Which actions to list; whatever is not given does not matter."""

    phase: Phase | None = None
    verdict: Verdict | None = None
    effective: Verdict | None = None
    disposition: Disposition | None = None
    outcome: Outcome | None = None
    action_class: str | None = None
    risk: Risk | None = None
    min_risk: Risk | None = None
    environment: str | None = None
    tool: str | None = None
    agent: str | None = None
    principal: str | None = None
    session: str | None = None
    rule: str | None = None
    approver: str | None = None
    asked: str | None = None
    level: Level | None = None


class VoteFilter(ActionFilter):
    """Which votes to list: by their action, or by themselves. Times are those of the vote."""

    action_id: str | None = None
    approve: bool | None = None
    hasty: bool | None = None
    channel: str | None = None
    assurance: str | None = None


class RefusalFilter(ActionFilter):
    """Which refusals to list: by their action, or by themselves. Times are those of the refusal."""

    action_id: str | None = None
    kind: str | None = None
    code: str | None = None
    sender: str | None = None
    late: bool | None = None


class ActivationFilter(Within):
    """Which activations to list."""

    by: str | None = None
    incident: str | None = None


class ActionPage(Record):
    """Some actions, latest first, and the cursor of the next page if there is one."""

    actions: tuple[ListedAction, ...]
    cursor: str | None


class StoredKey(Kept):
    """An API key as it is known: never its secret, only the hash of it."""

    key_id: str
    tenant: str
    role: Role
    subject: str
    environment: str
    secret_hash: str = Field(repr=False)
    issued_at: Instant
    revoked_at: Instant | None


class ActiveBundle(Kept):
    """The policy in force, without its text."""

    digest: str
    name: str
    version: str
    activated_at: Instant


class Tenant(Kept):
    """A tenant, and how many events its log has."""

    tenant: str
    events: int
    created_at: Instant
