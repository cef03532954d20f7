"""How verdicts, stages and routes combine."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterseal.core.policy.facts import Facts
from counterseal.core.policy.route import Need
from counterseal.core.words import Stage, Verdict
from tests.unit.policy.support import HEADER, NOON, action, judge_of, rule

FACTS = Facts(at=NOON)


@pytest.mark.parametrize(("one", "two"), list(product(["STEP_UP", "BLOCK"], repeat=2)))
def test_the_strictest_rule_decides(one: str, two: str) -> None:
    decision = judge_of(rule("a", verdict=one) + rule("b", verdict=two)).decide(action(), FACTS)
    expected = Verdict.BLOCK if "BLOCK" in (one, two) else Verdict.STEP_UP
    assert decision.effective is decision.verdict is expected
    assert decision.determining == tuple(
        name for name, verdict in (("a", one), ("b", two)) if verdict == expected
    )


def test_without_a_fired_rule_the_class_decides() -> None:
    decision = judge_of(rule("a", "false")).decide(action(), FACTS)
    assert decision.effective is Verdict.ALLOW
    assert decision.determining == ("default",)
    assert decision.route is None


def test_a_class_that_blocks_is_never_opened_by_a_rule() -> None:
    header = HEADER.replace("verdict: ALLOW\n    risk: high", "verdict: BLOCK\n    risk: high")
    decision = judge_of(rule("a"), header).decide(action(), FACTS)
    assert decision.effective is Verdict.BLOCK
    assert decision.determining == ("default",)


STAGED = {
    ("observe", "BLOCK"): Verdict.ALLOW,
    ("observe", "STEP_UP"): Verdict.ALLOW,
    ("progressive", "BLOCK"): Verdict.STEP_UP,
    ("progressive", "STEP_UP"): Verdict.STEP_UP,
    ("enforce", "BLOCK"): Verdict.BLOCK,
    ("enforce", "STEP_UP"): Verdict.STEP_UP,
}


@pytest.mark.parametrize(("staged", "effective"), list(STAGED.items()))
def test_a_stage_weakens_what_is_done_and_not_what_is_recorded(
    staged: tuple[str, str], effective: Verdict
) -> None:
    stage, verdict = staged
    decision = judge_of(rule("a", verdict=verdict, stage=stage)).decide(action(), FACTS)
    assert decision.verdict == verdict
    assert decision.effective is effective
    assert decision.fired[0].effective is effective


@pytest.mark.parametrize(("own", "of_class"), list(product(Stage, repeat=2)))
def test_the_weaker_of_rule_and_class_acts(own: Stage, of_class: Stage) -> None:
    header = HEADER.replace("risk: high", f"risk: high\n    stage: {of_class}")
    decision = judge_of(rule("a", verdict="BLOCK", stage=own.value), header).decide(action(), FACTS)
    assert decision.fired[0].stage is own.weaker(of_class)
    assert decision.effective is own.weaker(of_class).applied_to(Verdict.BLOCK)


def test_the_stage_of_the_bundle_holds_where_no_other_is_given() -> None:
    decision = judge_of(rule("a", verdict="BLOCK"), "stage: observe\n" + HEADER).decide(
        action(), FACTS
    )
    assert (decision.verdict, decision.effective) == (Verdict.BLOCK, Verdict.ALLOW)


@pytest.mark.parametrize(
    ("stage", "effective"), [("enforce", Verdict.STEP_UP), ("observe", Verdict.ALLOW)]
)
def test_a_tool_that_no_class_claims_is_held_unless_observed(
    stage: str, effective: Verdict
) -> None:
    judge = judge_of(header=HEADER + f"unknown_tools: {{stage: {stage}}}\n")
    decision = judge.decide(action("frobnicate"), FACTS)
    assert decision.verdict is Verdict.STEP_UP
    assert decision.effective is effective
    assert decision.action_class is None
    assert decision.determining == ("unknown-tool",)
    assert (decision.route is not None) == (effective is Verdict.STEP_UP)


def test_the_routes_of_all_rules_that_hold_add_up() -> None:
    judge = judge_of(
        rule("a", route="{groups: [security], quorum: 2, timeout: 30m}")
        + rule("b")
        + rule("c", stage="observe", route="{groups: [leads], timeout: 1m}")
    )
    route = judge.decide(action(), FACTS).route
    assert route is not None
    assert [need.groups for need in route.needs] == [("security",), ("treasury",)]
    assert route.needs[0] == Need(groups=("security",), quorum=2)
    assert route.timeout == 30 * 60


def test_the_route_of_the_class_comes_before_the_default() -> None:
    header = HEADER.replace("risk: high", "risk: high\n    route: {groups: [leads], timeout: 5m}")
    route = judge_of(rule("a"), header).decide(action(), FACTS).route
    assert route is not None
    assert route.needs == (Need(groups=("leads",)),)


def test_the_agent_is_told_what_the_rule_says_to_agents_and_no_reason() -> None:
    judge = judge_of(rule("a", "attr.amount > 5.0", for_agent="Ask your lead."))
    told = judge.decide(action(amount=7), FACTS).for_agent
    assert told.endswith("Ask your lead.")
    assert "amount" not in told


conditions = st.sampled_from(
    ["true", "false", "attr.amount > 10.0", "attr.payee == 'x'", "session.tainted"]
)
rules = st.builds(
    lambda when, unless, verdict, stage: {
        "when": when,
        "unless": unless,
        "verdict": verdict,
        "stage": stage,
    },
    st.lists(conditions, min_size=1, max_size=2).map(" ;; ".join),
    conditions,
    st.sampled_from(["STEP_UP", "BLOCK"]),
    st.sampled_from(["observe", "progressive", "enforce"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(rules, max_size=3), rules, st.sampled_from([{}, {"amount": 50}, {"amount": 1}]))
def test_another_rule_never_opens_anything(
    some: list[dict[str, str]], another: dict[str, str], arguments: dict[str, object]
) -> None:
    def judged(every: list[dict[str, str]]) -> tuple[int, int]:
        text = "".join(rule(f"r{number}", **each) for number, each in enumerate(every))
        decision = judge_of(text).decide(action(**arguments), FACTS)
        return decision.verdict.rank, decision.effective.rank

    before, after = judged(some), judged([*some, another])
    assert after[0] >= before[0]
    assert after[1] >= before[1]
