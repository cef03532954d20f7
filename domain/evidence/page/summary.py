"""The table of all actions, one row each."""

from collections.abc import Sequence

from domain.evidence.page.html import Child, Markup, element, joined, table
from domain.evidence.page.quotes import theirs
from domain.evidence.telling.account import Account
from domain.evidence.telling.reading import clock, span, text

MOST_TOLD = 500
"""How many actions, and how many events of the system, one page tells in full."""

MOST_LISTED = 5000
"""How many rows a table of the page has."""

_HEADS = (
    *("Asked", "What", "Agent", "For", "Class", "Risk"),
    *("Verdict", "Disposition", "Outcome", "Decided in", "Approvers"),
)

_TONES = {
    "ALLOWED": "good",
    "APPROVED": "good",
    "SUCCEEDED": "good",
    "BLOCKED": "bad",
    "DENIED": "bad",
    "FAILED": "bad",
    "EXPIRED": "wait",
    "CANCELLED": "plain",
    "UNKNOWN": "wait",
    "LAPSED": "plain",
    "NOT_RUN": "plain",
}


def summary(told: Sequence[Account]) -> Markup:
    """Write the section; the row of an action that is told in full links to it."""
    shown = told[:MOST_LISTED]
    rows = (_row(number, each) for number, each in enumerate(shown, 1))
    return element(
        "section",
        element("h2", "Summary", id="summary"),
        table("summary", _HEADS, rows) if told else element("p", "No action is told here."),
        cut_short(len(told), MOST_LISTED, "actions"),
    )


def badge(word: str) -> Markup:
    """Write how something ended, in a word and a colour."""
    return element("span", word, class_=f"badge {_TONES.get(word, 'wait')}")


def cut_short(there: int, shown: int, what: str) -> Markup | None:
    """Say so if not all of something is shown; nothing is left out silently."""
    if there <= shown:
        return None
    said = f"Shown are the first {shown:,} of {there:,} {what}. All are in events.jsonl."
    return element("p", said, class_="warn")


def _row(number: int, one: Account) -> tuple[Child, ...]:
    tool: Child = text(one.action, "tool") or "withheld"
    name = element("a", tool, href=f"#action-{number}") if number <= MOST_TOLD else tool
    return (
        clock(one.asked_at, to="seconds") if one.asked_at else "withheld",
        name,
        theirs(text(one.action, "agent")),
        theirs(text(one.action, "principal")),
        theirs(text(one.decision, "action_class")),
        theirs(text(one.decision, "risk")),
        _verdict(one),
        badge(one.disposition or "open"),
        badge(one.outcome or "open"),
        span(one.decided_in),
        theirs(", ".join(one.approvers)),
    )


def _verdict(one: Account) -> Markup:
    effective, verdict = text(one.decision, "effective"), text(one.decision, "verdict")
    would = f" (enforced: {verdict})" if verdict != effective else None
    return joined([effective or "withheld", would])
