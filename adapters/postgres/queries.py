"""Questions about the past and the present, answered from the read model."""

from collections.abc import Sequence

import asyncpg

from adapters.postgres import cursor as cursors
from adapters.postgres import listing
from adapters.postgres.pool import talk
from adapters.postgres.rows import (
    ActionFilter,
    ActionPage,
    ActiveBundle,
    ListedAction,
    StoredKey,
    Tenant,
)
from domain.ports import Recorded

_ACTION = "SELECT * FROM ledger.action WHERE tenant = $1 AND action_id = $2"
_KEY = "SELECT * FROM ledger.api_key WHERE key_id = $1"
_KEYS = "SELECT * FROM ledger.api_key WHERE tenant = $1 ORDER BY issued_at, key_id"
_EVENTS = """
    SELECT stream, seq, version, kind, canonical, link, recorded_at FROM ledger.story($1, $2)
"""
_TENANTS = """
    SELECT tenant, next_seq AS events, created_at FROM ledger.tenant_head ORDER BY tenant
"""
_ACTIVE = """
    SELECT digest, name, version, activated_at FROM ledger.bundle WHERE tenant = $1 AND active
"""


class PostgresQueries:
    """Answers from Postgres. Every method raises ``Unavailable`` when it cannot be reached."""

    def __init__(self, pool: asyncpg.Pool, *, patience: float = 5.0) -> None:
        self._pool = pool
        self._patience = patience

    async def list_actions(
        self,
        tenant: str,
        wanted: ActionFilter | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> ActionPage:
        """List actions, latest first. Raises ``BadCursor``."""
        after = cursors.read(cursor) if cursor is not None else None
        sql, arguments = listing.actions(tenant, wanted or ActionFilter(), after, limit + 1)
        async with talk(self._pool, self._patience) as db:
            # Prepared anew, so that each list is planned for the values it filters by.
            rows = await (await db.prepare(sql)).fetch(*arguments)
        actions = tuple(ListedAction.model_validate(dict(row)) for row in rows[:limit])
        if len(rows) <= limit:
            return ActionPage(actions=actions, cursor=None)
        last = actions[-1]
        following = cursors.Cursor(requested_at=last.requested_at, action_id=last.action_id)
        return ActionPage(actions=actions, cursor=cursors.write(following))

    async def get_action(self, tenant: str, action_id: str) -> ListedAction | None:
        """Look up one action of a tenant."""
        row = await self._row(_ACTION, tenant, action_id)
        return ListedAction.model_validate(dict(row)) if row else None

    async def find_key(self, key_id: str) -> StoredKey | None:
        """Look up an API key, revoked or not; key IDs are unique over all tenants."""
        row = await self._row(_KEY, key_id)
        return StoredKey.model_validate(dict(row)) if row else None

    async def list_keys(self, tenant: str) -> tuple[StoredKey, ...]:
        """List a tenant's keys in the order they were issued."""
        return tuple(StoredKey.model_validate(dict(row)) for row in await self._rows(_KEYS, tenant))

    async def events_of(
        self, tenant: str, streams: Sequence[str]
    ) -> dict[str, tuple[Recorded, ...]]:
        """Read several streams from their first event, in one snapshot."""
        found: dict[str, list[Recorded]] = {stream: [] for stream in streams}
        for row in await self._rows(_EVENTS, tenant, [*streams]):
            recorded = dict(row)
            found[recorded.pop("stream")].append(Recorded.model_validate(recorded))
        return {stream: tuple(events) for stream, events in found.items()}

    async def tenants(self) -> tuple[Tenant, ...]:
        """List every tenant."""
        return tuple(Tenant.model_validate(dict(row)) for row in await self._rows(_TENANTS))

    async def active_bundle(self, tenant: str) -> ActiveBundle | None:
        """Name the policy in force."""
        row = await self._row(_ACTIVE, tenant)
        return ActiveBundle.model_validate(dict(row)) if row else None

    async def _row(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        async with talk(self._pool, self._patience) as db:
            return await db.fetchrow(sql, *arguments)

    async def _rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        async with talk(self._pool, self._patience) as db:
            return await db.fetch(sql, *arguments)
