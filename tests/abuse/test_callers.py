"""Who calls: without a good key nothing is told, and no key reaches beyond its own."""

import base64
import threading
import time
from typing import Any

import httpx
import pytest

from tests.abuse.world import NOBODY, Json, World, declined, fresh
from tests.support.stack import Caller

DIGEST = "sha256:" + "0" * 64
VOTE = {"vote_id": "vote-0001", "approve": True, "reason": "fits", "digest": DIGEST}
WITHDRAWAL = {"request_id": "request-1", "reason": "no longer needed"}
REDEMPTION = {"redemption_id": "redeem-01", "grant": "x", "digest": DIGEST}
RECEIPT = {
    "request_id": "request-1",
    "redemption_id": "redeem-01",
    "digest": DIGEST,
    "outcome": "SUCCEEDED",
}
EVERYBODY = {"agent", "approver", "auditor", "operator"}
ROUTES: list[tuple[str, str, Json | None, set[str]]] = [
    ("POST", "/v1/actions", {"tool": "get_order"}, {"agent"}),
    ("GET", "/v1/actions", None, EVERYBODY),
    ("GET", "/v1/actions/{id}", None, EVERYBODY),
    ("GET", "/v1/actions/{id}/events", None, EVERYBODY),
    ("POST", "/v1/actions/{id}/votes", VOTE, {"approver"}),
    ("POST", "/v1/actions/{id}/withdrawal", WITHDRAWAL, {"agent"}),
    ("POST", "/v1/actions/{id}/redemption", REDEMPTION, {"agent"}),
    ("POST", "/v1/actions/{id}/receipt", RECEIPT, {"agent"}),
    ("GET", "/v1/whoami", None, EVERYBODY),
    ("GET", "/v1/keys", None, {"operator"}),
    ("POST", "/v1/keys", {"role": "agent", "subject": "x"}, {"operator"}),
    ("DELETE", "/v1/keys/0000000000000000", None, {"operator"}),
    ("GET", "/v1/roster", None, {"operator", "auditor"}),
    ("PUT", "/v1/roster", {"people": [{"id": "x"}, {"id": "x"}]}, {"operator"}),
    ("GET", "/v1/bundles", None, EVERYBODY),
    ("POST", "/v1/bundles", {"files": {}}, {"operator"}),
    ("POST", "/v1/rehearsals", {"files": {}}, {"operator"}),
    ("POST", "/v1/codec/decode", {"payloads": []}, {"operator"}),
]
OF_AN_ACTION = [route for route in ROUTES if "{id}" in route[1]]


def name(route: tuple[str, str, Json | None, set[str]]) -> str:
    return f"{route[0]} {route[1]}"


def ask(
    speaker: httpx.Client, route: tuple[str, str, Json | None, set[str]], action: str = NOBODY
) -> httpx.Response:
    method, path, body, _ = route
    headers = {"Idempotency-Key": fresh()}
    return speaker.request(method, path.replace("{id}", action), json=body, headers=headers)


@pytest.mark.parametrize("role", sorted(EVERYBODY))
@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_a_role_may_do_what_is_its_and_nothing_else(
    world: World, route: tuple[str, str, Json | None, set[str]], role: str
) -> None:
    speakers = {
        "agent": world.rival,
        "approver": world.ada,
        "auditor": world.auditor,
        "operator": world.operator,
    }
    before = world.seq()
    answer = ask(speakers[role].http, route)
    if role in route[3]:
        assert answer.status_code not in {401, 403, 500}, answer.text
    else:
        declined(answer, "role-forbids", speakers[role].key)
        assert world.seq() == before


def bad_headers(key: str) -> dict[str, bytes | None]:
    prefix, key_id, secret = key.split("_", 2)
    good = key.encode()
    return {
        "none": None,
        "empty": b"",
        "scheme-only": b"Bearer",
        "bare-key": good,
        "basic": b"Basic " + base64.b64encode(good),
        "digest": b"Digest " + good,
        "token": b"Token " + good,
        "twice": b"Bearer Bearer " + good,
        "tab": b"Bearer\t" + good,
        "comma": b"Bearer, " + good,
        "quoted": b'Bearer "' + good + b'"',
        "two-keys": b"Bearer " + good + b", " + good,
        "cut": b"Bearer " + good[:-1],
        "one-more": b"Bearer " + good + b"A",
        "padded": b"Bearer " + good + b"=",
        "upper": b"Bearer " + good.upper(),
        "no-secret": f"Bearer {prefix}_{key_id}_".encode(),
        "no-id": f"Bearer {prefix}__{secret}".encode(),
        "other-prefix": f"Bearer csx_{key_id}_{secret}".encode(),
        "other-id": f"Bearer {prefix}_{'0' * 16}_{secret}".encode(),
        "like": f"Bearer {prefix}_%_{secret}".encode(),
        "sql": b"Bearer csk_' OR '1'='1_x",
        "sql-union": b"Bearer csk_x' UNION SELECT * FROM ledger.api_key --_x",
        "latin-1": b"Bearer csk_\xe9\xff_\xfe",
        "utf-8": "Bearer csk_аda_я".encode(),  # noqa: RUF001 - that is the point
        "long": b"Bearer csk_" + b"a" * 30_000 + b"_b",
        "long-secret": f"Bearer {prefix}_{key_id}_".encode() + b"x" * 30_000,
        "hash-of-nothing": f"Bearer {prefix}_{key_id}_{'0' * 43}".encode(),
        "underscores": b"Bearer " + b"_" * 200,
        "jwt": b"Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoib3BlcmF0b3IifQ.",
    }


