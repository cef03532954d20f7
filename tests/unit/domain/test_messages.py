"""A message counts only with our gateway's signature, at the address it names, and while fresh."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.canonical import Json
from counterseal.core.signing import sign
from domain.messages import (
    PURPOSE,
    Opened,
    VoteMessage,
    WithdrawalMessage,
    open_message,
    sign_message,
)
from tests.support.stories import ACTION, ADA, AGENT, DIGEST, TENANT, at

GATEWAY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NEXT_GATEWAY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
KEYS = (GATEWAY.public_key(), NEXT_GATEWAY.public_key())

VOTE = VoteMessage(
    tenant=TENANT,
    action_id=ACTION.id,
    vote_id="vote-ada",
    person=ADA,
    approve=True,
    reason="matches the invoice",
    digest=DIGEST,
    channel="slack",
    assurance="slack_mapped",
    heard_at=at(10),
)
WITHDRAWAL = WithdrawalMessage(
    tenant=TENANT,
    action_id=ACTION.id,
    request_id="withdrawal-1",
    by=AGENT,
    reason="paid by hand",
    heard_at=at(10),
)


def opened(envelope: Json, *, seconds: float = 11) -> Opened:
    return open_message(envelope, KEYS, TENANT, ACTION.id, at(seconds))


def code(envelope: Json, *, seconds: float = 11) -> str | None:
    flaw = opened(envelope, seconds=seconds).flaw
    return flaw.code if flaw else None


def sealed(message: VoteMessage | WithdrawalMessage = VOTE) -> dict[str, Json]:
    return sign_message(GATEWAY, message).model_dump(mode="json")


def test_what_our_gateway_signed_is_believed() -> None:
    assert opened(sealed()) == Opened(message=VOTE, flaw=None)
    assert opened(sealed(WITHDRAWAL)) == Opened(message=WITHDRAWAL, flaw=None)


def test_any_of_our_gateways_may_sign() -> None:
    assert code(sign_message(NEXT_GATEWAY, VOTE).model_dump(mode="json")) is None


def test_what_somebody_else_signed_is_forged() -> None:
    assert code(sign_message(STRANGER, VOTE).model_dump(mode="json")) == "forged"


def test_without_keys_nobody_is_believed() -> None:
    found = open_message(sealed(), (), TENANT, ACTION.id, at(11))
    assert found.flaw is not None
    assert found.flaw.code == "forged"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("approve", False),
        ("person", "eve"),
        ("digest", "sha256:" + "0" * 64),
        ("reason", "other"),
        ("assurance", "web_sso_mfa"),
        ("action_id", "act_" + "0" * 32),
        ("heard_at", "2026-01-01T09:00:11.000000Z"),
    ],
)
def test_a_message_changed_on_its_way_is_forged(field: str, value: Json) -> None:
    body = {**VOTE.model_dump(mode="json"), field: value}
    assert code({**sealed(), "body": body}) == "forged"


def test_a_signature_for_something_else_is_forged() -> None:
    body = VOTE.model_dump(mode="json")
    for purpose in ("receipt", "vote"):
        assert purpose != PURPOSE
        assert code({"body": body, "signature": sign(GATEWAY, purpose, body)}) == "forged"


@pytest.mark.parametrize("change", [{"tenant": "other"}, {"action_id": "act_" + "0" * 32}])
def test_a_genuine_message_for_another_action_is_misaddressed(change: dict[str, str]) -> None:
    assert code(sealed(VOTE.model_copy(update=change))) == "misaddressed"


def test_a_message_that_is_old_or_from_the_future_is_stale() -> None:
    week = 7 * 24 * 3600
    assert code(sealed(), seconds=10 + week) is None
    assert code(sealed(), seconds=11 + week) == "stale"
    assert code(sealed(), seconds=5) is None
    assert code(sealed(), seconds=4) == "stale"


@pytest.mark.parametrize(
    "envelope",
    [
        None,
        [],
        "x",
        {},
        {"body": {}, "signature": ""},
        {"body": [], "signature": ""},
        {**sealed(), "more": 1},
        {**sealed(), "signature": None},
        {**sealed(), "body": {**VOTE.model_dump(mode="json"), "groups": ["treasury"]}},
        {**sealed(), "body": {**VOTE.model_dump(mode="json"), "kind": "redeem"}},
        {**sealed(), "body": {**VOTE.model_dump(mode="json"), "reason": "x" * 4097}},
    ],
    ids=range(11),
)
def test_what_is_no_message_of_ours_is_malformed_and_not_an_error(envelope: Json) -> None:
    assert code(envelope) == "malformed"
    assert opened(envelope).message is None


@pytest.mark.parametrize("signature", ["", "é", "=", "A" * 86, "\x00"])
def test_garbage_for_a_signature_is_forged_and_not_an_error(signature: str) -> None:
    assert code({**sealed(), "signature": signature}) == "forged"
