"""A story whose links do not hold is found out."""

from collections.abc import Callable

import pytest

from counterseal.cli.history import story_flaws
from counterseal.core.links import Sealed, seal
from counterseal.core.wire import EventView, Story

ACTION = "act_" + "a" * 32
EVENTS = [{"kind": f"thing.{number}", "at": "2026-01-01T00:00:00.000000Z"} for number in range(4)]


def view(one: Sealed) -> EventView:
    return EventView.model_validate(
        {
            "seq": one.version,
            "stream": one.stream,
            "version": one.version,
            "kind": one.kind,
            "link": one.link.hex(),
            "recorded_at": "2026-01-01T00:00:00Z",
            "canonical": one.canonical.decode(),
        }
    )


STORY = tuple(view(each) for each in seal("acme", ACTION, (-1, None), EVENTS))
LATE = tuple(view(each) for each in seal("acme", f"{ACTION}:late", (-1, None), EVENTS[:1]))


def test_a_story_as_it_was_recorded_holds() -> None:
    assert story_flaws("acme", ACTION, Story(action_id=ACTION, events=STORY, late=LATE)) == []


def _changed(story: tuple[EventView, ...]) -> tuple[EventView, ...]:
    other = story[1].canonical.replace("thing.1", "thing.9")
    return (story[0], story[1].model_copy(update={"canonical": other}), *story[2:])


@pytest.mark.parametrize(
    "tamper",
    [
        _changed,
        lambda story: story[1:],
        lambda story: story[:1] + story[2:],
        lambda story: (story[1], story[0], *story[2:]),
        lambda story: (*story, story[-1]),
        lambda story: (*story[:-1], story[-1].model_copy(update={"link": "0" * 64})),
        lambda _: (),
        lambda _: LATE,
    ],
    ids=["changed", "headless", "dropped", "moved", "doubled", "relinked", "empty", "other"],
)
def test_a_story_that_was_touched_does_not_hold(
    tamper: Callable[[tuple[EventView, ...]], tuple[EventView, ...]],
) -> None:
    assert story_flaws("acme", ACTION, Story(action_id=ACTION, events=tamper(STORY)))


def test_the_story_of_another_action_or_tenant_does_not_pass_for_this_one() -> None:
    story = Story(action_id=ACTION, events=STORY)
    assert story_flaws("other", ACTION, story)
    assert story_flaws("acme", "act_" + "b" * 32, story)
