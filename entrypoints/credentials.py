"""API keys: made here, kept hashed, each bound to a tenant, a role, a subject, an environment."""

import hashlib
import hmac
import secrets
import time
from typing import Protocol

from pydantic import ValidationError

from adapters.postgres.rows import StoredKey
from counterseal.core.model import Record
from counterseal.core.words import Role
from entrypoints.problems import Declined

PREFIX = "csk"
REMEMBERED_FOR = 1.0
"""Seconds for which a key that was good is taken as good; a revocation works after at most that."""

MOST_REMEMBERED = 10_000


class Caller(Record):
    """Who is calling, as their key says."""

    tenant: str
    role: Role
    subject: str
    environment: str
    key_id: str


class KeyStore(Protocol):
    """Where keys are found."""

    async def find_key(self, key_id: str) -> StoredKey | None:
        """Find a key by its public half."""
        ...


class NewSecret(Record):
    """A key as it is handed out, once: ``text`` for the caller, ``secret_hash`` for us."""

    key_id: str
    text: str
    secret_hash: str


def new_secret() -> NewSecret:
    """Draw a key with 256 random bits, for which a plain SHA-256 is a safe store."""
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    return NewSecret(key_id=key_id, text=f"{PREFIX}_{key_id}_{secret}", secret_hash=hash_of(secret))


def hash_of(secret: str) -> str:
    """Hash a key's secret half."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Authenticator:
    """Turns an ``Authorization`` header into a caller, or declines."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._good: dict[str, tuple[float, Caller]] = {}

    async def caller(self, header: str | None) -> Caller:
        """Authenticate. Raises ``Declined`` with the code ``unauthenticated``."""
        scheme, _, text = (header or "").partition(" ")
        known = self._good.get(text)
        now = time.monotonic()
        if scheme.lower() == "bearer" and known is not None and now - known[0] < REMEMBERED_FOR:
            return known[1]
        caller = await self._check(scheme, text.strip())
        if len(self._good) >= MOST_REMEMBERED:
            self._good.clear()
        self._good[text] = (now, caller)
        return caller

    async def _check(self, scheme: str, text: str) -> Caller:
        parts = text.split("_", 2)
        if scheme.lower() != "bearer" or len(parts) != 3 or parts[0] != PREFIX:  # noqa: PLR2004 - prefix, ID, secret
            raise Declined(
                "unauthenticated",
                f"this needs an API key: send 'Authorization: Bearer {PREFIX}_…'.",
            )
        key = await self._store.find_key(parts[1][:64])
        given = hash_of(parts[2])
        # Compare even if there is no such key, so that timing does not tell IDs that exist.
        right = hmac.compare_digest(given, key.secret_hash if key else hash_of(""))
        if key is None or not right or key.revoked_at is not None:
            raise Declined(
                "unauthenticated", "this API key is unknown or revoked; ask an operator for one."
            )
        try:
            return Caller(
                tenant=key.tenant,
                role=key.role,
                subject=key.subject,
                environment=key.environment,
                key_id=key.key_id,
            )
        except ValidationError as error:
            raise Declined("unauthenticated", "this API key is not usable.") from error


def demand(caller: Caller, *roles: Role) -> None:
    """Let only callers of ``roles`` pass. Raises ``Declined`` with the code ``role-forbids``."""
    if caller.role not in roles:
        wanted = " or ".join(roles)
        raise Declined(
            "role-forbids",
            f"{caller.subject} calls as {caller.role}; this takes a key of role {wanted}.",
        )
