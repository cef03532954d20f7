import pytest

from counterseal.core.tlog.proofs import prove_consistency, prove_inclusion
from counterseal.core.tlog.tiles import (
    WIDTH,
    MissingNode,
    Tile,
    node_in,
    nodes_from,
    tile_of,
)
from counterseal.core.tlog.tree import HASH_SIZE
from tests.support.forest import Forest

SIZE = WIDTH * WIDTH + WIDTH + 3
FOREST = Forest.of(SIZE)
TILES: dict[Tile, bytes] = {}
for (_level, _index), _node in sorted(FOREST.stored.items()):
    if _level % 8 == 0:
        _tile = (_level // 8, _index // WIDTH)
        TILES[_tile] = TILES.get(_tile, b"") + _node


def test_every_node_is_found_in_its_tile_or_above_it() -> None:
    for (level, index), value in FOREST.stored.items():
        if index % 97 == 0 or level > 5:
            assert node_in(TILES[tile_of((level, index))], (level, index)) == value


def test_a_log_of_three_levels_has_so_many_tiles() -> None:
    widths = {tile: len(hashes) // HASH_SIZE for tile, hashes in TILES.items()}
    assert widths[0, 0] == WIDTH
    assert widths[0, WIDTH + 1] == 3
    assert widths[1, 0] == WIDTH
    assert widths[1, 1] == 1
    assert widths[2, 0] == 1


async def test_proofs_from_tiles_are_those_from_nodes_and_ask_for_each_tile_once() -> None:
    asked: list[Tile] = []

    async def tiles(wanted: object) -> dict[Tile, bytes]:
        assert isinstance(wanted, list)
        asked.extend(wanted)
        return {tile: TILES[tile] for tile in wanted}

    for index in (0, 255, 256, 65_535, 65_536, SIZE - 1):
        asked.clear()
        assert await prove_inclusion(index, SIZE, nodes_from(tiles)) == await prove_inclusion(
            index, SIZE, FOREST.nodes
        )
        assert len(asked) == len({*asked}) <= 6
    for old in (1, 255, 256, 257, 65_536, SIZE - 1):
        assert await prove_consistency(old, SIZE, nodes_from(tiles)) == await prove_consistency(
            old, SIZE, FOREST.nodes
        )


@pytest.mark.parametrize(
    ("tile", "node"),
    [
        (b"", (0, 0)),
        (b"x" * 31, (0, 0)),
        (b"x" * 32, (0, 1)),
        (b"x" * 32 * 7, (3, 0)),
        (b"x" * (32 * 8 - 1), (3, 0)),
        (b"x" * 32 * 255, (7, 1)),
    ],
)
def test_a_tile_that_is_too_short_says_what_it_lacks(tile: bytes, node: tuple[int, int]) -> None:
    with pytest.raises(MissingNode, match=f"node {node[1]} of level {node[0]}"):
        node_in(tile, node)


async def test_a_tile_that_is_not_there_is_missing() -> None:
    async def nothing(_: object) -> dict[Tile, bytes]:
        return {}

    with pytest.raises(MissingNode):
        await nodes_from(nothing)([(0, 0)])
