import asyncio

from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.news import News
from tests.support.entries import end, found_tenant, write
from tests.support.postgres import Database


async def test_whoever_waits_is_woken(ledger: PostgresLedger, database: Database) -> None:
    tenant = await found_tenant(ledger)
    async with News(database.dsn) as news, news.of(tenant, "s") as changed:
        first = write(tenant, "s", wake=True)
        waiting = asyncio.create_task(changed.wait(5))
        await ledger.append(first)
        assert await waiting
        assert not await changed.wait(0.05)
        await ledger.append(write(tenant, "s", "next", after=end(first), wake=True))
        assert await changed.wait(5)


async def test_nobody_else_is_woken(ledger: PostgresLedger, database: Database) -> None:
    tenant, other = await found_tenant(ledger), await found_tenant(ledger)
    async with News(database.dsn) as news, news.of(tenant, "s") as changed:
        await ledger.append(write(other, "s", wake=True))
        await ledger.append(write(tenant, "t", wake=True))
        await ledger.append(write(tenant, "s"))
        assert not await changed.wait(0.1)


async def test_news_before_the_wait_is_not_missed(
    ledger: PostgresLedger, database: Database
) -> None:
    tenant = await found_tenant(ledger)
    async with News(database.dsn) as news, news.of(tenant, "s") as changed:
        await ledger.append(write(tenant, "s", wake=True))
        await asyncio.sleep(0.05)
        assert await changed.wait(0)


async def test_without_a_database_the_wait_runs_out() -> None:
    nowhere = "postgresql://counterseal_app@/none?host=/nonexistent"
    async with News(nowhere, patience=0.1) as news, news.of("t", "s") as changed:
        assert not await changed.wait(0.05)
