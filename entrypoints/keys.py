"""The keys that programs here hold: the gateway's own, and what data keys are wrapped with."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from adapters.keys.file import FileCustody
from counterseal.core.signing import public_text
from domain.vault import KeyCustody


def read_gateway_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key (PKCS #8 PEM). Ends the program with a sentence if there is none."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise SystemExit(f"{path} cannot be read as a private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit(f"{path} is not an Ed25519 key.")
    return key


def make_gateway_key(path: Path) -> str:
    """Make a key if ``path`` has none yet; return its public half as base64url."""
    if not path.exists():
        written = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(written)
    return public_text(read_gateway_key(path).public_key())


def data_keys(named: str | None) -> KeyCustody | None:
    """Reach the keys that a setting names. Ends the program with a sentence if it cannot."""
    if named is None:
        return None
    scheme, _, rest = named.partition(":")
    reach = _CUSTODIES.get(scheme)
    if reach is None or not rest:
        raise SystemExit(
            "COUNTERSEAL_DATA_KEYS must name keys: file:/path/to/data.keys or aws-kms:alias/name"
        )
    try:
        return reach(rest)
    except (OSError, ValueError, ImportError) as error:
        raise SystemExit(f"COUNTERSEAL_DATA_KEYS cannot be used: {error}") from error


def _file(path: str) -> KeyCustody:
    return FileCustody(Path(path))


def _aws_kms(key: str) -> KeyCustody:
    # boto3 is large and optional, so it is only loaded by those who asked for it.
    return import_module("adapters.keys.aws_kms").AwsKmsCustody(key)  # type: ignore[no-any-return] # fits by shape


_CUSTODIES: dict[str, Callable[[str], KeyCustody]] = {"file": _file, "aws-kms": _aws_kms}
