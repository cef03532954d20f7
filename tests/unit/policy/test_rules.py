"""When a rule fires, errs, just misses; and what is written down about it."""

import json

import pytest

from counterseal.core.policy.facts import Count, Facts
from counterseal.core.words import Verdict
from tests.unit.policy.support import HEADER, NOON, action, judge_of, rule

FACTS = Facts(at=NOON)
ERRS = "attr.payee == 'x'"  # an action without a payee


@pytest.mark.parametrize(
    ("when", "unless", "fired", "erred"),
    [
        ("true ;; true", "false", True, False),
        ("true ;; false", "false", False, False),
        ("true", "true", False, False),
        ("true", "false ;; true", False, False),
        (ERRS, "false", True, True),
        (f"true ;; {ERRS}", "false", True, True),
        (f"false ;; {ERRS}", "false", False, False),
        (f"{ERRS} ;; false", "false", False, False),
        ("true", ERRS, True, True),
        (ERRS, "true", True, True),
        ("false", ERRS, False, False),
    ],
)
def test_when_a_rule_fires(when: str, unless: str, fired: bool, erred: bool) -> None:  # noqa: FBT001
    decision = judge_of(rule("a", when, unless=unless)).decide(action(), FACTS)
    assert bool(decision.fired) is fired
    assert (decision.effective is Verdict.STEP_UP) is fired
    if fired:
        assert decision.fired[0].erred is erred


def test_a_rule_that_errs_gives_the_verdict_written_for_that() -> None:
    judge = judge_of(rule("a", ERRS, verdict="BLOCK", on_error="STEP_UP"))
    assert judge.decide(action(), FACTS).effective is Verdict.STEP_UP
    assert judge.decide(action(payee="x"), FACTS).effective is Verdict.BLOCK


def test_a_rule_that_errs_blocks_if_it_blocks_and_nothing_else_is_written() -> None:
    assert judge_of(rule("a", ERRS, verdict="BLOCK")).decide(action(), FACTS).effective == "BLOCK"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "no value at /amount, /value"),
        ({"amount": "12"}, "wanted number, found a string"),
        ({"amount": True}, "wanted number, found a boolean"),
        ({"amount": None}, "no value at /amount, /value"),
        ({"amount": [1]}, "wanted number, found a list"),
    ],
)
def test_a_missing_attribute_is_named_with_its_reason(
    arguments: dict[str, object], reason: str
) -> None:
    decision = judge_of(rule("a", "attr.amount > 1.0")).decide(action(**arguments), FACTS)
    clause = decision.fired[0].clauses[0]
    assert clause.holds is None
    assert clause.readings == {"attr.amount": {"missing": reason}}
    assert clause.error == f"attr.amount: {reason}"


def test_the_first_pointer_that_leads_anywhere_is_taken() -> None:
    judge = judge_of()
    assert judge.attributes(action(value=2, amount=1))["amount"] == 1.0
    assert judge.attributes(action(value=2))["amount"] == 2.0


def test_lists_of_strings_are_taken_from_everywhere() -> None:
    found = judge_of().attributes(action(tags="a", more=["b", "a"]))
    assert found["tags"] == ["a", "b"]


@pytest.mark.parametrize(
    ("when", "unless", "near"),
    [
        ("true ;; false", "false", True),
        ("true ;; true", "true", True),
        ("false", "false", False),  # nothing of it held
        ("true ;; false ;; false", "false", False),
        ("true ;; false", "true", False),
        ("true", "true ;; true", False),
        (f"true ;; false ;; {ERRS}", "false", False),
    ],
)
def test_a_rule_that_one_clause_kept_from_firing_is_a_near_miss(
    when: str,
    unless: str,
    near: bool,  # noqa: FBT001
) -> None:
    decision = judge_of(rule("a", when, unless=unless)).decide(action(), FACTS)
    assert bool(decision.near_misses) is near
    assert decision.effective is Verdict.ALLOW


