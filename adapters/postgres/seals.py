"""How far the evidence of events has come, and the checkpoints that prove it."""

from typing import NamedTuple

import asyncpg

from adapters.postgres.pool import talk
from counterseal.core.words import Level

_SEAL = "SELECT sealed, witnessed FROM ledger.seal WHERE tenant = $1"
_KIND = """
    SELECT event.seq, coalesce(seal.sealed, 0) AS sealed, coalesce(seal.witnessed, 0) AS witnessed
    FROM ledger.event LEFT JOIN ledger.seal ON seal.tenant = event.tenant
    WHERE event.tenant = $1 AND event.stream = $2 AND event.kind = $3
    ORDER BY event.version DESC LIMIT 1
"""
_ACTION = """
    SELECT action.last_seq, coalesce(seal.sealed, 0) AS sealed,
           coalesce(seal.witnessed, 0) AS witnessed
    FROM ledger.action LEFT JOIN ledger.seal ON seal.tenant = action.tenant
    WHERE action.tenant = $1 AND action.action_id = $2
"""
_CHECKPOINT = """
    SELECT note, true AS witnessed, size FROM ledger.cosigned_checkpoint
    WHERE tenant = $1 AND size >= $2
    UNION ALL
    SELECT note, false, size FROM ledger.checkpoint WHERE tenant = $1 AND size >= $2
    ORDER BY witnessed DESC, size DESC LIMIT 1
"""
_LATEST = """
    SELECT coalesce(cosigned.note, checkpoint.note)
    FROM ledger.checkpoint LEFT JOIN ledger.cosigned_checkpoint AS cosigned USING (tenant, size)
    WHERE tenant = $1 AND size >= $2 ORDER BY size DESC LIMIT 1
"""


class Seal(NamedTuple):
    """How many events of a tenant lie under a signed checkpoint, and how many under a cosigned."""

    sealed: int = 0
    witnessed: int = 0

    def level(self, seq: int) -> Level:
        """Tell how far the evidence of the event at ``seq``, and of all before it, has come."""
        if seq < self.witnessed:
            return Level.WITNESSED
        return Level.SEALED if seq < self.sealed else Level.RECORDED


class PostgresSeals:
    """Answers from Postgres. Every method raises ``Unavailable`` when it cannot be reached."""

    def __init__(self, pool: asyncpg.Pool, *, patience: float = 5.0) -> None:
        self._pool = pool
        self._patience = patience

    async def seal(self, tenant: str) -> Seal:
        """Tell how far a tenant's log is sealed."""
        async with talk(self._pool, self._patience) as db:
            row = await db.fetchrow(_SEAL, tenant)
        return Seal(*row) if row else Seal()

    async def level(self, tenant: str, last_seq: int) -> Level:
        """Tell how far the evidence up to ``last_seq`` has come."""
        return (await self.seal(tenant)).level(last_seq)

    async def level_of(self, tenant: str, stream: str, kind: str) -> Level | None:
        """Tell it for the latest event of a kind in a stream; None if there is no such event."""
        async with talk(self._pool, self._patience) as db:
            row = await db.fetchrow(_KIND, tenant, stream, kind)
        return Seal(row["sealed"], row["witnessed"]).level(row["seq"]) if row else None

    async def level_of_action(self, tenant: str, action_id: str) -> Level:
        """Tell it for everything recorded of an action."""
        async with talk(self._pool, self._patience) as db:
            row = await db.fetchrow(_ACTION, tenant, action_id)
        return (
            Seal(row["sealed"], row["witnessed"]).level(row["last_seq"]) if row else Seal().level(0)
        )

    async def checkpoint(self, tenant: str, size: int = 1) -> str | None:
        """Give the best checkpoint of at least ``size`` events: cosigned if possible, then newest.

        None if there is none yet.
        """
        return await self._note(_CHECKPOINT, tenant, size)

    async def newest(self, tenant: str, size: int = 1) -> str | None:
        """Give the newest checkpoint of at least ``size`` events, cosigned or not yet."""
        return await self._note(_LATEST, tenant, size)

    async def _note(self, sql: str, tenant: str, size: int) -> str | None:
        async with talk(self._pool, self._patience) as db:
            note: str | None = await db.fetchval(sql, tenant, size)
        return note
