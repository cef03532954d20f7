from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from adapters.postgres.facts import PostgresFacts
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.overdue import PostgresOverdue
from counterseal.core.model import instant_text
from domain.ports import CounterQuery, CounterReading, Entry, UnknownTenant
from domain.roster import Person, Roster
from tests.support.entries import START, counts, end, found_tenant, new_action, row, write

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def ago(seconds: float) -> str:
    return instant_text(NOW - timedelta(seconds=seconds))


@pytest.fixture
def facts(pool: asyncpg.Pool) -> PostgresFacts:
    return PostgresFacts(pool)


async def reading(
    facts: PostgresFacts, tenant: str, *, window: int = 60, attempts: bool = False
) -> CounterReading:
    query = CounterQuery(name="n", key="k", window=window, attempts=attempts)
    return (await facts.circumstances(tenant, None, [query], NOW)).counters["n"]


async def test_a_new_tenant_has_no_past(ledger: PostgresLedger, facts: PostgresFacts) -> None:
    tenant = await found_tenant(ledger)
    found = await facts.circumstances(tenant, "s", [], NOW)
    assert (found.bundle, found.roster_version, found.history, found.counters) == (None, -1, (), {})
    assert await facts.roster(tenant) == (-1, Roster())
    assert await reading(facts, tenant) == CounterReading(count=0, sum=0.0, version=0)


async def test_nobody_has_no_circumstances(facts: PostgresFacts) -> None:
    with pytest.raises(UnknownTenant):
        await facts.circumstances("nobody", None, [], NOW)


async def test_counters_count_within_their_window(
    ledger: PostgresLedger, facts: PostgresFacts
) -> None:
    tenant = await found_tenant(ledger)
    for seconds, amount in ((0, 1.0), (59.9, 2.0), (60, 4.0), (3600, 8.0)):
        contribution = counts("k", amount)
        await ledger.append(
            write(tenant, new_action(), at=ago(seconds), contributions=[contribution])
        )
    # an entry counts from its instant only if that instant is read
    assert await reading(facts, tenant) == CounterReading(count=2, sum=3.0, version=4)
    assert await reading(facts, tenant, window=61) == CounterReading(count=3, sum=7.0, version=4)
    assert (await reading(facts, tenant, window=86400)).sum == 15.0


async def test_a_later_stamp_does_not_hide_what_was_recorded_before(
    ledger: PostgresLedger, facts: PostgresFacts
) -> None:
    tenant = await found_tenant(ledger)
    await ledger.append(write(tenant, new_action(), at=ago(-0.5), contributions=[counts("k")]))
    assert (await reading(facts, tenant)).count == 1


async def test_attempts_count_blocked_actions_too(
    ledger: PostgresLedger, facts: PostgresFacts
) -> None:
    tenant = await found_tenant(ledger)
    await ledger.append(write(tenant, new_action(), contributions=[counts("k", 5, live=False)]))
    await ledger.append(write(tenant, new_action(), contributions=[counts("k", 7)]))
    assert await reading(facts, tenant) == CounterReading(count=1, sum=7.0, version=2)
    assert await reading(facts, tenant, attempts=True) == CounterReading(
        count=2, sum=12.0, version=2
    )


async def test_a_hold_counts_until_it_is_released(
    ledger: PostgresLedger, facts: PostgresFacts
) -> None:
    tenant, action = await found_tenant(ledger), new_action()
    held = write(
        tenant,
        action,
        table="action",
        summary=row(action),
        contributions=[counts("k", 5), counts("other", 1)],
    )
    await ledger.append(held)
    await ledger.append(write(tenant, new_action(), contributions=[counts("k", 7)]))
    assert await reading(facts, tenant) == CounterReading(count=2, sum=12.0, version=2)
    denied = write(tenant, action, "denied", after=end(held), release=True)
    await ledger.append(denied)
    assert await reading(facts, tenant) == CounterReading(count=1, sum=7.0, version=3)
    assert (await reading(facts, tenant, attempts=True)).count == 2
    again = write(tenant, action, "late", after=end(denied), release=True)
    await ledger.append(again)
    assert (await reading(facts, tenant)).version == 3  # there was nothing left to release


