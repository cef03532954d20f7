"""Database roles that read one tenant, for the tools of those who review it."""

import asyncpg

GROUP = "counterseal_reader"
_LONGEST_NAME = 63
_ROLE = """
    SELECT rolsuper OR rolbypassrls OR rolcreaterole AS is_mighty,
           NOT pg_has_role(oid, 'counterseal_reader', 'MEMBER') AS is_foreign
    FROM pg_roles WHERE rolname = $1
"""
_TENANT = "SELECT tenant FROM ledger.reader WHERE role = $1"
_KNOWN = "SELECT EXISTS (SELECT FROM ledger.tenant_head WHERE tenant = $1)"
_STATEMENTS = "SELECT format(statement, $1::text) FROM unnest($2::text[]) AS statement"
_MAKE = (
    "CREATE ROLE %I LOGIN",
    f"GRANT {GROUP} TO %I",
    "ALTER ROLE %I SET default_transaction_read_only = on",
    "ALTER ROLE %I SET search_path = ledger",
    # A transaction left open would keep new partitions from being attached.
    "ALTER ROLE %I SET idle_in_transaction_session_timeout = '1min'",
)


async def make_reader(dsn: str, tenant: str, role: str) -> bool:
    """Make a role that may log in and read ``tenant``; ``False`` if it was there already.

    It has no password yet. ``dsn`` names an administrator. Raises ``ValueError``.
    """
    db = await asyncpg.connect(dsn)
    try:
        async with db.transaction():
            return await _make(db, tenant, role)
    except asyncpg.InsufficientPrivilegeError as error:
        raise ValueError(f"only an administrator makes roles ({error})") from error
    finally:
        await db.close()


async def _make(db: asyncpg.Connection, tenant: str, role: str) -> bool:
    if not 0 < len(role.encode()) <= _LONGEST_NAME or "\0" in role:
        raise ValueError(f"a role's name has 1 to {_LONGEST_NAME} bytes; give one with --role")
    if not await db.fetchval(_KNOWN, tenant):
        raise ValueError(f"there is no tenant {tenant}; create it first")
    found = await db.fetchrow(_ROLE, role)
    if found is not None:
        await _refuse_another(db, tenant, role, found)
        return False
    for statement in await db.fetch(_STATEMENTS, role, [*_MAKE]):
        await db.execute(statement[0])
    await db.execute("INSERT INTO ledger.reader (role, tenant) VALUES ($1, $2)", role, tenant)
    return True


async def _refuse_another(
    db: asyncpg.Connection, tenant: str, role: str, found: asyncpg.Record
) -> None:
    theirs = await db.fetchval(_TENANT, role)
    if found["is_mighty"] or found["is_foreign"] or theirs != tenant:
        reads = f"reads the tenant {theirs}" if theirs else "is for something else"
        raise ValueError(f"the role {role} exists and {reads}; name another with --role")
