"""The tree in Postgres is the tree over the events, whoever wrote them and in whatever batches."""

import asyncio
import random

import asyncpg
import pytest

from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.tree import PostgresTree
from counterseal.core.links import leaf_hash
from counterseal.core.tlog.proofs import (
    is_consistent,
    is_included,
    prove_consistency,
    prove_inclusion,
    prove_range,
    range_root,
)
from counterseal.core.tlog.tiles import WIDTH, MissingNode
from counterseal.core.tlog.tree import EMPTY_ROOT, Frontier
from domain.ports import UnknownTenant
from tests.support.entries import end, found_tenant, write
from tests.support.postgres import Database
from tests.support.roles import administering
from tests.support.trees import check


@pytest.fixture
def tree(pool: asyncpg.Pool) -> PostgresTree:
    return PostgresTree(pool)


async def fill(ledger: PostgresLedger, tenant: str, count: int) -> None:
    """Append ``count`` events, a few to an entry, all at once."""
    entries, left = [], count
    while left:
        kinds = ["thing.happened"] * min(left, 1 + left % 7)
        entries.append(write(tenant, f"s-{random.getrandbits(64):x}", *kinds))
        left -= len(kinds)
    await asyncio.gather(*map(ledger.append, entries))


async def test_the_tree_is_that_over_the_events_whoever_wrote_them(
    pool: asyncpg.Pool, database: Database
) -> None:
    chance = random.Random(5)  # noqa: S311 - only the shape of the load
    ledgers = [PostgresLedger(pool, largest_batch=size) for size in (1, 7, 256)]
    tenants = [await found_tenant(ledgers[0]) for _ in range(3)]

    async def writer(nth: int) -> None:
        tenant = tenants[nth % 3]
        for lap in range(18):
            stream, kinds = f"s-{nth}-{lap}", ["a"] * chance.randint(1, 9)
            entry = write(tenant, stream, *kinds)
            await chance.choice(ledgers).append(entry)
            await chance.choice(ledgers).append(entry)  # again, which changes nothing
            await chance.choice(ledgers).append(write(tenant, stream, "b", after=end(entry)))

    await asyncio.gather(*(writer(nth) for nth in range(24)))
    sizes = [len(await check(database, tenant)) for tenant in tenants]
    assert min(sizes) > 2 * WIDTH


SIZES = (1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 600)


async def test_proofs_hold_for_every_tree_the_log_ever_had(
    ledger: PostgresLedger, tree: PostgresTree, database: Database
) -> None:
    tenant = await found_tenant(ledger)
    await fill(ledger, tenant, 599)
    leaves = await check(database, tenant)
    nodes, roots = tree.nodes(tenant), {}
    for size in SIZES:
        grown = Frontier()
        grown.extend(leaves[:size])
        roots[size] = grown.root()
    for new in SIZES:
        for index in {0, 1, new // 3, new // 2, new - 1} & {*range(new)}:
            path = await prove_inclusion(index, new, nodes)
            assert is_included(leaves[index], index, new, path, roots[new])
        for old in SIZES[: SIZES.index(new) + 1]:
            proof = await prove_consistency(old, new, nodes)
            assert is_consistent(old, new, proof, roots[old], roots[new])
            around = await prove_range(old - 1, new, 600, nodes)
            assert range_root(old - 1, new, 600, leaves[old - 1 : new], around) == roots[600]


async def test_what_a_tree_does_not_have_is_missing(
    ledger: PostgresLedger, tree: PostgresTree
) -> None:
    tenant = await found_tenant(ledger)
    await fill(ledger, tenant, 299)
    for node in ((0, 300), (0, 512), (8, 1), (3, 37), (16, 0)):
        with pytest.raises(MissingNode):
            await tree.nodes(tenant)([(0, 0), node])
    with pytest.raises(MissingNode):
        await tree.nodes("nobody")([(0, 0)])
    with pytest.raises(UnknownTenant):
        await tree.head("nobody")
    assert [leaf async for leaf in tree.leaves("nobody", 0, 10)] == []


async def test_events_come_in_order_and_page_by_page(
    ledger: PostgresLedger, tree: PostgresTree, database: Database
) -> None:
    tenant = await found_tenant(ledger)
    await fill(ledger, tenant, 2_600)
    leaves = await check(database, tenant)
    for start, end_ in ((0, 2_601), (0, 0), (7, 8), (999, 2_001), (2_500, 9_000)):
        events = [event async for event in tree.entries(tenant, start, end_)]
        assert [event.seq for event in events] == [*range(start, min(end_, 2_601))]
        assert [leaf_hash(event.canonical) for event in events] == leaves[start:end_]
        assert [event.link for event in events] == leaves[start:end_]
        assert [leaf async for leaf in tree.leaves(tenant, start, end_)] == leaves[start:end_]


async def test_an_empty_tree_has_the_root_of_nothing(database: Database) -> None:
    async with administering(database) as admin:
        assert await admin.fetchval("SELECT ledger.root_of('')") == EMPTY_ROOT
        assert await admin.fetchval("SELECT ledger.grow('t', 0, '', '', now())") == b""


async def test_a_tree_of_three_levels_of_tiles_grows_as_one_of_two_does(
    database: Database, tree: PostgresTree
) -> None:
    """65,536 leaves and some, written by hand because appending them takes long."""
    tenant, size = "t-large", 256 * 256 + 300
    async with administering(database) as admin:
        await admin.execute("SET search_path = ledger")
        await admin.execute(
            "INSERT INTO ledger.tenant_head (tenant, created_at) VALUES ($1, now())", tenant
        )
        await admin.execute(
            """
            INSERT INTO ledger.event (tenant, seq, stream, version, kind, canonical, link,
                                      recorded_at)
            SELECT $1, nth, 's', nth, 'a', said, sha256('\\x00'::bytea || said), now()
            FROM generate_series(0, $2::int - 1) AS nth, convert_to(nth::text, 'UTF8') AS said
            """,
            tenant,
            size,
        )
        for first, last in ((0, 65_000), (65_000, 65_537), (65_537, size)):
            await admin.execute(
                "SELECT ledger.move_head($1, ledger.leaves($1, $2, $3, '-infinity'), '-infinity')",
                tenant,
                first,
                last,
            )
    leaves = await check(database, tenant)
    root = (await tree.head(tenant)).root
    for index in (0, 65_535, 65_536, size - 1):
        path = await prove_inclusion(index, size, tree.nodes(tenant))
        assert is_included(leaves[index], index, size, path, root)
    grown = Frontier()
    grown.extend(leaves[:65_536])
    proof = await prove_consistency(65_536, size, tree.nodes(tenant))
    assert is_consistent(65_536, size, proof, grown.root(), root)


async def test_what_is_taken_back_leaves_no_trace_in_the_tree(
    ledger: PostgresLedger, database: Database
) -> None:
    tenant = await found_tenant(ledger)
    good = [write(tenant, f"s-{nth}", *["a"] * 40) for nth in range(10)]
    bad = write(tenant, "roster", *["a"] * 40, table="roster", summary={"body": {"a": "\0"}})
    refused = write(tenant, "r", *["a"] * 40, guards={"k": 9})
    answers = await asyncio.gather(
        *map(ledger.append, [*good[:5], bad, refused, *good[5:]]), return_exceptions=True
    )
    assert sum(isinstance(each, Exception) for each in answers) == 2
    assert len(await check(database, tenant)) == 401
