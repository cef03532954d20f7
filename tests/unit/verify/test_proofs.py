"""The verifier's proofs against the product's, the textbook's, and wrong ones."""

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import counterseal_verify as verifier
from counterseal.core.tlog import proofs
from tests.support import packages as p

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

LEAVES = [p.sha(b"\x00" + bytes([n])) for n in range(70)]


def test_a_known_root() -> None:
    # RFC 6962 hashes of the entries "", "\x00": worked out by hand.
    left, right = hashlib.sha256(b"\x00").digest(), hashlib.sha256(b"\x00\x00").digest()
    assert verifier.node(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert verifier.included_root(left, 0, 2, [right]) == verifier.node(left, right)
    assert verifier.included_root(right, 1, 2, [left]) == verifier.node(left, right)


@pytest.mark.parametrize("size", range(1, 34))
def test_every_leaf_of_every_small_tree_is_included(size: int) -> None:
    root = p.tree(LEAVES[:size])
    for index in range(size):
        path = p.path(index, LEAVES[:size])
        assert verifier.included_root(LEAVES[index], index, size, path) == root
        assert proofs.is_included(LEAVES[index], index, size, path, root)


@UNHURRIED
@given(st.integers(0, 80), st.integers(0, 70), st.lists(st.sampled_from(LEAVES), max_size=8))
def test_both_agree_on_any_inclusion_proof(index: int, size: int, path: list[bytes]) -> None:
    root = p.tree(LEAVES[:size])
    ours = proofs.is_included(LEAVES[0], index, size, path, root)
    assert (verifier.included_root(LEAVES[0], index, size, path) == root) == ours


@pytest.mark.parametrize("new", range(1, 34))
def test_every_small_tree_continues_every_smaller_one(new: int) -> None:
    root = p.tree(LEAVES[:new])
    for old in range(1, new + 1):
        proof = p.growth(old, LEAVES[:new])
        assert verifier.continues(old, p.tree(LEAVES[:old]), new, root, proof)
        assert not verifier.continues(old, p.tree(LEAVES[1 : old + 1]), new, root, proof)
        assert not verifier.continues(old, p.tree(LEAVES[:old]), new, root, [*proof, root])


@UNHURRIED
@given(st.integers(0, 40), st.integers(0, 40), st.lists(st.sampled_from(LEAVES), max_size=7))
def test_both_agree_on_any_consistency_proof(old: int, new: int, path: list[bytes]) -> None:
    roots = p.tree(LEAVES[:old]), p.tree(LEAVES[:new])
    ours = proofs.is_consistent(old, new, path, *roots)
    assert verifier.continues(old, roots[0], new, roots[1], path) == ours


@UNHURRIED
@given(st.data())
def test_both_agree_on_ranges(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 70))
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, size))
    left = [p.tree(LEAVES[a:b]) for a, b in p.covering(0, start)]
    right = [p.tree(LEAVES[a:b]) for a, b in p.covering(end, size)]
    around = {"left": [*map(p.b64, left)], "right": [*map(p.b64, right)]}
    found = verifier.range_root(start, LEAVES[start:end], size, around)
    ours = proofs.RangeProof(tuple(left), tuple(right))
    assert found == p.tree(LEAVES[:size])
    assert found == proofs.range_root(start, end, size, LEAVES[start:end], ours)


@UNHURRIED
@given(st.data())
def test_a_range_with_a_leaf_changed_has_another_root(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 70))
    start = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(start + 1, size))
    around = {
        "left": [p.b64(p.tree(LEAVES[a:b])) for a, b in p.covering(0, start)],
        "right": [p.b64(p.tree(LEAVES[a:b])) for a, b in p.covering(end, size)],
    }
    leaves = LEAVES[start:end]
    leaves[data.draw(st.integers(0, end - start - 1))] = bytes(32)
    root = p.tree(LEAVES[:size])
    assert verifier.range_root(start, leaves, size, around) != root
    assert verifier.range_root(start, leaves[1:], size, around) != root


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 1), (3, 11), (5, 64), (1, 2**40)])
def test_both_cover_alike(start: int, end: int) -> None:
    assert verifier.subtrees(start, end) == [1 << level for level, _ in proofs.subtrees(start, end)]
