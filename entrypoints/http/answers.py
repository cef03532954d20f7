"""What callers are shown: agents their answer, people everything."""

from datetime import datetime

from adapters.postgres.rows import ListedAction
from adapters.postgres.seals import Seal
from counterseal.core.action import Action
from counterseal.core.canonical import Json
from counterseal.core.commitments import Disclosure
from counterseal.core.wire import Answer, EventView, Grant
from counterseal.core.words import Level, Phase
from domain.ports import Recorded
from domain.standing import Standing
from entrypoints.tokens import GrantTokens


def answer(
    now: Standing, action: Action, tokens: GrantTokens, at: datetime, awaits: Level | None
) -> Answer:
    """Tell an agent where its action stands, with the grant's token while it is good.

    A grant that ``awaits`` a level of evidence is there without its token.
    """
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
        grant=_grant(now, tokens, at, awaits),
    )


def undecided(action: Action, digest: str, disclosures: tuple[Disclosure, ...]) -> Answer:
    """Tell an agent that no answer could be had yet."""
    return Answer(
        action_id=action.id,
        digest=digest,
        action=action,
        phase=Phase.UNDECIDED,
        disclosures=disclosures,
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


def row_json(row: ListedAction, seal: Seal) -> dict[str, Json]:
    """Take the tenant off a row, callers know whose they are, and tell how far evidence is."""
    return {**row.model_dump(mode="json", exclude={"tenant"}), "level": seal.level(row.last_seq)}


def _grant(now: Standing, tokens: GrantTokens, at: datetime, awaits: Level | None) -> Grant | None:
    if now.phase is not Phase.GRANTED or now.grant_id is None or now.grant_expires is None:
        return None
    if at >= now.grant_expires:
        return None
    return Grant(
        grant_id=now.grant_id,
        digest=now.digest,
        expires_at=now.grant_expires,
        token=tokens.issue(now) if awaits is None else None,
        awaits=awaits,
    )
