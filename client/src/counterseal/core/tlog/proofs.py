"""Inclusion, consistency and range proofs: made from stored nodes, verified from hashes alone.

Made as RFC 6962 §2.1.1 and §2.1.2 describe; verified as RFC 9162 §2.1.3.2 and §2.1.4.2 do. A range
proof (ours) holds the subtrees left and right of a run of leaves, so that whoever has every leaf
of the run can compute the root: no leaf of the run can be missing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from counterseal.core.tlog.tree import EMPTY_ROOT, HASH_SIZE, node_hash

Node = tuple[int, int]
"""A perfect subtree: its level (0 for leaves) and its index within that level."""

Nodes = Callable[[Sequence[Node]], Awaitable[Sequence[bytes]]]
"""Fetches the hashes of perfect subtrees, in the order asked for."""


def subtrees(start: int, end: int) -> list[Node]:
    """Name the largest perfect subtrees that together cover the leaves [start, end), in order."""
    found: list[Node] = []
    while start < end:
        level = (start & -start).bit_length() - 1 if start else (end - start).bit_length() - 1
        while (1 << level) > end - start:
            level -= 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def inclusion_path(index: int, size: int) -> list[list[Node]]:
    """Name the subtrees of an inclusion proof: one list per hash, to be folded into it."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a log of {size}")
    return _path(index, 0, size)


def consistency_path(old: int, new: int) -> list[list[Node]]:
    """Name the subtrees of a consistency proof: one list per hash, to be folded into it."""
    if not 0 < old <= new:
        raise ValueError(f"nothing leads from a log of {old} to one of {new}")
    return _consistent(old, 0, new, whole=True) if old < new else []


async def prove_inclusion(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """Prove that leaf ``index`` is in the log of ``size`` leaves."""
    return await _fetched(inclusion_path(index, size), nodes)


async def prove_consistency(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """Prove that the log of ``new`` leaves continues that of ``old`` > 0 leaves."""
    return await _fetched(consistency_path(old, new), nodes)


@dataclass(frozen=True, slots=True)
class RangeProof:
    """What surrounds the leaves [start, end): perfect subtrees in the order of ``subtrees``."""

    left: tuple[bytes, ...]
    right: tuple[bytes, ...]


async def prove_range(start: int, end: int, size: int, nodes: Nodes) -> RangeProof:
    """Surround the leaves [start, end) of the log of ``size`` leaves."""
    if not 0 <= start <= end <= size:
        raise ValueError(f"there is no range [{start}, {end}) in a log of {size}")
    left, right = subtrees(0, start), subtrees(end, size)
    hashes = await nodes([*left, *right])
    return RangeProof(tuple(hashes[: len(left)]), tuple(hashes[len(left) :]))


def range_root(
    start: int, end: int, size: int, leaves: Sequence[bytes], proof: RangeProof
) -> bytes | None:
    """Compute the root of a log from a run of its leaves; None if proof and run do not fit."""
    if not 0 <= start <= end <= size or len(leaves) != end - start:
        return None
    left, right = subtrees(0, start), subtrees(end, size)
    if (len(proof.left), len(proof.right)) != (len(left), len(right)):
        return None
    given = [
        *zip(left, proof.left, strict=True),
        *(((0, start + place), leaf) for place, leaf in enumerate(leaves)),
        *zip(right, proof.right, strict=True),
    ]
    stack: list[tuple[int, int, bytes]] = []
    for (level, index), node in given:
        if len(node) != HASH_SIZE:
            return None
        merged = (level, index, node)
        while stack and stack[-1][0] == merged[0] and merged[1] & 1:
            under = stack.pop()
            merged = (merged[0] + 1, merged[1] >> 1, node_hash(under[2], merged[2]))
        stack.append(merged)
    return folded([node for _, _, node in stack])


def folded(nodes: Sequence[bytes]) -> bytes:
    """Hash a frontier into its root."""
    root: bytes | None = None
    for node in reversed(nodes):
        root = node if root is None else node_hash(node, root)
    return EMPTY_ROOT if root is None else root


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Verify an inclusion proof (RFC 9162 §2.1.3.2) against a root of known ``size``."""
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    first, last, node = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            node = node_hash(each, node)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            node = node_hash(node, each)
        first, last = first >> 1, last >> 1
    return last == 0 and node == root


def is_consistent(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Verify a consistency proof (RFC 9162 §2.1.4.2). Every log continues the empty one."""
    if not 0 <= old <= new or not _are_hashes(old_root, new_root, *proof):
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT)
    if old == new:
        return not proof and old_root == new_root
    if not proof:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else [*proof]
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    was = now = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            was, now = node_hash(each, was), node_hash(each, now)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            now = node_hash(now, each)
        first, last = first >> 1, last >> 1
    return last == 0 and was == old_root and now == new_root


def _path(index: int, start: int, end: int) -> list[list[Node]]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle), subtrees(middle, end)]
    return [*_path(index, middle, end), subtrees(start, middle)]


def _consistent(old: int, start: int, end: int, *, whole: bool) -> list[list[Node]]:
    if old == end:
        return [] if whole else [subtrees(start, end)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_consistent(old, start, middle, whole=whole), subtrees(middle, end)]
    return [*_consistent(old, middle, end, whole=False), subtrees(start, middle)]


def _split(count: int) -> int:
    """Find the largest power of two below ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


async def _fetched(path: Sequence[Sequence[Node]], nodes: Nodes) -> list[bytes]:
    hashes = iter(await nodes([node for group in path for node in group]))
    return [folded([next(hashes) for _ in group]) for group in path]


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_SIZE for value in values)
