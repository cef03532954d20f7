"""A class can demand that its evidence is sealed, or witnessed, before anything runs."""

import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from counterseal import Counterseal
from counterseal.core.links import leaf_hash
from counterseal.core.tlog.checkpoint import parse_checkpoint
from counterseal.core.tlog.note import from_base64
from counterseal.core.tlog.proofs import is_consistent, is_included
from counterseal.core.tlog.trust import parse_trust
from counterseal.errors import StillHeld
from counterseal.standing import Hold, Permit
from domain.standing import Standing
from entrypoints.keys import read_gateway_key
from entrypoints.stack import Stack
from entrypoints.tokens import GrantTokens
from tests.support.stack import Cast, Json, troupe

POLICY = """\
bundle: levels
version: "1"
groups: {treasury: Treasury}
defaults: {route: {groups: [treasury], timeout: 1h}}
classes:
  - {id: at-once, title: At once, tools: [at_once], verdict: ALLOW, risk: low}
  - {id: sealed, title: Sealed, tools: [sealed], verdict: ALLOW, risk: high, evidence: sealed}
  - id: witnessed
    title: Witnessed
    tools: [witnessed]
    verdict: ALLOW
    risk: critical
    evidence: witnessed
"""
DEMANDING = ["sealed", "witnessed"]


