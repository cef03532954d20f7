"""Control totals add up, and say which run of the log a period is."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.packages import PeriodFilters, PeriodScope
from counterseal.core.words import Risk, Verdict
from domain.evidence.contents import Leaf
from domain.evidence.gathering import Fitting, votes, whole
from domain.evidence.period import (
    Total,
    check_period,
    filters_said,
    fits,
    last_total,
    period_said,
)
from domain.evidence.refusals import PeriodRefused
from domain.evidence.totals import Tally, decided_as, ended_as, is_news
from tests.support import packages as p

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Counted = tuple[str, dict[str, object] | None]


def decision(action_class: str | None, risk: str, effective: str) -> dict[str, object]:
    said = {"action_class": action_class, "risk": risk, "effective": effective}
    return {"kind": "decision.reached", "decision": said}


def end(disposition: str, outcome: str) -> dict[str, object]:
    return {"kind": "action.closed", "disposition": disposition, "outcome": outcome}


events: st.SearchStrategy[Counted] = st.one_of(
    st.sampled_from(["vote.counted", "key.issued", "ledger.sealed"]).map(lambda kind: (kind, None)),
    st.builds(
        lambda *said: ("decision.reached", decision(*said)),
        st.sampled_from(["payments", "mail", None]),
        st.sampled_from([*Risk]).map(str),
        st.sampled_from([*Verdict]).map(str),
    ),
    st.builds(
        lambda *said: ("action.closed", end(*said)),
        st.sampled_from(["ALLOWED", "DENIED"]),
        st.sampled_from(["SUCCEEDED", "NOT_RUN"]),
    ),
)


def tally(run: list[Counted]) -> Tally:
    counted = Tally()
    for kind, event in run:
        counted.count(kind, event)
    return counted


@given(st.lists(events), st.integers(0, 40))
def test_totals_of_parts_add_up_to_the_total_of_the_whole(run: list[Counted], cut: int) -> None:
    parts = tally(run[:cut])
    parts.add(tally(run[cut:]))
    assert parts == tally(run)
    sealed = parts.sealed(NOON, 3, 3 + len(run))
    assert sum(sealed.kinds.values()) == len(run)
    assert sum(sealed.decisions.values()) == sealed.kinds.get("decision.reached", 0)
    assert sum(sealed.closed.values()) == sealed.kinds.get("action.closed", 0)


def test_decisions_and_ends_are_counted_by_what_matters_of_them() -> None:
    counted = tally(
        [
            ("decision.reached", decision("mail", "low", "ALLOW")),
            ("decision.reached", decision(None, "high", "BLOCK")),
            ("action.closed", end("BLOCKED", "NOT_RUN")),
            ("vote.counted", None),
        ]
    ).sealed(NOON, 0, 4)
    assert counted.decisions == {"mail|low|ALLOW": 1, "-|high|BLOCK": 1}
    assert counted.closed == {"BLOCKED|NOT_RUN": 1}
    assert counted.kinds == {"decision.reached": 2, "action.closed": 1, "vote.counted": 1}
    assert counted.model_dump(mode="json").keys() == {
        *("kind", "at", "start", "end", "kinds", "decisions", "closed")
    }


def test_the_verifier_counts_the_same() -> None:
    log = p.log_of(p.run_story())
    counted = Tally()
    for _, _, text in log.entries:
        event = p.read(text.decode())["event"]
        counted.count(event["kind"], event)
    assert {
        **counted.sealed(NOON, 0, len(log.entries)).model_dump(mode="json"),
        "at": p.moment(0),
    } == p.total(log, 0, 0)


def test_nonsense_is_counted_and_not_raised() -> None:
    assert decided_as(None) == "-|None|None"
    assert decided_as({"decision": 3}) == "-|None|None"
    assert ended_as({}) == "None|None"


def test_what_the_log_says_of_itself_is_no_news() -> None:
    assert not is_news([])
    assert not is_news(["ledger", "checks"])
    assert is_news(["ledger", "exports"])
    assert is_news(["act_1"])


def total(version: int, minutes: int, seq: int, end: int) -> Total:
    return Total(version, seq, NOON + timedelta(minutes=minutes), end)


HOURLY = [total(0, 0, 10, 10), total(1, 60, 25, 24), total(2, 120, 26, 26), total(3, 180, 40, 40)]


@pytest.mark.parametrize(
    ("until", "filtered", "version"),
    [
        (0, False, 0),
        (1, False, 1),
        (60, False, 1),
        (61, False, 2),
        (180, False, 3),
        (181, False, None),
        # A run whose events may be withheld goes on to a total that counts all of them.
        (0, True, 1),
        (60, True, 2),
        (120, True, 3),
        (180, True, None),
    ],
)
def test_a_period_ends_with_the_first_total_after_it(
    until: int, *, filtered: bool, version: int | None
) -> None:
    found = last_total(HOURLY, NOON + timedelta(minutes=until), filtered=filtered)
    assert (found.version if found else None) == version


def test_a_period_that_is_none_is_refused() -> None:
    hour = timedelta(hours=1)
    check_period(NOON - hour, NOON, NOON)
    with pytest.raises(PeriodRefused, match="a later end"):
        check_period(NOON, NOON, NOON)
    with pytest.raises(PeriodRefused, match="a later end"):
        check_period(NOON, NOON - hour, NOON)
    with pytest.raises(PeriodRefused, match="still to come"):
        check_period(NOON, NOON + hour, NOON)


def test_filters_take_what_fits_all_of_them() -> None:
    event = decision("payments", "high", "STEP_UP")
    assert fits(PeriodFilters(), event)
    assert fits(PeriodFilters(risk=(Risk.LOW, Risk.HIGH)), event)
    assert fits(PeriodFilters(risk=(Risk.HIGH,), action_class=("payments",)), event)
    assert not fits(PeriodFilters(risk=(Risk.HIGH,), action_class=("mail",)), event)
    assert not fits(PeriodFilters(effective=(Verdict.BLOCK,)), event)
    assert not fits(PeriodFilters(action_class=("-",)), decision(None, "high", "BLOCK"))


def test_only_filters_that_are_given_are_told() -> None:
    filters = PeriodFilters(risk=(Risk.HIGH,))
    assert filters_said(filters) == {"risk": ["high"]}
    scope = PeriodScope(since=NOON, filters=filters)
    assert period_said(scope, NOON, 3, 9)["filters"] == {"risk": ["high"]}
    assert not PeriodFilters().is_any
    assert filters.is_any


def leaf(seq: int, stream: str, version: int, kind: str) -> Leaf:
    return Leaf(seq, stream, version, kind, b"l" * 32, b"{}")


def test_other_actions_events_are_hidden_as_far_as_totals_count_them() -> None:
    fitting = Fitting(PeriodFilters(risk=(Risk.HIGH,)))
    fitting.see("act_a", "decision.reached", decision("x", "high", "ALLOW"))
    fitting.see("act_b", "decision.reached", decision("x", "low", "ALLOW"))
    fitting.see("act_c:late", "vote.refused", None)
    fitting.see("roster", "roster.changed", None)
    assert fitting.actions == {"act_a"}
    assert fitting.undecided == {"act_c"}
    fitting.actions.add("act_c")
    hidden = [
        each.stream
        for each in (
            leaf(1, "act_a", 0, "action.requested"),
            leaf(2, "act_b", 0, "action.requested"),
            leaf(3, "act_b:data", 0, "data.revealed"),
            leaf(4, "act_c:late", 0, "vote.refused"),
            leaf(5, "roster", 0, "roster.changed"),
            leaf(6, "ledger", 0, "ledger.sealed"),
            leaf(9, "act_b", 3, "action.settled"),
        )
        if fitting.hides(each, counted=8)
    ]
    assert hidden == ["act_b", "act_b:data"]


def test_only_streams_with_both_ends_are_whole() -> None:
    run = [
        leaf(1, "act_a", 0, "action.requested"),
        leaf(2, "act_b", 4, "action.closed"),
        leaf(3, "act_c", 0, "action.requested"),
        leaf(4, "act_a", 1, "action.closed"),
        leaf(5, "roster", 0, "roster.changed"),
        leaf(6, "act_d", 0, "action.requested"),
        leaf(7, "act_d", 1, "action.closed").withheld(),
    ]
    assert whole(run) == {"act_a"}


def test_votes_are_known_by_place_and_time() -> None:
    log = p.log_of(p.run_story())
    leaves = [
        Leaf(seq, stream, version, p.read(text.decode())["event"]["kind"], b"", text)
        for seq, (stream, version, text) in enumerate(log.entries)
    ]
    found = votes(leaves)
    assert Counter(log.entries[seq][0] for seq, _ in found) == {p.ACTION: 2}
    assert [at.isoformat() for _, at in found] == [
        p.moment(10).replace("Z", "+00:00").replace(".000000", ""),
        p.moment(20).replace("Z", "+00:00").replace(".000000", ""),
    ]
