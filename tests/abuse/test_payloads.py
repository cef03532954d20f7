"""Who reads what Temporal keeps: operators of the tenant, by the codec server, and nobody else."""

import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import History
from temporalio.client import Client

from adapters.payload_keys import PayloadKeys, make_payload_keys
from adapters.temporal_codec import SYSTEM, EncryptingCodec
from counterseal.core.signing import PrivateKey, encode
from entrypoints.keys import read_gateway_key
from entrypoints.sessions import write_session
from entrypoints.tokens import utc_now
from tests.abuse.test_secrets import logs
from tests.abuse.world import Json, World, declined, fresh
from tests.support.payloads import as_json, in_clear, payloads_in
from tests.support.stack import TEMPORAL_UI, Caller
from workflows.governed_action import workflow_id

DECODE, SIGN_IN = "/v1/codec/decode", "/v1/codec/sign-in"
SHOWN = {"CountersealTenant", "CountersealState", "CountersealClass", "CountersealDeadline"}
SERVERS_OWN = {"BuildIds"}
COOKIE = "counterseal-codec"


def told_to(world: World, canary: str) -> tuple[Json, Json]:
    """Have one action held and another one run to its end, with a canary wherever one fits."""
    whole: Json = {
        "arguments": {"amount": 500, "customer": canary, "order_id": canary},
        "resource": canary,
        "justification": canary,
        "session": canary,
        "asserted": {
            "user_request": canary,
            "observations": [{"tool": "search", "content": canary, "trusted": False}],
        },
    }
    held = world.agent.propose("refund_order", **whole).json()
    done = world.agent.propose("refund_order", **whole).json()
    for approver in (world.ada, world.grace):
        assert approver.vote(done, reason=canary).json()["counted"]
    assert world.ada.vote(held, reason=canary).json()["counted"]
    granted = world.agent.read(done["action_id"], wait=10).json()
    redeemed = world.agent.redeem(granted).json()
    world.agent.report(granted, redeemed["redemption_id"], detail=canary)
    return held, done


async def kept_of(world: World, action: Json) -> History:
    """Give a workflow's history as anybody reads it who can reach Temporal."""
    client = await Client.connect(world.cast.stack.temporal_address)
    handle = client.get_workflow_handle(workflow_id("main", action["action_id"]))
    described = await handle.describe()
    assert {*described.search_attributes} - SERVERS_OWN <= SHOWN
    assert in_clear(described.raw_description) == []
    return History(events=(await handle.fetch_history()).events)


async def test_what_temporal_keeps_is_read_by_an_operator_of_the_tenant_alone(world: World) -> None:
    canary = "canary" + fresh()
    held, done = told_to(world, canary)
    for action in (held, done):
        history = await kept_of(world, action)
        assert in_clear(history) == []
        assert canary.encode() not in history.SerializeToString()
        sent = {"payloads": [as_json(each) for each in payloads_in(history)]}
        assert canary not in base64_opened(sent)
        assert canary in base64_opened(world.operator.http.post(DECODE, json=sent).json())
        for other in (world.agent, world.ada, world.auditor):
            declined(other.http.post(DECODE, json=sent), "role-forbids", canary)
        assert world.strange_operator.http.post(DECODE, json=sent).json() == sent
    for file in world.cast.stack.data.glob("temporal.db*"):
        assert canary.encode() not in file.read_bytes(), file
    assert canary not in logs(world)


def base64_opened(answer: Json) -> str:
    return "".join(base64.b64decode(each["data"]).decode("latin-1") for each in answer["payloads"])


# -- what is sent to be decoded


def codec(world: World, tenant: str = "main") -> EncryptingCodec:
    return EncryptingCodec(PayloadKeys(world.cast.stack.payload_keys), tenant)


async def sealed(world: World, text: str, tenant: str = "main") -> Json:
    clear = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(text).encode())
    return as_json((await codec(world, tenant).encode([clear]))[0])


