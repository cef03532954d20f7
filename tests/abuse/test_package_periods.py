"""Periods that hide something, and sealed values that were never sealed: refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785

import counterseal_verify as verifier
from counterseal.core.canonical import canonical, digest_bytes
from tests.support import packages as p
from tests.support.lies import failing

Change = Callable[[p.Draft], Any]
FILTERS: p.Event = {"effective": "STEP_UP"}


def total(number: int, **fields: Any) -> Callable[[p.Log], p.Log]:
    """Record another total than the right one."""

    def edit(log: p.Log) -> p.Log:
        made, seen = p.Log(), 0
        by_stream: list[tuple[str, p.Event]] = []
        for stream, _, text in log.entries:
            event = json.loads(text)["event"]
            if event["kind"] == "ledger.sealed":
                if seen == number:
                    for name, value in fields.items():
                        event[name] = value(event[name]) if callable(value) else value
                seen += 1
            by_stream.append((stream, event))
        for stream, event in by_stream:
            made.append(stream, event)
        return made

    return edit


def plus(name: str, by: int = 1) -> Callable[[dict[str, int]], dict[str, int]]:
    return lambda counts: {
        key: value for key, value in {**counts, name: counts.get(name, 0) + by}.items() if value
    }


def moved(old: str, new: str) -> Callable[[dict[str, int]], dict[str, int]]:
    return lambda counts: plus(new)(plus(old, -1)(counts))


HELD, BLOCK = "payments.transfer|high|STEP_UP", "payments.transfer|high|BLOCK"
TOTALS: dict[str, tuple[Callable[[p.Log], p.Log], str]] = {
    "an event too many": (total(1, kinds=plus("vote.counted")), "totals"),
    "an event too few": (total(1, kinds=plus("vote.counted", -1)), "totals"),
    "another kind": (total(1, kinds=moved("vote.counted", "vote.refused")), "totals"),
    "an invented kind": (total(1, kinds=moved("vote.counted", "x")), "totals"),
    "no kinds": (total(1, kinds={}), "totals"),
    "a decision too many": (total(1, decisions=plus(HELD)), "totals"),
    "a decision too few": (total(1, decisions=plus(HELD, -1)), "totals"),
    "another decision": (total(1, decisions=moved(HELD, BLOCK)), "totals"),
    "no decisions": (total(1, decisions={}), "totals"),
    "another end": (total(1, closed=moved("APPROVED|SUCCEEDED", "APPROVED|FAILED")), "totals"),
    "an end too many": (total(2, closed=plus("DENIED|NOT_RUN")), "totals"),
    "no ends": (total(2, closed={}), "totals"),
    "a gap": (total(1, start=lambda n: n + 1), "totals"),
    "an overlap": (total(1, start=lambda n: n - 1), "totals"),
    "a total of nothing": (total(1, end=3), "totals"),
    "a shorter total": (total(1, end=lambda n: n - 1), "totals"),
    "a longer total": (total(1, end=lambda n: n + 1), "totals"),
    "a backward total": (total(1, end=0), "totals"),
    "the last one shorter": (total(2, end=lambda n: n - 1), "totals"),
    "the first one after the period began": (total(0, at=p.moment(1)), "borders"),
    "the last one before the period ended": (total(2, at=p.moment(289)), "borders"),
    "the first one of another place": (total(0, end=2), "borders"),
}


@pytest.mark.parametrize("name", TOTALS)
def test_totals_that_do_not_agree_are_refused(name: str) -> None:
    edit, code = TOTALS[name]
    log = edit(p.period_log())
    assert code in failing(p.period(log, 3, len(log.entries) - 1, until=290).sealed())


def said(**fields: Any) -> Change:
    return lambda made: made.predicate["scope"].update(fields)


def ranged(**fields: Any) -> Change:
    def edit(made: p.Draft) -> None:
        told = json.loads(made.files["range.json"])
        for name, value in fields.items():
            told[name] = value(told[name]) if callable(value) else value
        made.files["range.json"] = rfc8785.dumps(told)

    return edit


def cut(first: int, last: int | None) -> Change:
    """Take lines away at the ends, and say so everywhere, without a new proof."""

    def edit(made: p.Draft) -> None:
        made.lines = made.lines[first:last]
        start, end = made.lines[0]["seq"], made.lines[-1]["seq"] + 1
        said(start=start, end=end)(made)
        ranged(start=start, end=end)(made)

    return edit


RANGES: dict[str, tuple[Change, str]] = {
    "an event dropped": (lambda made: made.lines.pop(5), "inclusion"),
    "the first dropped": (lambda made: made.lines.pop(0), "inclusion"),
    "the last dropped": (lambda made: made.lines.pop(), "inclusion"),
    "an event doubled": (lambda made: made.lines.insert(5, dict(made.lines[5])), "inclusion"),
    "an event moved": (lambda made: made.lines.insert(5, made.lines.pop(6)), "inclusion"),
    "an event changed": (
        lambda made: made.lines[5].update(
            canonical=made.lines[5]["canonical"].replace("grace", "mabel")
        ),
        "inclusion",
    ),
    "cut in front": (cut(1, None), "inclusion"),
    "cut at the end": (cut(0, -1), "inclusion"),
    "renumbered": (
        lambda made: [each.update(seq=each["seq"] + 1) for each in made.lines],
        "inclusion",
    ),
    "another start": (said(start=2), "inclusion"),
    "another end": (said(end=99), "inclusion"),
    "an endless end": (said(end=2**53 - 1), "inclusion"),
    "an empty range": (said(start=3, end=3), "inclusion"),
    "a backward range": (said(start=9, end=3), "inclusion"),
    "range of another start": (ranged(start=2), "inclusion"),
    "range of another end": (ranged(end=99), "inclusion"),
    "left dropped": (ranged(left=[]), "inclusion"),
    "right dropped": (ranged(right=[]), "inclusion"),
    "left longer": (ranged(left=lambda x: [*x, x[0]]), "inclusion"),
    "right longer": (ranged(right=lambda x: [*x, p.b64(bytes(32))]), "inclusion"),
    "left changed": (ranged(left=lambda x: [p.b64(bytes(32)), *x[1:]]), "inclusion"),
    "left moved to the right": (
        ranged(left=lambda x: x[:-1], right=lambda x: [*x, x[0]]),
        "inclusion",
    ),
    "left of no hash": (ranged(left=["AAAA"]), "readable"),
    "left of no list": (ranged(left=None), "readable"),
    "range with more": (ranged(more=1), "readable"),
    "no range": (lambda made: made.files.pop("range.json"), "readable"),
    "a proof in a range": (lambda made: made.lines[4].update(proof=[]), "inclusion"),
    "a period that began earlier": (said(since=p.moment(-20)), "borders"),
    "a period that ends later": (said(until=p.moment(301)), "borders"),
    "a period that ends before it begins": (
        said(since=p.moment(50), until=p.moment(40)),
        "borders",
    ),
    "a period of no time": (said(since=p.moment(50), until=p.moment(50)), "borders"),
    "since that is no time": (said(since="yesterday"), "readable"),
    "until that is no time": (said(until=5), "readable"),
    "start that is no number": (said(start="3"), "readable"),
    "filters that are none": (said(filters=[]), "readable"),
    "filters by what nobody counts": (said(filters={"agent": "x"}), "readable"),
    "filters that are numbers": (said(filters={"risk": 5}), "readable"),
    "filters that are nothing": (said(filters={"risk": None}), "readable"),
    "an action listed that is not whole": (
        lambda made: made.predicate["streams"].update({p.ACTION: {"count": 9, "state": "closed"}}),
        "streams",
    ),
    "an action listed as open that is not": (
        lambda made: made.predicate["streams"].update({p.ACTION: {"count": 10, "state": "open"}}),
        "streams",
    ),
}


@pytest.mark.parametrize("name", RANGES)
def test_a_range_with_a_gap_or_a_wrong_border_is_refused(name: str) -> None:
    edit, code = RANGES[name]
    made = p.good_period()
    edit(made)
    assert code in failing(made.sealed())


def test_a_whole_action_in_a_period_is_run_again() -> None:
    log = p.period_log()
    story = [each for each in p.run_story() if each["kind"] != "vote.counted"]
    lying = p.Log(entries=log.entries[:4])
    lying.append(p.ACTION, *story)
    lying.append("ledger", p.total(lying, 3, 300))
    made = p.period(lying, 3, len(lying.entries), until=290)
    assert "approvals" in failing(made.sealed())


def hidden(pick: Callable[[str, int, str], bool]) -> p.Draft:
    """Withhold what does not fit, and a little more."""
    log = p.period_log()
    shown = (p.ACTION, p.THIRD, "ledger")
    return p.period(
        log,
        3,
        len(log.entries) - 1,
        until=290,
        filters=FILTERS,
        withhold=lambda stream, version, kind: (
            pick(stream, version, kind) or (stream not in shown and kind not in p.ENDINGS)
        ),
    )


HIDDEN: dict[str, Callable[[str, int, str], bool]] = {
    "a whole action that fits": lambda stream, _v, _k: stream == p.ACTION,
    "the other action that fits": lambda stream, _v, _k: stream == p.THIRD,
    "both actions that fit": lambda stream, _v, _k: stream != "ledger",
    "its decision": lambda stream, _v, kind: (stream, kind) == (p.ACTION, "decision.reached"),
    "its votes": lambda stream, _v, kind: (stream, kind) == (p.ACTION, "vote.counted"),
    "its request": lambda stream, version, _k: (stream, version) == (p.ACTION, 0),
    "its end": lambda stream, _v, kind: (stream, kind) == (p.ACTION, "action.closed"),
    "another action's end": lambda stream, _v, kind: (stream, kind) == (p.SECOND, "action.closed"),
    "another action's answer": lambda stream, _v, kind: (
        (stream, kind) == (p.SECOND, "action.settled")
    ),
    "its receipt": lambda stream, _v, kind: (stream, kind) == (p.THIRD, "execution.reported"),
    "the first total": lambda stream, version, _k: (stream, version) == ("ledger", 0),
    "a total in between": lambda stream, version, _k: (stream, version) == ("ledger", 1),
    "the last total": lambda stream, version, _k: (stream, version) == ("ledger", 2),
    "all totals": lambda stream, _v, _k: stream == "ledger",
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_filter_hides_nothing_that_fits(name: str) -> None:
    assert failing(hidden(HIDDEN[name]).sealed())


def test_a_filter_does_not_hide_what_fits_under_another_name() -> None:
    made = p.filtered_period(FILTERS)
    for each in made.lines:
        if f'"stream":"{p.THIRD}"' in each.get("canonical", ""):
            text = each.pop("canonical")
            leaf = p.sha(b"\x00" + text.encode()).hex()
            each |= {"leaf": leaf, "stream": "keys", "version": json.loads(text)["version"]}
            made.predicate["withheld"] += 1
    assert failing(made.sealed()) & {"totals", "filters"}


def test_what_no_total_counts_is_not_withheld() -> None:
    log = p.period_log()
    log.append("keys", {"kind": "key.revoked", "at": p.moment(280), "key_id": "x"})
    late = p.total(p.Log(entries=log.entries[:-1]), 33, 400)
    start = next(
        json.loads(text)["event"]["end"]
        for stream, version, text in log.entries
        if (stream, version) == ("ledger", 2)
    )
    late = p.total(p.Log(entries=log.entries[:-1]), start, 400)
    log.append("ledger", late)
    shown = (p.ACTION, p.THIRD, "ledger")
    made = p.period(
        log,
        3,
        len(log.entries),
        until=390,
        filters=FILTERS,
        withhold=lambda stream, _version, kind: stream not in shown and kind not in p.ENDINGS,
    )
    assert "filters" in failing(made.sealed())


PROFILE_LIES: dict[str, tuple[str, Callable[[str, int, str], bool]]] = {
    "a vote without arguments": ("without-arguments", lambda _s, _v, kind: kind == "vote.counted"),
    "a decision without arguments": (
        "without-arguments",
        lambda _s, _v, kind: kind == "decision.reached",
    ),
    "a key without arguments": ("without-arguments", lambda _s, _v, kind: kind == "key.revoked"),
    "a decision in counts": ("counts", lambda _s, _v, kind: kind == "decision.reached"),
    "a settlement in counts": ("counts", lambda _s, _v, kind: kind == "action.settled"),
    "an end in counts": ("counts", lambda _s, _v, kind: kind == "action.closed"),
    "a total in counts": ("counts", lambda _s, _v, kind: kind == "ledger.sealed"),
    "anything in full": ("full", lambda _s, _v, kind: kind == "key.revoked"),
}


@pytest.mark.parametrize("name", PROFILE_LIES)
def test_a_profile_withholds_what_it_says_and_no_more(name: str) -> None:
    profile, pick = PROFILE_LIES[name]
    assert failing(p.good_period(profile, pick).sealed())


def early_period(story: list[p.Event], *bundles: p.Event, **words: Any) -> p.Draft:
    """Draft a period with one story, and whose roster lies before it unless ``start`` is 0."""
    log = p.Log()
    log.append("tenant", p.created())
    log.append("roster", p.roster())
    log.append("bundles", p.activation(), *bundles)
    log.append("ledger", p.total(log, 0, -10))
    log.append(p.ACTION, *story)
    log.append("ledger", p.total(log, 3 + len(bundles), 100))
    start = words.pop("start", 3 + len(bundles))
    return p.period(log, start, len(log.entries), until=90, **words)


IN_PART: dict[str, tuple[Callable[[], p.Draft], str]] = {
    "a period without its roster": (
        lambda: early_period(p.run_story()),
        "2 votes without the roster in force",
    ),
    "a period without arguments": (
        lambda: p.good_period("without-arguments", p.PROFILES["without-arguments"]),
        "4 votes without the roster in force, 3 requests withheld",
    ),
    "counts": (
        lambda: p.good_period("counts", p.PROFILES["counts"]),
        "3 requests withheld, 2 actions whose votes were not counted again",
    ),
    "an action without arguments": (
        lambda: p.draft(
            p.log_of(p.run_story()),
            p.ACTION,
            profile="without-arguments",
            withhold=p.PROFILES["without-arguments"],
        ),
        "2 votes without the roster in force, 1 requests withheld",
    ),
}


@pytest.mark.parametrize("name", IN_PART)
def test_what_could_not_be_checked_is_not_said_to_hold(name: str) -> None:
    make, lacking = IN_PART[name]
    report = verifier.verify(make().sealed(), p.TRUST.encode())
    assert report.code == 0, report.checks
    (told,) = [each.sentence for each in report.checks if each.code == "approvals"]
    assert told == f"No approval is wrong as far as shown; not checked whole: {lacking}."
    assert any(f"{p.ACTION} was checked in part" in each for each in report.warnings)
    text = "\n".join(verifier.page(report, lambda words, _: words))
    assert f"{p.ACTION}  checked: in part" in text


def test_what_was_checked_whole_is_said_to_hold() -> None:
    report = verifier.verify(early_period(p.run_story(), start=0).sealed(), p.TRUST.encode())
    (told,) = [each.sentence for each in report.checks if each.code == "approvals"]
    assert told == verifier.CASE_CODES["approvals"]
    assert not report.warnings


def test_refusals_are_not_withheld_as_if_they_were_requests() -> None:
    made = early_period(
        p.run_story(),
        profile="without-arguments",
        withhold=lambda _stream, _version, kind: kind in ("action.requested", "vote.counted"),
    )
    for nth, each in enumerate(each for each in made.lines if "leaf" in each):
        each |= {"stream": f"act_{nth:032x}", "version": 0}
    assert "totals" in failing(made.sealed())


@pytest.mark.parametrize("kind", ["grant.issued", "grant.redeemed"])
def test_a_filter_does_not_hide_the_tail_of_what_fits(kind: str) -> None:
    story = p.run_story()
    end = [each["kind"] for each in story].index(kind) + 1
    made = early_period(
        story,
        filters=FILTERS,
        withhold=lambda stream, version, _kind: stream == p.ACTION and version >= end,
    )
    for nth, each in enumerate(each for each in made.lines if "leaf" in each):
        each |= {"stream": "keys", "version": 50 + nth}
    assert "totals" in failing(made.sealed())


def successor(seconds: float) -> p.Event:
    bundle = {**p.BUNDLE, "version": "8"}
    name = digest_bytes("counterseal/bundle/v1", canonical(bundle))
    return {**p.activation(seconds), "version": "8", "digest": name, "bundle": bundle}


def test_a_policy_that_was_replaced_no_longer_judges() -> None:
    made = early_period(p.run_story(), successor(-30), start=0)
    assert "policies" in failing(made.sealed())


@pytest.mark.parametrize("bundles", [[successor(-5)], [successor(-30), p.activation(-25)]])
def test_a_policy_may_judge_while_it_is_replaced_and_again_later(bundles: list[p.Event]) -> None:
    made = early_period(p.run_story(), *bundles, start=0)
    assert verifier.verify(made.sealed(), p.TRUST.encode()).code == 0


# --- sealed values

TOLD: p.Event = {"action": p.ACTION, "pointer": "/to", "salt": p.b64url(p.SALT), "value": p.PAYEE}
NESTED: p.Event = {
    "action": p.ACTION,
    "pointer": "/who/0/name",
    "salt": p.b64url(b"\x01" * 32),
    "value": "Paula",
}
VALUES: dict[str, list[Any]] = {
    "another value": [{**TOLD, "value": "DE00"}],
    "a value of another type": [{**TOLD, "value": [p.PAYEE]}],
    "no value": [{**TOLD, "value": None}],
    "another salt": [{**TOLD, "salt": p.b64url(bytes(32))}],
    "a short salt": [{**TOLD, "salt": p.b64url(bytes(31))}],
    "a long salt": [{**TOLD, "salt": p.b64url(bytes(33))}],
    "a padded salt": [{**TOLD, "salt": p.b64url(p.SALT) + "="}],
    "a salt in other base64": [{**TOLD, "salt": "+" * 43}],
    "a salt respelt": [{**TOLD, "salt": p.b64url(p.SALT)[:-1] + "9"}],
    "no salt": [{**TOLD, "salt": ""}],
    "another place": [{**TOLD, "pointer": "/amount"}],
    "no place": [{**TOLD, "pointer": "/nowhere"}],
    "the whole": [{**TOLD, "pointer": ""}],
    "no pointer": [{**TOLD, "pointer": "to"}],
    "inside the commitment": [{**TOLD, "pointer": "/to/$committed"}],
    "a place respelt": [{**NESTED, "pointer": "/who/00/name"}],
    "a place beyond": [{**NESTED, "pointer": "/who/1/name"}],
    "a place behind": [{**NESTED, "pointer": "/who/-1/name"}],
    "a place far beyond": [{**NESTED, "pointer": "/who/" + "9" * 50 + "/name"}],
    "a place by a star": [{**NESTED, "pointer": "/who/*/name"}],
    "of another action": [{**TOLD, "action": p.SECOND}],
    "of no action": [{**TOLD, "action": ""}],
    "twice": [TOLD, TOLD],
    "twice, apart": [TOLD, NESTED, TOLD],
    "with more": [{**TOLD, "more": 1}],
    "with less": [{"action": p.ACTION, "pointer": "/to", "salt": p.b64url(p.SALT)}],
    "no object": [[]],
    "one good, one bad": [NESTED, {**TOLD, "value": "DE00"}],
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_was_not_sealed_there_is_refused(name: str) -> None:
    seen = p.revealed("/to", "/who/0/name")
    made = p.draft(p.log_of(p.committed_story(), (f"{p.ACTION}:data", [seen])), p.ACTION)
    p.with_disclosures(made, *VALUES[name])
    assert failing(made.sealed()) & {"disclosures", "readable"}


@pytest.mark.parametrize("content", [b"", b"\n", b"{}", rfc8785.dumps(TOLD)])
def test_disclosures_are_lines_and_not_empty(content: bytes) -> None:
    made = p.draft(p.log_of(p.committed_story()), p.ACTION)
    made.files["disclosures.jsonl"] = content
    assert failing(made.sealed()) == {"readable"}


def test_shredding_is_told_in_both_places() -> None:
    made = p.draft(p.log_of(p.run_story(), (f"{p.ACTION}:data", [p.shredded()])), p.ACTION)
    made.predicate["shredded"] = []
    assert "shredded" in failing(made.sealed())


def test_a_value_is_not_taken_along_without_a_record_of_it() -> None:
    made = p.draft(p.log_of(p.committed_story()), p.ACTION)
    assert "disclosures" in failing(p.with_disclosures(made, TOLD).sealed())
