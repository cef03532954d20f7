"""Whatever is read, the answer is a value that is written back the same, or a refusal."""

import asyncio
import string
from collections.abc import Callable
from typing import TypeVar

from hypothesis import assume, example, given
from hypothesis import strategies as st

from counterseal.core.tlog.checkpoint import Checkpoint, parse_body, parse_checkpoint
from counterseal.core.tlog.note import (
    BadNote,
    Note,
    Signature,
    SignatureType,
    VerifierKey,
    from_base64,
    parse_note,
    parse_signature,
    to_base64,
)
from counterseal.core.tlog.proofs import (
    RangeProof,
    is_consistent,
    is_included,
    prove_consistency,
    prove_inclusion,
    prove_range,
    range_root,
)
from counterseal.core.tlog.tiles import MissingNode, node_in, tile_of
from counterseal.core.tlog.tree import Frontier
from counterseal.core.tlog.trust import parse_trust, written
from tests.support.forest import Forest, mth

FOREST = Forest.of(80)
KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
WITNESS = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
GOOD = (
    "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfX"
    "ppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
BODY = f"o\n7\n{to_base64(b'r' * 32)}\n"
TRUST = f"log {KEY}\nwitness w {WITNESS}\ngroup g any w\nquorum g\n"
hashes = st.binary(min_size=30, max_size=34) | st.sampled_from(FOREST.leaves + FOREST.roots)
sizes = st.integers(-3, 90) | st.integers()
names = st.text(min_size=1, max_size=20).filter(
    lambda name: not any(each.isspace() or each == "+" or not each.isprintable() for each in name)
)
anything = st.text() | st.text(alphabet=string.ascii_letters + string.digits + "+/= \n\u2014")


def near(text: str) -> st.SearchStrategy[str]:
    """Change a text in one place."""
    return st.builds(
        lambda place, cut, added: text[:place] + added + text[place + cut :],
        st.integers(0, len(text)),
        st.integers(0, 9),
        st.text(max_size=3) | st.sampled_from(["\n", "\n\n", "=", "+", " ", "\ud800", "0"]),
    )


T = TypeVar("T")


def reads(parse: Callable[[str], T], text: str) -> T | None:
    try:
        return parse(text)
    except BadNote as refusal:
        told = str(refusal)
    assert len(told) < 400
    return None


@given(anything | near(GOOD))
def test_a_note(text: str) -> None:
    if (note := reads(parse_note, text)) is not None:
        assert str(note) == text
        assert parse_note(str(note)) == note
        found = reads(lambda _: note.signed_by([VerifierKey.parse(KEY)]), text)
        assert not found or note.text == GOOD.partition("\n\n")[0] + "\n"


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    st.lists(st.tuples(names, st.binary(min_size=5, max_size=80)), min_size=1, max_size=9),
)
def test_a_note_of_ours(text: str, signatures: list[tuple[str, bytes]]) -> None:
    note = Note(f"{text}\n", tuple(Signature(name, raw[:4], raw[4:]) for name, raw in signatures))
    assert parse_note(str(note)) == note


@given(anything | near(GOOD.splitlines()[-1]))
def test_a_signature_line(text: str) -> None:
    if (signature := reads(parse_signature, text)) is not None:
        assert signature.line == text


@given(anything | near(BODY))
def test_a_checkpoint(text: str) -> None:
    if (tree := reads(parse_body, text)) is not None:
        assert tree.text == text
    reads(parse_checkpoint, text)


@given(names, st.integers(0, 10**19 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_of_ours(origin: str, size: int, root: bytes) -> None:
    tree = Checkpoint(origin, size, root)
    assert parse_body(tree.text) == tree


@given(anything | near(KEY) | near(WITNESS))
def test_a_verifier_key(text: str) -> None:
    if (key := reads(VerifierKey.parse, text)) is not None:
        assert str(key) == text


@given(names, st.sampled_from(SignatureType), st.binary(min_size=32, max_size=32))
def test_a_verifier_key_of_ours(name: str, kind: SignatureType, raw: bytes) -> None:
    key = reads(lambda _: VerifierKey(name, kind, raw), "")
    assume(key is not None)
    assert key is not None
    assert VerifierKey.parse(str(key)) == key
    assert not key.is_signed("text\n", raw * 2)
    assert not key.is_signed("text\n", raw)


@given(st.lists(near(TRUST) | st.sampled_from(TRUST.splitlines()) | anything, max_size=8))
@example(["witness\tw\t" + WITNESS])
def test_a_trust_file(lines: list[str]) -> None:
    if (trust := reads(parse_trust, "\n".join(lines))) is not None:
        assert parse_trust(written(trust)) == trust


@given(st.binary() | st.text())
def test_base64(given_: bytes | str) -> None:
    if isinstance(given_, bytes):
        assert from_base64(to_base64(given_)) == given_
    elif (raw := from_base64(given_)) is not None:
        assert to_base64(raw) == given_


@given(hashes, sizes, sizes, st.lists(hashes, max_size=9), hashes)
def test_an_inclusion_proof(
    leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes
) -> None:
    if is_included(leaf, index, size, proof, root):
        assert size == 1 or proof
        if root in FOREST.roots:
            assert leaf == FOREST.leaves[index]


@given(sizes, sizes, st.lists(hashes, max_size=9), hashes, hashes)
def test_a_consistency_proof(
    old: int, new: int, proof: list[bytes], was: bytes, now: bytes
) -> None:
    if is_consistent(old, new, proof, was, now):
        assert 0 <= old <= new
        assert old < new or was == now


@given(sizes, sizes, sizes, st.lists(hashes, max_size=9), st.lists(hashes, max_size=9))
def test_a_range_proof(
    start: int, end: int, size: int, leaves: list[bytes], around: list[bytes]
) -> None:
    proof = RangeProof(tuple(around[:4]), tuple(around[4:]))
    root = range_root(start, end, size, leaves, proof)
    if root is not None and size < len(FOREST.roots) and root == FOREST.roots[size]:
        assert leaves == FOREST.leaves[start:end]


@given(st.data())
def test_proofs_of_any_tree(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 79))
    old, index = data.draw(st.integers(1, new)), data.draw(st.integers(0, new - 1))
    start = data.draw(st.integers(0, new))
    end = data.draw(st.integers(start, new))

    async def prove() -> tuple[list[bytes], list[bytes], RangeProof]:
        return (
            await prove_inclusion(index, new, FOREST.nodes),
            await prove_consistency(old, new, FOREST.nodes),
            await prove_range(start, end, new, FOREST.nodes),
        )

    path, proof, around = asyncio.run(prove())
    assert is_included(FOREST.leaves[index], index, new, path, FOREST.roots[new])
    assert is_consistent(old, new, proof, FOREST.roots[old], FOREST.roots[new])
    assert range_root(start, end, new, FOREST.leaves[start:end], around) == FOREST.roots[new]


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=60))
def test_a_frontier(leaves: list[bytes]) -> None:
    grown = Frontier()
    grown.extend(leaves)
    assert grown.root() == mth(leaves)
    assert Frontier(grown.size, grown.nodes).root() == grown.root()


@given(st.binary(max_size=300), st.integers(0, 20), st.integers(0, 600))
def test_a_tile(tile: bytes, level: int, index: int) -> None:
    assert tile_of((level, index))[0] == level // 8
    try:
        assert len(node_in(tile, (level, index))) == 32
    except MissingNode as missing:
        assert str(index) in str(missing)  # noqa: PT017 - that it was raised is half of the answer