def test_readings_and_thresholds_are_written_down() -> None:
    judge = judge_of(rule("a", "attr.amount > params.most", params="{most: 10}"))
    clause = judge.decide(action(amount=12.5), FACTS).fired[0].clauses[0]
    assert clause.readings == {"attr.amount": 12.5}
    assert clause.thresholds == {"params.most": 10.0}


def test_a_long_reading_is_named_by_its_digest() -> None:
    judge = judge_of(rule("a", "attr.payee != 'x'"))
    clause = judge.decide(action(payee="y" * 300), FACTS).fired[0].clauses[0]
    reading = clause.readings["attr.payee"]
    assert isinstance(reading, dict)
    assert reading["bytes"] == 302
    assert str(reading["sha256"]).startswith("sha256:")


SECRET = "4711-geheim"  # noqa: S105 - what must not be found


@pytest.mark.parametrize(
    "when",
    [
        "attr.pin != 'x'",
        "action.arguments.pin != 'x'",
        "action.arguments['pin'] != 'x'",
        "size(action.arguments) > 0",
        "action.arguments.cards[0].number != 'x'",
        "double(attr.pin) > 1.0",
    ],
)
def test_a_sensitive_value_is_written_nowhere(when: str) -> None:
    judge = judge_of(rule("a", when, message="string(action.arguments.pin)"))
    decision = judge.decide(action(pin=SECRET, cards=[{"number": SECRET}]), FACTS)
    assert decision.fired
    assert SECRET not in decision.model_dump_json()
    assert {"sensitive": True} in decision.fired[0].clauses[0].readings.values()
    assert decision.attributes["pin"] == {"sensitive": True}


DOTTED = HEADER.replace("sensitive: [/pin,", "sensitive: [/a.b, /env/*, /pin,")


@pytest.mark.parametrize("read", ["action.arguments['a.b']", "action.arguments.env['C.D']"])
def test_a_dot_in_a_name_hides_nothing_from_the_hiding(read: str) -> None:
    judge = judge_of(rule("a", f"{read} != 'x'", message=f"string({read})"), DOTTED)
    decision = judge.decide(action(**{"a.b": SECRET, "env": {"C.D": SECRET}}), FACTS)
    assert decision.fired[0].clauses[0].holds
    assert decision.fired[0].message is None
    assert SECRET not in decision.model_dump_json()


def test_a_counter_of_other_classes_is_not_read_by_a_sensitive_value() -> None:
    header = HEADER + (
        "  - {id: secret, title: S, tools: [secret], verdict: ALLOW, risk: low,\n"
        "     sensitive: [/payee], attributes: {payee: {type: string, from: [/payee]}}}\n"
    )
    judge = judge_of(rule("a", "counters.per_day.count > 1.0"), header)
    for tool, found in (("pay", 1), ("secret", 0)):
        asked = action(tool, payee=SECRET, amount=1)
        assert len(judge.counter_queries(asked, judge.attributes(asked))) == found


def test_an_error_in_a_message_changes_nothing_else() -> None:
    judge = judge_of(rule("a", message="attr.payee + '!'"))
    assert judge.decide(action(), FACTS).fired[0].message is None
    assert judge.decide(action(payee="x"), FACTS).fired[0].message == "x!"


def test_rules_look_only_at_what_they_match() -> None:
    labelled = rule("a", match="{labels: [beta]}")
    elsewhere = rule("b", match="{environment: [staging]}")
    by_tool = rule("c", match="{tools: [pay_*]}", verdict="BLOCK")
    judge = judge_of(labelled + elsewhere + by_tool)
    assert judge.decide(action(), FACTS).effective is Verdict.ALLOW
    beta = FACTS.model_copy(update={"agent_labels": ("beta",)})
    assert judge.decide(action(), beta).determining == ("a",)
    assert judge.decide(action("pay_now"), FACTS).determining == ("c",)


