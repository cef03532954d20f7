"""Sensitive values under their action's data key: AES-256-GCM, bound to where they belong."""

import secrets
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import ValidationError

from counterseal.core.canonical import Bounds, canonical, parse
from counterseal.core.commitments import Disclosure
from domain.vault import KeyUnknown

_NONCE_BYTES = 12
_SEALED = Bounds(size=2**20, depth=40, keys=16_384)
"""More than arguments can hold: what was sealed can always be read."""


def new_data_key() -> bytes:
    """Draw a data key."""
    return AESGCM.generate_key(256)


def seal(data_key: bytes, disclosures: Sequence[Disclosure], context: Mapping[str, str]) -> bytes:
    """Encrypt what opens an action's commitments."""
    opening = {each.pointer: {"salt": each.salt, "value": each.value} for each in disclosures}
    return encrypt(AESGCM(data_key), canonical(opening), context)


def open_sealed(
    data_key: bytes, sealed: bytes, context: Mapping[str, str]
) -> tuple[Disclosure, ...]:
    """Decrypt what opens an action's commitments. Raises ``KeyUnknown``."""
    opening = parse(decrypt(_cipher(data_key), sealed, context), _SEALED, recorded=True)
    if not isinstance(opening, dict):
        raise KeyUnknown("what is sealed is not what we seal")
    try:
        return tuple(
            Disclosure.model_validate({"pointer": pointer, **each})
            for pointer, each in sorted(opening.items())
        )
    except (TypeError, ValidationError):
        raise KeyUnknown("what is sealed is not what we seal") from None  # it quotes what it read


def encrypt(cipher: AESGCM, text: bytes, context: Mapping[str, str]) -> bytes:
    """Encrypt ``text`` so that only the same key in the same context opens it."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, text, _bound(context))


def decrypt(cipher: AESGCM, text: bytes, context: Mapping[str, str]) -> bytes:
    """Decrypt what ``encrypt`` made. Raises ``KeyUnknown`` if key or context is another."""
    try:
        return cipher.decrypt(text[:_NONCE_BYTES], text[_NONCE_BYTES:], _bound(context))
    except (InvalidTag, ValueError) as error:
        raise KeyUnknown("this key does not open it, or it belongs elsewhere") from error


def _cipher(data_key: bytes) -> AESGCM:
    try:
        return AESGCM(data_key)
    except ValueError as error:
        raise KeyUnknown("what was unwrapped is no data key") from error


def _bound(context: Mapping[str, str]) -> bytes:
    return canonical({**context})
