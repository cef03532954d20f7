"""Keys that sign: from files and from a KMS, and what is refused."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapters.signing_keys import (
    BadSigningKey,
    SigningFailed,
    make_signing_key,
    signing_key,
)
from counterseal.core.signing import encode


@pytest.fixture
def file(tmp_path: Path) -> Path:
    make_signing_key(tmp_path / "log.pem")
    return tmp_path / "log.pem"


def public_of(file: Path) -> str:
    return encode(make_signing_key(file).public)


def test_a_key_is_made_once_and_for_its_owner_alone(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    assert make_signing_key(file).public == make_signing_key(file).public


def test_a_file_signs(file: Path) -> None:
    key = signing_key(f"file:{file}")
    Ed25519PublicKey.from_public_bytes(key.public).verify(key.sign(b"text"), b"text")


def test_a_signer_uri_signs_with_the_key_that_is_named(file: Path) -> None:
    # securesystemslib reads ``file2:`` as it would reach a KMS: by URI and public key.
    key = signing_key(f"file2:{file}#{public_of(file)}")
    Ed25519PublicKey.from_public_bytes(key.public).verify(key.sign(b"text"), b"text")


def test_a_kms_that_signs_with_another_key_is_found_out(file: Path) -> None:
    key = signing_key(f"file2:{file}#{public_of(file)}")
    other = Ed25519PrivateKey.generate()
    key._signer._private_key = other  # type: ignore[attr-defined] # noqa: SLF001 - the KMS turns
    with pytest.raises(SigningFailed, match="another key"):
        key.sign(b"text")


def test_a_kms_that_is_away_can_be_asked_again(file: Path) -> None:
    key = signing_key(f"file2:{file}#{public_of(file)}")
    signer, key._signer = key._signer, None  # type: ignore[attr-defined] # noqa: SLF001 - it is away
    with pytest.raises(SigningFailed, match="did not sign"):
        key.sign(b"text")
    key._signer = signer  # type: ignore[attr-defined] # noqa: SLF001 - it is back
    assert len(key.sign(b"text")) == 64


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("", "a key is `file:PATH`"),
        ("log.pem", "a key is `file:PATH`"),
        ("hv:counterseal-log/1", "a key is `file:PATH`"),
        ("hv:counterseal-log/1#", "a key is `file:PATH`"),
        ("hv:counterseal-log/1#AAAA", "Ed25519 public key"),
        ("gcpkms:projects/p#not-base64!", "Ed25519 public key"),
        (f"nothing:x#{'A' * 43}", "a key is `file:PATH`"),
        ("file:/nowhere/log.pem", "cannot be read as a private key"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_with_a_sentence(named: str, said: str) -> None:
    with pytest.raises(BadSigningKey) as refused:
        signing_key(named)
    assert said in str(refused.value)


def test_a_scheme_nobody_knows_is_refused(file: Path) -> None:
    with pytest.raises(BadSigningKey, match="Unsupported private key scheme"):
        signing_key(f"nothing:x#{public_of(file)}")


def test_only_ed25519_signs_logs(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    written = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "ec.pem").write_bytes(written)
    with pytest.raises(BadSigningKey, match="not an Ed25519 key"):
        signing_key(f"file:{tmp_path / 'ec.pem'}")