def test_the_most_specific_pattern_claims_a_tool() -> None:
    header = HEADER + (
        "  - {id: exact, title: E, tools: [pay_now], verdict: ALLOW, risk: low}\n"
        "  - {id: longer, title: L, tools: ['pay_*'], verdict: ALLOW, risk: low}\n"
        "  - {id: inside, title: I, tools: ['*ay*now'], verdict: ALLOW, risk: low}\n"
    )
    judge = judge_of(header=header)
    claimed = {
        tool: judge.classify(tool)
        for tool in ("pay_now", "pay_later_now", "pay_x", "payx", "zay_now")
    }
    assert {tool: each.id if each else None for tool, each in claimed.items()} == {
        "pay_now": "exact",
        "pay_later_now": "longer",
        "pay_x": "longer",
        "payx": "payment",
        "zay_now": "inside",
    }


def test_a_counter_that_could_not_be_read_closes() -> None:
    judge = judge_of(rule("a", "counters.per_day.count >= 3.0", match="{class: [payment]}"))
    known = Facts(at=NOON, counters={"per_day": Count(key="k", count=2, sum=5, version=1)})
    assert judge.decide(action(payee="x"), known).effective is Verdict.ALLOW
    assert judge.decide(action(payee="x"), FACTS).fired[0].erred


def test_a_counter_is_fed_once_per_key_and_its_key_tells_nothing() -> None:
    judge = judge_of(rule("a", "counters.per_day.count >= 3.0", match="{class: [payment]}"))
    paid = action(payee="Miss-Moneypenny", amount=-7)
    (query,) = judge.counter_queries(paid, judge.attributes(paid))
    assert (query.name, query.window, query.attempts, query.amount) == ("per_day", 86400, False, 7)
    assert "Moneypenny" not in query.key
    decision = judge.decide(paid, FACTS)
    assert decision.contributes == {query.key: 7.0}
    assert decision.counters_read == (query.key,)
    other = action(payee="Goldfinger", amount=1)
    assert judge.counter_queries(other, judge.attributes(other))[0].key != query.key


def test_two_tenants_never_share_a_counter() -> None:
    judge = judge_of()
    ours = action(payee="x", amount=1)
    theirs = ours.model_copy(update={"tenant": "other"})
    attributes = judge.attributes(ours)
    (one,), (two,) = (judge.counter_queries(each, attributes) for each in (ours, theirs))
    assert one.key != two.key


def test_a_counter_without_its_key_is_neither_read_nor_fed() -> None:
    judge = judge_of(rule("a", "counters.per_day.count >= 3.0", match="{class: [payment]}"))
    assert judge.counter_queries(action(amount=1), judge.attributes(action(amount=1))) == ()
    assert judge.decide(action(amount=1), FACTS).fired[0].erred


def test_the_same_arguments_give_the_same_bytes() -> None:
    rules = rule("b", "session.length > 0.0 ;; true") + rule("a", "attr.amount > 1.0")
    asked = action(amount=2, payee="x", tags=["b", "a"])
    first, second = (judge_of(rules).decide(asked, FACTS).model_dump_json() for _ in range(2))
    again = judge_of(rules)
    again.decide(action(amount=9), FACTS)
    assert first == second == again.decide(asked, FACTS).model_dump_json()
    assert json.loads(first)["engine"].startswith("cel-expr-python/")


@pytest.mark.parametrize(
    ("at", "zone", "condition"),
    [
        ("2026-01-04T23:30:00Z", "UTC", "time.weekday == 'sun' && time.hour == 23.0"),
        ("2026-01-04T23:30:00Z", "Europe/Berlin", "time.weekday == 'mon' && time.hour == 0.0"),
        ("2026-07-05T22:30:00Z", "Europe/Berlin", "time.weekday == 'mon' && time.hour == 0.0"),
    ],
)
def test_time_is_told_in_the_zone_of_the_bundle(at: str, zone: str, condition: str) -> None:
    judge = judge_of(rule("a", condition), f"timezone: {zone}\n" + HEADER)
    facts = Facts.model_validate({"at": at})
    assert judge.decide(action(), facts).fired
