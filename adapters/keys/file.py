"""Keys in a file of our own, as payload keys are: the newest wraps, every one unwraps."""

from collections.abc import Mapping
from pathlib import Path

from adapters.keys.envelope import decrypt, encrypt
from adapters.payload_keys import PayloadKeys
from domain.vault import KeyUnknown, Wrapped

PREFIX = "file/"


class FileCustody:
    """Implements ``domain.vault.KeyCustody``. A key added to the file is found when it is needed.

    Raises ``OSError`` or ``ValueError`` if the file cannot be read at the start.
    """

    def __init__(self, path: Path) -> None:
        self._keys = PayloadKeys(path)

    async def wrap(self, data_key: bytes, context: Mapping[str, str]) -> Wrapped:
        """Encrypt a data key with the newest key."""
        newest = self._keys.newest
        return Wrapped(PREFIX + newest.id, encrypt(newest.cipher, data_key, context))

    async def unwrap(self, wrapped: Wrapped, context: Mapping[str, str]) -> bytes:
        """Decrypt a data key. Raises ``KeyUnknown``."""
        key = self._keys.find(wrapped.key.removeprefix(PREFIX))
        if key is None or not wrapped.key.startswith(PREFIX):
            raise KeyUnknown(f"{self._keys.path} does not hold the key {wrapped.key[:200]}")
        return decrypt(key.cipher, wrapped.text, context)
