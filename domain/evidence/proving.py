"""Many proofs at once: which nodes of the tree they take, and what to fold them into."""

from collections.abc import Iterable, Mapping, Sequence

from counterseal.core.tlog.proofs import Node, folded, inclusion_path

Paths = Mapping[int, Sequence[Sequence[Node]]]
"""For the leaf at each seq, the subtrees that make the hashes of its inclusion proof."""


def inclusion_paths(seqs: Iterable[int], size: int) -> Paths:
    """Name what the inclusion proofs of these leaves in a log of ``size`` leaves are made of."""
    return {seq: inclusion_path(seq, size) for seq in seqs}


def nodes_of(paths: Paths) -> list[Node]:
    """Name every node that is needed, once."""
    groups = (group for path in paths.values() for group in path)
    return list(dict.fromkeys(node for group in groups for node in group))


def proofs_from(paths: Paths, hashes: Mapping[Node, bytes]) -> dict[int, tuple[bytes, ...]]:
    """Fold the hashes of the nodes into one proof per leaf."""
    return {
        seq: tuple(folded([hashes[node] for node in group]) for group in path)
        for seq, path in paths.items()
    }
