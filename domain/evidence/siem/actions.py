"""What the events of an action are to a SIEM: calls of an API, and how the gate answered them."""

from collections.abc import Mapping

from counterseal.core.canonical import Json
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
from domain.evidence.telling.reading import find, text, texts

_VERBS = {
    Verb.CREATE: ("create", "add", "insert", "send", "post", "transfer", "pay", "open", "issue"),
    Verb.READ: ("read", "get", "list", "search", "find", "query", "fetch", "show", "lookup"),
    Verb.UPDATE: ("update", "set", "edit", "change", "modify", "patch", "put", "rename", "move"),
    Verb.DELETE: ("delete", "remove", "drop", "purge", "destroy", "cancel", "revoke"),
}

_DISPOSITIONS = {
    "ALLOWED": Answer.ALLOWED,
    "BLOCKED": Answer.BLOCKED,
    "APPROVED": Answer.APPROVED,
    "DENIED": Answer.REJECTED,
    "EXPIRED": Answer.EXPIRED,
    "CANCELLED": Answer.CANCELLED,
}

_OUTCOMES = {"SUCCEEDED": True, "FAILED": False}

_SUCCEEDS = {
    Answer.ALLOWED: True,
    Answer.APPROVED: True,
    Answer.OBSERVED: True,
    Answer.CHALLENGED: None,
}
"""What an answer means for the call; all others fail it."""

_SEVERITIES = {
    Answer.ALLOWED: Severity.INFORMATIONAL,
    Answer.APPROVED: Severity.INFORMATIONAL,
    Answer.CANCELLED: Severity.INFORMATIONAL,
    Answer.CHALLENGED: Severity.LOW,
    Answer.REJECTED: Severity.LOW,
    Answer.EXPIRED: Severity.LOW,
    Answer.OBSERVED: Severity.LOW,
    Answer.BLOCKED: Severity.MEDIUM,
    Answer.ERRED: Severity.HIGH,
}


def verb_of(tool: str) -> Verb:
    """Guess from a tool's name what it does; ``OTHER`` if the name does not say."""
    words = tool.lower().replace("_", ".").replace("-", ".").replace("/", ".").split(".")
    for word in reversed(words):
        for verb, names in _VERBS.items():
            if word in names:
                return verb
    return Verb.OTHER


def _agent(of: About) -> Actor:
    return Actor(Who.AGENT, of.agent) if of.agent else SYSTEM


def _by(event: Event, of: About) -> Actor:
    by = text(event, "by")
    return Actor(Who.AGENT, by) if by else _agent(of)


def _requested(event: Event, of: About) -> Notice:
    return Notice(
        Subject.ACTIVITY,
        of.tool or "action.request",
        _agent(of),
        verb_of(of.tool),
        succeeded=None,
        more={"agent_owner": text(event, "agent_owner")},
    )


def _decided(_: Event, of: About) -> Notice:
    answer = _answered(of)
    return Notice(
        Subject.ACTIVITY,
        of.tool or "action.decide",
        _agent(of),
        verb_of(of.tool),
        _SEVERITIES[answer],
        _SUCCEEDS.get(answer, False),
        answer,
    )


def _answered(of: About) -> Answer:
    match of.effective:
        case "ALLOW":
            return Answer.ALLOWED if of.verdict in {"ALLOW", ""} else Answer.OBSERVED
        case "STEP_UP":
            return Answer.CHALLENGED
        case _:
            return Answer.ERRED if of.erred else Answer.BLOCKED


def _held(event: Event, of: About) -> Notice:
    return Notice(
        Subject.ACTIVITY,
        of.tool or "action.hold",
        _agent(of),
        verb_of(of.tool),
        Severity.LOW,
        None,
        Answer.CHALLENGED,
        more={"asked": [*texts(event, "asked")], "deadline": text(event, "deadline")},
    )


def _settled(event: Event, of: About) -> Notice:
    disposition = text(event, "disposition")
    answer = _DISPOSITIONS.get(disposition, Answer.BLOCKED)
    if answer in {Answer.ALLOWED, Answer.BLOCKED} and of.effective in {"ALLOW", "BLOCK"}:
        answer = _answered(of)
    return Notice(
        Subject.ACTIVITY,
        of.tool or "action.settle",
        _agent(of),
        verb_of(of.tool),
        _SEVERITIES[answer],
        _SUCCEEDS.get(answer, False),
        answer,
        detail=text(event, "because"),
        more={"disposition": disposition, "by": [*texts(event, "by")]},
    )


def _voted(event: Event, _: About) -> Notice:
    return Notice(
        Subject.ACTIVITY,
        "approval.vote",
        Actor(Who.PERSON, text(event, "person"), texts(event, "groups")),
        request=text(event, "vote_id"),
        channel=text(event, "channel"),
        detail=text(event, "reason"),
        more={
            "approve": find(event, "approve") is True,
            "assurance": text(event, "assurance"),
        },
    )


