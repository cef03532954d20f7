"""What a decision rests on, read from Postgres in one round trip."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

import asyncpg
from pydantic_core import to_json

from adapters.postgres.pool import talk
from domain.ports import Circumstances, CounterQuery, UnknownTenant
from domain.roster import Roster

_CIRCUMSTANCES = "SELECT ledger.circumstances($1, $2, $3::jsonb, $4)"
_ACTIVE = "SELECT digest FROM ledger.bundle WHERE tenant = $1 AND active"
_BUNDLE = "SELECT body FROM ledger.bundle WHERE tenant = $1 AND digest = $2"
_ROSTER = """
    SELECT version, CASE WHEN version <> $2 THEN body END AS body
    FROM ledger.roster WHERE tenant = $1
"""
_BUNDLES_KEPT = 64


class PostgresFacts:
    """Implements ``domain.ports.FactSource``. Bundles and rosters that were read are kept."""

    def __init__(self, pool: asyncpg.Pool, *, patience: float = 5.0) -> None:
        self._pool = pool
        self._patience = patience
        self._bundles: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._rosters: dict[str, tuple[int, Roster]] = {}

    async def circumstances(
        self, tenant: str, session: str | None, counters: Sequence[CounterQuery], at: datetime
    ) -> Circumstances:
        """Read, in one consistent snapshot, what a decision at ``at`` needs."""
        asked = to_json([*counters]).decode()
        async with talk(self._pool, self._patience) as db:
            found = await db.fetchval(_CIRCUMSTANCES, tenant, session, asked, at)
        if found is None:
            raise UnknownTenant(f"there is no tenant {tenant}; create it first")
        return Circumstances.model_validate_json(found)

    async def active_bundle(self, tenant: str) -> str | None:
        """Name a tenant's active bundle by its digest; None if it has none."""
        async with talk(self._pool, self._patience) as db:
            digest: str | None = await db.fetchval(_ACTIVE, tenant)
        return digest

    async def bundle(self, tenant: str, digest: str) -> bytes:
        """Fetch a bundle's canonical bytes. Raises ``KeyError`` if the tenant has none such."""
        if (kept := self._bundles.get((tenant, digest))) is not None:
            self._bundles.move_to_end((tenant, digest))
            return kept
        async with talk(self._pool, self._patience) as db:
            body = await db.fetchval(_BUNDLE, tenant, digest)
        if body is None:
            raise KeyError(digest)
        self._bundles[tenant, digest] = written = str(body).encode()
        if len(self._bundles) > _BUNDLES_KEPT:
            self._bundles.popitem(last=False)
        return written

    async def roster(self, tenant: str) -> tuple[int, Roster]:
        """Fetch the tenant's current roster and its version (-1 and empty if none was set)."""
        kept = self._rosters.get(tenant, (-1, Roster()))
        async with talk(self._pool, self._patience) as db:
            row = await db.fetchrow(_ROSTER, tenant, kept[0])
        if row is None:
            return -1, Roster()
        if row["body"] is None:
            return kept
        self._rosters[tenant] = now = row["version"], Roster.model_validate(json.loads(row["body"]))
        return now
