"""Tiles (C2SP tlog-tiles): a log's nodes in rows of 256, eight levels apart.

Tile (L, N) holds the hashes of level ``8 * L`` with the indices ``256 * N`` and up. What stands
between two tile levels is recomputed from the row below it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from counterseal.core.tlog.proofs import Node, Nodes
from counterseal.core.tlog.tree import HASH_SIZE, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT

Tile = tuple[int, int]
"""A tile: its level and its index within that level."""

Tiles = Callable[[Sequence[Tile]], Awaitable[Mapping[Tile, bytes]]]
"""Fetches tiles, as wide as they are by now: up to 256 hashes of 32 bytes, joined."""


class MissingNode(LookupError):  # noqa: N818 - it reads as what is wrong
    """A tile is not there, or is too short: the store of the tree was damaged."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"the tree lacks node {node[1]} of level {node[0]}")


def tile_of(node: Node) -> Tile:
    """Name the tile from which a node can be read or recomputed."""
    level, index = node
    first = index << (level % HEIGHT)
    return level // HEIGHT, first // WIDTH


def node_in(tile: bytes, node: Node) -> bytes:
    """Read a node from its tile, or recompute it from the hashes below it."""
    level, index = node
    count = 1 << (level % HEIGHT)
    first = (index * count) % WIDTH
    row = [
        tile[place * HASH_SIZE : (place + 1) * HASH_SIZE] for place in range(first, first + count)
    ]
    if len(row[-1]) != HASH_SIZE:
        raise MissingNode(node)
    while len(row) > 1:
        row = [node_hash(row[place], row[place + 1]) for place in range(0, len(row), 2)]
    return row[0]


def nodes_from(tiles: Tiles) -> Nodes:
    """Make a source of nodes from a source of tiles. Raises ``MissingNode`` when it is used."""

    async def fetch(nodes: Sequence[Node]) -> list[bytes]:
        wanted = list(dict.fromkeys(tile_of(node) for node in nodes))
        found = await tiles(wanted)
        return [node_in(found.get(tile_of(node), b""), node) for node in nodes]

    return fetch
