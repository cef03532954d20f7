"""What others have published: the test trees of RFC 6962 logs, notes of C2SP and of Go."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.tlog.checkpoint import parse_checkpoint
from counterseal.core.tlog.note import Signature, VerifierKey, from_base64, parse_note
from counterseal.core.tlog.proofs import (
    is_consistent,
    is_included,
    prove_consistency,
    prove_inclusion,
)
from counterseal.core.tlog.tree import EMPTY_ROOT
from tests.support.forest import Forest

# The test tree that Certificate Transparency implementations share.
LEAVES = [
    *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
NODES = {
    (0, 0): "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    (0, 1): "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    (0, 2): "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
    (0, 3): "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
    (0, 4): "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    (0, 5): "4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658",
    (0, 6): "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
    (0, 7): "46f6ffadd3d06a09ff3c5860d2755c8b9819db7df44251788c7d8e3180de8eb1",
    (1, 0): "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    (1, 1): "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    (1, 2): "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    (1, 3): "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    (2, 0): "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    (2, 1): "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    (3, 0): "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
INCLUSION = [
    (0, 1, []),
    (0, 8, [(0, 1), (1, 1), (2, 1)]),
    (5, 8, [(0, 4), (1, 3), (2, 0)]),
    (2, 3, [(1, 0)]),
    (1, 5, [(0, 0), (1, 1), (0, 4)]),
]
CONSISTENCY = [
    (1, 1, []),
    (1, 8, [(0, 1), (1, 1), (2, 1)]),
    (6, 8, [(1, 2), (1, 3), (2, 0)]),
    (2, 5, [(1, 1), (0, 4)]),
    (6, 7, [(1, 2), (0, 6), (2, 0)]),
]
FOREST = Forest([bytes.fromhex(each) for each in LEAVES])
GARBAGE = hashlib.sha256(b"garbage").digest()


def test_every_root_and_node_is_the_published_one() -> None:
    assert [root.hex() for root in FOREST.roots] == ROOTS
    assert {node: value.hex() for node, value in FOREST.stored.items()} == NODES
    assert EMPTY_ROOT.hex() == ROOTS[0]


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
async def test_inclusion_proofs_are_the_published_ones(
    index: int, size: int, path: list[tuple[int, int]]
) -> None:
    proof = [bytes.fromhex(NODES[node]) for node in path]
    leaf, root = FOREST.leaves[index], FOREST.roots[size]
    assert await prove_inclusion(index, size, FOREST.nodes) == proof
    assert is_included(leaf, index, size, proof, root)
    for wrong_index, wrong_size in (
        *((index - 1, size), (index + 1, size), (index ^ 2, size), (index, size * 2)),
        *((index, size // 2), (index, 0), (-1, size), (1 << 70, 1 << 71)),
    ):
        assert not is_included(leaf, wrong_index, wrong_size, proof, root)
    for wrong in (
        *([*proof, GARBAGE], [GARBAGE, *proof], [*proof, b""], [b"", *proof], [*proof, root]),
        *([root, *proof], [proof[0], leaf, *proof[1:]] if proof else [leaf]),
    ):
        assert not is_included(leaf, index, size, wrong, root)
    if proof:
        assert not is_included(leaf, index, size, proof[:-1], root)
    for wrong_leaf, wrong_root in ((GARBAGE, root), (leaf, GARBAGE), (leaf, b""), (b"", root)):
        assert not is_included(wrong_leaf, index, size, proof, wrong_root)


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENCY)
async def test_consistency_proofs_are_the_published_ones(
    old: int, new: int, path: list[tuple[int, int]]
) -> None:
    proof = [bytes.fromhex(NODES[node]) for node in path]
    was, now = FOREST.roots[old], FOREST.roots[new]
    assert await prove_consistency(old, new, FOREST.nodes) == proof
    assert is_consistent(old, new, proof, was, now)
    for wrong in (
        [*proof, GARBAGE],
        [GARBAGE, *proof],
        [*proof, was],
        [was, *proof],
        [now, *proof],
    ):
        assert not is_consistent(old, new, wrong, was, now)
    for sizes in ((old - 1, new), (old + 1, new), (old ^ 2, new), (old, new * 2), (old, new // 2)):
        assert not is_consistent(*sizes, proof, was, now)
    assert not is_consistent(old, new, proof, GARBAGE, now)
    assert not is_consistent(old, new, proof, was, GARBAGE)
    if proof:
        assert not is_consistent(old, new, [], was, now)
        assert not is_consistent(old, new, proof[:-1], was, now)
        assert not is_consistent(old, new, proof, now, was)


@pytest.mark.parametrize(
    ("old", "new", "proof", "was", "now", "expected"),
    [
        (0, 0, [], EMPTY_ROOT, EMPTY_ROOT, True),
        (0, 0, [], EMPTY_ROOT, GARBAGE, False),
        (0, 0, [], GARBAGE, GARBAGE, False),
        (0, 0, [GARBAGE], EMPTY_ROOT, EMPTY_ROOT, False),
        (0, 1, [], EMPTY_ROOT, GARBAGE, True),  # every log continues the empty one
        (0, 1, [], GARBAGE, GARBAGE, False),
        (0, 1, [GARBAGE], EMPTY_ROOT, GARBAGE, False),
        (1, 0, [], GARBAGE, EMPTY_ROOT, False),
        (2, 1, [], GARBAGE, GARBAGE, False),
        (1, 1, [], GARBAGE, GARBAGE, True),
        (1, 1, [], GARBAGE, EMPTY_ROOT, False),
        (1, 1, [GARBAGE], GARBAGE, GARBAGE, False),
        (1, 2, [], GARBAGE, GARBAGE, False),
        (-1, 2, [], GARBAGE, GARBAGE, False),
    ],
)
def test_the_edges_of_consistency(
    old: int, new: int, proof: list[bytes], was: bytes, now: bytes, *, expected: bool
) -> None:
    assert is_consistent(old, new, proof, was, now) is expected


C2SP = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
GO = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
NOTES = {
    C2SP: (
        "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfX"
        "ppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    ),
    GO: (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQx"
        "VBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    ),
    SUMDB: (
        "go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n"
        "\u2014 sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nP"
        "RYfvimWEPWL+"
        "o3GeoWwOoAw=\n"
    ),
}
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zh"
    "cyv2q1gG"
    "zGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJs"
    "X3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


@pytest.mark.parametrize("key", NOTES)
def test_published_notes_are_signed_by_their_keys(key: str) -> None:
    note, verifier = parse_note(NOTES[key]), VerifierKey.parse(key)
    assert str(verifier) == key
    assert str(note) == NOTES[key]
    assert note.signed_by([VerifierKey.parse(each) for each in NOTES]) == (verifier,)


@pytest.mark.parametrize(
    "key",
    [
        "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
        "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    ],
)
def test_published_keys_are_read_and_written_back(key: str) -> None:
    assert str(VerifierKey.parse(key)) == key


def test_a_note_signed_by_us_is_the_published_one() -> None:
    seed = from_base64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
    assert seed is not None
    note = parse_note(NOTES[GO])
    made = Ed25519PrivateKey.from_private_bytes(seed[1:]).sign(note.text.encode())
    assert note.signatures == (Signature("PeterNeumann", VerifierKey.parse(GO).id, made),)


def test_published_checkpoints_are_read() -> None:
    tree, _ = parse_checkpoint(NOTES[SUMDB])
    assert (tree.origin, tree.size) == ("go.sum database tree", 6476701)
    sofa, note = parse_checkpoint(COSIGNED)
    assert (sofa.origin, sofa.size) == ("example.com/behind-the-sofa", 20852163)
    assert sofa.text == note.text
    assert [each.name for each in note.signatures] == [
        "example.com/behind-the-sofa",
        "witness.example.com/w1",
    ]
    assert str(note) == COSIGNED
