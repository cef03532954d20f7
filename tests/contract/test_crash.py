"""Postgres is killed, frozen and started again under writers who do not give up."""

import asyncio
import os
import random
import signal
from collections.abc import Iterator

import asyncpg
import pytest

from adapters.embedded_postgres import EmbeddedPostgres
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.news import News
from adapters.postgres.pool import open_pool
from counterseal.core.links import flaws, leaf_hash
from domain.ports import Entry, Unavailable
from tests.support.entries import counts, end, found_tenant, new_action, row, write
from tests.support.postgres import Database, discard, make_database, start_server
from tests.support.trees import check

WRITERS = 16


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    started = start_server()
    yield started
    discard(started)


@pytest.fixture(scope="module")
def mortal(server: EmbeddedPostgres) -> Database:
    return make_database(server)


async def insist(ledger: PostgresLedger, entry: Entry) -> int:
    """Append the same entry until there is an answer."""
    while True:
        try:
            return await ledger.append(entry)
        except Unavailable:
            await asyncio.sleep(0.02)


async def kill_and_restart(server: EmbeddedPostgres, how: signal.Signals = signal.SIGKILL) -> None:
    assert server.pid is not None
    os.kill(server.pid, how)
    while server.is_alive():  # noqa: ASYNC110 - nobody tells when a process has ended
        await asyncio.sleep(0.001)
    await asyncio.to_thread(server.start)


async def keep_writing(
    ledger: PostgresLedger, tenant: str, done: asyncio.Event
) -> list[tuple[Entry, int]]:
    told: list[tuple[Entry, int]] = []
    while not done.is_set():
        action = new_action()
        first = write(
            tenant,
            action,
            "a",
            "b",
            table="action",
            summary=row(action),
            contributions=[counts("k")],
        )
        told.append((first, await insist(ledger, first)))
        second = write(tenant, action, "c", after=end(first))
        told.append((second, await insist(ledger, second)))
    return told


async def test_nothing_acknowledged_is_lost_and_nothing_doubled(
    server: EmbeddedPostgres, mortal: Database, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(7)  # noqa: S311 - only the moments of the kills
    async with open_pool(mortal.dsn, patience=2.0) as pool:
        ledger, done = PostgresLedger(pool, patience=2.0), asyncio.Event()
        tenant = await found_tenant(ledger)
        async with asyncio.TaskGroup() as group:
            writers = [
                group.create_task(keep_writing(ledger, tenant, done)) for _ in range(WRITERS)
            ]
            for how in (signal.SIGKILL, signal.SIGQUIT, signal.SIGKILL):  # SIGQUIT: at once
                await asyncio.sleep(chance.uniform(0.15, 0.5))
                await kill_and_restart(server, how)
                await check(mortal, tenant)
            await asyncio.sleep(0.2)
            done.set()
        told = [each for writer in writers for each in writer.result()]
        await check(mortal, tenant)
        stored = await pool.fetch(
            "SELECT * FROM ledger.event WHERE tenant = $1 ORDER BY seq", tenant
        )
        out = await pool.fetch("SELECT seq FROM ledger.outbox WHERE tenant = $1", tenant)
        counted = await pool.fetchval(
            "SELECT version FROM ledger.velocity_key WHERE tenant = $1", tenant
        )
    assert len(told) > 50
    assert [each["seq"] for each in stored] == [*range(len(stored))]
    assert all(each["link"] == leaf_hash(each["canonical"]) for each in stored)
    by_seq = {each["seq"]: each["canonical"] for each in stored}
    for entry, seq in told:
        assert by_seq[seq] == entry.events[-1].canonical
    # every writer insisted to the end, so what is stored is exactly what was acknowledged
    assert len(stored) == 1 + sum(len(entry.events) for entry, _ in told)
    assert {each["seq"] for each in out} == {*by_seq}
    assert counted == len(told) // 2
    for stream in {each["stream"] for each in stored}:
        story = [each["canonical"] for each in stored if each["stream"] == stream]
        assert flaws(tenant, stream, story) == []
    assert not [each for each in caplog.records if each.exc_info]


async def test_a_frozen_postgres_costs_patience_and_no_more(
    server: EmbeddedPostgres, mortal: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_pool(mortal.dsn, patience=0.3) as pool:
        ledger = PostgresLedger(pool, patience=0.3)
        tenant = await found_tenant(ledger)
        entry = write(tenant, "s")
        backends = await pool.fetch("SELECT pid FROM pg_stat_activity WHERE datname IS NOT NULL")
        frozen = [server.pid or 0, *(each["pid"] for each in backends)]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(3):
                for _ in range(2):
                    with pytest.raises(Unavailable):
                        await ledger.append(entry)
                with pytest.raises(Unavailable):
                    await ledger.read(tenant, "s")
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        assert await insist(ledger, entry) == 1
        assert await ledger.append(entry) == 1
    assert not [each for each in caplog.records if each.exc_info]


async def test_news_comes_back_with_postgres(server: EmbeddedPostgres, mortal: Database) -> None:
    async with (
        open_pool(mortal.dsn) as pool,
        News(mortal.dsn, patience=1.0) as news,
        news.of("t-news", "s") as changed,
    ):
        ledger = PostgresLedger(pool)
        await insist(ledger, write("t-news", "tenant", "tenant.created"))
        await kill_and_restart(server)
        assert await changed.wait(5)  # it may have missed something, so it says so
        await insist(ledger, write("t-news", "s", wake=True))
        assert await changed.wait(5)


async def test_an_append_waits_for_a_lock_no_longer_than_its_patience(mortal: Database) -> None:
    db = await asyncpg.connect(mortal.admin_dsn)
    try:
        async with open_pool(mortal.dsn, patience=0.3) as pool:
            ledger = PostgresLedger(pool, patience=0.3)
            tenant = await found_tenant(ledger)
            async with db.transaction():
                await db.execute(
                    "SELECT FROM ledger.tenant_head WHERE tenant = $1 FOR UPDATE", tenant
                )
                with pytest.raises(Unavailable):
                    await ledger.append(write(tenant, "s"))
            assert await insist(ledger, write(tenant, "s")) == 1
    finally:
        await db.close()
