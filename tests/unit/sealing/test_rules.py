"""What may be signed, and what may not, whatever the database says."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.tlog.tree import EMPTY_ROOT, Frontier
from domain.sealing import (
    BATCH,
    Head,
    Leaf,
    NotSealed,
    Reason,
    Sealed,
    arrive,
    follow,
    has_moved,
    is_due,
)


def leaf(seq: int, text: str = "") -> Leaf:
    canonical = f"event {seq}{text}".encode()
    return Leaf(seq, canonical, sha256(b"\x00" + canonical).digest())


def grown(size: int) -> Frontier:
    tree = Frontier()
    tree.extend(leaf(seq).link for seq in range(size))
    return tree


def head(size: int) -> Head:
    return Head(size, grown(size).root())


def signed(size: int) -> Sealed:
    tree = grown(size)
    return Sealed(size, tree.root(), tuple(tree.nodes), "note")


def reason(refused: pytest.ExceptionInfo[NotSealed]) -> Reason:
    return refused.value.reason


def test_a_log_that_grew_is_followed_to_its_head() -> None:
    sealed, now = signed(5), head(12)
    assert has_moved(sealed, now)
    tree = sealed.start()
    follow(tree, [leaf(seq) for seq in range(5, 12)])
    arrive(tree, now)


def test_a_log_that_stands_still_needs_nothing() -> None:
    assert not has_moved(signed(5), head(5))
    assert not has_moved(Sealed(), Head(0, EMPTY_ROOT))


@pytest.mark.parametrize("size", [0, 1, 4])
def test_a_log_that_shrank_was_rolled_back(size: int) -> None:
    with pytest.raises(NotSealed, match="rolled back") as refused:
        has_moved(signed(5), head(size))
    assert reason(refused) is Reason.ROLLED_BACK


def test_another_tree_of_the_same_size_is_refused() -> None:
    with pytest.raises(NotSealed) as refused:
        has_moved(signed(5), Head(5, EMPTY_ROOT))
    assert reason(refused) is Reason.TREE_DIFFERS


def test_a_changed_event_is_named() -> None:
    changed = Leaf(6, b"something else", leaf(6).link)
    with pytest.raises(NotSealed, match="seq 6 was changed") as refused:
        follow(signed(5).start(), [leaf(5), changed, leaf(7)])
    assert reason(refused) is Reason.EVENT_CHANGED


@pytest.mark.parametrize("given_", [[], [leaf(6)], [leaf(4)], [leaf(0), leaf(5)]])
def test_a_gap_right_behind_what_was_signed_is_refused(given_: list[Leaf]) -> None:
    with pytest.raises(NotSealed, match="no event at seq 5") as refused:
        follow(signed(5).start(), given_)
    assert reason(refused) is Reason.EVENT_MISSING


def test_events_behind_a_gap_are_not_taken() -> None:
    tree = signed(5).start()
    follow(tree, [leaf(5), leaf(7)])
    assert tree.size == 6


def test_an_event_and_its_hash_changed_together_lead_elsewhere() -> None:
    tree = signed(5).start()
    follow(tree, [leaf(5), leaf(6, "!"), leaf(7)])
    with pytest.raises(NotSealed) as refused:
        arrive(tree, head(8))
    assert reason(refused) is Reason.TREE_DIFFERS


def test_a_head_that_was_made_up_is_refused() -> None:
    tree = signed(5).start()
    follow(tree, [leaf(5)])
    with pytest.raises(NotSealed):
        arrive(tree, Head(6, EMPTY_ROOT))


def test_a_past_that_was_rewritten_shows_in_the_next_head() -> None:
    """Event 2, its hash, the tiles and the head: an insider has changed them all."""
    forged = Frontier()
    forged.extend(leaf(seq, "!" if seq == 2 else "").link for seq in range(8))
    tree = signed(5).start()
    follow(tree, [leaf(seq) for seq in range(5, 8)])
    with pytest.raises(NotSealed):
        arrive(tree, Head(8, forged.root()))


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 299))
def test_only_the_one_continuation_arrives(old: int, more: int, touched: int) -> None:
    size = old + more
    sealed, now = signed(old), head(size)
    tree = sealed.start()
    leaves = [leaf(seq, "!" if seq == touched else "") for seq in range(old, size)]
    if leaves:
        follow(tree, leaves)
    if old <= touched < size:
        with pytest.raises(NotSealed):
            arrive(tree, now)
    else:
        arrive(tree, now)


@pytest.mark.parametrize(
    ("new", "waited", "due"),
    [
        (0, 99.0, False),
        (1, 0.9, False),
        (1, 1.0, True),
        (BATCH - 1, 0.0, False),
        (BATCH, 0.0, True),
    ],
)
def test_a_log_is_sealed_by_the_batch_or_by_the_second(new: int, waited: float, due: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_due(new, waited) is due
