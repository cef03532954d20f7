"""Recorded calls of every known shape are read; the rest is told of by line."""

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given

from counterseal.core.action import Action
from counterseal.core.canonical import Json
from counterseal.replay.lines import BadLine, ToolCall, read_lines
from counterseal.replay.sessions import (
    MOST_BYTES,
    MOST_OBSERVATIONS,
    asserted,
    limited,
    session_name,
    sessions,
)
from counterseal.replay.tally import percentiles


def one(line: Json) -> ToolCall:
    (found,) = read_lines([json.dumps(line).encode()])
    assert isinstance(found, ToolCall), found
    return found


def test_a_call_per_line() -> None:
    line = {"session": "s", "tool": "t", "args": {"a": 1}, "prompt": "p", "output": {"b": 2}}
    assert one(line) == ToolCall(1, "s", "t", {"a": 1}, "p", '{"b":2}', None)


def test_a_session_per_line() -> None:
    calls = [{"tool": "t", "args": {}, "output": "o", "error": None}, {"tool": "u", "args": {}}]
    line = {"session": "m/s", "suite": "banking", "prompt": "p", "calls": calls}
    found = list(read_lines([json.dumps(line).encode()]))
    assert [each.tool for each in found if isinstance(each, ToolCall)] == ["t", "u"]
    assert all(isinstance(each, ToolCall) and each.session == "m/s" for each in found)


def test_a_session_is_named_by_its_task_where_it_has_no_name() -> None:
    base = {"corpus": "c", "task_id": "7", "tool": "t", "args": {}}
    assert one({**base, "turn": 0, "idx": 3}).session == "c/7"
    goal = {**base, "suite": "w", "kind": "injection", "goal": "g", "calls": [{"tool": "t"}]}
    assert (one(goal).session, one(goal).prompt) == ("c/w/injection/7", "g")
    assert one({"tool": "t"}).session == "line-1"


def test_positional_arguments_are_kept() -> None:
    assert one({"tool": "t", "args": {"a": 1}, "positional": ["x"]}).arguments == {
        "a": 1,
        "positional": ["x"],
    }
    assert one({"tool": "t", "args": ["x"]}).arguments == {"positional": ["x"]}
    assert one({"name": "t", "arguments": {"a": 1}}).arguments == {"a": 1}


@pytest.mark.parametrize(
    "line",
    [
        b"{broken",
        b"[]",
        b"7",
        b'{"tools": [], "env": {}}',
        b'{"tool": 7}',
        b'{"tool": ""}',
        b'{"tool": "t", "args": 7}',
        b'{"tool": "t", "args": {"positional": 1}, "positional": [1]}',
        b'{"calls": [{"tool": "t"}, 7]}',
        b'{"tool": "t", "args": {"a": 1, "a": 2}}',
        b'{"tool": "t", "args": {"n": 123456789012345678901}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_bad_line_is_told_of_by_its_number(line: bytes) -> None:
    good = b'{"tool": "t"}'
    found = list(read_lines([good, b"  \n", line, good]))
    assert [type(each) for each in found] == [ToolCall, BadLine, ToolCall]
    assert [each.line for each in found] == [1, 3, 4]


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_no_bytes_end_a_replay(lines: list[bytes]) -> None:
    list(read_lines(lines))


def call(session: str, output: str | None = None, line: int = 1) -> ToolCall:
    return ToolCall(line, session, "t", {}, "p", output)


def test_calls_of_a_session_stay_in_order_wherever_they_stand() -> None:
    given = [call("a", line=1), call("b", line=2), call("a", line=3)]
    assert [[each.line for each in group] for group in sessions(given)] == [[1, 3], [2]]
    assert [len(group) for group in limited(sessions(given), 2, None)] == [2]
    assert [len(group) for group in limited(sessions(given), None, 1)] == [2]


@given(st.lists(st.text(max_size=30_000), max_size=80))
def test_what_led_to_a_call_is_bounded_and_the_latest(outputs: list[str]) -> None:
    told = asserted(call("s"), [call("s", output) for output in outputs])
    assert len(told.observations) <= MOST_OBSERVATIONS
    assert sum(len(each.content.encode()) for each in told.observations) <= MOST_BYTES
    if outputs and len(outputs[-1].encode("utf-8", "replace")) <= MOST_BYTES:
        assert told.observations[-1].content == outputs[-1]


def test_one_huge_output_is_cut_not_dropped() -> None:
    told = asserted(call("s"), [call("s", "é" * MOST_BYTES)])
    assert len(told.observations[0].content.encode()) == MOST_BYTES


@given(st.text(max_size=200), st.text(max_size=200))
def test_every_session_gets_a_lawful_name_of_its_own(one: str, other: str) -> None:
    names = [session_name("replay-1", each) for each in (one, other)]
    for name in names:
        Action.model_validate(
            {
                "id": "act_" + "0" * 32,
                "tenant": "t",
                "agent": "a",
                "environment": "e",
                "tool": "t",
                "session": name,
            }
        )
    assert (names[0] == names[1]) == (one == other)


def test_percentiles_are_nearest_ranks() -> None:
    assert percentiles([]) == {}
    found = percentiles([each / 1000 for each in range(1, 101)])
    assert found == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