def decode(world: World, *payloads: Any, **headers: str) -> httpx.Response:
    return world.operator.http.post(DECODE, json={"payloads": payloads}, headers=headers)


async def test_payloads_come_back_in_their_order_and_others_as_they_were(world: World) -> None:
    clear = {"metadata": {"encoding": base64.b64encode(b"json/plain").decode()}, "data": "IjEi"}
    newer = {**clear, "externalPayloads": [{"sizeBytes": "7"}]}
    theirs = await sealed(world, "theirs", tenant="rival")
    everyones = await sealed(world, "of the sweep", tenant=SYSTEM)
    answer = decode(
        world,
        await sealed(world, "one"),
        clear,
        theirs,
        {},
        newer,
        everyones,
        await sealed(world, "two"),
        **{"X-Namespace": "default"},
    )
    told = answer.json()["payloads"]
    assert [base64.b64decode(told[at]["data"]) for at in (0, 6)] == [b'"one"', b'"two"']
    assert told[1:6] == [clear, theirs, {}, newer, everyones]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_payload_cannot_be_relabelled_into_ones_own_tenant(world: World) -> None:
    theirs = await sealed(world, "canary-theirs", tenant="rival")
    named = base64.b64encode(b"main").decode()
    relabelled = {**theirs, "metadata": {**theirs["metadata"], "tenant": named}}
    declined(decode(world, relabelled), "payload-unreadable", "canary-theirs")