async def test_history_is_the_sessions_latest_fifty_oldest_first(
    ledger: PostgresLedger, facts: PostgresFacts
) -> None:
    tenant = await found_tenant(ledger)

    def asked(seconds: int, session: str | None) -> Entry:
        action = new_action()
        summary = row(action, session=session, requested_at=ago(seconds), tool=f"t{seconds}")
        return write(tenant, action, table="action", summary=summary)

    for seconds in range(60, 0, -1):
        await ledger.append(asked(seconds, "s"))
    await ledger.append(asked(5, "another"))
    await ledger.append(asked(5, None))
    past = (await facts.circumstances(tenant, "s", [], NOW)).history
    assert [each.tool for each in past] == [f"t{seconds}" for seconds in range(50, 0, -1)]
    assert past[-1].at == NOW - timedelta(seconds=1)
    assert (await facts.circumstances(tenant, None, [], NOW)).history == ()


async def test_the_latest_bundle_is_in_force_and_older_ones_are_kept(
    ledger: PostgresLedger, facts: PostgresFacts
) -> None:
    tenant, after = await found_tenant(ledger), START
    for digest in ("sha256:a", "sha256:b", "sha256:a"):
        entry = write(
            tenant,
            "bundles",
            after=after,
            table="bundle",
            summary={"digest": digest, "name": "p", "version": "1", "body": f'{{"d":"{digest}"}}'},
        )
        await ledger.append(entry)
        after = end(entry)
        assert (await facts.circumstances(tenant, None, [], NOW)).bundle == digest
    for _ in range(2):
        assert await facts.bundle(tenant, "sha256:b") == b'{"d":"sha256:b"}'
    with pytest.raises(KeyError):
        await facts.bundle(tenant, "sha256:c")


async def test_a_cached_bundle_is_not_another_tenants(
    ledger: PostgresLedger, facts: PostgresFacts
) -> None:
    mine, yours = await found_tenant(ledger), await found_tenant(ledger)
    summary = {"digest": "sha256:mine", "name": "p", "version": "1", "body": "{}"}
    await ledger.append(write(mine, "bundles", table="bundle", summary={**summary}))
    assert await facts.bundle(mine, "sha256:mine") == b"{}"
    with pytest.raises(KeyError):
        await facts.bundle(yours, "sha256:mine")
    assert (await facts.circumstances(yours, None, [], NOW)).bundle is None
    own = {**summary, "digest": "sha256:yours"}
    await ledger.append(write(yours, "bundles", table="bundle", summary={**own}))
    assert (await facts.circumstances(mine, None, [], NOW)).bundle == "sha256:mine"
    assert (await facts.circumstances(yours, None, [], NOW)).bundle == "sha256:yours"


async def test_the_roster_is_always_the_current_one(
    ledger: PostgresLedger, facts: PostgresFacts
) -> None:
    tenant, after = await found_tenant(ledger), START
    for version, name in enumerate(("ada", "grace")):
        roster = Roster(people=(Person(id=name, aliases=(f"{name}@home",)),))
        entry = write(
            tenant,
            "roster",
            after=after,
            table="roster",
            summary={"body": roster.model_dump(mode="json")},
        )
        await ledger.append(entry)
        after = end(entry)
        for _ in range(2):
            assert await facts.roster(tenant) == (version, roster)
        assert (await facts.circumstances(tenant, None, [], NOW)).roster_version == version


async def test_what_nobody_closed_is_found_oldest_first(
    ledger: PostgresLedger, pool: asyncpg.Pool
) -> None:
    tenant = await found_tenant(ledger)
    actions = [new_action() for _ in range(4)]
    for action, seconds in zip(actions, (10, 20, -10, None), strict=True):
        deadline = ago(seconds) if seconds is not None else None
        summary = row(action, next_deadline=deadline)
        await ledger.append(write(tenant, action, table="action", summary=summary))
    overdue = PostgresOverdue(pool)
    found = [each for each in await overdue.overdue(NOW, 100) if each.tenant == tenant]
    assert [each.action_id for each in found] == [actions[1], actions[0]]
    assert len(await overdue.overdue(NOW, 1)) == 1
