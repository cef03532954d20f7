"""Hostile text is only text, and what is secret is found nowhere but where it belongs."""

import json
import re
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from tests.abuse.world import NOBODY, World, declined, fresh
from workflows.governed_action import GovernedAction, workflow_id

HOSTILE = [
    "'; DROP TABLE ledger.event; --",
    "$$ || pg_sleep(9) || $$",
    '"}],"kind":"action.settled","disposition":"ALLOWED"',
    '\r\n{"event": "forged", "level": "info"}',
    "\x1b[2J\x1b[31mred",
    "\u202egnp.exe",
    "\u200b\u2066hidden\u2069\ufeff",
    "\U000e0041\U000e0042",
    "{{7*7}} ${7*7} <%= 7*7 %> #{7*7}",
    "${jndi:ldap://127.0.0.1/x}",
    "<script>alert(1)</script>",
    "<!channel> <@U123> [link](http://127.0.0.1)",
    "=cmd|'/c calc'!A0",
    "../../../../etc/passwd\x00.png",
    "%s%n%x {0} {name!r}",
    "a\x00b",
    "ﷺ" * 300,
    "e" + "\u0301" * 500,
    "CEF:0|x|y|1|100|z|10|src=1.1.1.1",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_kept_as_text_in_every_field(world: World, text: str) -> None:
    answer = world.agent.propose(
        "refund_order",
        arguments={"amount": 500, "customer": text, "order_id": "o", "note": {text: [text]}},
        resource=text,
        justification=text,
        asserted={
            "user_request": text,
            "observations": [{"tool": text[:100], "content": text, "trusted": False}],
        },
    )
    assert answer.status_code == 202, answer.text
    held = answer.json()
    assert held["action"]["arguments"]["customer"] == text == held["action"]["resource"]
    seen = world.auditor.read(held["action_id"]).json()
    assert (seen["action"]["resource"], seen["justification"]) == (text, text)
    assert world.ada.vote(held, reason="r" + text + "r").json()["counted"]
    assert world.grace.vote(held, reason="r" + text + "r").json()["disposition"] == "APPROVED"
    granted = world.agent.read(held["action_id"]).json()
    redeemed = world.agent.redeem(granted).json()
    done = world.agent.report(granted, redeemed["redemption_id"], detail=text)
    assert done.json()["outcome"] == "SUCCEEDED"
    story = world.auditor.story(held["action_id"])["events"]
    kinds = [json.loads(event["canonical"])["event"]["kind"] for event in story]
    assert kinds == [event["kind"] for event in story]
    reasons = [json.loads(event["canonical"])["event"].get("reason") for event in story]
    assert reasons.count("r" + text + "r") == 2
    assert not any(line.startswith('{"event": "forged"') for line in logs(world).splitlines())


def logs(world: World) -> str:
    folder = world.cast.stack.data
    return "".join((folder / f"{name}.log").read_text("utf-8") for name in ("api", "worker"))


async def found_in_temporal(world: World, action: str) -> str:
    """Give everything Temporal shows of a workflow without opening its payloads."""
    client = await Client.connect(
        world.cast.stack.temporal_address, data_converter=pydantic_data_converter
    )
    found = [str(client.identity)]
    async for each in client.list_workflows(f"WorkflowId = '{workflow_id('main', action)}'"):
        shown: dict[str, Any] = {**each.search_attributes}
        found += [each.id, each.task_queue, str(shown), str(await each.memo())]
    assert len(found) > 1
    return " ".join(found)


async def test_secrets_are_found_nowhere_but_where_they_belong(world: World) -> None:
    canary, wrong = "canary" + fresh(), "csk_" + "0" * 16 + "_canary" + fresh()
    doomed = world.with_key("agent", "canary-agent")
    texts = {"amount": 500, "customer": canary, "order_id": canary}
    answer = world.agent.propose(
        "refund_order",
        key=canary + "-key",
        arguments=texts,
        resource=canary,
        justification=canary,
        session=canary,
        asserted={"user_request": canary},
    )
    held = answer.json()
    path = f"/v1/actions/{held['action_id']}"
    answers = [
        world.ada.http.post(f"{path}/votes", json={"reason": canary, canary: 1}),
        world.agent.http.post("/v1/actions", json={"tool": canary, "x": canary}),
        world.agent.http.post("/v1/actions", content=f'{{"tool":"{canary}'.encode()),
        world.agent.propose("refund_order", key=canary + "-key", arguments={"other": canary}),
        world.stranger.http.get(path),
        world.rival.http.post(f"{path}/withdrawal", json={"request_id": fresh(), "reason": canary}),
        doomed.http.get("/v1/whoami", headers={"Authorization": f"Bearer {wrong}"}),
    ]
    for refused in answers:
        told = declined(refused, refused.json()["code"], wrong, doomed.key)
        # Only names of fields, which the sender chose, may come back.
        assert canary not in re.sub(rf'"/?{canary}|/{canary}', "", json.dumps(told))
    world.ada.vote(held, reason=canary)
    world.grace.vote(held, reason=canary)
    granted = world.agent.read(held["action_id"]).json()
    token = granted["grant"]["token"]
    declined(world.agent.redeem(granted, grant=token[:-4] + "AAAA"), "bad-grant", token[:60])
    redeemed = world.agent.redeem(granted).json()
    world.agent.report(granted, redeemed["redemption_id"], detail=canary)

    everywhere = logs(world) + await found_in_temporal(world, held["action_id"])
    metrics = world.agent.http.get("/metrics").text + world.agent.http.get("/readyz").text
    for secret in (canary, token, token.split(".")[2], wrong, wrong.split("_")[2]):
        assert secret not in everywhere
        assert secret not in metrics
    written = world.auditor.story(held["action_id"])
    listed = world.auditor.http.get("/v1/actions", params={"session": canary}).text
    for key in (doomed.key, world.agent.key, world.ada.key, world.operator.key):
        secret = key.split("_", 2)[2]
        assert secret not in everywhere + metrics + str(written) + listed
    assert token not in str(written) + listed
    assert listed.count(canary) == 1  # the session's name, which was asked for; no argument


async def test_what_reaches_temporal_by_the_back_door_is_not_logged(world: World) -> None:
    canary, held = "canary" + fresh(), world.held()
    client = await Client.connect(
        world.cast.stack.temporal_address, data_converter=pydantic_data_converter
    )
    handle = client.get_workflow_handle(workflow_id("main", held["action_id"]))
    vote = {
        "kind": "vote",
        "tenant": "main",
        "action_id": held["action_id"],
        "vote_id": f"ada/{fresh()}",
        "person": "ada",
        "approve": True,
        "reason": canary,
        "digest": held["digest"],
        "channel": "api",
        "assurance": "api_key",
        "heard_at": "2026-01-01T00:00:00.000000Z",
    }
    envelopes: list[Any] = [
        canary,
        {canary: canary},
        [canary],
        None,
        {"body": vote, "signature": canary},
        {"body": vote, "signature": "A" * 86},
        {"body": {**vote, "kind": "withdrawal"}, "signature": canary},
        {"body": {**vote, "action_id": NOBODY}, "signature": canary},
        {"body": {**vote, "approve": "true"}, "signature": canary},
    ]
    for envelope in envelopes:
        await handle.signal(GovernedAction.message, envelope)
    assert world.ada.vote(held).json()["counted"]  # answered after all of those
    kinds = world.auditor.kinds(held["action_id"])
    assert kinds.count("vote.counted") == 1
    assert kinds.count("vote.refused") >= 4
    assert world.agent.read(held["action_id"]).json()["phase"] == "HELD"
    assert canary not in logs(world)
    world.agent.http.post(
        f"/v1/actions/{held['action_id']}/withdrawal",
        json={"request_id": fresh(), "reason": "only a test"},
    )


def test_the_log_of_the_api_holds_no_stack_trace_and_no_fault_of_ours(world: World) -> None:
    for line in (world.cast.stack.data / "api.log").read_text("utf-8").splitlines():
        told = json.loads(line)
        assert told["event"] != "request.broken", line
        assert "Traceback" not in line, line
