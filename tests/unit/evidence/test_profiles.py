"""Each profile withholds what docs/package.md says, and nothing that totals rest on."""

from collections.abc import Sequence
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.packages import Profile
from counterseal.core.tlog.proofs import Node, prove_inclusion
from counterseal.core.tlog.tree import Frontier
from domain.administration import SystemEvent
from domain.events import Event
from domain.evidence.profile import withholds
from domain.evidence.proving import inclusion_paths, nodes_of, proofs_from

KINDS = {
    kind.model_fields["kind"].default
    for kind in (*get_args(get_args(Event)[0]), *get_args(SystemEvent))
} | {"ledger.sealed", "evidence.exported", "data.revealed", "data.shredded"}
COUNTED = {"ledger.sealed", "decision.reached", "action.settled", "action.closed"}


@pytest.mark.parametrize(
    ("profile", "withheld"),
    [
        (Profile.FULL, set[str]()),
        (Profile.WITHOUT_ARGUMENTS, {"action.requested", "roster.changed"}),
        (Profile.COUNTS, KINDS - COUNTED),
    ],
)
def test_each_profile_withholds_what_it_says(profile: Profile, withheld: set[str]) -> None:
    assert {kind for kind in KINDS if withholds(profile, kind)} == withheld


def test_a_kind_that_is_new_is_withheld_where_little_is_shown() -> None:
    assert withholds(Profile.COUNTS, "thing.of-next-year")


@given(st.integers(1, 600), st.sets(st.integers(0, 599), max_size=5))
async def test_proofs_made_together_are_those_made_one_by_one(size: int, seqs: set[int]) -> None:
    known: dict[Node, bytes] = {}
    tree = Frontier()
    for number in range(size):
        tree.append(number.to_bytes(32), lambda *place: known.update({place[:2]: place[2]}))
    wanted = {seq for seq in seqs if seq < size}
    paths = inclusion_paths(wanted, size)
    needed = nodes_of(paths)
    assert len({*needed}) == len(needed)

    async def nodes(asked: Sequence[Node]) -> Sequence[bytes]:
        return [known[node] for node in asked]

    together = proofs_from(paths, {node: known[node] for node in needed})
    assert together == {seq: tuple(await prove_inclusion(seq, size, nodes)) for seq in wanted}
