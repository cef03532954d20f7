"""All proofs of all small trees hold, and nothing near them does."""

import random

import pytest

from counterseal.core.tlog.proofs import (
    RangeProof,
    consistency_path,
    inclusion_path,
    is_consistent,
    is_included,
    prove_consistency,
    prove_inclusion,
    prove_range,
    range_root,
    subtrees,
)
from counterseal.core.tlog.tree import EMPTY_ROOT, HASH_SIZE, Frontier
from tests.support.forest import Forest, mth

LARGEST = 130
FOREST = Forest.of(LARGEST)
EARLIER = 20


def test_every_root_is_the_one_that_the_definition_gives() -> None:
    assert [mth(FOREST.leaves[:size]) for size in range(LARGEST + 1)] == FOREST.roots


async def test_every_leaf_of_every_tree_is_proved() -> None:
    for size in range(1, LARGEST):
        for index in range(size):
            proof = await prove_inclusion(index, size, FOREST.nodes)
            assert is_included(FOREST.leaves[index], index, size, proof, FOREST.roots[size])
            assert len(proof) <= (size - 1).bit_length()


async def test_every_tree_is_proved_to_continue_every_smaller_one() -> None:
    for new in range(1, LARGEST):
        for old in range(1, new + 1):
            proof = await prove_consistency(old, new, FOREST.nodes)
            assert is_consistent(old, new, proof, FOREST.roots[old], FOREST.roots[new])


async def test_every_run_of_leaves_is_proved_to_lack_nothing() -> None:
    for size in range(40):
        for start in range(size + 1):
            for end in range(start, size + 1):
                proof = await prove_range(start, end, size, FOREST.nodes)
                run = FOREST.leaves[start:end]
                assert range_root(start, end, size, run, proof) == FOREST.roots[size]


def bent(value: bytes, chance: random.Random) -> bytes:
    """Change one bit."""
    place = chance.randrange(len(value) * 8)
    changed = bytearray(value)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def mutations(proof: list[bytes], chance: random.Random) -> list[list[bytes]]:
    """Everything that is near a proof and is none."""
    found = [[*proof, chance.randbytes(HASH_SIZE)], [*proof, b""], [chance.randbytes(32), *proof]]
    for place, node in enumerate(proof):
        before, after = proof[:place], proof[place + 1 :]
        found += [
            [*before, *after],
            [*before, bent(node, chance), *after],
            [*before, node[:-1], *after],
            [*before, node + b"\0", *after],
            [*before, node, node, *after],
            [*before, chance.choice(FOREST.leaves), *after],
            proof[:place],
        ]
        if after and after[0] != node:
            found.append([*before, after[0], node, *after[1:]])
    return [each for each in found if each != proof]


async def test_no_mutation_of_an_inclusion_proof_holds() -> None:
    chance, tried = random.Random(1), 0  # noqa: S311 - the same every time
    for size in range(1, LARGEST, 3):
        for index in {0, size - 1, *(chance.randrange(size) for _ in range(3))}:
            proof = await prove_inclusion(index, size, FOREST.nodes)
            leaf, root = FOREST.leaves[index], FOREST.roots[size]
            for wrong in mutations(proof, chance):
                assert not is_included(leaf, index, size, wrong, root)
                tried += 1
            for other in range(size):
                assert other == index or not is_included(leaf, other, size, proof, root)
            assert not is_included(bent(leaf, chance), index, size, proof, root)
            assert not is_included(leaf, index, size, proof, bent(root, chance))
    assert tried > 5_000


async def test_no_mutation_of_a_consistency_proof_holds() -> None:
    chance, tried = random.Random(2), 0  # noqa: S311 - the same every time
    for new in range(1, LARGEST, 3):
        for old in {1, new, *(chance.randrange(1, new + 1) for _ in range(3))}:
            proof = await prove_consistency(old, new, FOREST.nodes)
            was, now = FOREST.roots[old], FOREST.roots[new]
            for wrong in mutations(proof, chance):
                assert not is_consistent(old, new, wrong, was, now)
                tried += 1
            for other in range(1, new + 1):
                assert other == old or not is_consistent(other, new, proof, was, now)
            assert not is_consistent(old, new, proof, bent(was, chance), now)
            assert not is_consistent(old, new, proof, was, bent(now, chance))
    assert tried > 5_000