@pytest.fixture(scope="module")
def people(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    kept = tmp_path_factory.mktemp("levels") / "keys.json"
    with troupe(stack, f"levels-{uuid.uuid4().hex[:6]}", kept) as cast:
        told = cast.operator.http.post("/v1/bundles", json={"files": {"bundle.yaml": POLICY}})
        assert told.status_code == 201, told.text
        yield cast


@contextmanager
def frozen(stack: Stack, *parts: str) -> Iterator[None]:
    """Let parts neither work nor die."""
    processes = [stack.children[part].process for part in parts]
    for process in processes:
        assert process is not None
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            assert process is not None
            process.send_signal(signal.SIGCONT)


def token(stack: Stack, people: Cast, answer: Json) -> str:
    """Forge what only the gateway can: the token of a grant that was not released."""
    tokens = GrantTokens(read_gateway_key(stack.data / "gateway.pem"))
    return tokens.issue(
        Standing.model_validate(
            {
                **{name: answer[name] for name in ("action_id", "digest", "phase", "verdict")},
                "effective": answer["effective"],
                "tenant": people.tenant,
                "version": 3,
                "action_class": None,
                "risk": "low",
                "message": "",
                "agent": answer["action"]["agent"],
                "was_held": False,
                "asked_at": "2026-01-01T00:00:00Z",
                "grant_id": answer["grant"]["grant_id"],
                "grant_expires": answer["grant"]["expires_at"],
            }
        )
    )


@pytest.mark.parametrize("tool", DEMANDING)
def test_a_grant_is_released_once_its_evidence_is_there(people: Cast, tool: str) -> None:
    told = people.agent.propose(tool, wait=20)
    answer: Json = told.json()
    assert (told.status_code, answer["phase"]) == (200, "GRANTED")
    assert answer["grant"]["awaits"] is None
    row = people.auditor.read(answer["action_id"]).json()["row"]
    assert row["level"] in DEMANDING[DEMANDING.index(tool) :]
    assert people.agent.redeem(answer).status_code == 200


@pytest.mark.parametrize(("tool", "part"), [("sealed", "signer"), ("witnessed", "witness")])
def test_until_then_it_is_kept_back_and_cannot_be_used(
    stack: Stack, people: Cast, tool: str, part: str
) -> None:
    with frozen(stack, part):
        told = people.agent.propose(tool)
        answer: Json = told.json()
        assert (told.status_code, answer["phase"], answer["disposition"]) == (
            202,
            "GRANTED",
            "ALLOWED",
        )
        assert (answer["grant"]["token"], answer["grant"]["awaits"]) == (None, tool)
        assert people.agent.read(answer["action_id"], wait=1).json()["grant"]["token"] is None
        before = people.auditor.story(answer["action_id"])
        forged = people.agent.redeem(answer, grant=token(stack, people, answer))
        assert (forged.status_code, forged.json()["code"]) == (409, "evidence-not-sealed")
        assert forged.headers["Retry-After"] == "1"
        assert people.auditor.story(answer["action_id"]) == before, "nothing is recorded of it"
        other = people.agent.propose("at_once").json()
        assert people.agent.redeem(other).status_code == 200, "nobody else waits"
    released = people.agent.read(answer["action_id"], wait=20).json()
    assert released["grant"]["token"]
    assert people.agent.redeem(released).status_code == 200


def test_an_unused_grant_that_waits_can_be_given_back(stack: Stack, people: Cast) -> None:
    with frozen(stack, "signer"):
        answer: Json = people.agent.propose("sealed").json()
        body = {"request_id": uuid.uuid4().hex, "reason": "no longer needed"}
        path = f"/v1/actions/{answer['action_id']}/withdrawal"
        told = people.agent.http.post(path, json=body)
        assert (told.status_code, told.json()["phase"]) == (200, "CLOSED")


def test_an_agent_waits_and_is_told_for_what(stack: Stack, people: Cast) -> None:
    with Counterseal(stack.url, people.keys.agent) as line:
        with frozen(stack, "signer"):
            now = line.propose("sealed", {}, wait=1)
            assert isinstance(now, Hold)
            with pytest.raises(StillHeld, match="may not run before its evidence is sealed"):
                line.redeem(now)  # what a careless agent does
        now = line.wait(now, 20)
        assert isinstance(now, Permit)
        assert line.redeem(now).action_id == now.action_id


def test_lists_tell_levels_and_filter_by_them(people: Cast) -> None:
    for _ in range(2):
        people.agent.propose("witnessed", wait=20)

    def listed(**wanted: Any) -> list[str]:
        page = people.auditor.http.get("/v1/actions", params={"limit": 500, **wanted}).json()
        return [row["level"] for row in page["items"]]

    assert {*listed(level="witnessed")} == {"witnessed"}
    assert {*listed(level="recorded")} <= {"recorded"}
    assert len(listed()) >= len(listed(level="witnessed")) >= 2


def test_the_log_speaks_for_itself(stack: Stack, people: Cast) -> None:
    people.agent.propose("witnessed", wait=20)
    http = people.auditor.http
    told = http.get("/v1/log/checkpoint")
    assert told.headers["content-type"].startswith("text/plain")
    checkpoint, note = parse_checkpoint(told.text)
    stack.notaries.trust(people.tenant)
    try:
        trust = parse_trust(stack.notaries.trust_file.read_text("utf-8"))
    finally:
        stack.notaries.trust("main")
    assert trust.is_sealed(checkpoint.origin, note)
    assert trust.is_witnessed(note)
    event = http.get("/v1/log/entries", params={"start": 2, "limit": 1}).content.rstrip(b"\n")
    proof = http.get("/v1/log/proof", params={"seq": 2}).text
    head, _, signed = proof.partition("\n\n")
    title, index, *path = head.split("\n")
    assert (title, index) == ("c2sp.org/tlog-proof@v1", "index 2")
    under, _ = parse_checkpoint(signed)
    hashes = [from_base64(line) or b"" for line in path]
    leaf = leaf_hash(event)
    assert is_included(leaf, 2, under.size, hashes, under.root)
    people.agent.propose("witnessed", wait=20)
    later, _ = parse_checkpoint(http.get("/v1/log/checkpoint").text)
    params = {"from": checkpoint.size, "to": later.size}
    grown = http.get("/v1/log/consistency", params=params).text.split()
    between = [from_base64(line) or b"" for line in grown]
    assert is_consistent(checkpoint.size, later.size, between, checkpoint.root, later.root)


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("consistency", {"from": 5, "to": 4}, "invalid-parameter"),
        ("consistency", {"from": 1, "to": 10**9}, "invalid-parameter"),
        ("consistency", {"from": 0, "to": 1}, "invalid-parameter"),
        ("consistency", {"to": 1}, "invalid-parameter"),
        ("proof", {"seq": -1}, "invalid-parameter"),
        ("proof", {"seq": 10**9}, "no-checkpoint"),
        ("proof", {"seq": "one"}, "invalid-parameter"),
        ("proof", {"seq": 10**30}, "invalid-parameter"),
    ],
)
def test_what_cannot_be_proven_is_said(
    people: Cast, path: str, params: dict[str, Any], code: str
) -> None:
    told = people.auditor.http.get(f"/v1/log/{path}", params=params)
    assert told.json()["code"] == code


@pytest.mark.parametrize("path", ["checkpoint", "consistency?from=1&to=1", "proof?seq=0"])
def test_the_log_is_for_auditors_and_operators(people: Cast, path: str) -> None:
    assert people.agent.http.get(f"/v1/log/{path}").status_code == 403
    assert people.operator.http.get(f"/v1/log/{path}").status_code == 200
    assert next(iter(people.approvers.values())).http.get(f"/v1/log/{path}").status_code == 403