async def test_a_payload_of_a_key_that_is_not_here_names_the_key(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("keys") / "other.keys"
    key_id = make_payload_keys(other)
    foreign = await EncryptingCodec(PayloadKeys(other), "main").encode([Payload(data=b"canary")])
    told = declined(decode(world, as_json(foreign[0])), "payload-unreadable", "canary", ".keys")
    assert key_id in told["detail"]


def text(value: bytes) -> str:
    return base64.b64encode(value).decode()


ENCRYPTED = {"encoding": text(b"binary/encrypted")}
OURS = {**ENCRYPTED, "tenant": text(b"main")}
BAD: dict[str, tuple[Any, str]] = {
    "no list": ({"payloads": {}}, "invalid-request"),
    "another list": ({"payload": []}, "invalid-request"),
    "not an object": ([], "invalid-request"),
    "null": ("null", "invalid-request"),
    "text for a payload": ({"payloads": ["x"]}, "invalid-request"),
    "null for a payload": ({"payloads": [None]}, "invalid-request"),
    "a list for metadata": ({"payloads": [{"metadata": []}]}, "invalid-request"),
    "a number in metadata": ({"payloads": [{"metadata": {"encoding": 1}}]}, "invalid-request"),
    "null for data": ({"payloads": [{"data": None}]}, "invalid-request"),
    "data not in Base64": ({"payloads": [{"data": "canary!"}]}, "invalid-request"),
    "data cut in Base64": ({"payloads": [{"data": "abcde"}]}, "invalid-request"),
    "data in Base64 for URLs": ({"payloads": [{"data": "_-_-"}]}, "invalid-request"),
    "data with a line end": ({"payloads": [{"data": "QUJD\n"}]}, "invalid-request"),
    "data beyond ASCII": ({"payloads": [{"data": "ÄÖÜß"}]}, "invalid-request"),
    "metadata not in Base64": ({"payloads": [{"metadata": {"a": "*"}}]}, "invalid-request"),
    "no key": ({"payloads": [{"metadata": OURS}]}, "payload-unreadable"),
    "a key of no form": (
        {"payloads": [{"metadata": {**OURS, "encryption-key-id": text(b"\xff" * 9)}}]},
        "payload-unreadable",
    ),
    "a key that nobody has": (
        {"payloads": [{"metadata": {**OURS, "encryption-key-id": text(b"0" * 32)}}]},
        "payload-unreadable",
    ),
    "deep nesting": ({"payloads": [{"metadata": {"a": [[[[[[[[]]]]]]]]}}]}, "json-too-deep"),
    "many keys": ({"payloads": [{str(n): 0 for n in range(8200)}]}, "json-too-many-keys"),
    "far too much": ({"payloads": [{"data": "A" * (4 << 20)}]}, "json-too-large"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_list_of_payloads_is_refused(world: World, what: str) -> None:
    sent, code = BAD[what]
    declined(world.operator.http.post(DECODE, json=sent), code, "canary")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"payloads": [], "payloads": []}'])
def test_what_is_no_json_is_refused(world: World, data: bytes) -> None:
    answer = world.operator.http.post(DECODE, content=data)
    assert answer.status_code == 400
    declined(answer, answer.json()["code"])


async def test_a_cut_or_lengthened_payload_is_refused(world: World) -> None:
    whole = await sealed(world, "canary")
    raw = base64.b64decode(whole["data"])
    for changed in (b"", raw[:5], raw[:12], raw[:20], raw[:-1], raw + b"\0", raw[:-1] + b"\0\0"):
        refused = decode(world, {**whole, "data": text(changed)})
        declined(refused, "payload-unreadable", "canary")


def test_nothing_is_encrypted_for_anybody(world: World) -> None:
    declined(world.operator.http.post("/v1/codec/encode", json={"payloads": []}), "not-found")


def test_every_reading_is_logged_by_name_and_number(world: World) -> None:
    decode(world, {}, {})
    lines = [json.loads(line) for line in logs(world).splitlines()]
    [*_, last] = [line for line in lines if line["event"] == "payloads.read"]
    said = {name: last[name] for name in ("by", "tenant", "asked", "opened")}
    assert said == {"by": "operator", "tenant": "main", "asked": 2, "opened": 0}


# -- from the browser of somebody who looks at Temporal's UI


def signed_in(world: World, who: Caller, **headers: str) -> httpx.Response:
    url = world.cast.stack.url + SIGN_IN
    return httpx.post(url, data={"key": who.key}, headers=headers)


def from_ui(world: World, token: str, origin: str | None = TEMPORAL_UI) -> httpx.Response:
    headers = {"Cookie": f"{COOKIE}={token}"} | ({"Origin": origin} if origin else {})
    return httpx.post(world.cast.stack.url + DECODE, json={"payloads": []}, headers=headers)


def session_of(world: World, key_id: str, lasts: timedelta = timedelta(minutes=1)) -> str:
    key = read_gateway_key(world.cast.stack.data / "gateway.pem")
    return write_session(key, key_id, utc_now() + lasts)


def test_an_operator_signs_in_once_and_the_ui_reads_for_them(world: World) -> None:
    answer = signed_in(world, world.operator)
    assert answer.status_code == 200
    attributes = answer.headers["set-cookie"].lower()
    for wanted in ("httponly", "samesite=strict", "path=/v1/codec", "max-age=3600"):
        assert wanted in attributes
    assert world.operator.key.split("_")[2].lower() not in attributes
    read = from_ui(world, answer.cookies[COOKIE])
    assert read.status_code == 200
    assert read.headers["access-control-allow-origin"] == TEMPORAL_UI
    assert read.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize(
    "origin", [None, "null", "http://127.0.0.1:8234", "https://127.0.0.1:8233", "http://evil.test"]
)
def test_no_other_page_reads_with_the_session(world: World, origin: str | None) -> None:
    token = signed_in(world, world.operator).cookies[COOKIE]
    answer = from_ui(world, token, origin)
    declined(answer, "unauthenticated")
    assert "access-control-allow-origin" not in answer.headers


def test_a_session_is_good_for_nothing_but_decoding(world: World) -> None:
    cookie = {"Cookie": f"{COOKIE}={signed_in(world, world.operator).cookies[COOKIE]}"}
    answer = httpx.get(world.cast.stack.url + "/v1/keys", headers={**cookie, "Origin": TEMPORAL_UI})
    declined(answer, "unauthenticated")


def test_nobody_else_signs_in(world: World) -> None:
    for who in (world.agent, world.ada, world.auditor):
        declined(signed_in(world, who), "role-forbids", who.key)
    elsewhere = signed_in(world, world.operator, **{"Sec-Fetch-Site": "cross-site"})
    declined(elsewhere, "invalid-request")


@pytest.mark.parametrize(
    "form", ["", "key=", "key=csk_a_b", "key=%00", "key=%ff%fe", "k=1&" * 9, "key", "%", "key=a b"]
)
def test_a_form_without_a_good_key_opens_nothing(world: World, form: str) -> None:
    answer = httpx.post(world.cast.stack.url + SIGN_IN, content=form)
    declined(answer, "unauthenticated")
    assert "set-cookie" not in answer.headers


def test_a_form_that_is_far_too_long_is_not_read(world: World) -> None:
    answer = httpx.post(world.cast.stack.url + SIGN_IN, content="key=" + "a" * 100_000)
    declined(answer, "json-too-large")


def test_a_session_ends_with_its_key_and_with_its_hour(world: World) -> None:
    second = world.with_key("operator", "operator-2")
    token = signed_in(world, second).cookies[COOKIE]
    assert from_ui(world, token).status_code == 200
    key_id = second.key.split("_")[1]
    world.operator.http.delete(f"/v1/keys/{key_id}")
    declined(from_ui(world, token), "unauthenticated")
    key_id = world.operator.key.split("_")[1]
    assert from_ui(world, session_of(world, key_id)).status_code == 200
    declined(from_ui(world, session_of(world, key_id, timedelta())), "unauthenticated")


def test_a_session_of_somebody_elses_making_is_none(world: World) -> None:
    key_id = world.operator.key.split("_")[1]
    good = session_of(world, key_id)
    body, _, signature = good.partition(".")
    later = encode(json.dumps({"key_id": key_id, "until": 2**40}).encode())
    forged = write_session(PrivateKey.generate(), key_id, utc_now() + timedelta(hours=1))
    strangers = ["", ".", "x", "x.y", body, f"{body}.", f"{later}.{signature}", forged, good[:-1]]
    strangers += [session_of(world, "0" * 16), "A" * 5000, f"{encode(b'[' * 300)}.{signature}"]
    for token in strangers:
        declined(from_ui(world, token), "unauthenticated")
    declined(from_ui(world, session_of(world, world.agent.key.split("_")[1])), "role-forbids")


def test_the_browser_is_told_that_the_ui_alone_may_ask(world: World) -> None:
    def preflight(origin: str, path: str = DECODE, method: str = "POST") -> httpx.Response:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "content-type,x-namespace",
        }
        return httpx.options(world.cast.stack.url + path, headers=asked)

    good = preflight(TEMPORAL_UI)
    assert good.status_code == 200
    assert good.headers["access-control-allow-origin"] == TEMPORAL_UI
    assert good.headers["access-control-allow-credentials"] == "true"
    assert "x-namespace" in good.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-origin" not in preflight("http://evil.test").headers
    assert preflight(TEMPORAL_UI, method="DELETE").status_code == 400
    for path in ("/v1/keys", SIGN_IN, "/v1/actions"):
        assert "access-control-allow-origin" not in preflight(TEMPORAL_UI, path).headers


def test_the_ui_is_told_why_it_may_not_read(world: World) -> None:
    answer = from_ui(world, "none")
    declined(answer, "unauthenticated")
    assert answer.headers["access-control-allow-origin"] == TEMPORAL_UI


def test_the_page_runs_nothing_and_cannot_be_framed(world: World) -> None:
    page = httpx.get(world.cast.stack.url + SIGN_IN)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text
