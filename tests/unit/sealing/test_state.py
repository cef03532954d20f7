"""What the signer remembers for itself."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.signer_state import SignerState
from domain.sealing import NotSealed, Reason, Sealed
from tests.support.logs import SmallLog

LOG = SmallLog("counterseal.local/main")


def sealed(size: int) -> Sealed:
    tree = LOG.tree(size)
    return Sealed(size, tree.root(), tuple(tree.nodes), str(LOG.note(size)))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SignerState]:
    opened = SignerState(tmp_path)
    yield opened
    opened.close()


def test_what_was_written_is_read(state: SignerState) -> None:
    assert state.read(LOG.origin) is None
    for size in (1, 7, 300):
        state.write(LOG.origin, sealed(size))
        assert state.read(LOG.origin) == sealed(size)


def test_logs_do_not_share_files(state: SignerState) -> None:
    odd = ["counterseal.local/a/b", "counterseal.local/a%2Fb", "counterseal.local/..", "x/a", "x/A"]
    assert len({state.place_of(origin) for origin in odd}) == len(odd)
    assert {state.place_of(origin).parent for origin in odd} == {state.place_of("x").parent}


def test_two_signers_do_not_share_a_memory(tmp_path: Path) -> None:
    first = SignerState(tmp_path)
    with pytest.raises(OSError, match="in use by another signer"):
        SignerState(tmp_path)
    first.close()
    SignerState(tmp_path).close()


def with_change(**changed: object) -> Callable[[str], str]:
    return lambda text: json.dumps({**json.loads(text), **changed})


DAMAGES: list[Callable[[str], str]] = [
    lambda _: "",
    lambda text: text[:-20],
    lambda _: "[]",
    lambda _: "null",
    lambda _: "{}",
    lambda _: '{"size": 5, "frontier": [], "note": ""}',
    with_change(size=6),
    with_change(size=-7),
    with_change(size="7"),
    with_change(size=None),
    with_change(size=7.5),
    with_change(frontier=[]),
    with_change(frontier=["00" * 32] * 3),
    with_change(frontier=["zz"]),
    with_change(frontier=None),
    with_change(note=""),
    with_change(note=None),
    with_change(note=str(LOG.note(6))),
    with_change(note=str(LOG.fork().note(7))),
    with_change(note=str(SmallLog("counterseal.local/other").note(7))),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=map(str, range(len(DAMAGES))))
def test_a_damaged_memory_is_refused_not_begun_anew(
    state: SignerState, damage: Callable[[str], str]
) -> None:
    state.write(LOG.origin, sealed(7))
    place = state.place_of(LOG.origin)
    place.write_text(damage(place.read_text("utf-8")), "utf-8")
    with pytest.raises(NotSealed) as refused:
        state.read(LOG.origin)
    assert refused.value.reason is Reason.STATE_DAMAGED
