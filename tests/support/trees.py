"""The tree that must be stored for a tenant, worked out from its events alone."""

from collections import defaultdict

from counterseal.core.links import leaf_hash
from counterseal.core.tlog.tiles import WIDTH
from counterseal.core.tlog.tree import HASH_SIZE, Frontier
from tests.support.postgres import Database
from tests.support.roles import administering


def tiles_over(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    """Make the rows that must be stored: full ones of level 0, and all there is above."""
    rows: defaultdict[tuple[int, int], bytes] = defaultdict(bytes)

    def keep(level: int, index: int, node: bytes) -> None:
        if level % 8 == 0:
            rows[level // 8, index // WIDTH] += node

    grown = Frontier()
    for leaf in leaves:
        grown.append(leaf, keep)
    return {
        tile: hashes for tile, hashes in rows.items() if tile[0] or len(hashes) == HASH_SIZE * WIDTH
    }


async def check(database: Database, tenant: str) -> list[bytes]:
    """Hold the stored tree of a tenant against its events, as they stand at one moment."""
    async with (
        administering(database) as db,
        db.transaction(isolation="repeatable_read", readonly=True),
    ):
        events = await db.fetch(
            "SELECT seq, canonical, link FROM ledger.event WHERE tenant = $1 ORDER BY seq", tenant
        )
        head = await db.fetchrow("SELECT * FROM ledger.tenant_head WHERE tenant = $1", tenant)
        rows = await db.fetch("SELECT * FROM ledger.tile WHERE tenant = $1", tenant)
    assert head is not None
    leaves, grown = [leaf_hash(each["canonical"]) for each in events], Frontier()
    grown.extend(leaves)
    assert [each["seq"] for each in events] == [*range(head["next_seq"])]
    assert [each["link"] for each in events] == leaves
    assert (head["frontier"], head["root"]) == (b"".join(grown.nodes), grown.root())
    assert {(row["level"], row["idx"]): row["hashes"] for row in rows} == tiles_over(leaves)
    return leaves
