"""Grants and receipts: used once, by their holder, for exactly what was approved."""

import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OKPKey

from counterseal.core.signing import encode, public_text, sign
from counterseal.core.wire import Receipt
from tests.abuse.world import Json, World, declined, fresh

OTHER = "sha256:" + "1" * 64
ANOTHER_KEY = public_text(Ed25519PrivateKey.from_private_bytes(b"k" * 32).public_key())


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(world: World, token: str) -> dict[str, str]:
    """Every way to write a token that is not ours, from one that is."""
    header, payload, signature = token.split(".")
    head = json.loads(base64.urlsafe_b64decode(header + "=="))
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    pem = (world.cast.stack.data / "gateway.pem").read_bytes()
    public = world.cast.stack.settings().gateway_keys[0]
    mine = Ed25519PrivateKey.generate()
    key = OKPKey.import_key(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": encode(mine.public_key().public_bytes_raw()),
            "d": encode(mine.private_bytes_raw()),
        }
    )
    other = jwt.encode(head, claims, key, algorithms=["Ed25519"])

    def mac(secret: bytes, alg: str) -> str:
        signed = f"{b64(json.dumps({**head, 'alg': alg}).encode())}.{payload}"
        return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"

    def with_claims(**changed: Any) -> str:
        return f"{header}.{b64(json.dumps(claims | changed).encode())}.{signature}"

    def with_head(raw: bytes) -> str:
        return f"{b64(raw)}.{payload}.{signature}"

    jwk = {"kty": "OKP", "crv": "Ed25519", "x": public_text(mine.public_key())}
    return {
        "empty": "",
        "word": "none",
        "dots": "..",
        "four-parts": token + ".x",
        "two-parts": f"{header}.{payload}",
        "no-signature": f"{header}.{payload}.",
        "alg-none": b64(b'{"alg":"none"}') + f".{payload}.",
        "alg-None": with_head(b'{"alg":"None","typ":"counterseal-grant+jwt"}'),
        "alg-empty": with_head(b'{"alg":""}'),
        "alg-missing": with_head(b"{}"),
        "alg-list": with_head(b'{"alg":["Ed25519"]}'),
        "alg-EdDSA": with_head(json.dumps({**head, "alg": "EdDSA"}).encode()),
        "hs256-public-text": mac(public.encode(), "HS256"),
        "hs256-public-bytes": mac(base64.urlsafe_b64decode(public + "=="), "HS256"),
        "hs256-pem": mac(pem, "HS256"),
        "hs256-empty": mac(b"", "HS256"),
        "other-key": other,
        "own-jwk": with_head(json.dumps({**head, "jwk": jwk}).encode()),
        "jku": with_head(json.dumps({**head, "jku": "http://127.0.0.1:1/"}).encode()),
        "kid": with_head(json.dumps({**head, "kid": "../../etc/passwd"}).encode()),
        "crit": with_head(json.dumps({**head, "crit": ["exp"]}).encode()),
        "no-typ": with_head(b'{"alg":"Ed25519"}'),
        "header-list": with_head(b"[]"),
        "header-null": with_head(b"null"),
        "header-deep": with_head(b'{"alg":' + b"[" * 2000),
        "header-not-utf-8": with_head(b"\xff\xfe"),
        "other-action": with_claims(act="act_" + fresh()),
        "other-tenant": with_claims(tenant=world.elsewhere),
        "other-digest": with_claims(digest=OTHER),
        "other-holder": with_claims(sub="rival-agent"),
        "longer": with_claims(exp=2**40),
        "one-bit": f"{header}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        "junk-behind": token + "AAAA",
        "newline-behind": token + "\n",
        "space-before": " " + token,
        "padded": token + "==",
        "nul": token + "\x00",
        "upper": token.upper(),
        "bearer": "Bearer " + token,
        "reversed-parts": ".".join(reversed(token.split("."))),
        "not-ascii": "é.é.é",
        "json": json.dumps(claims),
    }


FORGERIES = [
    "empty",
    "word",
    "dots",
    "four-parts",
    "two-parts",
    "no-signature",
    "alg-none",
    "alg-None",
    "alg-empty",
    "alg-missing",
    "alg-list",
    "alg-EdDSA",
    "hs256-public-text",
    "hs256-public-bytes",
    "hs256-pem",
    "hs256-empty",
    "other-key",
    "own-jwk",
    "jku",
    "kid",
    "crit",
    "no-typ",
    "header-list",
    "header-null",
    "header-deep",
    "header-not-utf-8",
    "other-action",
    "other-tenant",
    "other-digest",
    "other-holder",
    "longer",
    "one-bit",
    "junk-behind",
    "newline-behind",
    "space-before",
    "padded",
    "nul",
    "upper",
    "bearer",
    "reversed-parts",
    "not-ascii",
    "json",
]


@pytest.fixture(scope="module")
def standing(world: World) -> Json:
    """A grant that no test here uses up."""
    return world.granted()


@pytest.mark.parametrize("name", FORGERIES)
def test_a_token_that_is_not_ours_is_refused_and_the_attempt_kept(
    world: World, standing: Json, name: str
) -> None:
    token = forged(world, standing["grant"]["token"])[name]
    with world.adding("grant.refused"):
        declined(
            world.agent.redeem(standing, grant=token), "bad-grant", *filter(None, [token[:40]])
        )


