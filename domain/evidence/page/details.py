"""What an event says beyond its sentence: arguments, reasons, routes, and its whole record."""

from collections.abc import Callable, Mapping

from counterseal.core.canonical import Json
from counterseal.core.review import HASTY
from domain.evidence.page.html import Child, Markup, element, folded, joined, pairs, verbatim
from domain.evidence.page.quotes import quote, theirs
from domain.evidence.page.reasons import reasons
from domain.evidence.story import StoryEvent
from domain.evidence.telling.account import Account
from domain.evidence.telling.outline import outline
from domain.evidence.telling.reading import (
    between,
    entries,
    find,
    items,
    seconds,
    span,
    text,
    texts,
)
from domain.evidence.telling.wording import listed

Event = Mapping[str, Json]


def details(told: StoryEvent, account: Account | None, disclosed: Mapping[str, str]) -> Markup:
    """Write everything that ``told`` says; ``disclosed`` are sealed values that came along."""
    if told.event is None:
        return element("p", f"Hash: {told.leaf}", class_="hash")
    write = _DETAILS.get(told.kind or "")
    beyond = None if write is None else write(told.event, account)
    opened = _disclosed(disclosed) if told.kind == "action.requested" else None
    return joined([beyond, opened, _record(told)])


def _record(told: StoryEvent) -> Markup:
    return folded(
        "Record, as kept",
        element("p", f"Hash: {told.leaf}", class_="hash"),
        verbatim(outline(told.event)),
    )


def _requested(event: Event, _: Account | None) -> Markup:
    action = find(event, "action")
    arguments = outline(find(action, "arguments"))
    count, size = len(entries(action, "arguments")), len(arguments)
    return joined(
        [
            pairs(
                ("Tool", theirs(text(action, "tool"))),
                ("Resource", theirs(text(action, "resource"))),
                ("Environment", theirs(text(action, "environment"))),
                ("Session", theirs(text(action, "session"))),
                ("Agent's owner", theirs(text(event, "agent_owner"))),
                ("May not vote", theirs(", ".join(texts(event, "excluded")))),
                ("API key", theirs(text(event, "key_id"))),
                ("Action digest", theirs(text(event, "digest"))),
            ),
            quote("The agent's own words. Nobody has checked them.", text(event, "justification")),
            folded(
                f"Arguments ({count:,} at the top, {size:,} characters)",
                verbatim(arguments),
                class_="more why",
            ),
        ]
    )


def _disclosed(values: Mapping[str, str]) -> Markup | None:
    if not values:
        return None
    boxes = (
        joined([element("p", theirs(pointer)), verbatim(value)])
        for pointer, value in sorted(values.items())
    )
    return folded(
        f"Sealed values disclosed in this package ({len(values):,})", *boxes, class_="more why"
    )


def _decided(event: Event, _: Account | None) -> Markup:
    return reasons(find(event, "decision"))


def _held(event: Event, _: Account | None) -> Markup:
    route = find(event, "route")
    needs = items(route, "needs")
    silence = "it runs (so says the policy)" if text(route, "on_timeout") == "ALLOW" else "no"
    return joined(
        [
            element("ul", *(element("li", _need(each)) for each in needs)) if needs else None,
            pairs(
                ("Patience", span(seconds(route, "timeout"))),
                ("No's that end it", text(route, "deny_threshold")),
                ("Reminded every", span(seconds(route, "remind_every"))),
                ("Silence means", silence),
            ),
        ]
    )


def _need(need: Json) -> Markup:
    rungs = (
        joined([f"; after {span(seconds(each, 'after'))} also ", _names(each, "groups")])
        for each in items(need, "escalation")
    )
    return joined([f"{text(need, 'quorum') or '1'} of ", _names(need, "groups"), *rungs])


def _names(value: Json, *path: str) -> Child:
    return theirs(listed(texts(value, *path), "or"))


def _voted(event: Event, account: Account | None) -> Markup:
    since = None if account is None else account.asked_since(texts(event, "groups"))
    took = between(since, find(event, "at"))
    hasty = took is not None and 0 <= took < HASTY and find(event, "approve") is True
    return joined(
        [
            quote("Their reason:", text(event, "reason")),
            pairs(
                ("Answered after", span(took)),
                ("Channel", theirs(text(event, "channel"))),
                ("Known by", theirs(text(event, "assurance"))),
                ("Groups", theirs(", ".join(texts(event, "groups")))),
                ("Also known as", theirs(", ".join(texts(event, "aliases")))),
                ("For digest", theirs(text(event, "digest"))),
            ),
            element("p", f"Approved in less than {HASTY:.0f} seconds.", class_="warn")
            if hasty
            else None,
        ]
    )


def _refused(event: Event, account: Account | None) -> Markup:
    asked = "" if account is None else text(account.first("action.requested"), "digest")
    sent = text(event, "digest")
    other = "This is not the digest of the action." if asked and sent and asked != sent else None
    return joined(
        [
            pairs(
                ("Refused as", theirs(text(event, "code"))),
                ("Channel", theirs(text(event, "channel"))),
                ("For digest", theirs(sent)),
                ("Claimed outcome", theirs(text(event, "outcome"))),
            ),
            element("p", other, class_="warn") if other else None,
            quote("What it claimed:", text(event, "detail")),
        ]
    )


def _reported(event: Event, _: Account | None) -> Markup:
    return joined(
        [
            quote("The executor's own words:", text(event, "detail")),
            pairs(
                ("Result digest", theirs(text(event, "result_digest"))),
                ("Signature", theirs(text(event, "signature"))),
            ),
        ]
    )


def _totals(event: Event, _: Account | None) -> Markup:
    rows = [
        (theirs(name), f"{counted:,}")
        for group in ("kinds", "decisions", "closed")
        for name, one in entries(event, group).items()
        if (counted := seconds(one)) is not None
    ]
    lines = (element("li", name, f": {counted}") for name, counted in rows)
    return folded(f"Totals ({len(rows):,})", element("ul", *lines))


_DETAILS: Mapping[str, Callable[[Event, Account | None], Markup]] = {
    "action.requested": _requested,
    "decision.reached": _decided,
    "action.held": _held,
    "vote.counted": _voted,
    "vote.refused": _refused,
    "request.refused": _refused,
    "withdrawal.refused": _refused,
    "grant.refused": _refused,
    "receipt.refused": _refused,
    "execution.reported": _reported,
    "ledger.sealed": _totals,
}
