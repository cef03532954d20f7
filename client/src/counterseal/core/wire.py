"""The HTTP contract. Requests refuse unknown fields; answers may grow and are read leniently.

Paths are in ``docs/api.md`` and in the published OpenAPI document. Every error is a problem
document (RFC 9457) whose ``code`` is permanent.
"""

from typing import Annotated

from pydantic import Field, StringConstraints

from counterseal.core.action import Action, ActionId, Digest, Name, ToolName
from counterseal.core.canonical import Json
from counterseal.core.commitments import Disclosure
from counterseal.core.model import Instant, Kept, Record
from counterseal.core.policy.facts import Asserted
from counterseal.core.words import Disposition, Level, Outcome, Phase, Risk, Role, Stage, Verdict

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096)]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{8,128}$")]
"""Chosen by the caller, at random, once per attempt to do something; the same on every retry."""

Reference = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]{1,128}$")
]
"""Another system's name for an incident, for example ``INC-4711``."""


class Proposal(Record):
    """``POST /v1/actions``: may this tool call be made? Needs an ``Idempotency-Key`` header.

    Who asks, for which tenant and in which environment, is read from the API key alone.
    ``asserted`` is what the caller says led to this; it is never believed, only compared with.
    """

    tool: ToolName
    arguments: dict[str, Json] = Field(default_factory=dict)
    principal: Name | None = None
    session: Name | None = None
    resource: Annotated[str, StringConstraints(max_length=1024)] | None = None
    justification: Annotated[str, StringConstraints(max_length=4096)] | None = None
    asserted: Asserted = Asserted()


class Grant(Kept):
    """Permission to run the action once. ``token`` is shown to its holder alone.

    A grant that ``awaits`` a level of evidence has no token yet: wait, as for an answer.
    """

    grant_id: str
    digest: Digest
    expires_at: Instant
    token: str | None = None
    awaits: Level | None = None


class Answer(Kept):
    """Where an action stands, as its agent may know it.

    ``action`` is what was understood, byte for byte what ``digest`` covers: compare it with what
    you meant. ``phase`` ``UNDECIDED`` means that no answer could be had in time; ask again with
    the same key. ``message`` is the only explanation policy gives to agents. ``disclosures`` open
    the commitments in ``action``, for as long as the values are kept. ``level`` is how far the
    evidence of all this has come; of what was recorded just now, not far.
    """

    action_id: ActionId
    digest: Digest
    action: Action | None = None
    phase: Phase
    verdict: Verdict | None = None
    effective: Verdict | None = None
    disposition: Disposition | None = None
    outcome: Outcome | None = None
    message: str = ""
    held_until: Instant | None = None
    grant: Grant | None = None
    disclosures: tuple[Disclosure, ...] = ()
    level: Level = Level.RECORDED


class Ballot(Record):
    """``POST /v1/actions/{id}/votes``: a person's answer to exactly the action of ``digest``."""

    vote_id: RequestId
    approve: bool
    reason: Reason
    digest: Digest


class VoteAnswer(Kept):
    """What became of a vote.

    ``counted`` is None while the vote is accepted but not yet counted (workers are down); send
    the same vote again to learn what became of it.
    """

    vote_id: str
    counted: bool | None
    code: str
    sentence: str
    phase: Phase | None = None
    disposition: Disposition | None = None


class Withdrawal(Record):
    """``POST /v1/actions/{id}/withdrawal``: the requester takes the question back."""

    request_id: RequestId
    reason: Reason


class Redemption(Record):
    """``POST /v1/actions/{id}/redemption``: use the grant, just before running.

    ``digest`` is computed by the executor from what it is about to run. ``executor_key`` is the
    base64url Ed25519 public key with which it will sign its receipt.
    """

    redemption_id: RequestId
    grant: Annotated[str, StringConstraints(max_length=4096)]
    digest: Digest
    executor_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")] | None = None


class Redeemed(Kept):
    """The go-ahead: run it now, once."""

    action_id: ActionId
    redemption_id: str
    digest: Digest
    receipt_due: Instant


class Receipt(Record):
    """``POST /v1/actions/{id}/receipt``: what happened.

    ``signature`` is Ed25519 over ``signed_part()`` for the purpose ``receipt``; required if the
    redemption named a key.
    """

    request_id: RequestId
    redemption_id: RequestId
    digest: Digest
    outcome: Outcome
    detail: Annotated[str, StringConstraints(max_length=4096)] | None = None
    result_digest: Digest | None = None
    signature: Annotated[str, StringConstraints(max_length=128)] | None = None

    def signed_part(self) -> Json:
        """Give what the signature covers."""
        return self.model_dump(mode="json", exclude={"signature", "request_id"})


