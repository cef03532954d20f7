"""What lists and summaries can be asked for, in the query of a request."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from adapters.postgres.rows import ActionFilter
from counterseal.core.model import Instant
from counterseal.core.words import Disposition, Level, Outcome, Phase, Risk, Role, Verdict
from entrypoints.credentials import Caller

# Postgres knows no NUL in text.
Text = Annotated[str | None, Field(max_length=128, pattern=r"^[^\x00]*$")]

F = TypeVar("F", bound=ActionFilter)

MOST_WORDS = 4
"""By how many words a summary groups at most."""

_ABOUT = (
    *("verdict", "effective", "action_class", "risk", "environment", "tool", "agent"),
    *("principal", "session", "day"),
)
ACTION_WORDS = (
    *_ABOUT,
    *("state", "disposition", "outcome", "stage", "bundle", "rule", "approver", "asked"),
)
VOTE_WORDS = (*_ABOUT, "approver", "approve", "hasty", "channel", "assurance")
REFUSAL_WORDS = (*_ABOUT, "kind", "code", "sender", "late", "channel")


class Within(BaseModel):
    """A time. It is RFC 3339 with a zone; ``since`` is included, ``until`` is not."""

    model_config = ConfigDict(extra="forbid")

    since: Instant | None = None
    until: Instant | None = None


class Filters(Within):
    """Which actions are meant. Every filter given must fit.

    ``level`` is how far the evidence of an action has come.
    """

    state: Phase | None = None
    verdict: Verdict | None = None
    effective: Verdict | None = None
    disposition: Disposition | None = None
    outcome: Outcome | None = None
    action_class: Text = None
    risk: Risk | None = None
    min_risk: Risk | None = None
    environment: Text = None
    tool: Text = None
    agent: Text = None
    principal: Text = None
    session: Text = None
    rule: Text = None
    approver: Text = None
    asked: Text = None
    level: Level | None = None


class VoteFilters(Filters):
    """Which votes are meant. Times are those of the vote, ``approver`` is who cast it."""

    action_id: Text = None
    approve: bool | None = None
    hasty: bool | None = None
    channel: Text = None
    assurance: Text = None


class RefusalFilters(Filters):
    """Which refusals are meant. Times are those of the refusal, ``sender`` is who was refused."""

    action_id: Text = None
    kind: Text = None
    code: Text = None
    sender: Text = None
    late: bool | None = None


class ActivationFilters(Within):
    """Which activations of bundles are meant."""

    by: Text = None
    incident: Text = None


def words(*known: str) -> AfterValidator:
    """Make a check that text is a list of some of these words."""

    def check(text: str) -> str:
        given = text.split(",")
        if {*given} - {*known} or len({*given}) < len(given) or len(given) > MOST_WORDS:
            raise ValueError(f"name 1 to {MOST_WORDS} of {', '.join(known)}, with commas between")
        return text

    return AfterValidator(check)


def wanted(kind: type[F], filters: Filters, caller: Caller) -> F:
    """Read filters. Agents see their own actions whatever they ask for."""
    given = filters.model_dump(include={*kind.model_fields}, exclude_none=True)
    if caller.role is Role.AGENT:
        given["agent"] = caller.subject
    return kind.model_validate({**given, "phase": filters.state})
