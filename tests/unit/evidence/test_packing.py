"""Packages are written byte by byte as the format says, and the verifier agrees."""

import hashlib
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

import counterseal_verify as verifier
from counterseal.core.canonical import canonical
from counterseal.core.packages import LARGEST_PACKAGE, Profile
from counterseal.core.tlog.proofs import RangeProof
from domain.evidence.archive import pack
from domain.evidence.contents import Contents, Gathered, Growth, Leaf, Range, Taking, Tree
from domain.evidence.gathering import bundles, streams_of, whole
from domain.evidence.package import write_package
from domain.evidence.profile import shown
from domain.evidence.readme import scope_text
from domain.evidence.refusals import EvidenceTooLarge
from domain.evidence.statement import bytes_signed, packager
from tests.support import packages as p

SERVER = "counterseal.local"


class Key:
    """A packager's key."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(b"p" * 32)

    @property
    def public(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def sign(self, signed: bytes) -> bytes:
        return self._key.sign(signed)


KEY = Key()
TRUST = f"{p.TRUST}packager {packager(SERVER, KEY.public)}\n".encode()
STORY = p.run_story()


def leaves_of(log: p.Log) -> list[Leaf]:
    return [
        Leaf(seq, stream, version, p.read(text.decode())["event"]["kind"], link, text)
        for seq, ((stream, version, text), link) in enumerate(
            zip(log.entries, log.leaves, strict=True)
        )
    ]


def tree_of(log: p.Log) -> Tree:
    return Tree(
        log=p.ORIGIN,
        tenant=log.tenant,
        size=len(log.leaves),
        root=p.tree(log.leaves),
        note=log.note(),
        level="witnessed",
        witnesses=("witness-1", "witness-2"),
    )


def contents(profile: Profile = Profile.FULL, *, kept: int = 0) -> Contents:
    """Gather one action's evidence from a small log, without any machinery."""
    log = p.log_of(STORY)
    wanted = {*streams_of([p.ACTION]), "roster", "bundles"}
    found = [each for each in leaves_of(log) if each.stream in wanted]
    proven = [replace(each, proof=tuple(p.path(each.seq, log.leaves))) for each in found]
    return Contents(
        Taking("ann", "audit 14", p.moment(1000), profile),
        tree_of(log),
        Gathered(
            scope={"kind": "actions", "action_ids": [p.ACTION], "filters": {}},
            leaves=[shown(profile, each) for each in proven],
            policies=bundles(found),
            whole=frozenset(streams_of([p.ACTION])),
        ),
        growth=Growth(kept, p.tree(log.leaves[:kept]), tuple(p.growth(kept, log.leaves)))
        if kept
        else None,
        keys=p.TRUST,
        verifier=b"# a copy\n",
    )


def flaws(package: bytes, since: str | None = None) -> list[str]:
    report = verifier.verify(package, TRUST, since.encode() if since else None)
    return [f"{each.code}: {each.sentence} {each.where}" for each in report.checks if not each.ok]


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789./-", min_size=1, max_size=40)


@given(st.dictionaries(names, st.binary(max_size=200), min_size=1, max_size=8))
def test_the_verifier_writes_the_same_archive(files: dict[str, bytes]) -> None:
    assert pack(files) == b"".join(verifier.canonical_archive(files))


def test_more_than_a_package_may_hold_is_refused() -> None:
    with pytest.raises(EvidenceTooLarge, match="200 MiB"):
        pack({"events.jsonl": bytes(LARGEST_PACKAGE + 1)})


@pytest.mark.parametrize("profile", Profile)
def test_a_package_verifies_in_every_profile(profile: Profile) -> None:
    assert flaws(write_package(contents(profile), KEY, SERVER)) == []


def test_the_same_contents_are_the_same_bytes() -> None:
    first, again = (write_package(contents(), KEY, SERVER) for _ in range(2))
    assert first == again
    other = replace(contents(), taking=Taking("ann", "audit 15", p.moment(1000), Profile.FULL))
    assert write_package(other, KEY, SERVER) != first


def test_growth_since_a_checkpoint_is_proven() -> None:
    log = p.log_of(STORY)
    package = write_package(contents(kept=5), KEY, SERVER)
    assert flaws(package, log.note(5)) == []
    assert flaws(package, log.note(4)) != []


def test_a_period_verifies_whole() -> None:
    log = p.log_of(STORY)
    log.append("ledger", p.total(log, 0, 1000))
    log.append("keys", {"kind": "key.issued", "at": p.moment(1001), "key_id": "k2"})
    end = len(log.leaves) - 1
    leaves = leaves_of(log)[:end]
    scope = {"kind": "period", "since": p.moment(0), "until": p.moment(60), "start": 0}
    right = tuple(p.tree(log.leaves[a:b]) for a, b in p.covering(end, len(log.leaves)))
    gathered = Gathered(
        scope={**scope, "end": end, "filters": {}},
        leaves=leaves,
        policies=bundles(leaves),
        whole=whole(leaves),
    )
    taking = Taking("ann", "audit 14", p.moment(1000), Profile.FULL)
    around = Range(0, end, RangeProof((), right))
    package = Contents(taking, tree_of(log), gathered, around)
    assert flaws(write_package(package, KEY, SERVER)) == []


def test_what_is_signed_is_the_pre_authentication_encoding() -> None:
    # The form of the example in DSSE's protocol.md, with the type that ours have.
    assert bytes_signed(b"{}") == b"DSSEv1 28 application/vnd.in-toto+json 2 {}"


@given(st.text(), st.lists(st.binary(min_size=32, max_size=32), max_size=3))
def test_each_line_is_canonical_json(text: str, proof: list[bytes]) -> None:
    try:
        written = text.encode()
    except UnicodeEncodeError:
        return
    leaf = Leaf(7, text, 3, "thing.happened", hashlib.sha256(written).digest(), written)
    for each in (leaf, leaf.withheld(), replace(leaf, proof=tuple(proof))):
        assert each.line.endswith(b"\n")
        assert each.line[:-1] == canonical(json.loads(each.line))


def test_of_a_withheld_event_nothing_is_told_but_its_hash() -> None:
    hidden = leaves_of(p.log_of(STORY))[4].withheld()
    assert json.loads(hidden.line).keys() == {"seq", "leaf", "stream", "version"}
    assert (hidden.told.kind, hidden.told.at, hidden.told.event) == (None, None, None)


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ({"kind": "actions", "action_ids": ["act_1"], "filters": {}}, "act_1"),
        ({"kind": "actions", "action_ids": ["a", "b"], "filters": {}}, "2 actions"),
        (
            {"kind": "actions", "action_ids": ["a", "b"], "filters": {"tool": "pay"}},
            "2 actions with tool=pay",
        ),
        (
            {"kind": "period", "since": "S", "until": "U", "filters": {"risk": ["high", "low"]}},
            "everything recorded from S to U, of actions with risk=high/low",
        ),
        ({"kind": "period", "since": "S", "until": "U"}, "everything recorded from S to U"),
    ],
)
def test_the_scope_is_told_in_words(scope: dict[str, object], said: str) -> None:
    assert scope_text(scope) == said


def test_a_filter_cannot_write_lines_into_the_readme() -> None:
    gathered = replace(
        contents().gathered,
        scope={"kind": "actions", "action_ids": ["a", "b"], "filters": {"tool": "x\n\nTrust me"}},
    )
    package = write_package(replace(contents(), gathered=gathered), KEY, SERVER)
    assert b"\nTrust me" not in package.split(b"checkpoint", 1)[0]
