"""The page that tells a package to people: what was asked, decided, answered and run, in order.

One file of HTML without script, image or anything to load. The same story gives the same page.
"""

from domain.evidence.page.html import Markup, element, folded, joined, pairs, table, text
from domain.evidence.page.line import line
from domain.evidence.page.quotes import quote, theirs
from domain.evidence.page.style import STYLE
from domain.evidence.page.summary import MOST_LISTED, MOST_TOLD, badge, cut_short, summary
from domain.evidence.story import PackageStory, StoryEvent
from domain.evidence.telling.account import Account, accounts, of_the_system
from domain.evidence.telling.reading import clock
from domain.evidence.telling.reading import text as read

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render_timeline(story: PackageStory) -> str:
    """Write the whole page."""
    every = accounts(story)
    told = [each for each in every if each.is_told]
    hidden = [each for each in every if not each.is_told]
    system = of_the_system(story)
    title = f"Evidence: {_count(len(told), 'action')} of {story.log}"
    body = element(
        "body",
        _header(story, title),
        element(
            "main",
            _checking(story),
            summary(told),
            _told(told, story),
            _hidden(hidden),
            _system(system),
        ),
        _footer(story),
    )
    return f"<!DOCTYPE html>\n{element('html', _head(title), body, lang='en')}\n"


def _head(title: str) -> Markup:
    meta = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{text(_POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
    )
    return element("head", Markup(meta), element("title", title), element("style", Markup(STYLE)))


def _header(story: PackageStory, title: str) -> Markup:
    witnesses = ", ".join(story.witnesses) or "none"
    return element(
        "header",
        element("h1", title),
        element(
            "p",
            "What AI agents asked to do, what policy and people answered and why, and what ran. "
            "What is ",
            element("span", "marked like this", class_="theirs"),
            " was recorded from outside and is shown, never trusted.",
            class_="lead",
        ),
        pairs(
            ("Log", theirs(story.log)),
            ("Tenant", theirs(story.tenant)),
            ("Tree size", f"{story.tree_size:,} events"),
            ("Level", story.level),
            ("Witnesses", theirs(witnesses)),
            ("Scope", theirs(story.scope)),
            ("Profile", theirs(story.profile)),
            ("Exported at", clock(story.exported_at)),
            ("Exported by", theirs(story.requested_by)),
        ),
        quote("Why it was exported:", story.purpose),
    )


def _checking(story: PackageStory) -> Markup:
    withheld = sum(each.event is None for each in story.events)
    return element(
        "section",
        element("h2", "How to check it", id="check"),
        element(
            "p",
            "This page proves nothing by itself: anybody can write a page. Check the package it "
            "came in, with a verifier and a trust file that you did not take from the package:",
        ),
        element("pre", "counterseal-verify PACKAGE --trust TRUST-FILE", class_="command"),
        element(
            "p",
            f"It holds {_count(len(story.events), 'event')}, {withheld:,} of them by hash only.",
        ),
        aria_labelledby="check",
    )


def _told(told: list[Account], story: PackageStory) -> Markup:
    shown = enumerate(told[:MOST_TOLD], 1)
    return element(
        "section",
        element("h2", "Actions", id="actions"),
        *(_article(number, each, story) for number, each in shown),
        cut_short(len(told), MOST_TOLD, "actions"),
        aria_labelledby="actions",
    )


def _article(number: int, one: Account, story: PackageStory) -> Markup:
    name = f"action-{number}"
    disclosed = {
        pointer: value
        for (action, pointer), value in story.disclosures.items()
        if action == one.action_id
    }
    gone = "The sealed values of this action were destroyed and can be read by nobody."
    return element(
        "article",
        element(
            "div",
            element("h3", f"{number}. ", read(one.action, "tool") or "An action", id=name),
            badge(one.disposition or "open"),
            badge(one.outcome) if one.outcome else None,
            class_="title",
        ),
        element("p", one.action_id, class_="hash"),
        element("p", gone, class_="warn") if one.action_id in story.shredded else None,
        line(one.told, one, disclosed),
        _beside("Refused after the end", one.late, one),
        _beside("Who saw the sealed values, and their end", one.custody, one),
        aria_labelledby=name,
    )


def _beside(heading: str, events: tuple[StoryEvent, ...], one: Account) -> Markup | None:
    return joined([element("h4", heading), line(events, one, {})]) if events else None


def _hidden(hidden: list[Account]) -> Markup | None:
    if not hidden:
        return None
    events = sum(len(each.events) for each in hidden)
    said = (
        f"{_count(len(hidden), 'more action')} lie in the range and outside the scope: their "
        f"{_count(events, 'event')} are here by hash only, so that none can be left out unseen."
    )
    return element(
        "section",
        element("h2", "Actions that are not told", id="untold"),
        element("p", said),
        aria_labelledby="untold",
    )


def _system(system: tuple[StoryEvent, ...]) -> Markup | None:
    if not system:
        return None
    return element(
        "section",
        element("h2", "Events of the system", id="system"),
        element("p", "Policies, keys, people, control totals and exports: of no single action."),
        line(system[:MOST_TOLD], None, {}),
        cut_short(len(system), MOST_TOLD, "events"),
        aria_labelledby="system",
    )


def _footer(story: PackageStory) -> Markup:
    shown = story.events[:MOST_LISTED]
    rows = (
        (f"{each.seq}", f"{each.stream} {each.version}", each.kind or "withheld", _hash(each.leaf))
        for each in shown
    )
    return element(
        "footer",
        element("h2", "Hashes", id="hashes"),
        pairs(("Log", story.log), ("Tree size", f"{story.tree_size}"), ("Root", _hash(story.root))),
        folded(
            f"Hash of each event ({len(story.events):,})",
            table("hashes", ("Event", "Stream and version", "Kind", "Leaf hash (SHA-256)"), rows),
            cut_short(len(story.events), MOST_LISTED, "events"),
        ),
    )


def _hash(value: str) -> Markup:
    return element("code", value)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
