"""Keys that AWS KMS holds: data keys are sent there to be wrapped and unwrapped.

Needs ``boto3``, which is no dependency of ours; credentials and region come from where it looks.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import boto3  # type: ignore[import-untyped] # it ships no types
from botocore.config import Config  # type: ignore[import-untyped] # likewise
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped] # likewise

from domain.vault import KeysUnavailable, KeyUnknown, Wrapped

PREFIX = "aws-kms/"

_PATIENCE = Config(connect_timeout=1, read_timeout=2, retries={"max_attempts": 2})
_FINAL = frozenset(
    {
        "DisabledException",
        "IncorrectKeyException",
        "InvalidCiphertextException",
        "InvalidKeyUsageException",
        "KMSInvalidStateException",
        "NotFoundException",
    }
)
"""What KMS says of a key that does not open this, or not any more."""


class AwsKmsCustody:
    """Implements ``domain.vault.KeyCustody``. ``key`` is an ID, an ARN or an alias.

    What was wrapped names the very key, so that the alias may point to another one later.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._kms: Any = boto3.client("kms", config=_PATIENCE)

    async def wrap(self, data_key: bytes, context: Mapping[str, str]) -> Wrapped:
        """Have a data key encrypted. Raises ``KeysUnavailable``."""
        try:
            told = await self._ask(
                self._kms.encrypt,
                KeyId=self._key,
                Plaintext=data_key,
                EncryptionContext={**context},
            )
        except KeyUnknown as error:  # it may be there tomorrow, and nothing was promised yet
            raise KeysUnavailable(str(error)) from error
        return Wrapped(PREFIX + told["KeyId"], told["CiphertextBlob"])

    async def unwrap(self, wrapped: Wrapped, context: Mapping[str, str]) -> bytes:
        """Have a data key decrypted. Raises ``KeyUnknown`` or ``KeysUnavailable``."""
        if not wrapped.key.startswith(PREFIX):
            raise KeyUnknown(f"AWS KMS does not hold the key {wrapped.key[:200]}")
        told = await self._ask(
            self._kms.decrypt,
            KeyId=wrapped.key.removeprefix(PREFIX),
            CiphertextBlob=wrapped.text,
            EncryptionContext={**context},
        )
        opened: bytes = told["Plaintext"]
        return opened

    async def _ask(self, call: Callable[..., dict[str, Any]], **asked: object) -> dict[str, Any]:
        try:
            return await asyncio.to_thread(call, **asked)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            if code in _FINAL:
                raise KeyUnknown(f"AWS KMS: {code}") from error
            raise KeysUnavailable(f"AWS KMS: {code}") from error
        except BotoCoreError as error:
            raise KeysUnavailable(f"AWS KMS: {type(error).__name__}") from error