def test_the_list_of_forgeries_is_whole(world: World, standing: Json) -> None:
    assert [*forged(world, standing["grant"]["token"])] == FORGERIES


@pytest.mark.parametrize("size", [4097, 100_000, 600_000])
def test_a_huge_token_is_not_even_read(world: World, standing: Json, size: int) -> None:
    with world.adding():
        declined(world.agent.redeem(standing, grant="x" * size), "invalid-request")
        declined(world.agent.redeem(standing, grant="x" * 1_000_000), "json-too-large")


@pytest.mark.parametrize("digest", [OTHER, "sha256:" + "0" * 64])
def test_what_was_not_approved_does_not_run(world: World, standing: Json, digest: str) -> None:
    with world.adding("grant.refused"):
        declined(world.agent.redeem(standing, digest=digest), "digest-mismatch")


def test_a_grant_opens_its_own_action_alone(world: World, standing: Json) -> None:
    other = world.granted()
    with world.adding("grant.refused", "grant.refused", "grant.refused"):
        token = other["grant"]["token"]
        declined(world.agent.redeem(standing, grant=token), "bad-grant")
        declined(world.agent.redeem(standing, grant=token, digest=other["digest"]), "bad-grant")
        declined(world.rival.redeem(standing), "not-the-holder")
    strange = world.stranger.propose("free").json()
    with world.adding("grant.refused", tenant=world.elsewhere):
        declined(world.stranger.redeem(strange, grant=standing["grant"]["token"]), "bad-grant")
    with world.adding("grant.refused"):
        declined(world.agent.redeem(standing, grant=strange["grant"]["token"]), "bad-grant")


def test_a_grant_is_used_once_however_many_try(world: World) -> None:
    granted = world.granted()
    with world.adding("grant.redeemed", *["grant.refused"] * 11), ThreadPoolExecutor(8) as crowd:
        answers = [*crowd.map(lambda _: world.agent.redeem(granted), range(12))]
    assert sorted(each.status_code for each in answers) == [200, *[409] * 11]


def test_the_same_redemption_may_be_sent_again_until_the_receipt(world: World) -> None:
    granted, redemption = world.granted(), fresh()
    with world.adding("grant.redeemed"), ThreadPoolExecutor(8) as crowd:
        first = [
            *crowd.map(
                lambda _: world.agent.redeem(granted, redemption_id=redemption).text, range(8)
            )
        ]
    assert len({*first}) == 1
    world.agent.report(granted, redemption)
    with world.adding("grant.refused"):  # the go-ahead ended with the story
        again = world.agent.redeem(granted, redemption_id=redemption)
        declined(again, "already-redeemed")


def test_a_refused_attempt_is_refused_again_however_often_it_is_sent(world: World) -> None:
    granted, late = world.granted(), {"redemption_id": fresh()}
    with world.adding("grant.refused"):
        for _ in range(3):
            declined(world.agent.redeem(granted, **late, digest=OTHER), "digest-mismatch")
    assert world.agent.redeem(granted).status_code == 200
    with world.adding("grant.refused", "grant.refused"):
        for _ in range(3):  # somebody has run it: a second go-ahead would run it twice
            declined(world.agent.redeem(granted, **late), "already-redeemed")
            declined(world.rival.redeem(granted, **late), "already-redeemed")


@pytest.mark.parametrize(
    "changed",
    [{"digest": OTHER}, {"grant": "x"}, {"executor_key": ANOTHER_KEY}],
    ids=["digest", "grant", "key"],
)
def test_a_redemptions_id_is_not_the_redemption(world: World, changed: Json) -> None:
    granted, redemption = world.granted(), fresh()
    told = world.agent.redeem(granted, redemption_id=redemption).text
    with world.adding("grant.refused", "grant.refused"):
        answer = world.agent.redeem(granted, redemption_id=redemption, **changed)
        assert answer.status_code == 409
        declined(world.rival.redeem(granted, redemption_id=redemption), "already-redeemed")
    # Whatever was tried under its ID, the true one keeps its answer.
    with world.adding():
        assert world.agent.redeem(granted, redemption_id=redemption).text == told


def test_a_grant_ends(world: World) -> None:
    granted = world.stranger.propose("quick").json()
    assert granted["phase"] == "GRANTED"
    time.sleep(1.1)
    with world.adding("grant.lapsed", "action.closed", "grant.refused", tenant=world.elsewhere):
        declined(world.stranger.redeem(granted), "grant-lapsed")
    assert world.stranger.read(granted["action_id"]).json()["grant"] is None


def test_what_is_held_or_refused_cannot_be_redeemed(world: World, standing: Json) -> None:
    held = world.held()
    blocked = world.agent.propose(
        "refund_order", arguments={"amount": 9000, "customer": "c", "order_id": "o"}
    ).json()
    for action in (held, blocked):
        assert action["grant"] is None
        with world.adding("grant.refused"):
            declined(world.agent.redeem(action, grant=standing["grant"]["token"]), "bad-grant")