class ActionRow(Kept):
    """One line of ``GET /v1/actions``: names and states, never arguments.

    ``level`` is how far the evidence of everything recorded of the action has come.
    """

    action_id: ActionId
    digest: Digest
    phase: Phase
    verdict: Verdict
    effective: Verdict
    stage: Stage
    disposition: Disposition | None = None
    outcome: Outcome | None = None
    tool: str
    action_class: str | None = None
    risk: Risk
    agent: str
    agent_owner: str | None = None
    principal: str | None = None
    session: str | None = None
    environment: str
    bundle: str
    rules: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    approvals: int = 0
    quorum: int = 0
    requested_at: Instant
    settled_at: Instant | None = None
    closed_at: Instant | None = None
    next_deadline: Instant | None = None
    held_until: Instant | None = None
    version: int
    level: Level = Level.RECORDED


class ActionPage(Kept):
    """A page of actions, newest first. ``next_cursor`` is None on the last one."""

    items: tuple[ActionRow, ...]
    next_cursor: str | None = None


class ActionView(Kept):
    """``GET /v1/actions/{id}`` for people: everything that would run, and why it is held.

    ``decision`` is the whole recorded decision (``counterseal.core.policy.decision.Decision``).
    ``disclosures`` are there if they were asked for (``?reveal=true``), which is recorded.
    """

    row: ActionRow
    action: Action
    justification: str | None = None
    decision: dict[str, Json]
    disclosures: tuple[Disclosure, ...] = ()


class Shredding(Record):
    """``POST /v1/actions/{id}/shredding``: destroy a closed action's sensitive values for good.

    ``request`` names what asked for it outside, for example an erasure request.
    """

    reason: Reason
    request: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None


class ShreddingView(Kept):
    """How the shredding of an action is on record; of several, the first."""

    action_id: ActionId
    at: Instant
    by: str
    because: str
    pointers: tuple[str, ...]
    request: str | None = None


class EventView(Kept):
    """One recorded event. ``canonical`` is the stored text whose leaf hash is ``link``."""

    seq: int
    stream: str
    version: int
    kind: str
    link: str
    recorded_at: Instant
    canonical: str


class Story(Kept):
    """``GET /v1/actions/{id}/events``: everything recorded of one action, in order.

    ``late`` holds what was refused after it had closed, ``data`` what became of its sensitive
    values, for people.
    """

    action_id: ActionId
    events: tuple[EventView, ...]
    late: tuple[EventView, ...] = ()
    data: tuple[EventView, ...] = ()


class NewKey(Record):
    """``POST /v1/keys``: hand out a key. ``subject`` is an agent ID or a person ID."""

    role: Role
    subject: Name
    environment: Name = "production"


class KeyView(Kept):
    """A key as operators see it. ``secret`` is there once, in the answer that issued it."""

    key_id: str
    role: Role
    subject: str
    environment: str
    issued_at: Instant | None = None
    revoked_at: Instant | None = None
    secret: str | None = None


class RosterView(Kept):
    """``GET`` and ``PUT /v1/roster``: ``people`` and ``agents`` as in ``docs/policy.md``."""

    version: int = -1
    people: tuple[dict[str, Json], ...] = ()
    agents: tuple[dict[str, Json], ...] = ()


class NewBundle(Record):
    """``POST /v1/bundles``: bring a bundle into force. ``files`` maps names to YAML text.

    ``because`` and ``incident`` say why, for whoever reviews policy later.
    """

    files: dict[str, str] = Field(max_length=256)
    because: Reason | None = None
    incident: Reference | None = None


class BundleView(Kept):
    """The bundle in force."""

    name: str
    version: str
    digest: Digest
    activated_at: Instant | None = None


class NewRehearsal(Record):
    """``POST /v1/rehearsals``: a tenant of its own, to try a bundle on without consequences.

    Groups that the bundle asks are staffed with made-up people, one key each.
    """

    files: dict[str, str] = Field(max_length=256)


class Rehearsal(Kept):
    """A rehearsal's tenant, its bundle and one ready key per role."""

    tenant: str
    bundle: BundleView
    agent_key: str
    auditor_key: str
    operator_key: str


class Identity(Kept):
    """``GET /v1/whoami``: what the server takes the caller for."""

    tenant: str
    role: Role
    subject: str
    environment: str
    key_id: str


class Problem(Kept):
    """RFC 9457. ``code`` is permanent; ``detail`` says what was wrong, where, and what works.

    ``errors`` lists single complaints (field, line and column where they apply).
    """

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    action_id: str | None = None
    errors: tuple[dict[str, Json], ...] = ()
