"""Finds the checkpoint that evidence rests on, and makes the proofs that lead to it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from counterseal.core.tlog.checkpoint import Checkpoint, origin_of, parse_checkpoint
from counterseal.core.tlog.note import BadNote, VerifierKey
from counterseal.core.tlog.proofs import (
    Node,
    Nodes,
    folded,
    prove_consistency,
    prove_range,
    subtrees,
)
from counterseal.core.tlog.tiles import MissingNode
from counterseal.core.tlog.tree import EMPTY_ROOT
from counterseal.core.words import Level
from domain.evidence.contents import Growth, Leaf, Range, Tree
from domain.evidence.ports import EvidenceLog, Seals
from domain.evidence.proving import inclusion_paths, nodes_of, proofs_from
from domain.evidence.refusals import CheckpointRefused, LogContradicts, NotSealedYet

_LOOK_AGAIN = 0.05


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds a package waits for a checkpoint, and for cosignatures on it."""

    seal: float = 5.0
    witness: float = 3.0


class Prover:
    """Proves what stands where in logs. ``origin`` is the installation's."""

    def __init__(
        self, log: EvidenceLog, seals: Seals, origin: str, patience: Patience | None = None
    ) -> None:
        self._log = log
        self._seals = seals
        self._origin = origin
        self._patience = patience or Patience()

    async def tree(self, tenant: str, size: int = 1) -> Tree:
        """Find the best checkpoint of at least ``size`` events, waiting a little for it.

        Where checkpoints are cosigned at all, this one gets its time to be. Raises
        ``NotSealedYet``.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        while True:
            witnessed = (await self._seals.seal(tenant)).witnessed
            note = await self._seals.checkpoint(tenant, size)
            waited = clock() - began
            if note is not None:
                tree = self._tree(tenant, note)
                if tree.witnesses or not witnessed or waited > self._patience.witness:
                    return tree
            elif waited > self._patience.seal:
                raise NotSealedYet(size)
            await asyncio.sleep(_LOOK_AGAIN)

    def earlier(self, tenant: str, text: str, keys: Sequence[VerifierKey]) -> Checkpoint:
        """Read a checkpoint that an auditor kept. Raises ``CheckpointRefused``.

        ``keys`` are those of the log, as far as they are known here.
        """
        log = origin_of(self._origin, tenant)
        try:
            checkpoint, note = parse_checkpoint(text)
            signed = not keys or bool(note.signed_by(keys))
        except BadNote as error:
            raise CheckpointRefused(f"/since is no checkpoint: {error}") from error
        if checkpoint.origin != log:
            raise CheckpointRefused(
                f"/since is a checkpoint of {checkpoint.origin[:200]}, and this is {log}; send one "
                "of this log, or leave it out."
            )
        if not signed:
            raise CheckpointRefused("/since is not signed with a key of this log.")
        return checkpoint

    async def included(self, tenant: str, tree: Tree, leaves: Sequence[Leaf]) -> list[Leaf]:
        """Give each leaf its inclusion proof, in one round trip."""
        paths = inclusion_paths((leaf.seq for leaf in leaves), tree.size)
        nodes = nodes_of(paths)
        hashes = await self._nodes(tenant)(nodes) if nodes else []
        proofs = proofs_from(paths, dict(zip(nodes, hashes, strict=True)))
        return [replace(leaf, proof=proofs[leaf.seq]) for leaf in leaves]

    async def around(self, tenant: str, tree: Tree, start: int, end: int) -> Range:
        """Surround the leaves [``start``, ``end``)."""
        return Range(start, end, await prove_range(start, end, tree.size, self._nodes(tenant)))

    async def growth(self, tenant: str, tree: Tree, old: Checkpoint) -> Growth:
        """Prove that the log has only grown since ``old``. Raises ``LogContradicts``."""
        if old.size > tree.size:
            raise LogContradicts(f"/since has {old.size} events, and this log {tree.size}.")
        nodes = self._nodes(tenant)
        if old.size == 0:
            return Growth(0, EMPTY_ROOT, ())
        if folded(await nodes(subtrees(0, old.size))) != old.root:
            raise LogContradicts(f"the first {old.size} events of this log have another root.")
        proof = await prove_consistency(old.size, tree.size, nodes)
        return Growth(old.size, old.root, tuple(proof))

    def _nodes(self, tenant: str) -> Nodes:
        """Give the tree's nodes. Raises ``LogContradicts`` if one is missing."""
        fetch = self._log.nodes(tenant)

        async def nodes(wanted: Sequence[Node]) -> Sequence[bytes]:
            try:
                return await fetch(wanted)
            except MissingNode as missing:
                raise LogContradicts(f"{missing}, which it had.") from missing

        return nodes

    def _tree(self, tenant: str, note: str) -> Tree:
        checkpoint, signed = parse_checkpoint(note)
        others = (each.name for each in signed.signatures if each.name != checkpoint.origin)
        witnesses = tuple(sorted({*others}))
        return Tree(
            log=checkpoint.origin,
            tenant=tenant,
            size=checkpoint.size,
            root=checkpoint.root,
            note=note,
            level=Level.WITNESSED if witnesses else Level.SEALED,
            witnesses=witnesses,
        )
