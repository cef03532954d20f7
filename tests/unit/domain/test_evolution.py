"""Reading a story: what each event changes, and which stories cannot have happened."""

from itertools import permutations

import pytest

from counterseal.core.words import Disposition, Outcome
from domain.events import ActionClosed, Event, GrantLapsed, VoteCounted, read_event
from domain.evolution import BrokenStory, evolve
from domain.lifecycle import decide, replay
from domain.states import Asked, Closed, Judged, Settled, Unseen
from tests.support.stories import (
    ADA,
    Given,
    approved,
    at,
    closed,
    granted,
    held,
    json_of,
    redeem,
    redeemed,
    report,
    vote,
    wake,
)


def test_no_story_is_unseen() -> None:
    assert replay(()) == Unseen()


def test_a_story_read_back_from_json_is_the_same_story() -> None:
    for story in (held(), granted(), redeemed(), closed(), Given(held()).after(vote()).story):
        again = tuple(read_event(event) for event in json_of(story))
        assert again == story
        assert replay(again) == replay(story)


def test_an_event_keeps_fields_this_version_does_not_know() -> None:
    recorded = {**json_of(held())[-1], "colour": "blue"}
    assert read_event(recorded).model_dump(mode="json") == recorded


def test_an_event_of_no_known_kind_is_not_read() -> None:
    with pytest.raises(ValueError, match="kind"):
        read_event({"kind": "action.imagined", "at": "2026-01-01T00:00:00Z"})


def test_an_event_without_a_time_zone_is_not_read() -> None:
    recorded = {**json_of(held())[-1], "at": "2026-01-01T00:00:00"}
    with pytest.raises(ValueError, match="time zone"):
        read_event(recorded)


def test_every_other_order_of_a_story_is_broken() -> None:
    story = closed()[:5]
    for order in permutations(story):
        if order == story:
            continue
        with pytest.raises(BrokenStory):
            replay(order)


def test_a_story_with_a_hole_is_broken() -> None:
    story = closed()
    for hole in range(len(story) - 1):
        if story[hole].kind == "execution.reported":
            continue  # `counterseal.core.links` finds this hole; the states alone cannot
        with pytest.raises(BrokenStory):
            replay((*story[:hole], *story[hole + 1 :]))


@pytest.mark.parametrize(
    "event",
    [
        approved(ADA),
        held()[0],
        held()[-1],
        redeemed()[-1],
        ActionClosed(at=at(9), disposition=Disposition.ALLOWED, outcome=Outcome.SUCCEEDED),
        GrantLapsed(at=at(9), grant_id="grt_1", because="again"),
    ],
)
def test_nothing_can_follow_a_closed_story(event: Event) -> None:
    with pytest.raises(BrokenStory, match="cannot follow Closed"):
        evolve(replay(closed()), event)


def test_a_held_action_cannot_be_redeemed_by_rewriting_its_story() -> None:
    for event in (granted()[-1], redeemed()[-1]):
        with pytest.raises(BrokenStory):
            evolve(replay(held()), event)


def test_a_story_in_which_a_grant_is_used_twice_is_broken() -> None:
    story = redeemed()
    with pytest.raises(BrokenStory, match="cannot follow Redeemed"):
        replay((*story, story[-1].model_copy(update={"redemption_id": "redemption-2"})))


def test_a_broken_story_says_what_cannot_follow_what() -> None:
    with pytest.raises(BrokenStory, match=r"vote\.counted cannot follow Unseen"):
        replay((approved(ADA),))


def test_what_stands_between_two_events_of_one_append_is_never_decided_on() -> None:
    story = granted()
    for length, state in ((1, Asked), (2, Judged), (3, Settled)):
        halfway = replay(story[:length])
        assert isinstance(halfway, state)
        with pytest.raises(AssertionError, match="never the end of an append"):
            decide(halfway, wake(1))


def test_a_closed_story_knows_its_votes_its_grant_and_its_redemption() -> None:
    story = Given(held()).after(vote(ADA), redeem(), report())
    assert isinstance(story.state, Closed)
    assert [counted.person for counted in story.state.votes] == [ADA]
    assert story.state.grant is not None
    assert story.state.redemption is not None
    assert story.state.redemption.redemption_id == "redemption-1"


def test_refusals_change_nothing_but_the_record() -> None:
    story = Given(held())
    refusal = story.when(redeem())[0]
    assert evolve(story.state, refusal) == story.state


def test_events_cannot_be_changed() -> None:
    counted = approved(ADA)
    with pytest.raises(ValueError, match="frozen"):
        counted.person = "eve"  # type: ignore[misc] # that it is refused is what we test
    assert isinstance(counted, VoteCounted)
