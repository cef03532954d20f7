"""What each event is to a SIEM: an activity, a change, and for some refusals a finding as well."""

from collections.abc import Mapping

from domain.evidence.siem.actions import OF_ACTIONS, REFUSED
from domain.evidence.siem.notice import (
    SYSTEM,
    About,
    Actor,
    Answer,
    Event,
    Notice,
    Severity,
    Subject,
    Verb,
    Who,
    Write,
)
from domain.evidence.siem.operators import OF_OPERATORS
from domain.evidence.story import StoryEvent
from domain.evidence.telling.reading import text

SUSPICIOUS: Mapping[str, str] = {
    "self-approval": "Somebody tried to approve an action that they asked for or own",
    "stale-digest": "A vote was sent for other content than would run",
    "digest-mismatch": "Other content was presented than was approved",
    "idempotency-key-reused": "An action's key was used again for other content",
    "forged": "A message was sent that no gateway signed",
    "misaddressed": "A signed message was replayed for another action",
    "stale": "A signed message was replayed later",
    "vote-id-reused": "A vote's ID was used again for another vote",
    "not-the-holder": "A grant was presented by somebody who does not hold it",
    "already-redeemed": "A grant was presented a second time",
    "bad-grant": "A forged grant was presented",
    "bad-signature": "A report came without the signature of its executor",
}
"""The codes of refusals that are worth somebody's time, and what a finding says of them."""


def notices(told: StoryEvent, of: About) -> tuple[Notice, ...]:
    """Say what a SIEM is told of an event: nothing if it is withheld."""
    if told.event is None:
        return ()
    kind = told.kind or "unknown"
    write = NOTICES.get(kind)
    notice = _unknown(kind, told.event) if write is None else write(told.event, of)
    finding = _finding(kind, told.event, notice)
    return (notice,) if finding is None else (notice, finding)


def _finding(kind: str, event: Event, notice: Notice) -> Notice | None:
    title = SUSPICIOUS.get(notice.code) if kind in REFUSED else None
    if kind == "ledger.verified" and notice.succeeded is False:
        title = "The log is not what was signed"
    if title is None:
        return None
    return Notice(
        subject=Subject.FINDING,
        operation=notice.operation,
        actor=notice.actor,
        verb=Verb.CREATE,
        severity=Severity.HIGH,
        answer=Answer.BLOCKED if kind in REFUSED else None,
        request=notice.request,
        channel=notice.channel,
        code=notice.code,
        detail=notice.detail,
        title=title,
        more={"presented_digest": text(event, "digest")} if text(event, "digest") else {},
    )


def _unknown(kind: str, event: Event) -> Notice:
    by = text(event, "by")
    actor = Actor(Who.OPERATOR, by) if by else SYSTEM
    return Notice(Subject.ACTIVITY, kind, actor, succeeded=None)


NOTICES: Mapping[str, Write] = {**OF_ACTIONS, **OF_OPERATORS}
"""What is told of each kind of event that this version writes: no kind is left out."""
