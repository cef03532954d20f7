"""Whom a witness is, and which logs it knows."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from counterseal.core.tlog.note import (
    BadNote,
    Signature,
    SignatureType,
    VerifierKey,
    cosignature,
    cosigned_bytes,
)


class BadKey(Exception):  # noqa: N818 - it reads as what is wrong
    """A file that holds no Ed25519 private key; the sentence says why."""


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The key a witness cosigns with, and the name it cosigns under."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def verifier(self) -> VerifierKey:
        """The public half, as logs and auditors keep it."""
        public = self.private.public_key().public_bytes_raw()
        return VerifierKey(self.name, SignatureType.COSIGNATURE, public)

    def cosign(self, text: str, at: int) -> Signature:
        """Say that at ``at`` this was the largest tree of its log that was seen."""
        signed = self.private.sign(cosigned_bytes(text, at))
        return Signature(self.name, self.verifier.id, cosignature(at, signed))


@dataclass(frozen=True, slots=True)
class Logs:
    """The logs a witness cosigns for.

    A key in ``families`` stands for every log whose origin is the key's name, a slash and more:
    the logs of all tenants of one server.
    """

    keys: tuple[VerifierKey, ...] = ()
    families: tuple[VerifierKey, ...] = ()

    def keys_of(self, origin: str) -> tuple[VerifierKey, ...]:
        """Name the keys that may sign for a log; of a log that is not known, none."""
        # C2SP tlog-policy: the name of a log's key is its origin.
        named = (key for key in self.keys if key.name == origin)
        return (*named, *self._of_family(origin))

    def _of_family(self, origin: str) -> Iterable[VerifierKey]:
        for family in self.families:
            if origin.startswith(f"{family.name}/"):
                try:
                    yield VerifierKey(origin, family.kind, family.public)
                except BadNote:
                    continue  # no key can have this name


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key (PKCS #8 PEM). Raises ``BadKey``."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadKey(f"{path} cannot be read as a private key: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey(f"{path} is not an Ed25519 key.")
    return key


def make_key(path: Path) -> Ed25519PrivateKey:
    """Make a key if ``path`` has none yet, for its owner's eyes only. Raises ``BadKey``."""
    if not path.exists():
        written = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise BadKey(f"{path} cannot be written: {error.strerror}.") from error
        with os.fdopen(handle, "wb") as file:
            file.write(written)
    return read_key(path)
