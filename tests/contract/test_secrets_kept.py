"""What is kept of sensitive values: encrypted, the first of several, until it is shredded."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from adapters.keys.file import FileCustody
from adapters.payload_keys import make_payload_keys
from adapters.postgres.ledger import Malformed, PostgresLedger
from adapters.postgres.secrets import PostgresSecrets
from counterseal.core.commitments import Disclosure
from domain.ports import Entry
from domain.vault import KeyUnknown, Shredded
from tests.support.entries import AT, end, found_tenant, new_action, row, write
from tests.support.postgres import Database

PIN = Disclosure(pointer="/pin", salt="A" * 43, value="geheim-4711")
LATE = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def secrets(pool: asyncpg.Pool, tmp_path: Path) -> PostgresSecrets:
    make_payload_keys(tmp_path / "data.keys")
    return PostgresSecrets(pool, FileCustody(tmp_path / "data.keys"))


def shredding(tenant: str, action: str, stream: str | None = None, *kinds: str) -> Entry:
    return write(
        tenant,
        stream or f"{action}:data",
        *(kinds or ("data.shredded",)),
        table="secret",
        summary={"action_id": action},
    )


async def close(ledger: PostgresLedger, tenant: str, action: str, **changed: object) -> None:
    summary = {**row(action), "phase": "CLOSED", "next_deadline": None, **changed}
    await ledger.append(write(tenant, action, "action.closed", table="action", summary=summary))


async def test_what_is_kept_is_found_and_stands_nowhere_in_clear(
    secrets: PostgresSecrets, pool: asyncpg.Pool
) -> None:
    action = new_action()
    assert await secrets.disclosures("acme", action) is None
    assert await secrets.keep("acme", action, [PIN], timedelta(days=90)) == (PIN,)
    assert await secrets.disclosures("acme", action) == (PIN,)
    stored = await pool.fetchrow("SELECT * FROM ledger.secret WHERE action_id = $1", action)
    assert stored is not None
    assert stored["keep_for"] == timedelta(days=90)
    assert b"geheim" not in stored["sealed"] + stored["wrapped"]
    assert "AAAA" not in str(stored)


async def test_of_two_the_first_stays(secrets: PostgresSecrets) -> None:
    action = new_action()
    other = PIN.model_copy(update={"value": "other"})
    kept = await asyncio.gather(
        *(secrets.keep("acme", action, [each], None) for each in (PIN, other) * 5)
    )
    assert len({repr(each[0].model_dump()) for each in kept if isinstance(each, tuple)}) == 1
    assert await secrets.disclosures("acme", action) == kept[0]


async def test_a_tenant_finds_nothing_of_another(secrets: PostgresSecrets) -> None:
    action = new_action()
    await secrets.keep("acme", action, [PIN], None)
    assert await secrets.disclosures("evil", action) is None


async def test_a_row_that_was_put_in_the_place_of_another_opens_nothing(
    secrets: PostgresSecrets, database: Database
) -> None:
    mine, others = new_action(), new_action()
    await secrets.keep("acme", mine, [PIN], None)
    await secrets.keep("acme", others, [PIN], None)
    db = await asyncpg.connect(database.admin_dsn)
    await db.execute(
        "UPDATE ledger.secret SET (wrapped, sealed) = (SELECT wrapped, sealed FROM ledger.secret "
        "WHERE action_id = $1) WHERE action_id = $2",
        mine,
        others,
    )
    await db.close()
    with pytest.raises(KeyUnknown):
        await secrets.disclosures("acme", others)


async def test_without_keys_nothing_is_kept_and_nothing_opened(
    secrets: PostgresSecrets, pool: asyncpg.Pool
) -> None:
    action, keyless = new_action(), PostgresSecrets(pool, None)
    with pytest.raises(KeyUnknown):
        await keyless.keep("acme", action, [PIN], None)
    assert await secrets.disclosures("acme", action) is None
    await secrets.keep("acme", action, [PIN], None)
    with pytest.raises(KeyUnknown):
        await keyless.disclosures("acme", action)


async def test_shredding_is_one_with_its_event_and_for_good(
    ledger: PostgresLedger, secrets: PostgresSecrets, pool: asyncpg.Pool
) -> None:
    tenant, action, bystander = await found_tenant(ledger), new_action(), new_action()
    for each in (action, bystander):
        await secrets.keep(tenant, each, [PIN], timedelta(days=1))
        await close(ledger, tenant, each)
    entry = shredding(tenant, action)
    seq = await ledger.append(entry)
    assert await ledger.append(entry) == seq
    gone = Shredded(at=datetime.fromisoformat(AT))
    assert await secrets.disclosures(tenant, action) == gone
    assert await secrets.keep(tenant, action, [PIN], None) == gone
    assert await secrets.disclosures(tenant, bystander) == (PIN,)
    left = await pool.fetchrow("SELECT * FROM ledger.secret WHERE action_id = $1", action)
    assert left is not None
    assert {left["key_encryption_key"], left["wrapped"], left["sealed"], left["due"]} == {None}
    again = write(
        tenant,
        f"{action}:data",
        "data.shredded",
        after=end(entry),
        at="2026-12-01T00:00:00.000000Z",
    )
    await ledger.append(
        again.model_copy(update={"table": "secret", "summary": {"action_id": action}})
    )
    assert await secrets.disclosures(tenant, action) == gone


async def test_what_was_never_kept_does_not_come_after_it_was_shredded(
    ledger: PostgresLedger, secrets: PostgresSecrets
) -> None:
    tenant, action = await found_tenant(ledger), new_action()
    await close(ledger, tenant, action)
    await ledger.append(shredding(tenant, action))
    assert isinstance(await secrets.keep(tenant, action, [PIN], None), Shredded)


async def test_a_shredding_that_is_not_what_it_says_is_refused(
    ledger: PostgresLedger, secrets: PostgresSecrets
) -> None:
    tenant, action, opened = await found_tenant(ledger), new_action(), new_action()
    await secrets.keep(tenant, action, [PIN], None)
    await close(ledger, tenant, action)
    await secrets.keep(tenant, opened, [PIN], None)
    await close(ledger, tenant, opened, phase="HELD")
    for entry in (
        shredding(tenant, action, f"{new_action()}:data"),
        shredding(tenant, action, f"{action}:late"),
        shredding(tenant, action, None, "data.revealed"),
        shredding(tenant, opened),
        shredding(tenant, new_action()),
        shredding(tenant, action).model_copy(update={"summary": None}),
    ):
        with pytest.raises(Malformed):
            await ledger.append(entry)
    for each in (action, opened):
        assert await secrets.disclosures(tenant, each) == (PIN,)


async def test_retention_begins_when_the_action_closes(
    ledger: PostgresLedger, secrets: PostgresSecrets
) -> None:
    tenant = await found_tenant(ledger)
    short, long, open_still, forever = (new_action() for _ in range(4))
    for action, days in ((short, 1), (long, 10_000), (open_still, 1), (forever, None)):
        await secrets.keep(tenant, action, [PIN], timedelta(days=days) if days else None)
        await close(ledger, tenant, action, **({"phase": "HELD"} if action == open_still else {}))
    closed_at = datetime.fromisoformat(AT)
    found = {each.action_id: each.keep_for for each in await secrets.expired(LATE, 100)}
    assert {action: found.get(action) for action in (short, long, open_still, forever)} == {
        short: 86_400,
        long: None,
        open_still: None,
        forever: None,
    }
    early = await secrets.expired(closed_at + timedelta(hours=23), 100)
    assert short not in {each.action_id for each in early}
    await ledger.append(shredding(tenant, short))
    assert short not in {each.action_id for each in await secrets.expired(LATE, 100)}


async def test_what_never_became_an_action_is_forgotten_after_a_day_and_no_sooner(
    ledger: PostgresLedger, secrets: PostgresSecrets, database: Database
) -> None:
    tenant = await found_tenant(ledger)
    fresh, stale, asked, gone = (new_action() for _ in range(4))
    for action in (fresh, stale, asked, gone):
        await secrets.keep(tenant, action, [PIN], None)
    for action in (asked, gone):
        await close(ledger, tenant, action)
    await ledger.append(shredding(tenant, gone))
    db = await asyncpg.connect(database.admin_dsn)
    await db.execute(
        "UPDATE ledger.secret SET kept_at = kept_at - interval '25 hours' "
        "WHERE tenant = $1 AND action_id <> $2",
        tenant,
        fresh,
    )
    await db.close()
    now = datetime.now(UTC)
    # Nobody's clock that runs ahead makes it forget what is on its way.
    assert await secrets.forget(now + timedelta(days=2), 100) == 1
    assert await secrets.forget(now + timedelta(days=2), 100) == 0
    assert await secrets.disclosures(tenant, stale) is None
    assert await secrets.disclosures(tenant, fresh) == (PIN,)
    assert await secrets.disclosures(tenant, asked) == (PIN,)
    assert isinstance(await secrets.disclosures(tenant, gone), Shredded)
