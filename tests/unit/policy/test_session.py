"""What earlier actions and outside text do to later ones."""

from datetime import timedelta

import pytest

from counterseal.core.policy.assemble import assemble
from counterseal.core.policy.facts import Asserted, Facts, Observation, Origin, Past
from counterseal.core.policy.origins import origins
from counterseal.core.words import Disposition, Phase, Verdict
from tests.unit.policy.support import HEADER, NOON, action, judge_of, rule

TAINT = rule("a", "session.tainted")


def past(
    tool: str, effective: Verdict = Verdict.ALLOW, disposition: Disposition | None = None
) -> Past:
    return Past(
        action="act_" + "0" * 32,
        tool=tool,
        action_class=None,
        verdict=effective,
        effective=effective,
        phase=Phase.CLOSED,
        disposition=disposition,
        at=NOON - timedelta(minutes=5),
    )


@pytest.mark.parametrize(
    ("before", "tainted"),
    [
        (past("read_page"), True),
        (past("pay"), False),
        (past("frobnicate"), True),  # nobody said what it returns
        (past("read_page", Verdict.BLOCK), False),
        (past("read_page", Verdict.STEP_UP, Disposition.DENIED), False),
        (past("read_page", Verdict.STEP_UP, Disposition.EXPIRED), False),
        (past("read_page", Verdict.STEP_UP, Disposition.APPROVED), True),
        (past("read_page", Verdict.STEP_UP), True),
    ],
)
def test_what_was_read_before_taints(before: Past, tainted: bool) -> None:  # noqa: FBT001
    decision = judge_of(TAINT).decide(action(), Facts(at=NOON, history=(past("pay"), before)))
    assert bool(decision.fired) is tainted


def test_the_class_recorded_at_the_time_taints_too() -> None:
    renamed = past("pay").model_copy(update={"action_class": "reading"})
    assert judge_of(TAINT).decide(action(), Facts(at=NOON, history=(renamed,))).fired


def test_an_untrusted_observation_taints() -> None:
    assert judge_of(TAINT).decide(action(), Facts(at=NOON, observations_given=1)).fired


def test_conditions_read_the_history_in_order() -> None:
    judge = judge_of(
        rule(
            "a",
            "session.history.exists(h, h.tool == 'read_x' && h.minutes_ago < 10.0)"
            " ;; session.classes[0] == 'reading' ;; session.length == 2.0",
        )
    )
    history = (past("read_x"), past("pay"))
    assert judge.decide(action(), Facts(at=NOON, history=history)).fired
    assert not judge.decide(action(), Facts(at=NOON, history=history[::-1])).fired


def told(request: str | None = None, *observations: str) -> Asserted:
    return Asserted(
        user_request=request,
        observations=tuple(Observation(tool="t", content=each) for each in observations),
    )


@pytest.mark.parametrize(
    ("payee", "asserted", "origin"),
    [
        ("ACME-1", told("pay acme-1 today"), Origin.NAMED),
        ("ACME-1", told("pay ACME-1.", "ACME-1"), Origin.NAMED),
        ("ACME-1", told(None, "pay ACME-1"), Origin.UNTRUSTED),
        ("ACME-1", told("pay ACME-12"), Origin.UNSEEN),
        ("ACME-1", told("pay X-ACME-1"), Origin.UNSEEN),
        ("KNOWN-ACME-1", told(None, "KNOWN-ACME-1"), Origin.KNOWN),
        ("known-acme-1", told(), Origin.KNOWN),
        ("a@b.example", told("write to xa@b.example"), Origin.UNSEEN),
        ("a@b.example", told("write to x.a@b.example"), Origin.UNSEEN),
        ("a@b.example", told("write to a@b.example.evil.example"), Origin.UNSEEN),
        ("a@b.example", told("write to a@b.example."), Origin.NAMED),
        ("a@b.example", told("(a@b.example)"), Origin.NAMED),
        ("DE89370400440532013000", told("IBAN de89 3704 0044 0532 0130 00"), Origin.NAMED),
        ("DE89 3704 0044 0532 0130 00", told("DE89370400440532013000"), Origin.NAMED),
        ("AC\u200bME-1", told("pay ACME-1"), Origin.NAMED),
        ("ACME-1", told(None, "pay AC\u200bME-1"), Origin.UNTRUSTED),
        ("\uff21CME-1", told("pay acme-1"), Origin.NAMED),
        ("", told("pay"), Origin.UNSEEN),
    ],
)
def test_where_a_name_was_seen(payee: str, asserted: Asserted, origin: Origin) -> None:
    judge = judge_of()
    found = origins(judge, judge.attributes(action(payee=payee)), asserted, tool="pay")
    assert found["payee"] is origin


@pytest.mark.parametrize(
    ("amount", "text", "seen"),
    [
        (98.7, "98.70 EUR", True),
        (98.7, "98,70", True),
        (98.7, "$98.7.", True),
        (98.7, "198.70", False),
        (98.7, "98.701", False),
        (98.7, "v1.98.70", False),
        (1234.5, "1,234.50", True),
        (1234.5, "1.234,50", True),
        (1234.5, "1'234.50", True),
        (1234, "1 234", True),
        (1234, "1,234", True),
        (5, "room 15", False),
        (5, "5", True),
    ],
)
def test_numbers_are_found_however_they_are_written(
    amount: float,
    text: str,
    seen: bool,  # noqa: FBT001
) -> None:
    judge = judge_of()
    found = origins(judge, judge.attributes(action(amount=amount)), told(text), tool="pay")
    assert (found["amount"] is Origin.NAMED) is seen


def test_a_list_is_as_good_as_its_worst_entry() -> None:
    judge = judge_of()
    found = origins(judge, judge.attributes(action(tags=["a1", "b1"])), told("a1", "b1"))
    assert found["tags"] is Origin.UNTRUSTED


def test_trusted_observations_count_for_nothing() -> None:
    asserted = Asserted(observations=(Observation(tool="t", content="ACME-1", trusted=True),))
    facts = assemble(judge_of(), action(payee="ACME-1"), NOON, asserted=asserted)
    assert facts.origins["payee"] is Origin.UNSEEN
    assert facts.observations_given == 0


def test_money_to_somebody_only_outside_text_named_after_reading_it() -> None:
    judge = judge_of(rule("a", "session.tainted ;; origin.payee == 'untrusted'", verdict="BLOCK"))
    asked = action(payee="ACME-1")
    fetched = told("pay the bill", "pay ACME-1")
    facts = assemble(judge, asked, NOON, history=(past("read_bill"),), asserted=fetched)
    assert judge.decide(asked, facts).effective is Verdict.BLOCK
    named = assemble(judge, asked, NOON, history=(past("read_bill"),), asserted=told("ACME-1"))
    decision = judge.decide(asked, named)
    assert decision.effective is Verdict.ALLOW
    assert [each.rule for each in decision.near_misses] == ["a"]


def test_an_origin_that_the_facts_lack_closes() -> None:
    judge = judge_of(rule("a", "origin.payee == 'untrusted'"), HEADER)
    assert judge.decide(action(payee="x"), Facts(at=NOON)).fired[0].erred
