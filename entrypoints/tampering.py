"""What somebody with every right in the database could do to a log; used to show that it shows.

Nothing here runs on a database anybody needs: the demo and the tests work on copies.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import asyncpg

from counterseal.core.canonical import canonical
from counterseal.core.links import leaf_hash, unseal
from counterseal.core.tlog.tiles import HEIGHT, WIDTH
from counterseal.core.tlog.tree import HASH_SIZE, Frontier

Tamper = Callable[[asyncpg.Connection, str], Awaitable[None]]

_ROWS = """
    SELECT seq, stream, version, kind, canonical FROM ledger.event WHERE tenant = $1 ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An event as an intruder sees it."""

    seq: int
    stream: str
    version: int
    kind: str
    canonical: bytes


async def intrude(db: asyncpg.Connection) -> None:
    """Go around the triggers, as a superuser can."""
    await db.execute("SET session_replication_role = replica; SET search_path = ledger")


async def edit_a_vote(db: asyncpg.Connection, tenant: str) -> None:
    """Put another name under an approval."""
    row = await _last(db, tenant, "vote.counted")
    envelope = unseal(row.canonical)
    envelope["event"] = {**_event(envelope), "person": "mallory"}
    await db.execute(
        "UPDATE event SET canonical = $3 WHERE tenant = $1 AND seq = $2",
        *(tenant, row.seq, canonical(envelope)),
    )


async def delete_a_refusal(db: asyncpg.Connection, tenant: str) -> None:
    """Delete the record of an attempt that was refused."""
    row = await _last(db, tenant, "grant.refused")
    await db.execute("DELETE FROM event WHERE tenant = $1 AND seq = $2", tenant, row.seq)


async def drop_the_tail(db: asyncpg.Connection, tenant: str) -> None:
    """Take the log back to where it was a few events ago, as an old backup would."""
    rows = await _rows(db, tenant)
    await _write_anew(db, tenant, rows[:-5])


async def change_the_order(db: asyncpg.Connection, tenant: str) -> None:
    """Let what was approved last look as if it had come first, with every hash made anew."""
    rows = await _rows(db, tenant)
    first, last = _stories(rows)[0], _stories(rows)[-1]
    others = [row for row in rows if row.stream not in (first, last)]
    moved = [row for row in rows if row.stream == last]
    moved += [row for row in rows if row.stream == first]
    await _write_anew(db, tenant, [*others, *moved])


async def back_date_an_approval(db: asyncpg.Connection, tenant: str) -> None:
    """Let an approval have come an hour earlier, with every hash made anew."""
    approval = await _last(db, tenant, "vote.counted")
    rows = await _rows(db, tenant)
    await _write_anew(
        db,
        tenant,
        [_an_hour_earlier(row) if row.seq == approval.seq else row for row in rows],
    )


async def edit_the_head(db: asyncpg.Connection, tenant: str) -> None:
    """Change what the store says of its own tree."""
    await db.execute("UPDATE tenant_head SET root = sha256(root) WHERE tenant = $1", tenant)


async def empty_the_table(db: asyncpg.Connection, _tenant: str) -> None:
    """Truncate the events of everybody."""
    await db.execute("TRUNCATE event")


TAMPERS: dict[str, Tamper] = {
    "another name under an approval": edit_a_vote,
    "a refused attempt deleted": delete_a_refusal,
    "the last five events dropped, the tree made anew": drop_the_tail,
    "two stories swapped, the tree made anew": change_the_order,
    "an approval back-dated, every hash made anew": back_date_an_approval,
    "the stored root edited": edit_the_head,
    "all events truncated": empty_the_table,
}
"""What the demo does, in the words it uses."""


async def _rows(db: asyncpg.Connection, tenant: str) -> list[Row]:
    return [Row(*row) for row in await db.fetch(_ROWS, tenant)]


async def _last(db: asyncpg.Connection, tenant: str, kind: str) -> Row:
    return [row for row in await _rows(db, tenant) if row.kind == kind][-1]


def _stories(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.stream for row in rows if row.stream.startswith("act_")))


def _an_hour_earlier(row: Row) -> Row:
    envelope = unseal(row.canonical)
    event = _event(envelope)
    hour = (int(str(event["at"])[11:13]) - 1) % 24
    at = f"{str(event['at'])[:11]}{hour:02d}{str(event['at'])[13:]}"
    return replace(row, canonical=canonical({**envelope, "event": {**event, "at": at}}))


def _event(envelope: dict[str, object]) -> dict[str, object]:
    event = envelope["event"]
    return dict(event) if isinstance(event, dict) else {}


async def _write_anew(db: asyncpg.Connection, tenant: str, rows: Sequence[Row]) -> None:
    """Write a log in which everything fits: places, links, head, tiles, and what lists are made of.

    Times of recording are kept in order, too.
    """
    times = await db.fetch(
        "SELECT recorded_at FROM event WHERE tenant = $1 ORDER BY seq LIMIT $2", tenant, len(rows)
    )
    linked = _linked(rows)
    async with db.transaction():
        for table in ("event", "tile", "outbox", "stream_head"):
            await db.execute(f"DELETE FROM {table} WHERE tenant = $1", tenant)  # noqa: S608 - our own names
        await db.executemany(
            "INSERT INTO event (tenant, seq, stream, version, kind, canonical, link, prev, "
            "recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            [
                (tenant, row.seq, row.stream, row.version, row.kind, row.canonical, link, prev, at)
                for (row, link, prev), (at,) in zip(linked, times, strict=True)
            ],
        )
        await db.execute(
            "INSERT INTO stream_head (tenant, stream, version, link, earliest, latest) "
            "SELECT tenant, stream, max(version), (array_agg(link ORDER BY version DESC))[1], "
            "min(recorded_at), max(recorded_at) FROM event WHERE tenant = $1 "
            "GROUP BY tenant, stream",
            tenant,
        )
        await _grow_anew(db, tenant, [link for _, link, _ in linked])


def _linked(rows: Sequence[Row]) -> list[tuple[Row, bytes, bytes | None]]:
    """Make every link fit again, whatever was changed."""
    ends: dict[str, tuple[int, bytes]] = {}
    found = []
    for seq, row in enumerate(rows):
        version, previous = ends.get(row.stream, (-1, None))
        envelope = unseal(row.canonical)
        envelope["version"] = version + 1
        envelope["prev"] = previous.hex() if previous else None
        written = canonical(envelope)
        link = leaf_hash(written)
        ends[row.stream] = (version + 1, link)
        made = replace(row, seq=seq, version=version + 1, canonical=written)
        found.append((made, link, previous))
    return found


async def _grow_anew(db: asyncpg.Connection, tenant: str, leaves: Sequence[bytes]) -> None:
    tiles: dict[tuple[int, int], bytes] = {}

    def keep(level: int, index: int, node: bytes) -> None:
        if level % HEIGHT == 0:
            tile = (level // HEIGHT, index // WIDTH)
            tiles[tile] = tiles.get(tile, b"") + node

    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf, keep)
    await db.executemany(
        "INSERT INTO tile (tenant, level, idx, hashes) VALUES ($1, $2, $3, $4)",
        [
            (tenant, level, index, hashes)
            for (level, index), hashes in tiles.items()
            if level or len(hashes) == WIDTH * HASH_SIZE
        ],
    )
    await db.execute(
        "UPDATE tenant_head SET next_seq = $2, frontier = $3, root = $4 WHERE tenant = $1",
        *(tenant, frontier.size, b"".join(frontier.nodes), frontier.root()),
    )
