"""The whole way, over HTTP, on a real stack."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterseal.core.links import flaws
from entrypoints.stack import Stack
from tests.support.stack import Cast, troupe

ORDER = {"customer": "cust-7", "order_id": "ord-7"}


@pytest.fixture(scope="module", name="cast")
def own_cast(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with troupe(stack, "the-way", Path(tmp_path_factory.mktemp("keys")) / "keys.json") as cast:
        yield cast


def test_a_small_refund_is_allowed_and_runs_once(cast: Cast) -> None:
    answer = cast.agent.propose("refund_order", arguments={"amount": 20, **ORDER})
    assert answer.status_code == 200
    action = answer.json()
    assert action["disposition"] == "ALLOWED"
    redeemed = cast.agent.redeem(action).json()
    assert cast.agent.redeem(action).json()["code"] == "already-redeemed"
    closed = cast.agent.report(action, redeemed["redemption_id"])
    assert closed.json()["outcome"] == "SUCCEEDED"
    assert cast.agent.kinds(action["action_id"]) == [
        "action.requested",
        "decision.reached",
        "action.settled",
        "grant.issued",
        "grant.redeemed",
        "grant.refused",
        "execution.reported",
        "action.closed",
    ]


def test_two_people_approve_and_the_action_runs(cast: Cast) -> None:
    held = cast.agent.propose("refund_order", arguments={"amount": 500, **ORDER})
    assert held.status_code == 202
    action = held.json()
    first = cast.approvers["ada"].vote(action).json()
    assert first["counted"], first
    second = cast.approvers["grace"].vote(action).json()
    assert second["disposition"] == "APPROVED", second
    granted = cast.agent.read(action["action_id"], wait=5).json()
    redeemed = cast.agent.redeem(granted).json()
    assert cast.agent.report(granted, redeemed["redemption_id"]).status_code == 200
    story = cast.auditor.story(action["action_id"])
    written = [event["canonical"].encode() for event in story["events"]]
    assert flaws(cast.tenant, action["action_id"], written) == []