def _vote_refused(event: Event, _: About) -> Notice:
    return Notice(
        Subject.ACTIVITY,
        "approval.vote",
        Actor(Who.PERSON, text(event, "person")),
        severity=Severity.LOW,
        succeeded=False,
        request=text(event, "vote_id"),
        channel=text(event, "channel"),
        code=text(event, "code"),
        detail=text(event, "sentence"),
    )


def _refused(operation: str, *, blocked: bool = False) -> Write:
    def write(event: Event, of: About) -> Notice:
        return Notice(
            Subject.ACTIVITY,
            operation,
            _by(event, of),
            severity=Severity.LOW,
            succeeded=False,
            answer=Answer.BLOCKED if blocked else None,
            request=text(event, "request_id"),
            code=text(event, "code"),
            detail=text(event, "sentence"),
        )

    return write


def _of_the_gate(operation: str, *fields: str) -> Write:
    def write(event: Event, _: About) -> Notice:
        more = {name: found for name in fields if (found := find(event, name)) is not None}
        return Notice(Subject.ACTIVITY, operation, SYSTEM, more=more)

    return write


def _granted(event: Event, _: About) -> Notice:
    more: dict[str, Json] = {name: text(event, name) for name in ("holder", "expires_at")}
    request = text(event, "grant_id")
    return Notice(Subject.ACTIVITY, "grant.issue", SYSTEM, Verb.CREATE, request=request, more=more)


def _redeemed(event: Event, of: About) -> Notice:
    more: dict[str, Json] = {"grant_id": text(event, "grant_id")}
    request = text(event, "redemption_id")
    return Notice(Subject.ACTIVITY, "grant.redeem", _by(event, of), request=request, more=more)


def _lapsed(event: Event, _: About) -> Notice:
    return Notice(
        Subject.ACTIVITY,
        "grant.lapse",
        SYSTEM,
        Verb.DELETE,
        request=text(event, "grant_id"),
        detail=text(event, "because"),
        more={"given_back": find(event, "given_back") is True},
    )


def _reported(event: Event, of: About) -> Notice:
    outcome = text(event, "outcome")
    return Notice(
        Subject.ACTIVITY,
        of.tool or "execution.report",
        _by(event, of),
        verb_of(of.tool),
        Severity.INFORMATIONAL if outcome == "SUCCEEDED" else Severity.LOW,
        succeeded=_OUTCOMES.get(outcome),
        request=text(event, "redemption_id"),
        more={"outcome": outcome, "signed": find(event, "signed") is True},
    )


def _lost(event: Event, of: About) -> Notice:
    return Notice(
        Subject.ACTIVITY,
        of.tool or "execution.report",
        _agent(of),
        verb_of(of.tool),
        Severity.MEDIUM,
        succeeded=None,
        request=text(event, "redemption_id"),
        detail=text(event, "because"),
        more={"outcome": "UNKNOWN"},
    )


def _closed(event: Event, _: About) -> Notice:
    more: dict[str, Json] = {name: text(event, name) for name in ("disposition", "outcome")}
    succeeded = _OUTCOMES.get(text(event, "outcome"))
    return Notice(Subject.ACTIVITY, "action.close", SYSTEM, succeeded=succeeded, more=more)


def _revealed(event: Event, _: About) -> Notice:
    who = Who.PERSON if text(event, "role") == "approver" else Who.OPERATOR
    return Notice(
        Subject.ACTIVITY,
        "data.reveal",
        Actor(who, text(event, "by")),
        Verb.READ,
        Severity.LOW,
        detail=text(event, "why"),
        more={"pointers": [*texts(event, "pointers")]},
    )


def _shredded(event: Event, _: About) -> Notice:
    return Notice(
        Subject.ACTIVITY,
        "data.shred",
        Actor(Who.OPERATOR, text(event, "by")),
        Verb.DELETE,
        Severity.LOW,
        request=text(event, "request"),
        detail=text(event, "because"),
        more={"pointers": [*texts(event, "pointers")]},
    )


REFUSED: Mapping[str, Write] = {
    "vote.refused": _vote_refused,
    "request.refused": _refused("action.request", blocked=True),
    "withdrawal.refused": _refused("action.withdraw"),
    "grant.refused": _refused("grant.redeem", blocked=True),
    "receipt.refused": _refused("execution.report"),
}
"""Attempts that changed nothing but the record."""

OF_ACTIONS: Mapping[str, Write] = {
    **REFUSED,
    "action.requested": _requested,
    "decision.reached": _decided,
    "action.held": _held,
    "vote.counted": _voted,
    "hold.reminded": _of_the_gate("hold.remind", "nth", "asked"),
    "hold.escalated": _of_the_gate("hold.escalate", "added", "asked"),
    "action.settled": _settled,
    "grant.issued": _granted,
    "grant.redeemed": _redeemed,
    "grant.lapsed": _lapsed,
    "execution.reported": _reported,
    "execution.unknown": _lost,
    "action.closed": _closed,
    "data.revealed": _revealed,
    "data.shredded": _shredded,
}
"""One entry per kind of event of an action's streams."""
