"""Private keys that sign what leaves us: in a file, or in a KMS that never gives them out.

A key is named ``file:PATH`` (PKCS #8 PEM, Ed25519) or, in a KMS, by a securesystemslib signer URI,
a ``#`` and its public key: ``hv:counterseal-log/1#<base64url of the public key>``.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from counterseal.core.signing import public_key

FILE = "file:"


class BadSigningKey(ValueError):  # noqa: N818 - it reads as what is wrong
    """A key that cannot be used; the sentence says why, and what would work."""


class SigningFailed(Exception):  # noqa: N818 - it reads as what happened
    """The KMS did not sign, or signed with another key. It may work the next time."""


class SigningKey(Protocol):
    """An Ed25519 key that can be used and not read. Using it may block on a network."""

    @property
    def public(self) -> bytes:
        """The public half: 32 bytes."""
        ...

    def sign(self, signed: bytes) -> bytes:
        """Sign: 64 bytes. Raises ``SigningFailed``."""
        ...


class FileKey:
    """A key read from a file."""

    def __init__(self, path: Path) -> None:
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadSigningKey(f"{path} cannot be read as a private key: {error}.") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise BadSigningKey(f"{path} is not an Ed25519 key; make one with `log-key`.")
        self._key = key

    @property
    def public(self) -> bytes:
        """The public half."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, signed: bytes) -> bytes:
        """Sign with what was read."""
        return self._key.sign(signed)


class RemoteKey:
    """A key in a KMS. Every signature is verified before it is used."""

    def __init__(self, uri: str, public: Ed25519PublicKey) -> None:
        self._public = public
        try:
            kms = import_module("securesystemslib.signer")  # only now: it is large, files need none
            named = kms.SSlibKey.from_crypto(public)
            self._signer: Any = kms.Signer.from_priv_key_uri(uri, named)
        except Exception as error:
            raise BadSigningKey(f"{uri.partition(':')[0]}: {error}.") from error

    @property
    def public(self) -> bytes:
        """The public half, as it was named."""
        return self._public.public_bytes_raw()

    def sign(self, signed: bytes) -> bytes:
        """Have it signed."""
        try:
            made = bytes.fromhex(self._signer.sign(signed).signature)
            self._public.verify(made, signed)
        except InvalidSignature as error:
            raise SigningFailed("the KMS signs with another key than the one named.") from error
        except Exception as error:
            raise SigningFailed(f"the KMS did not sign ({type(error).__name__}).") from error
        return made


def signing_key(named: str) -> SigningKey:
    """Open the key that ``named`` names. Raises ``BadSigningKey``."""
    if named.startswith(FILE):
        return FileKey(Path(named.removeprefix(FILE)))
    uri, mark, text = named.partition("#")
    public = public_key(text)
    if not mark or public is None:
        raise BadSigningKey(
            f"{uri.partition(':')[0]}: a key is `file:PATH`, or a signer URI followed by # and its "
            "Ed25519 public key in base64url; keys of other kinds cannot sign logs."
        )
    return RemoteKey(uri, public)


def make_signing_key(path: Path) -> SigningKey:
    """Make a key if ``path`` has none yet, for its owner's eyes only. Raises ``BadSigningKey``."""
    if not path.exists():
        written = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(written)
    return FileKey(path)
