"""An incident review on the real stack: what happened is found as it happened, by whoever may."""

import csv
import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from entrypoints.stack import Stack
from tests.support.stack import Cast, Json, troupe

BUNDLE = """
bundle: review
version: "{version}"
groups: {{support-leads: Leads, treasury: Money}}
defaults: {{route: {{groups: [support-leads, treasury], quorum: 2, timeout: 1h}}}}
classes:
  - id: free
    title: Allowed
    tools: [free]
    verdict: ALLOW
    risk: low
    attributes: {{amount: {{type: number, from: [/amount]}}}}
  - {{id: asked, title: People are asked, tools: [asked], verdict: STEP_UP, risk: critical}}
rules:
  - id: never
    title: Not over the limit
    owner: olga
    match: {{class: [free]}}
    params: {{limit: {limit}}}
    when: [{{name: over, cel: attr.amount > params.limit}}]
    verdict: BLOCK
"""


@pytest.fixture(scope="module")
def there(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    kept = Path(tmp_path_factory.mktemp("review")) / "keys.json"
    with troupe(stack, f"review-{uuid.uuid4().hex[:8]}", kept) as cast:
        yield cast


def items(cast: Cast, path: str, **asked: Any) -> list[Json]:
    answer = cast.auditor.http.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


def test_a_review_finds_what_was_decided_by_whom_and_what_was_refused(there: Cast) -> None:
    ada, grace = there.approvers["ada"], there.approvers["grace"]
    arguments = {"amount": 500, "customer": "c-1", "order_id": "o-1"}
    held = there.agent.propose("refund_order", arguments=arguments).json()
    ada.vote(held, reason="=2+5+cmd|' /C calc'!A0")
    ada.vote(held, reason="once more")
    grace.vote(held, digest="sha256:" + "0" * 64)
    grace.vote(held)
    granted = there.agent.read(held["action_id"], wait=10).json()
    used = there.agent.redeem(granted).json()
    there.agent.redeem(granted)
    there.agent.report(held, used["redemption_id"])
    there.agent.redeem(granted)

    (action,) = items(there, "/v1/actions", min_risk="high")
    assert (action["action_id"], action["risk"]) == (held["action_id"], "high")
    counted = there.auditor.http.get(
        "/v1/actions/summary", params={"by": "effective,disposition,outcome,rule"}
    ).json()
    assert counted["groups"] == [
        {
            "effective": "STEP_UP",
            "disposition": "APPROVED",
            "outcome": "SUCCEEDED",
            "rule": "refund.two-people",
            "count": 1,
        }
    ]
    votes = items(there, "/v1/votes", action_id=held["action_id"], approve=True)
    assert [(each["person"], each["digest"]) for each in votes] == [
        ("grace", held["digest"]),
        ("ada", held["digest"]),
    ]
    assert all(0 <= each["after_asked"] <= each["after_hold"] for each in votes)
    hasty = {each["vote_id"] for each in votes if each["after_asked"] < 3}
    assert {each["vote_id"] for each in items(there, "/v1/votes", hasty=True)} == hasty
    refused = items(there, "/v1/refusals", action_id=held["action_id"])
    assert [(each["sender"], each["code"], each["late"]) for each in reversed(refused)] == [
        ("ada", "already-voted", False),
        ("grace", "stale-digest", False),
        ("support-agent", "already-redeemed", False),
        ("support-agent", "already-redeemed", True),
    ]
    by_code = there.auditor.http.get("/v1/refusals/summary", params={"by": "code,late"}).json()
    assert (by_code["total"], by_code["complete"]) == (4, True)


def test_which_policy_change_came_from_which_incident(there: Cast) -> None:
    def activate(version: str, limit: int, **why: str) -> Json:
        files = {"bundle.yaml": BUNDLE.format(version=version, limit=limit)}
        answer = there.operator.http.post("/v1/bundles", json={"files": files, **why})
        assert answer.status_code == 201, answer.text
        told: Json = answer.json()
        return told

    first = activate("1", 100)
    second = activate("2", 50, because="c-1 got two refunds", incident="INC-4711")
    newest, before, _ = items(there, "/v1/bundles/history")
    assert (newest["digest"], newest["replaces"]) == (second["digest"], first["digest"])
    assert (newest["because"], newest["incident"], newest["by"]) == (
        "c-1 got two refunds",
        "INC-4711",
        "operator",
    )
    assert (newest["rules_changed"], newest["rules_added"], newest["rules_removed"]) == (
        ["never"],
        [],
        [],
    )
    assert (before["incident"], before["rules_added"]) == (None, ["never"])
    assert "refund.two-people" in before["rules_removed"]
    assert items(there, "/v1/bundles/history", incident="INC-4711") == [newest]
    assert items(there, "/v1/bundles/history", incident="INC-1") == []


@pytest.mark.parametrize("path", ["/v1/actions", "/v1/votes", "/v1/refusals"])
def test_every_form_of_a_list_says_the_same(there: Cast, path: str) -> None:
    told = items(there, path, limit=500)
    pages: list[Json] = []
    cursor: str | None = ""
    while cursor is not None:
        place = {"cursor": cursor} if cursor else {}
        page = there.auditor.http.get(path, params={"limit": 1, **place}).json()
        pages, cursor = pages + page["items"], page["next_cursor"]
    lines = there.auditor.http.get(path, params={"format": "jsonl"}).text.splitlines()
    rows = csv.DictReader(
        io.StringIO(there.auditor.http.get(path, params={"format": "csv"}).text, newline="")
    )
    assert told
    assert [each["action_id"] for each in rows] == [each["action_id"] for each in told]
    assert [json.loads(each) for each in lines] == pages == told
