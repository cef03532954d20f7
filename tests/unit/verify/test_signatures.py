"""The verifier's Ed25519 against the standard, another implementation, and forgeries."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import counterseal_verify as verifier
from counterseal_verify import GROUP_ORDER, P, is_signed

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# RFC 8032 §7.1: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
MESSAGE = b"pay 1200"
SIGNATURE = KEY.sign(MESSAGE)
SMALL_ORDER = [
    bytes.fromhex(each)
    for each in (
        "00" * 32,
        "01" + "00" * 31,
        "00" * 31 + "80",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ec" + "ff" * 30 + "7f",
        "ec" + "ff" * 30 + "ff",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "ff",
    )
]


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_standard_hold(public: str, message: str, signature: str) -> None:
    raw = bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message)
    assert is_signed(*raw)
    assert not is_signed(raw[0], raw[1], raw[2] + b"x")


@UNHURRIED
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_what_another_implementation_signs_is_signed(secret: bytes, message: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(secret)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert is_signed(public, signature, message)
    assert not is_signed(public, signature, message + b"\0")


@UNHURRIED
@given(st.integers(0, 511), st.booleans())
def test_no_bit_of_a_signature_or_key_can_change(bit: int, whose: bool) -> None:  # noqa: FBT001 - drawn
    raw = bytearray(SIGNATURE if whose else PUBLIC)
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    changed = (PUBLIC, bytes(raw)) if whose else (bytes(raw), SIGNATURE)
    assert not is_signed(*changed, MESSAGE)


@UNHURRIED
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_what_the_other_implementation_refuses_is_refused(public: bytes, signature: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, MESSAGE)
    except (InvalidSignature, ValueError):
        assert not is_signed(public, signature, MESSAGE)


@pytest.mark.parametrize("length", [0, 1, 31, 33, 63, 65, 128])
def test_lengths_are_exact(length: int) -> None:
    assert not is_signed(PUBLIC, SIGNATURE[:length].ljust(length, b"\0"), MESSAGE)
    assert not is_signed(PUBLIC[:length].ljust(length, b"\0"), SIGNATURE, MESSAGE)


@pytest.mark.parametrize("times", [1, 2, 8, 15])
def test_a_scalar_is_smaller_than_the_order(times: int) -> None:
    scalar = int.from_bytes(SIGNATURE[32:], "little") + times * GROUP_ORDER
    if scalar < 2**256:
        assert not is_signed(PUBLIC, SIGNATURE[:32] + scalar.to_bytes(32, "little"), MESSAGE)


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
@pytest.mark.parametrize("commitment", SMALL_ORDER, ids=bytes.hex)
def test_keys_for_which_anybody_signs_sign_nothing(point: bytes, commitment: bytes) -> None:
    for scalar in (0, 1):
        signature = commitment + scalar.to_bytes(32, "little")
        assert not any(is_signed(point, signature, bytes([n])) for n in range(4))


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_a_commitment_of_small_order_is_refused(point: bytes) -> None:
    assert not is_signed(PUBLIC, point + SIGNATURE[32:], MESSAGE)


@pytest.mark.parametrize("y", range(P, 2**255), ids=lambda y: f"p+{y - P}")
@pytest.mark.parametrize("sign", [0, 1])
def test_a_point_has_one_spelling(y: int, sign: int) -> None:
    raw = (y | sign << 255).to_bytes(32, "little")
    assert verifier._decoded(raw) is None  # noqa: SLF001 - nobody has a key there to sign with
    assert not is_signed(raw, SIGNATURE, MESSAGE)
    assert not is_signed(PUBLIC, raw + SIGNATURE[32:], MESSAGE)


@UNHURRIED
@given(st.integers(0, 2**255 - 1))
def test_what_is_not_on_the_curve_is_no_key(y: int) -> None:
    raw = y.to_bytes(32, "little")
    assert is_signed(raw, SIGNATURE, MESSAGE) == (raw == PUBLIC)


def test_a_key_with_a_part_of_small_order_signs_nothing_for_another() -> None:
    # A = A' + T with T of order 8: cofactored verifiers take the signature of A', we do not.
    torsion = verifier._decoded(SMALL_ORDER[5])  # noqa: SLF001 - no public way to mix points
    honest = verifier._decoded(PUBLIC)  # noqa: SLF001 - no public way to mix points
    assert torsion is not None
    assert honest is not None
    x, y, z, _ = verifier._add(honest, torsion)  # noqa: SLF001 - no public way to mix points
    inverse = pow(z, -1, P)
    mixed = (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")
    assert not is_signed(mixed, SIGNATURE, MESSAGE)
