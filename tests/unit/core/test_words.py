"""The closed sets, and how their members combine: towards no."""

from itertools import product

import pytest

from counterseal.core.words import (
    Disposition,
    FailMode,
    Outcome,
    Phase,
    Role,
    Stage,
    Verdict,
    strictest,
)


def test_of_no_verdicts_at_all_the_answer_is_no() -> None:
    assert strictest() is Verdict.BLOCK


def test_the_most_closed_verdict_wins_in_any_order() -> None:
    for verdicts in product(Verdict, repeat=3):
        won = strictest(*verdicts)
        assert won in verdicts
        assert all(won.rank >= verdict.rank for verdict in verdicts)


def test_block_beats_step_up_beats_allow() -> None:
    assert sorted(Verdict, key=lambda verdict: verdict.rank) == [
        Verdict.ALLOW,
        Verdict.STEP_UP,
        Verdict.BLOCK,
    ]


@pytest.mark.parametrize(
    ("stage", "verdict", "acts"),
    [
        (Stage.OBSERVE, Verdict.ALLOW, Verdict.ALLOW),
        (Stage.OBSERVE, Verdict.STEP_UP, Verdict.ALLOW),
        (Stage.OBSERVE, Verdict.BLOCK, Verdict.ALLOW),
        (Stage.PROGRESSIVE, Verdict.ALLOW, Verdict.ALLOW),
        (Stage.PROGRESSIVE, Verdict.STEP_UP, Verdict.STEP_UP),
        (Stage.PROGRESSIVE, Verdict.BLOCK, Verdict.STEP_UP),
        (Stage.ENFORCE, Verdict.ALLOW, Verdict.ALLOW),
        (Stage.ENFORCE, Verdict.STEP_UP, Verdict.STEP_UP),
        (Stage.ENFORCE, Verdict.BLOCK, Verdict.BLOCK),
    ],
)
def test_a_stage_weakens_and_never_strengthens(
    stage: Stage, verdict: Verdict, acts: Verdict
) -> None:
    assert stage.applied_to(verdict) is acts


def test_the_weaker_stage_acts_whichever_is_named_first() -> None:
    order = [Stage.OBSERVE, Stage.PROGRESSIVE, Stage.ENFORCE]
    for one, other in product(order, repeat=2):
        weaker = order[min(order.index(one), order.index(other))]
        assert one.weaker(other) is other.weaker(one) is weaker


def test_only_what_was_allowed_or_approved_may_run() -> None:
    may = {disposition for disposition in Disposition if disposition.may_execute}
    assert may == {Disposition.ALLOWED, Disposition.APPROVED}


def test_the_strings_are_permanent() -> None:
    assert [*Verdict] == ["ALLOW", "STEP_UP", "BLOCK"]
    assert [*Stage] == ["observe", "progressive", "enforce"]
    assert [*Disposition] == ["ALLOWED", "BLOCKED", "APPROVED", "DENIED", "EXPIRED", "CANCELLED"]
    assert [*Outcome] == ["SUCCEEDED", "FAILED", "UNKNOWN", "LAPSED", "NOT_RUN"]
    assert [*Phase] == ["UNDECIDED", "HELD", "GRANTED", "REDEEMED", "CLOSED"]
    assert [*FailMode] == ["closed", "hold", "fallback", "open-observed"]
    assert {"agent", "approver", "auditor", "operator"} <= {*Role}


@pytest.mark.parametrize("word", ["allow", "ALLOWED", "", "PERMIT"])
def test_an_unknown_verdict_is_no_verdict(word: str) -> None:
    with pytest.raises(ValueError, match="Verdict"):
        Verdict(word)
