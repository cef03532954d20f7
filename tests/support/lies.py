"""Changes to a story before it is recorded, and the verdict on the package that tells it."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import counterseal_verify as verifier
from tests.support import packages as p
from tests.support import stories as s

Story = list[dict[str, Any]]
Edit = Callable[[Story], Story]


def failing(package: bytes, trust: str = p.TRUST, since: bytes | None = None) -> set[str]:
    """Verify, insist that it is refused in an orderly way, and name the checks that failed."""
    report = verifier.verify(package, trust.encode(), since)
    failed = {each.code for each in report.checks if not each.ok}
    assert report.code == (2 if "readable" in failed else 1), report.checks
    assert all(each.sentence for each in report.checks)
    assert not any("Error" in each.sentence for each in report.checks), report.checks
    return failed


def change(kind: str, nth: int = 0, **fields: Any) -> Edit:
    """Change fields of the ``nth`` event of a kind; a function is given the old value."""

    def edit(story: Story) -> Story:
        event = [each for each in story if each["kind"] == kind][nth]
        for name, value in fields.items():
            event[name] = value(event[name]) if callable(value) else value
        return story

    return edit


def within(kind: str, *keys: str | int, to: Any) -> Edit:
    """Change one value deep inside the first event of a kind."""

    def edit(story: Story) -> Story:
        found: Any = next(each for each in story if each["kind"] == kind)
        for key in keys[:-1]:
            found = found[key]
        found[keys[-1]] = to
        return story

    return edit


def without(kind: str, nth: int = 0) -> Edit:
    return lambda story: [e for e in story if e is not [x for x in story if x["kind"] == kind][nth]]


def after(kind: str, *events: Story | dict[str, Any]) -> Edit:
    """Insert events behind the last one of a kind."""

    def edit(story: Story) -> Story:
        place = max(n for n, each in enumerate(story) if each["kind"] == kind) + 1
        more = [one for each in events for one in (each if isinstance(each, list) else [each])]
        return [*story[:place], *more, *story[place:]]

    return edit


def upto(kind: str) -> Edit:
    return lambda story: story[: [each["kind"] for each in story].index(kind) + 1]


def both(*edits: Edit) -> Edit:
    def edit(story: Story) -> Story:
        for each in edits:
            story = each(story)
        return story

    return edit


def voted(person: str, seconds: float = 15, **more: Any) -> dict[str, Any]:
    found = p.events_of([s.approved(person, seconds=seconds, **more)])[0]
    return {**found, "vote_id": f"again-{person}-{seconds}"}


def again(kind: str) -> Edit:
    """Record an event of a kind twice."""

    def edit(story: Story) -> Story:
        event = next(each for each in story if each["kind"] == kind)
        return after(kind, deepcopy(event))(story)

    return edit


def onward(kind: str, seconds: float) -> Edit:
    """Let an event, and all that follow it, happen at another time."""

    def edit(story: Story) -> Story:
        place = [each["kind"] for each in story].index(kind)
        for each in story[place:]:
            each["at"] = p.moment(seconds)
        return story

    return edit
