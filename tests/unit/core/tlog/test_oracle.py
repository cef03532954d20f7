"""Our trees are those of an independent implementation (pymerkle, a test oracle only).

Its proofs name each perfect subtree by itself, so they are compared by what they prove.
"""

import random

import pytest
from pymerkle import (  # type: ignore[import-untyped] # it has no types
    InmemoryTree,
    InvalidProof,
    verify_consistency,
    verify_inclusion,
)

from counterseal.core.tlog.proofs import (
    is_consistent,
    is_included,
    prove_consistency,
    prove_inclusion,
)
from tests.support.forest import Forest

LARGEST = 300
CONTENTS = [str(nth).encode() for nth in range(LARGEST)]
OURS = Forest(CONTENTS)


@pytest.fixture(scope="module")
def theirs() -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for content in CONTENTS:
        tree.append_entry(content)
    return tree


def test_all_roots_are_the_same(theirs: InmemoryTree) -> None:
    assert [theirs.get_root(size) for size in range(1, LARGEST + 1)] == OURS.roots[1:]


async def test_each_believes_the_inclusion_proofs_of_the_other(theirs: InmemoryTree) -> None:
    chance = random.Random(6)  # noqa: S311 - the same every time
    for size in range(1, LARGEST, 3):
        for index in {0, size - 1, chance.randrange(size)}:
            proof = theirs.prove_inclusion(index + 1, size)  # theirs count from 1
            verify_inclusion(OURS.leaves[index], OURS.roots[size], proof)
            path = await prove_inclusion(index, size, OURS.nodes)
            root = theirs.get_root(size)
            assert is_included(theirs.get_leaf(index + 1), index, size, path, root)
            with pytest.raises(InvalidProof):
                verify_inclusion(OURS.leaves[index], OURS.roots[size - 1], proof)


async def test_each_believes_the_consistency_proofs_of_the_other(theirs: InmemoryTree) -> None:
    chance = random.Random(7)  # noqa: S311 - the same every time
    for new in range(2, LARGEST, 3):
        for old in {1, new - 1, chance.randrange(1, new)}:
            verify_consistency(OURS.roots[old], OURS.roots[new], theirs.prove_consistency(old, new))
            proof = await prove_consistency(old, new, OURS.nodes)
            assert is_consistent(old, new, proof, theirs.get_root(old), theirs.get_root(new))
