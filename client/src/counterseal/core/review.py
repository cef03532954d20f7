"""What reviews are told: who answered what, what was refused, which policy came into force.

Like ``counterseal.core.wire``, of which this is a part: answers may grow, and are read leniently.
"""

from pydantic import Field

from counterseal.core.action import ActionId, Digest
from counterseal.core.canonical import Json
from counterseal.core.model import Instant, Kept
from counterseal.core.words import Risk, Verdict

HASTY = 3.0
"""Seconds within which nobody has read what they approve."""


class Line(Kept):
    """Something that was said about an action, and which action it was."""

    at: Instant
    seq: int
    action_id: ActionId
    tool: str
    action_class: str | None = None
    risk: Risk | None = None
    agent: str
    principal: str | None = None
    session: str | None = None
    environment: str | None = None
    verdict: Verdict
    effective: Verdict
    rules: tuple[str, ...] = ()
    requested_at: Instant


class VoteLine(Line):
    """One line of ``GET /v1/votes``: a vote that counted.

    ``digest`` names exactly what the person was shown and voted on. ``after_hold`` and
    ``after_asked`` are seconds: since the action was held, and since the first of the groups that
    made them eligible was asked. ``hasty`` marks an approval within ``HASTY`` seconds.
    """

    vote_id: str
    person: str
    groups: tuple[str, ...]
    approve: bool
    reason: str
    digest: str
    channel: str
    assurance: str
    held_at: Instant | None = None
    asked_at: Instant | None = None
    after_hold: float | None = None
    after_asked: float | None = None
    hasty: bool = False


class VotePage(Kept):
    """A page of votes, newest first. ``next_cursor`` is None on the last one."""

    items: tuple[VoteLine, ...]
    next_cursor: str | None = None


class RefusalLine(Line):
    """One line of ``GET /v1/refusals``: a request about an action that was refused.

    ``kind`` is that of its event, ``digest`` what the request spoke of, and ``late`` says that the
    action had closed before.
    """

    kind: str
    code: str
    sender: str
    sentence: str
    request_id: str
    digest: str | None = None
    channel: str | None = None
    late: bool = False


class RefusalPage(Kept):
    """A page of refusals, newest first. ``next_cursor`` is None on the last one."""

    items: tuple[RefusalLine, ...]
    next_cursor: str | None = None


class ActivationLine(Kept):
    """One line of ``GET /v1/bundles/history``: a bundle came into force, and what changed by it.

    ``parts_changed`` names what else differs, for example ``directories``.
    """

    at: Instant
    seq: int
    name: str
    version: str
    digest: Digest
    replaces: Digest | None = None
    by: str
    because: str | None = None
    incident: str | None = None
    rules_added: tuple[str, ...] = ()
    rules_removed: tuple[str, ...] = ()
    rules_changed: tuple[str, ...] = ()
    classes_added: tuple[str, ...] = ()
    classes_removed: tuple[str, ...] = ()
    classes_changed: tuple[str, ...] = ()
    parts_changed: tuple[str, ...] = ()


class ActivationPage(Kept):
    """A page of activations, newest first. ``next_cursor`` is None on the last one."""

    items: tuple[ActivationLine, ...]
    next_cursor: str | None = None


class Summary(Kept):
    """How many of what: one group per combination of the words in ``by``, the largest first.

    ``total`` counts each thing once; an action with two rules is in two groups. ``complete`` is
    false if there are more groups than are told.
    """

    by: tuple[str, ...]
    total: int
    groups: tuple[dict[str, Json], ...] = Field(default=())
    complete: bool = True
