import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.tlog.checkpoint import Checkpoint
from counterseal.core.tlog.note import (
    BadNote,
    Note,
    Signature,
    SignatureType,
    VerifierKey,
    cosignature,
    cosigned_bytes,
)
from counterseal.core.tlog.trust import Group, Trust, parse_trust, written

BODY = Checkpoint("log.example", 7, b"r" * 32).text


def private(nth: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([nth]) * 32)


def key(name: str, nth: int, kind: SignatureType = SignatureType.COSIGNATURE) -> VerifierKey:
    return VerifierKey(name, kind, private(nth).public_key().public_bytes_raw())


LOG = key("log.example", 99, SignatureType.ED25519)
X = [key(f"x{nth}.example", nth) for nth in range(1, 4)]
Y = [key(f"y{nth}.example", 10 + nth) for nth in range(1, 4)]
POLICY = f"""
# the example of C2SP tlog-policy
log {LOG} https://log.example/
\t packager {LOG}\t

witness X1 {X[0]}
witness X2 {X[1]} https://x2.example/
witness X3 {X[2]}
group X-witnesses 2 X1 X2 X3
witness Y1 {Y[0]}
witness Y2 {Y[1]}
witness Y3 {Y[2]}
group Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
  # a comment
quorum X-and-Y"""
TRUST = parse_trust(POLICY)


def cosigned(*keys: VerifierKey) -> Note:
    """Have witnesses cosign; the second number in their name says who they are."""
    lines = []
    for each in keys:
        nth = int(each.name[1]) + (10 if each.name[0] == "y" else 0)
        value = cosignature(5, private(nth).sign(cosigned_bytes(BODY, 5)))
        lines.append(Signature(each.name, each.id, value))
    return Note(BODY, tuple(lines))


def test_a_trust_file_is_read() -> None:
    assert TRUST.logs == TRUST.packagers == (LOG,)
    assert [*TRUST.witnesses] == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    assert TRUST.groups["X-witnesses"] == Group(2, ("X1", "X2", "X3"))
    assert TRUST.groups["Y-witnesses"].threshold == 1
    assert TRUST.groups["X-and-Y"].threshold == 2
    assert TRUST.quorum == "X-and-Y"
    assert parse_trust(written(TRUST)) == TRUST
    assert parse_trust(POLICY.replace("\n", "\r\n")) == TRUST


@pytest.mark.parametrize(
    ("who", "is_enough"),
    [
        ([], False),
        ([X[0], X[1]], False),
        ([Y[0], Y[1], Y[2]], False),
        ([X[0], Y[0]], False),
        ([X[0], X[2], Y[1]], True),
        ([*X, *Y], True),
        ([X[0], X[0], Y[0]], False),
    ],
)
def test_a_quorum_is_met_by_enough_different_witnesses(
    who: list[VerifierKey], *, is_enough: bool
) -> None:
    assert TRUST.is_witnessed(cosigned(*who)) is is_enough


def test_nobody_has_to_witness_if_the_quorum_is_none() -> None:
    assert Trust().is_witnessed(cosigned())
    assert parse_trust("quorum none\n").is_witnessed(cosigned())
    assert parse_trust("") == Trust()


def test_only_the_key_of_the_origin_seals() -> None:
    signed = Note(BODY, (Signature(LOG.name, LOG.id, private(99).sign(BODY.encode())),))
    assert TRUST.is_sealed("log.example", signed)
    assert not TRUST.is_sealed("log.example/other", signed)
    assert not TRUST.is_sealed("log.example", cosigned(*X))
    with pytest.raises(BadNote):
        TRUST.is_sealed("log.example", Note(BODY + "x\n", signed.signatures))


@pytest.mark.parametrize(
    "line",
    [
        "log",
        "log nonsense",
        f"log {X[0]}",
        f"packager {X[0]}",
        f"witness a {LOG}",
        "witness a",
        f"witness none {key('n.example', 50)}",
        f"witness X1 {key('n.example', 50)}",
        f"witness X-and-Y {key('n.example', 50)}",
        f"witness a {X[0]}",
        f"witness a {key('other.example', 1)}",  # the same key under another name
        "group X1 any Y1",
        "group g any",
        "group g any unknown",
        "group g any none",
        "group g 0 X-and-Y",
        "group g 2 X-and-Y",
        "group g -1 X-and-Y",
        "group g x X-and-Y",
        "group g \u0661 X-and-Y",
        "group g " + "9" * 5000 + " X-and-Y",
        "group g any X-and-Y X-and-Y",
        "group g any X1",  # counted in another group already
        "group g any X-witnesses",
        "quorum unknown",
        "quorum",
        "quorum none",  # a second one
        "quorum X-and-Y",
        "# all is well\u2028quorum none\x0b",
        "\u00a0",
        "log\u00a0x",
        "\0",
        "# \x1b[2K",
        "# \x7f",
        "Quorum none",
    ],
)
def test_a_line_that_is_wrong_is_named(line: str) -> None:
    number = POLICY.count("\n") + 2
    with pytest.raises(BadNote, match=f"^line {number} of the trust file: "):
        parse_trust(f"{POLICY}\n{line}\n")


def test_a_comment_ends_where_people_see_it_end() -> None:
    for separator in ("\u2028", "\u2029", "\u0085", "\u00a0"):
        assert parse_trust(f"# comment{separator}quorum none\n{POLICY}") == TRUST