@pytest.mark.parametrize("variant", bad_headers("csk_a_b"))
def test_a_key_is_good_to_the_last_character_or_not_at_all(world: World, variant: str) -> None:
    header = bad_headers(world.operator.key)[variant]
    headers = {} if header is None else {b"Authorization": header}
    with httpx.Client(base_url=world.cast.stack.url) as nobody:
        for route in ROUTES if variant in {"none", "cut"} else ROUTES[8:10]:
            with world.adding():
                request = nobody.build_request(
                    route[0], route[1].replace("{id}", NOBODY), json=route[2]
                )
                for key, value in headers.items():
                    request.headers = httpx.Headers([*request.headers.raw, (key, value)])
                answer = nobody.send(request)
            declined(answer, "unauthenticated", world.operator.key)
            assert answer.headers["www-authenticate"] == "Bearer"


def test_a_good_key_is_asked_for_in_the_header_alone(world: World) -> None:
    key = world.operator.key
    with httpx.Client(base_url=world.cast.stack.url) as nobody:
        for query in ("access_token", "api_key", "key", "token"):
            declined(nobody.get("/v1/whoami", params={query: key}), "unauthenticated", key)
        nobody.cookies.set("authorization", f"Bearer {key}")
        for header in ("X-API-Key", "X-Forwarded-Authorization", "Proxy-Authorization"):
            declined(nobody.get("/v1/whoami", headers={header: f"Bearer {key}"}), "unauthenticated")


@pytest.mark.parametrize(
    "header", ["X-Tenant", "X-Counterseal-Role", "X-Forwarded-User", "X-Original-URL", "X-Agent"]
)
def test_no_header_makes_a_caller_somebody_else(world: World, header: str) -> None:
    told = world.rival.http.get("/v1/whoami", headers={header: "operator"}).json()
    assert (told["tenant"], told["role"], told["subject"]) == ("main", "agent", "rival-agent")


def test_a_revoked_key_is_dead_within_a_second_for_good(world: World) -> None:
    doomed = world.with_key("agent", "doomed-agent")
    assert doomed.http.get("/v1/whoami").status_code == 200
    key_id = doomed.key.split("_")[1]
    with world.adding("key.revoked"):
        assert world.operator.http.delete(f"/v1/keys/{key_id}").status_code == 200
        assert world.operator.http.delete(f"/v1/keys/{key_id}").status_code == 200
    time.sleep(1.05)
    with world.adding():
        declined(doomed.propose("get_order"), "unauthenticated", doomed.key)
        declined(doomed.http.get("/v1/whoami"), "unauthenticated", doomed.key)


@pytest.mark.parametrize(
    "key_id", ["%00", "..%2f..", "%27%20OR%201=1--", "a" * 2000, "%F0%9F%A6%AD", "_", "%25"]
)
def test_revoking_what_is_not_there_is_told_so(world: World, key_id: str) -> None:
    with world.adding():
        answer = world.operator.http.delete(f"/v1/keys/{key_id}")
        assert declined(answer, answer.json()["code"])["code"] in {"no-such-key", "not-found"}


def test_an_operator_cannot_revoke_another_tenants_key(world: World) -> None:
    key_id = world.agent.key.split("_")[1]
    with world.adding(), world.adding(tenant=world.elsewhere):
        declined(world.strange_operator.http.delete(f"/v1/keys/{key_id}"), "no-such-key")
    assert world.agent.http.get("/v1/whoami").status_code == 200
    listed = world.strange_operator.http.get("/v1/keys").json()
    assert world.agent.key.split("_")[1] not in {key["key_id"] for key in listed}
    assert not any(key["secret"] for key in listed)


@pytest.fixture(scope="module")
def stages(world: World) -> dict[str, str]:
    redeemed, _ = world.redeemed()
    blocked = world.agent.propose(
        "refund_order", arguments={"amount": 9000, "customer": "c", "order_id": "o"}
    )
    return {
        "held": world.held()["action_id"],
        "granted": world.granted()["action_id"],
        "redeemed": redeemed["action_id"],
        "closed": blocked.json()["action_id"],
    }