async def test_no_run_that_was_changed_gives_the_root() -> None:
    chance = random.Random(3)  # noqa: S311 - the same every time
    for _ in range(2_000):
        size = chance.randrange(1, LARGEST)
        start = chance.randrange(size)
        end = chance.randrange(start + 1, size + 1)
        proof = await prove_range(start, end, size, FOREST.nodes)
        run, root = FOREST.leaves[start:end], FOREST.roots[size]
        nth = chance.randrange(len(run))
        around = [*proof.left, *proof.right]
        for wrong in (
            run[:nth] + run[nth + 1 :],
            [*run[:nth], bent(run[nth], chance), *run[nth + 1 :]],
            [*run[:nth], run[nth][:-1], *run[nth + 1 :]],
            [*run, run[nth]],
            run[::-1] if len(run) > 1 else [],
        ):
            assert range_root(start, end, size, wrong, proof) != root
            assert range_root(start, start + len(wrong), size, wrong, proof) != root
        for place, node in enumerate(around):
            changed = [*around[:place], bent(node, chance), *around[place + 1 :]]
            left = len(proof.left)
            wrong_proof = RangeProof(tuple(changed[:left]), tuple(changed[left:]))
            assert range_root(start, end, size, run, wrong_proof) != root
        for fewer in (RangeProof(proof.left[1:], proof.right), RangeProof(proof.left, ())):
            assert fewer == proof or range_root(start, end, size, run, fewer) is None


@pytest.mark.parametrize(
    ("start", "end", "size"), [(-1, 0, 3), (2, 1, 3), (0, 4, 3), (4, 4, 3), (0, 0, -1)]
)
async def test_a_range_that_is_none_is_neither_proved_nor_believed(
    start: int, end: int, size: int
) -> None:
    assert range_root(start, end, size, [], RangeProof((), ())) is None
    with pytest.raises(ValueError, match="no range"):
        await prove_range(start, end, size, FOREST.nodes)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3), (7, 3)])
def test_what_is_not_there_has_no_path(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_path(index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (-1, 3), (4, 3), (0, 0)])
def test_nothing_leads_back(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="nothing leads"):
        consistency_path(old, new)


def test_subtrees_cover_each_leaf_once_and_are_as_large_as_they_can_be() -> None:
    for end in range(70):
        for start in range(end + 1):
            covered = [
                place
                for level, index in subtrees(start, end)
                for place in range(index << level, (index + 1) << level)
            ]
            assert covered == [*range(start, end)]
            assert len(subtrees(start, end)) <= 2 * max(1, (end - start).bit_length())


def test_a_frontier_of_the_wrong_shape_is_refused() -> None:
    grown = Frontier()
    grown.extend(FOREST.leaves[:11])
    assert len(grown.nodes) == 3
    for size, nodes in (
        (11, grown.nodes[1:]),
        (12, grown.nodes),
        (11, [*grown.nodes[:2], grown.nodes[2][:-1]]),
        (0, [grown.nodes[0]]),
    ):
        with pytest.raises(ValueError, match="does not have this frontier"):
            Frontier(size, nodes)


def test_a_frontier_grows_by_itself_once_it_is_copied() -> None:
    nodes: list[bytes] = []
    grown = Frontier(0, nodes)
    grown.extend(FOREST.leaves[:EARLIER])
    other = grown.copy()
    other.append(FOREST.leaves[EARLIER])
    assert nodes == []
    assert grown.root() == FOREST.roots[EARLIER]
    assert other.root() == FOREST.roots[EARLIER + 1]
    assert Frontier().root() == EMPTY_ROOT
