"""What callers are shown: agents their answer, people everything."""

from datetime import datetime

from adapters.postgres.rows import ListedAction
from counterseal.core.action import Action
from counterseal.core.canonical import Json
from counterseal.core.wire import Answer, EventView, Grant
from counterseal.core.words import Phase
from domain.ports import Recorded
from domain.standing import Standing
from entrypoints.tokens import GrantTokens


def answer(now: Standing, action: Action, tokens: GrantTokens, at: datetime) -> Answer:
    """Tell an agent where its action stands, with the grant's token while it is good."""
    return Answer(
        action_id=now.action_id,
        digest=now.digest,
        action=action,
        phase=now.phase,
        verdict=now.verdict,
        effective=now.effective,
        disposition=now.disposition,
        outcome=now.outcome,
        message=now.message,
        held_until=now.held_until,
        grant=_grant(now, tokens, at),
    )


def undecided(action: Action, digest: str) -> Answer:
    """Tell an agent that no answer could be had yet."""
    return Answer(
        action_id=action.id,
        digest=digest,
        action=action,
        phase=Phase.UNDECIDED,
        message="No answer could be had in time. Ask again with the same Idempotency-Key.",
    )


def event_view(one: Recorded, stream: str) -> EventView:
    """Show one recorded event as it is stored."""
    return EventView(
        seq=one.seq,
        stream=stream,
        version=one.version,
        kind=one.kind,
        link=one.link.hex(),
        recorded_at=one.recorded_at,
        canonical=one.canonical.decode(),
    )


def row_json(row: ListedAction) -> dict[str, Json]:
    """Take the tenant off a row: callers know whose they are."""
    return row.model_dump(mode="json", exclude={"tenant"})


def _grant(now: Standing, tokens: GrantTokens, at: datetime) -> Grant | None:
    if now.phase is not Phase.GRANTED or now.grant_id is None or now.grant_expires is None:
        return None
    if at >= now.grant_expires:
        return None
    return Grant(
        grant_id=now.grant_id,
        digest=now.digest,
        expires_at=now.grant_expires,
        token=tokens.issue(now),
    )