@pytest.mark.parametrize("stage", ["held", "granted", "redeemed", "closed"])
@pytest.mark.parametrize("route", OF_AN_ACTION, ids=name)
def test_another_tenants_action_does_not_exist(
    world: World,
    stages: dict[str, str],
    route: tuple[str, str, Json | None, set[str]],
    stage: str,
) -> None:
    speakers = {
        "agent": world.stranger,
        "approver": world.strange_approver,
        "auditor": world.strange_auditor,
        "operator": world.strange_operator,
    }
    real, made_up = stages[stage], "act_" + fresh()
    for role in route[3]:
        with world.adding(), world.adding(tenant=world.elsewhere):
            there = declined(ask(speakers[role].http, route, real), "no-such-action")
            nowhere = declined(ask(speakers[role].http, route, made_up), "no-such-action")
        # The two must not differ in anything but the name that was sent.
        assert str(there).replace(real, "X") == str(nowhere).replace(made_up, "X")


@pytest.mark.parametrize("stage", ["held", "granted", "redeemed", "closed"])
def test_agents_read_their_own_actions_alone(
    world: World, stages: dict[str, str], stage: str
) -> None:
    with world.adding():
        declined(world.rival.read(stages[stage]), "no-such-action")
        declined(world.rival.read(stages[stage], wait=1), "no-such-action")
        declined(world.rival.http.get(f"/v1/actions/{stages[stage]}/events"), "no-such-action")
        for query in ({"agent": "support-agent"}, {"tool": "refund_order"}, {}):
            listed = world.rival.http.get("/v1/actions", params=query).json()["items"]
            assert {row["agent"] for row in listed} <= {"rival-agent"}


def test_what_another_agent_tries_is_refused_and_kept(world: World, stages: dict[str, str]) -> None:
    own = {"request_id": fresh(), "redemption_id": fresh()}

    def told(stage: str, route: str, body: Json, code: str, kind: str) -> None:
        with world.adding(kind):
            answer = world.rival.http.post(f"/v1/actions/{stages[stage]}/{route}", json=body)
            assert "arguments" not in declined(answer, code)

    request = {"request_id": own["request_id"], "reason": "mine now"}
    for stage in ("held", "granted", "redeemed", "closed"):
        told(stage, "withdrawal", request, "not-the-requester", "withdrawal.refused")
    redemption = REDEMPTION | {"redemption_id": own["redemption_id"]}
    for stage in ("held", "granted", "redeemed", "closed"):
        told(stage, "redemption", redemption, "bad-grant", "grant.refused")
    receipt = RECEIPT | {"request_id": fresh()}
    told("held", "receipt", receipt, "not-redeemed", "receipt.refused")
    told("granted", "receipt", receipt, "not-redeemed", "receipt.refused")
    told("redeemed", "receipt", receipt, "not-the-executor", "receipt.refused")
    told("closed", "receipt", receipt, "not-redeemed", "receipt.refused")
    assert world.agent.read(stages["granted"]).json()["phase"] == "GRANTED"
    assert world.agent.read(stages["redeemed"]).json()["phase"] == "REDEEMED"
    assert world.agent.read(stages["held"]).json()["phase"] == "HELD"


ODD_IDS = [
    *("keys", "tenant", "roster", "bundles", "act_", "ACT_" + "0" * 32, "act_" + "0" * 31),
    *("act_" + "0" * 33, "act_" + "g" * 32, "act_" + "A" * 32, NOBODY + "%0A", NOBODY + "%00"),
    *(NOBODY + ":late", "%00", "%FF%FE", "..%2f..%2fetc%2fpasswd", "%2e%2e", "*", "%25", "_"),
    *("act_" + "٠" * 32, "аct_" + "0" * 32, "' OR '1'='1", "a" * 5000, "%0d%0aX-Evil:%201"),  # noqa: RUF001
    *("main/" + NOBODY, "%2Fv1%2Fkeys", "null", "undefined", "{id}", "-1", " ", "\\"),
]


@pytest.mark.parametrize("odd", ODD_IDS, ids=range(len(ODD_IDS)))
def test_what_is_no_action_is_not_found_by_any_route(world: World, odd: str) -> None:
    speakers = {"agent": world.agent, "approver": world.ada}
    for route in OF_AN_ACTION:
        for role in route[3] & {*speakers}:
            with world.adding():
                answer = ask(speakers[role].http, route, odd)
                told = declined(answer, answer.json()["code"])
                assert told["code"] in {"no-such-action", "not-found", "method-not-allowed"}
                assert "x-evil" not in answer.headers
                assert len(answer.content) < 2_000


def test_many_callers_at_once_are_each_who_they_are(world: World) -> None:
    expected = {
        world.agent: "support-agent",
        world.rival: "rival-agent",
        world.ada: "ada",
        world.operator: "operator",
        world.stranger: "rehearsal-agent",
    }
    wrong: list[Any] = []

    def look(speaker: Caller, subject: str) -> None:
        for _ in range(20):
            told = speaker.http.get("/v1/whoami").json()
            if told["subject"] != subject:
                wrong.append(told)

    threads = [threading.Thread(target=look, args=each) for each in expected.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