def receipt(world: World, action: Json, redemption: str, **changed: Any) -> Any:
    return world.agent.report(action, redemption, **changed)


def test_nothing_is_reported_that_was_not_redeemed(world: World, standing: Json) -> None:
    blocked = world.agent.propose(
        "refund_order", arguments={"amount": 9000, "customer": "c", "order_id": "o"}
    ).json()
    for action in (standing, world.held(), blocked):
        for outcome in ("SUCCEEDED", "FAILED", "UNKNOWN"):
            request = {"outcome": outcome, "request_id": fresh()}
            redemption = fresh()
            with world.adding("receipt.refused"):
                declined(receipt(world, action, redemption, **request), "not-redeemed")
            with world.adding():
                declined(receipt(world, action, redemption, **request), "not-redeemed")


@pytest.mark.parametrize("outcome", ["LAPSED", "NOT_RUN"])
def test_a_used_grant_cannot_be_reported_unused(world: World, outcome: str) -> None:
    action, redemption = world.redeemed()
    with world.adding():
        answer = receipt(world, action, redemption, outcome=outcome)
        declined(answer, "invalid-request")


def test_a_receipt_fits_or_is_refused(world: World) -> None:
    action, redemption = world.redeemed()
    with world.adding("receipt.refused"):
        declined(receipt(world, action, fresh()), "other-redemption")
    with world.adding("receipt.refused"):
        declined(receipt(world, action, redemption, digest=OTHER), "digest-mismatch")
    with world.adding("receipt.refused"):
        declined(world.rival.report(action, redemption), "not-the-executor")
    with world.adding("execution.reported", "action.closed"):
        assert receipt(world, action, redemption).json()["outcome"] == "SUCCEEDED"


def test_a_receipt_is_taken_once_and_a_contradiction_kept(world: World) -> None:
    action, redemption = world.redeemed()
    request = fresh()
    with world.adding("execution.reported", "action.closed"), ThreadPoolExecutor(8) as crowd:
        answers = [
            *crowd.map(
                lambda _: receipt(world, action, redemption, request_id=request).json(), range(8)
            )
        ]
    assert {each["outcome"] for each in answers} == {"SUCCEEDED"}
    with world.adding("receipt.refused"):
        declined(receipt(world, action, redemption, outcome="FAILED"), "already-closed")
    with world.adding("receipt.refused"):
        declined(world.rival.report(action, redemption), "already-closed")
    assert world.agent.read(action["action_id"]).json()["outcome"] == "SUCCEEDED"


@pytest.mark.parametrize(
    "changed",
    [
        {"digest": OTHER},
        {"result_digest": OTHER},
        {"outcome": "FAILED"},
        {"outcome": "UNKNOWN"},
    ],
    ids=range(4),
)
def test_a_second_receipt_that_says_something_else_is_kept(world: World, changed: Json) -> None:
    used, redemption = world.redeemed()
    assert receipt(world, used, redemption).status_code == 200
    with world.adding("receipt.refused"):
        declined(receipt(world, used, redemption, **changed), "already-closed")


def signed(key: Ed25519PrivateKey, purpose: str, **body: Any) -> str:
    return sign(key, purpose, Receipt.model_validate(body).signed_part())


def test_a_receipt_is_signed_with_the_key_named_at_redemption(world: World) -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    action, redemption = world.redeemed(executor_key=public_text(key.public_key()))
    body = {
        "request_id": fresh(),
        "redemption_id": redemption,
        "digest": action["digest"],
        "outcome": "SUCCEEDED",
    }
    good = signed(key, "receipt", **body)
    wrong: list[str | None] = [
        None,
        "",
        "x",
        "A" * 86,
        good[:-1],
        good + "A",
        good + "==",
        signed(other, "receipt", **body),
        signed(key, "vote", **body),
        signed(key, "gateway-message", **body),
        signed(key, "receipt", **{**body, "outcome": "FAILED"}),
        signed(key, "receipt", **{**body, "detail": "more"}),
        signed(key, "receipt", **{**body, "digest": OTHER}),
        signed(key, "receipt", **{**body, "redemption_id": fresh()}),
    ]
    for signature in wrong:
        with world.adding("receipt.refused"):
            answer = receipt(world, action, redemption, signature=signature)
            declined(answer, "bad-signature")
    request = body["request_id"]
    with world.adding("receipt.refused"):
        answer = receipt(world, action, redemption, request_id=request, signature=wrong[3])
        declined(answer, "bad-signature")
    # Put right under the same ID it is taken, and told so.
    with world.adding("execution.reported", "action.closed"):
        answer = receipt(world, action, redemption, request_id=request, signature=good)
        assert answer.json()["outcome"] == "SUCCEEDED"


@pytest.mark.parametrize("signature", ["x", "A" * 86])
def test_a_signature_without_a_key_binds_nobody(world: World, signature: str) -> None:
    action, redemption = world.redeemed()
    assert receipt(world, action, redemption, signature=signature).status_code == 200
    reported = world.agent.story(action["action_id"])["events"][-2]
    assert json.loads(reported["canonical"])["event"]["signed"] is False
