"""Records for a SIEM: as the published schema wants them, and without anything to hide."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given, settings

from counterseal.core.canonical import Json, canonical
from counterseal.core.policy.decision import Decision
from counterseal.core.words import Verdict
from domain.evidence.ocsf import ocsf_lines, ocsf_records
from domain.evidence.siem.actions import verb_of
from domain.evidence.siem.notice import NOBODY, Verb
from domain.evidence.siem.notices import NOTICES, SUSPICIOUS
from domain.evidence.story import StoryEvent
from domain.evidence.telling.sentences import REFUSALS
from tests.support.hostile import HOSTILE
from tests.support.kinds import EVERY_KIND, LOG, ONE_OF_EACH, changed, events
from tests.support.ocsf import flaws
from tests.support.stories import ACTION, ask, decision
from tests.support.tales import (
    COMMITTED,
    explained,
    one_action,
    package,
    told,
    whole_log,
    withheld,
)

Record = Mapping[str, Any]

RECORDS: list[dict[str, Any]] = list(ocsf_lines(package(LOG)))
CLASSES = ACTIVITY, ENTITY, FINDING, LIFECYCLE = 6003, 3004, 2004, 6002


def of_kind(kind: str, *classes: int) -> list[dict[str, Any]]:
    return [
        each
        for each in RECORDS
        if each["metadata"]["event_code"] == kind and each["class_uid"] in (classes or CLASSES)
    ]


def answers(judged: Decision) -> list[tuple[int, int]]:
    lines: list[dict[str, Any]] = list(ocsf_lines(package(told(one_action(ask(judged))))))
    return [(each["action_id"], each["disposition_id"]) for each in lines if "action_id" in each]


def test_every_kind_of_event_is_told() -> None:
    assert {*NOTICES} == EVERY_KIND


@pytest.mark.parametrize("record", RECORDS, ids=lambda each: each["metadata"]["uid"])
def test_records_are_as_the_schema_says(record: Record) -> None:
    assert flaws(record) == []


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"severity_id": None}, "severity_id"),
        ({"severity_id": 77}, "severity_id"),
        ({"severity": "Urgent"}, "severity"),
        ({"time": "yesterday"}, "time"),
        ({"type_uid": 600399, "type_name": "API Activity: Other"}, "type_uid"),
        ({"colour": "red"}, "colour"),
        ({"actor": {}}, "actor"),
        ({"src_endpoint": {"port": 1}}, "src_endpoint"),
        ({"cloud": {"provider": "x"}}, "cloud"),
        ({"class_uid": 1}, "class_uid"),
        ({"category_uid": 3}, "category_uid"),
        ({"api": {}}, "operation"),
        ({"actor": {"invoked_by": "x"}}, "deprecated"),
    ],
)
def test_the_schema_is_really_held_against_them(spoilt: Record, said: str) -> None:
    record = of_kind("decision.reached")[0]
    broken = {key: each for key, each in {**record, **spoilt}.items() if each is not None}
    assert any(said in flaw for flaw in flaws(broken))


@pytest.mark.parametrize("missing", ["actor", "api", "src_endpoint", "metadata", "time"])
def test_what_is_required_is_required(missing: str) -> None:
    record = of_kind("decision.reached")[0]
    assert flaws({key: each for key, each in record.items() if key != missing})


def test_attributes_of_a_profile_need_the_profile() -> None:
    record = of_kind("decision.reached")[0]
    bare = {**record, "metadata": {**record["metadata"], "profiles": []}}
    assert any("disposition_id" in flaw for flaw in flaws(bare))


@pytest.mark.parametrize(
    ("judged", "first"),
    [
        (explained(Verdict.ALLOW), (1, 1)),
        (explained(Verdict.BLOCK), (2, 2)),
        (explained(Verdict.STEP_UP), (0, 23)),
        (decision(Verdict.ALLOW, verdict=Verdict.BLOCK), (3, 17)),
    ],
    ids=["allow", "block", "step up", "observe"],
)
def test_verdicts_have_their_numbers(judged: Decision, first: tuple[int, int]) -> None:
    assert answers(judged)[0] == first
    if judged.effective is not Verdict.STEP_UP:
        assert {*answers(judged)} == {first}


def test_a_rule_that_could_not_be_read_is_an_error() -> None:
    judged = explained(Verdict.BLOCK)
    (rule,) = judged.fired
    erred = judged.model_copy(update={"fired": (rule.model_copy(update={"erred": True}),)})
    assert {*answers(erred)} == {(2, 27)}


def test_what_would_have_been_is_told() -> None:
    judged = decision(Verdict.ALLOW, verdict=Verdict.BLOCK)
    lines: list[dict[str, Any]] = list(ocsf_lines(package(told(one_action(ask(judged))))))
    assert lines[1]["unmapped"]["would_have"] == "BLOCK"


def test_dispositions_have_their_numbers() -> None:
    ended = {
        each["unmapped"]["disposition"]: (each["action_id"], each["disposition_id"])
        for each in of_kind("action.settled")
    }
    assert ended == {
        "ALLOWED": (1, 1),
        "BLOCKED": (2, 2),
        "APPROVED": (1, 8),
        "DENIED": (2, 25),
        "EXPIRED": (2, 26),
        "CANCELLED": (2, 99),
    }


def test_a_vote_is_its_voters_own_call() -> None:
    (first, *_) = of_kind("vote.counted")
    assert first["api"]["operation"] == "approval.vote"
    assert first["actor"]["user"]["uid"] == "ada"
    assert first["src_endpoint"] == {"name": "ada", "svc_name": "web"}
    assert "action_id" not in first


def test_attacks_on_the_gate_are_findings() -> None:
    found = Counter(each["finding_info"]["types"][0] for each in RECORDS if "finding_info" in each)
    assert found == {
        "self-approval": 1,
        "stale-digest": 1,
        "forged": 1,
        "idempotency-key-reused": 1,
        "not-the-holder": 1,
        "digest-mismatch": 2,
        "already-redeemed": 2,
        "log-not-sound": 1,
    }
    assert {*found} <= {*SUSPICIOUS, "log-not-sound"}
    for each in RECORDS:
        if each["class_uid"] == FINDING:
            assert each["is_alert"] is True
            assert each["severity"] == "High"


def test_ordinary_refusals_are_no_findings() -> None:
    refused = [each for kind in REFUSALS for each in of_kind(kind, ACTIVITY)]
    assert {"already-voted", "not-the-requester"} <= {each["status_code"] for each in refused}
    assert all(each["status"] == "Failure" for each in refused)


def test_operators_change_entities() -> None:
    changed_by_operators = {
        each["metadata"]["event_code"]: (each["activity_id"], each["entity"]["type_id"])
        for each in RECORDS
        if each["class_uid"] == ENTITY
    }
    assert changed_by_operators == {
        "tenant.created": (1, 4),
        "key.issued": (1, 99),
        "key.revoked": (11, 99),
        "roster.changed": (3, 3),
        "bundle.activated": (10, 5),
    }
    (bundle,) = of_kind("bundle.activated")
    assert bundle["entity"]["policy"]["uid"] == "sha256:" + "b" * 64


def test_each_record_names_its_event_and_its_action() -> None:
    uids = [each["metadata"]["uid"] for each in RECORDS]
    assert len(uids) == len({*uids})
    leaves = {each.seq: each.leaf for each in LOG}
    for each in RECORDS:
        meta, unmapped = each["metadata"], each["unmapped"]
        assert unmapped["leaf"] == leaves[meta["sequence"]]
        assert meta["version"] == "1.8.0"
        assert meta["log_name"] == "counterseal.local/acme"
        stream = unmapped["stream"].partition(":")[0]
        assert meta.get("correlation_uid", stream) == stream
    assert [each["metadata"]["sequence"] for each in RECORDS] == sorted(
        each["metadata"]["sequence"] for each in RECORDS
    )
    assert {each["metadata"]["sequence"] for each in RECORDS} == {*leaves}


def test_times_are_milliseconds() -> None:
    first = of_kind("action.requested")[0]
    assert first["time"] == 1767258000000
    odd = StoryEvent(0, "odd", 0, "0" * 64, "x", "2026-01-01T09:00:00.001999Z", {})
    (record,) = ocsf_records("log", "acme", odd, NOBODY)
    assert record["time"] == 1767258000001


def test_nothing_is_told_of_what_is_withheld() -> None:
    assert list(ocsf_lines(package(withheld(each) for each in LOG))) == []
    half = [withheld(each) if each.kind == "action.requested" else each for each in LOG]
    assert all(flaws(each) == [] for each in ocsf_lines(package(half)))


def test_no_argument_nor_secret_is_told() -> None:
    opened = package(LOG, disclosures={(ACTION.id, "/to"): '"DE02120300000000202051"'})
    written = json.dumps(list(ocsf_lines(opened)))
    for secret in ("DE0212", "1200.00", COMMITTED, "5" * 64, "invoice 4411 is due"):
        assert secret not in written


def test_the_same_story_gives_the_same_records() -> None:
    assert [canonical(each) for each in ocsf_lines(package(told(whole_log())))] == [
        canonical(each) for each in RECORDS
    ]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: ascii(text)[:40])
def test_hostile_text_is_data(hostile: str) -> None:
    story = package(changed(each, hostile) for each in ONE_OF_EACH)
    for record in ocsf_lines(story):
        assert flaws(record) == []
        for text in texts_of(record):
            assert all(each == " " or category(each)[0] not in "CZ" for each in text)


def texts_of(value: Json) -> list[str]:
    match value:
        case str():
            return [value]
        case Mapping():
            return [each for pair in value.items() for part in pair for each in texts_of(part)]
        case list():
            return [each for part in value for each in texts_of(part)]
        case _:
            return []


@pytest.mark.parametrize(
    ("tool", "verb"),
    [
        ("payments.transfer", Verb.CREATE),
        ("db.read_rows", Verb.READ),
        ("files.delete", Verb.DELETE),
        ("crm-update", Verb.UPDATE),
        ("shell", Verb.OTHER),
        ("", Verb.OTHER),
    ],
)
def test_verbs_are_guessed_from_names(tool: str, verb: Verb) -> None:
    assert verb_of(tool) is verb


@settings(max_examples=60, deadline=None)
@given(events)
def test_whatever_was_recorded_makes_a_record(event: StoryEvent) -> None:
    for record in ocsf_lines(package([event])):
        assert flaws(record) == []
