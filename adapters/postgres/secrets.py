"""Sensitive values in Postgres: sealed under a data key per action, which custody wraps."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from adapters.keys.envelope import new_data_key, open_sealed, seal
from adapters.postgres.pool import talk
from counterseal.core.commitments import Disclosure
from domain.ports import Unavailable
from domain.vault import Expired, KeyCustody, KeyUnknown, Shredded, Wrapped

_KEEP = """
    SELECT key_encryption_key, wrapped, sealed, shredded_at
    FROM ledger.keep_secret($1, $2, $3, $4, $5, $6)
"""
_FIND = """
    SELECT key_encryption_key, wrapped, sealed, shredded_at FROM ledger.secret
    WHERE tenant = $1 AND action_id = $2
"""
_EXPIRED = """
    SELECT tenant, action_id, extract(epoch FROM keep_for)::bigint AS keep_for
    FROM ledger.secret JOIN ledger.action USING (tenant, action_id)
    WHERE due <= $1 AND closed_at + keep_for <= $1 ORDER BY due LIMIT $2
"""
_FORGET = "SELECT ledger.forget_secrets($1, $2, $3)"
_ON_ITS_WAY = timedelta(days=1)
_LOOKED_BACK = timedelta(days=60)
"""So that looking for what nobody needs costs no more the longer we run."""


class PostgresSecrets:
    """Implements ``domain.vault.Secrets``. Without ``custody`` nothing is kept and none opened."""

    def __init__(
        self, pool: asyncpg.Pool, custody: KeyCustody | None, *, patience: float = 5.0
    ) -> None:
        self._pool = pool
        self._custody = custody
        self._patience = patience

    async def keep(
        self,
        tenant: str,
        action_id: str,
        disclosures: Sequence[Disclosure],
        keep_for: timedelta | None,
    ) -> tuple[Disclosure, ...] | Shredded:
        """Keep what opens an action's commitments, and return what is kept: the first stays."""
        data_key = new_data_key()
        sealed = seal(data_key, disclosures, _context(tenant, action_id, "arguments"))
        context = _context(tenant, action_id, "data-key")
        wrapped = await self._keys().wrap(data_key, context)
        given = (tenant, action_id, wrapped.key, wrapped.text, sealed, keep_for)
        async with talk(self._pool, self._patience) as db:
            row = await db.fetchrow(_KEEP, *given)
        if row is not None and row["sealed"] == sealed:
            return tuple(disclosures)
        kept = await self._opened(tenant, action_id, row)
        if kept is None:
            raise Unavailable(f"what was kept for {action_id} has just been forgotten")
        return kept

    async def disclosures(
        self, tenant: str, action_id: str
    ) -> tuple[Disclosure, ...] | Shredded | None:
        """Open what is kept for an action; None if nothing ever was. Raises ``KeyUnknown``."""
        async with talk(self._pool, self._patience) as db:
            row = await db.fetchrow(_FIND, tenant, action_id)
        return await self._opened(tenant, action_id, row)

    async def expired(self, at: datetime, limit: int) -> Sequence[Expired]:
        """Find closed actions whose values were kept long enough by ``at``."""
        async with talk(self._pool, self._patience) as db:
            rows = await db.fetch(_EXPIRED, at, limit)
        return [Expired.model_validate(dict(row)) for row in rows]

    async def forget(self, at: datetime, limit: int) -> int:
        """Forget what was kept a day before ``at`` for proposals that never became actions."""
        window = (at - _LOOKED_BACK, at - _ON_ITS_WAY)
        async with talk(self._pool, self._patience) as db:
            return int(await db.fetchval(_FORGET, *window, limit))

    async def _opened(
        self, tenant: str, action_id: str, row: asyncpg.Record | None
    ) -> tuple[Disclosure, ...] | Shredded | None:
        if row is None or (row["sealed"] is None and row["shredded_at"] is None):
            return None
        if row["sealed"] is None:
            return Shredded(at=row["shredded_at"])
        wrapped = Wrapped(row["key_encryption_key"], row["wrapped"])
        data_key = await self._keys().unwrap(wrapped, _context(tenant, action_id, "data-key"))
        return open_sealed(data_key, row["sealed"], _context(tenant, action_id, "arguments"))

    def _keys(self) -> KeyCustody:
        if self._custody is None:
            raise KeyUnknown("COUNTERSEAL_DATA_KEYS names no keys here")
        return self._custody


def _context(tenant: str, action_id: str, purpose: str) -> dict[str, str]:
    """Name what is encrypted, so that it cannot be put in another's place."""
    return {"tenant": tenant, "action": action_id, "purpose": purpose}
