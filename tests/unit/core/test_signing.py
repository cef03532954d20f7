"""Signatures: of one purpose, in one spelling, and never an exception for an answer."""

import math

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.signing import decode, encode, is_signed, public_key, public_text, sign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
BODY = {"vote_id": "v-1", "approve": True}
SIGNATURE = sign(KEY, "vote", BODY)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_a_signature_is_its_keys_over_its_body_for_its_purpose() -> None:
    assert is_signed(KEY.public_key(), "vote", BODY, SIGNATURE)


def test_another_key_did_not_sign_it() -> None:
    assert not is_signed(OTHER.public_key(), "vote", BODY, SIGNATURE)


@pytest.mark.parametrize("purpose", ["receipt", "", "Vote", "vote/v1\n", "votes", "vote/v1"])
def test_a_signature_for_one_purpose_is_none_for_another(purpose: str) -> None:
    assert not is_signed(KEY.public_key(), purpose, BODY, SIGNATURE)


@pytest.mark.parametrize(
    "body",
    [
        {"vote_id": "v-1", "approve": False},
        {"vote_id": "v-1", "approve": 1},
        {"vote_id": "v-1"},
        {"vote_id": "v-1", "approve": True, "more": None},
        None,
    ],
)
def test_a_changed_body_is_not_signed(body: object) -> None:
    assert not is_signed(KEY.public_key(), "vote", body, SIGNATURE)


def test_the_order_of_keys_is_not_signed() -> None:
    assert is_signed(KEY.public_key(), "vote", dict(reversed(BODY.items())), SIGNATURE)


def test_a_signature_has_one_spelling() -> None:
    last = ALPHABET.index(SIGNATURE[-1])
    stray = SIGNATURE[:-1] + ALPHABET[last ^ 1]
    raw = decode(SIGNATURE)
    assert raw is not None
    for other in (
        stray,
        SIGNATURE + "==",
        SIGNATURE + "=",
        SIGNATURE + "\n",
        " " + SIGNATURE,
        SIGNATURE.replace("-", "+").replace("_", "/") + "==",
        raw.hex(),
    ):
        assert not is_signed(KEY.public_key(), "vote", BODY, other)


def test_every_other_last_character_is_refused() -> None:
    for character in ALPHABET:
        other = SIGNATURE[:-1] + character
        assert is_signed(KEY.public_key(), "vote", BODY, other) == (other == SIGNATURE)


def test_a_signature_with_s_beyond_the_order_is_refused() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    raw = decode(SIGNATURE)
    assert raw is not None
    beyond = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    assert not is_signed(KEY.public_key(), "vote", BODY, encode(raw[:32] + beyond))


@given(st.integers(0, 511))
def test_any_changed_bit_of_a_signature_shows(place: int) -> None:
    raw = decode(SIGNATURE)
    assert raw is not None
    changed = bytearray(raw)
    changed[place // 8] ^= 1 << (place % 8)
    assert not is_signed(KEY.public_key(), "vote", BODY, encode(bytes(changed)))


@given(st.one_of(st.text(), st.text(alphabet=ALPHABET + "+/=\n "), st.binary().map(encode)))
def test_garbage_is_not_a_signature_and_not_an_error(text: str) -> None:
    assert is_signed(KEY.public_key(), "vote", BODY, text) is False


@pytest.mark.parametrize("text", ["", "\ud800", "é", "=", "A", "AA=A", "A" * 87, "\x00" * 86])
def test_odd_garbage_is_not_a_signature_and_not_an_error(text: str) -> None:
    assert is_signed(KEY.public_key(), "vote", BODY, text) is False


@pytest.mark.parametrize("body", [math.nan, 2**60, "\ud800", {1: 2}])
def test_a_body_that_cannot_be_written_was_not_signed(body: object) -> None:
    assert is_signed(KEY.public_key(), "vote", body, SIGNATURE) is False


def test_a_key_of_small_order_is_not_a_key() -> None:
    weak = public_key(encode(b"\x01" + bytes(31)))
    forged = encode(b"\x01" + bytes(63))
    assert weak is None or not is_signed(weak, "vote", BODY, forged)


@given(st.binary())
def test_bytes_are_read_back_as_they_were_written(raw: bytes) -> None:
    assert decode(encode(raw)) == raw


@given(st.text(alphabet=ALPHABET + "+/=\n ", max_size=12))
def test_bytes_have_one_spelling(text: str) -> None:
    raw = decode(text)
    assert raw is None or encode(raw) == text


def test_a_public_key_is_read_back_as_it_was_written() -> None:
    text = public_text(KEY.public_key())
    assert len(text) == 43
    again = public_key(text)
    assert again is not None
    assert is_signed(again, "vote", BODY, SIGNATURE)


@pytest.mark.parametrize("text", ["", "A" * 42, "A" * 44, "=" * 43, "é" * 43, "A" * 42 + "B", "\n"])
def test_what_is_not_a_public_key_is_none(text: str) -> None:
    assert public_key(text) is None
