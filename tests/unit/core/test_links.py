"""Whatever is done to a recorded stream shows."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.canonical import canonical
from counterseal.core.errors import Unreadable
from counterseal.core.links import flaws, leaf_hash, seal, unseal

EVENTS = [{"kind": "vote.counted", "at": f"t{nth}", "nth": nth} for nth in range(5)]
SEALED = seal("acme", "act_1", (-1, None), EVENTS)
STORY = [sealed.canonical for sealed in SEALED]


def found(story: list[bytes]) -> str:
    return "\n".join(flaws("acme", "act_1", story))


def rewritten(written: bytes, **changes: object) -> bytes:
    return canonical({**json.loads(written), **changes})


def test_an_untouched_stream_has_no_flaws() -> None:
    assert found(STORY) == ""
    assert found([]) == ""
    assert found(STORY[:1]) == ""


def test_each_event_names_the_one_before_by_its_leaf_hash() -> None:
    assert SEALED[0].previous is None
    for before, after in pairwise(SEALED):
        assert after.previous == before.link
        assert unseal(after.canonical)["prev"] == before.link.hex()


def test_a_link_is_the_leaf_hash_of_rfc_6962() -> None:
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()
    assert leaf_hash(b"").hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )


def test_a_stream_may_be_written_in_several_appends() -> None:
    first = seal("acme", "act_1", (-1, None), EVENTS[:2])
    second = seal("acme", "act_1", (first[-1].version, first[-1].link), EVENTS[2:])
    assert (*first, *second) == SEALED


def test_sealing_nothing_adds_nothing() -> None:
    assert seal("acme", "act_1", (3, b"x" * 32), []) == ()


def test_what_is_sealed_can_be_unsealed() -> None:
    for event, written in zip(EVENTS, STORY, strict=True):
        assert unseal(written)["event"] == event


def test_a_sealed_event_cannot_be_changed() -> None:
    assert replace(SEALED[0], kind="x").kind == "x"
    with pytest.raises(AttributeError):
        SEALED[0].kind = "x"  # type: ignore[misc] # that it is refused is what we test


@given(st.integers(0, len(STORY) - 2), st.data())
def test_any_changed_bit_before_the_end_shows(nth: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(STORY[nth]) * 8 - 1))
    changed = bytearray(STORY[nth])
    changed[place // 8] ^= 1 << (place % 8)
    try:
        assert found([*STORY[:nth], bytes(changed), *STORY[nth + 1 :]])
    except Unreadable:  # a lone surrogate can be spelled by one bit; see the test below
        pytest.fail("flaws() raised instead of telling")


@pytest.mark.parametrize("nth", range(4))
def test_a_dropped_event_shows(nth: int) -> None:
    assert "does not follow" in found([*STORY[:nth], *STORY[nth + 1 :]])


@given(st.permutations(range(len(STORY))))
def test_any_other_order_shows(order: list[int]) -> None:
    assert bool(found([STORY[nth] for nth in order])) == (order != sorted(order))


@pytest.mark.parametrize("nth", range(5))
def test_an_event_told_twice_shows(nth: int) -> None:
    assert found([*STORY[: nth + 1], *STORY[nth:]])


@pytest.mark.parametrize("nth", range(5))
def test_an_inserted_event_shows(nth: int) -> None:
    previous = SEALED[nth - 1].link if nth else None
    forged = seal("acme", "act_1", (nth - 1, previous), [{"kind": "vote.counted", "at": "t"}])
    assert found([*STORY[:nth], forged[0].canonical, *STORY[nth:]])


@pytest.mark.parametrize("nth", range(4))
def test_an_event_rewritten_with_a_right_link_of_its_own_shows_at_the_next(nth: int) -> None:
    changed = rewritten(STORY[nth], event={"kind": "vote.counted", "at": "backdated"})
    told = found([*STORY[:nth], changed, *STORY[nth + 1 :]])
    assert told == f"act_1 version {nth + 1}: does not follow the event before it"


def test_a_stream_of_another_tenant_or_action_shows() -> None:
    assert "belongs to acme/act_1" in "\n".join(flaws("other", "act_1", STORY))
    assert "belongs to acme/act_1" in "\n".join(flaws("acme", "act_2", STORY))


@pytest.mark.parametrize("nth", range(5))
def test_one_event_of_another_stream_shows(nth: int) -> None:
    for stranger in (
        seal("acme", "act_2", (-1, None), EVENTS),
        seal("x", "act_1", (-1, None), EVENTS),
    ):
        assert "belongs to" in found([*STORY[:nth], stranger[nth].canonical, *STORY[nth + 1 :]])


@pytest.mark.parametrize(
    "spell",
    [
        lambda written: written + b"\n",
        lambda written: b" " + written,
        lambda written: json.dumps(json.loads(written)).encode(),
        lambda written: json.dumps(dict(reversed(json.loads(written).items()))).encode(),
        lambda written: written.replace(b'"v":1', b'"v":1.0'),
        lambda written: written.replace(b"vote", b"\\u0076ote"),
    ],
    ids=["newline", "space", "spaced", "reversed", "float", "escaped"],
)
def test_another_spelling_of_the_same_event_shows_even_at_the_end(
    spell: Callable[[bytes], bytes],
) -> None:
    for nth in (0, len(STORY) - 1):
        odd = spell(STORY[nth])
        assert "not canonical" in found([*STORY[:nth], odd, *STORY[nth + 1 :]])


@pytest.mark.parametrize("version", [3, -1, "4", None, 4.5, [4]])
def test_an_event_that_miscounts_itself_shows_even_at_the_end(version: object) -> None:
    assert "calls itself version" in found([*STORY[:-1], rewritten(STORY[-1], version=version)])


@pytest.mark.parametrize("prev", ["", "0" * 64, None, 0, SEALED[3].previous])
def test_an_event_with_a_wrong_link_shows_even_at_the_end(prev: object) -> None:
    wrong = prev.hex() if isinstance(prev, bytes) else prev
    assert "does not follow" in found([*STORY[:-1], rewritten(STORY[-1], prev=wrong)])


def test_a_first_event_that_names_another_before_it_shows() -> None:
    assert "does not follow" in found([rewritten(STORY[0], prev="0" * 64)])


@pytest.mark.parametrize(
    "written",
    [b"", b"{", b"[]", b"1", b"{}", b'{"v":2}', b'{"v":"1"}', b"\xff", b'{"v":1,"v":1}', b"[" * 99],
)
def test_what_is_not_an_envelope_shows_and_the_rest_is_still_read(written: bytes) -> None:
    with pytest.raises(Unreadable):
        unseal(written)
    told = flaws("acme", "act_1", [STORY[0], written, *STORY[2:]])
    assert told[0].startswith("act_1 version 1: ")
    assert told[1] == "act_1 version 2: does not follow the event before it"
    assert len(told) == 2


def test_an_event_that_cannot_be_written_canonically_shows() -> None:
    assert found([b'{"v":1,"x":"\\ud800"}'])


@pytest.mark.parametrize("change", [{"v": True}, {"version": False}])
def test_a_boolean_is_not_a_number(change: dict[str, object]) -> None:
    assert found([rewritten(STORY[0], **change)])


def test_an_event_with_a_large_amount_is_read_again_or_not_written() -> None:
    try:
        (sealed,) = seal("acme", "act_1", (-1, None), [{"kind": "k", "amount": 1e16}])
    except Unreadable:
        return
    unseal(sealed.canonical)
