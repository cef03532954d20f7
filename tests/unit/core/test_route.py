"""Routes: whom to ask and when; joined, they only get stricter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.policy.route import LONGEST_HOLD, Need, Route, Step, merge
from counterseal.core.words import Verdict

groups = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=2).map(tuple)
steps = st.builds(Step, after=st.integers(1, 100), groups=groups)
needs = st.builds(
    Need,
    groups=groups,
    quorum=st.integers(1, 4),
    escalation=st.lists(steps, max_size=2).map(tuple),
)
routes = st.builds(
    Route,
    needs=st.lists(needs, min_size=1, max_size=3).map(tuple),
    deny_threshold=st.integers(1, 4),
    timeout=st.integers(1, 1000),
    remind_every=st.one_of(st.none(), st.integers(1, 100)),
    on_timeout=st.sampled_from(Verdict),
)


def test_no_routes_make_no_route() -> None:
    assert merge(()) is None


def test_needs_add_up_rather_than_blend() -> None:
    two, one = Need(groups=("treasury",), quorum=2), Need(groups=("security",))
    joined = merge([Route(needs=(two,), timeout=60), Route(needs=(one,), timeout=30)])
    assert joined is not None
    assert joined.needs == (two, one)
    assert joined.timeout == 30


@given(st.lists(routes, min_size=1, max_size=4))
def test_a_joined_route_is_as_strict_as_each(parts: list[Route]) -> None:
    joined = merge(parts)
    assert joined is not None
    for part in parts:
        assert {*part.needs} <= {*joined.needs}
        assert joined.deny_threshold <= part.deny_threshold
        assert joined.timeout <= part.timeout
        assert joined.on_timeout.rank >= part.on_timeout.rank
        if part.remind_every is not None:
            assert joined.remind_every is not None
            assert joined.remind_every <= part.remind_every


@given(st.lists(routes, min_size=1, max_size=4))
def test_joining_asks_nobody_whom_no_part_asks(parts: list[Route]) -> None:
    joined = merge(parts)
    assert joined is not None
    assert {*joined.needs} == {need for part in parts for need in part.needs}
    assert len({*joined.needs}) == len(joined.needs)


@given(routes)
def test_a_route_joined_with_itself_is_as_it_was(route: Route) -> None:
    joined = merge([route, route])
    assert joined == route.model_copy(update={"needs": tuple(dict.fromkeys(route.needs))})


@given(needs, st.integers(0, 100), st.integers(0, 100))
def test_a_ladder_only_ever_adds_people(need: Need, one: int, other: int) -> None:
    early, late = sorted((one, other))
    assert {*need.groups} <= {*need.asked(early)} <= {*need.asked(late)}
    assert len({*need.asked(late)}) == len(need.asked(late))


def test_a_rung_is_asked_from_its_second_on() -> None:
    need = Need(groups=("a",), escalation=(Step(after=60, groups=("b",)),))
    assert need.asked(59) == ("a",)
    assert need.asked(60) == ("a", "b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"needs": []},
        {"needs": [{"groups": []}]},
        {"needs": [{"groups": ["a"], "quorum": 0}]},
        {"needs": [{"groups": ["a"], "quorum": 21}]},
        {"needs": [{"groups": ["a b"]}]},
        {"needs": [{"groups": ["a"], "escalation": [{"after": 0, "groups": ["b"]}]}]},
        {"needs": [{"groups": ["a"], "escalation": [{"after": 9, "groups": []}]}]},
        {"timeout": 0},
        {"timeout": LONGEST_HOLD + 1},
        {"timeout": None},
        {"deny_threshold": 0},
        {"remind_every": 0},
        {"on_timeout": "MAYBE"},
        {"quorum": 2},
    ],
)
def test_a_route_that_would_never_end_or_ask_nobody_is_refused(wrong: dict[str, object]) -> None:
    right = {"needs": [{"groups": ["a"]}], "timeout": 60}
    assert Route.model_validate(right).on_timeout is Verdict.BLOCK
    with pytest.raises(ValueError, match="validation error"):
        Route.model_validate({**right, **wrong})


def test_a_reminder_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="remind_every"):
        Route(needs=(Need(groups=("a",)),), timeout=60, remind_every=10**12)
