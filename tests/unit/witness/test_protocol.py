"""What a witness is asked, good and bad, byte for byte (C2SP tlog-witness, add-checkpoint)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.tlog.checkpoint import Checkpoint
from counterseal.core.tlog.note import (
    BadNote,
    Note,
    Signature,
    parse_note,
    parse_signature,
    to_base64,
)
from counterseal.core.tlog.tree import EMPTY_ROOT
from counterseal.witness.keys import Logs, WitnessKey
from counterseal.witness.protocol import LARGEST_REQUEST, Declined, Seen, check, parse_request
from counterseal.witness.records import Memory
from counterseal.witness.witness import Witness
from tests.support.logs import SmallLog, request

LOG = SmallLog()
STRANGER = SmallLog("example.com/stranger")
KEY = WitnessKey("witness.example/w1", Ed25519PrivateKey.generate())
SEEN = 5
"""Leaves that the witness has cosigned before each bad request."""

GOOD = LOG.request(SEEN, 8).decode()
HEAD, NOTE = GOOD.split("\n\n", 1)
TEXT, SIGNED = NOTE.split("\n\n", 1)
ROOT = to_base64(LOG.checkpoint(8).root)
HASH = HEAD.split("\n")[1]
STRAY = chr(ord(HASH[-2]) + 1)
"""The last character of a hash with a stray bit, which Python's own decoder does not mind."""


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Witness:
    made = Witness(KEY, Logs((LOG.verifier,)), Memory(tmp_path_factory.mktemp("w")), None, int)
    made.add_checkpoint(LOG.request(0, SEEN))
    return made


def signed(text: str, log: SmallLog = LOG) -> str:
    """Sign any text as the log would."""
    return str(Note(text, (log.sign(text),)))


def swapped(old: str, new: str, count: int = 1) -> bytes:
    """Change a good request in one place."""
    assert old in GOOD
    return GOOD.replace(old, new, count).encode("utf-8", "surrogatepass")


def after_head(head: str) -> bytes:
    return f"{head}\n\n{NOTE}".encode()


def with_note(note: str) -> bytes:
    return f"{HEAD}\n\n{note}".encode()


def resigned(text: str) -> bytes:
    return with_note(signed(text))


def lines(*changed: str) -> str:
    return "".join(f"{line}\n" for line in changed)


def forged() -> str:
    """Put a signature of somebody else under the log's own name and key ID."""
    wrong = Signature(LOG.origin, LOG.verifier.id, STRANGER.key.sign(TEXT.encode() + b"\n"))
    return str(Note(TEXT + "\n", (wrong,)))


def malformed() -> Iterator[tuple[str, bytes]]:
    """Requests that cannot be read: 400."""
    yield "empty", b""
    yield "a newline", b"\n"
    yield "two newlines", b"\n\n"
    yield "only the old size", b"old 5\n"
    yield "no checkpoint", HEAD.encode() + b"\n\n"
    yield "not UTF-8", b"\xff" + GOOD.encode()
    yield "not UTF-8 in the note", GOOD.encode() + b"\x80"
    yield "UTF-8 of a surrogate", GOOD.encode() + b"\xed\xa0\x80"
    yield "a byte order mark", b"\xef\xbb\xbf" + GOOD.encode()
    yield "JSON", b'{"old": 5}'
    yield "carriage returns", GOOD.replace("\n", "\r\n").encode()
    yield "a NUL", swapped(LOG.origin, LOG.origin + "\x00")
    yield "a tab in the note", swapped(LOG.origin, LOG.origin + "\t")
    yield "a delete", swapped(LOG.origin, LOG.origin + "\x7f")
    for old in (
        *("", "old", "old ", "old  5", " old 5", "old 5 ", "old\t5", "Old 5", "OLD 5", "5"),
        *("old 05", "old 00", "old -1", "old -0", "old +5", "old 5.0", "old 0x5", "old 5e0"),
        *(
            "old five",
            "old \u0665",
            "old \uff15",
            "old 5,0",
            "old 5 6",
            "older 5",
            "old 99999999999999999999",
        ),
        *("old=5", "old: 5", "new 5", "size 5", "old null"),
    ):
        yield f"old line {old!r}", after_head("\n".join([old, *HEAD.split("\n")[1:]]))
    yield "no old line", after_head("\n".join(HEAD.split("\n")[1:]))
    yield "two old lines", after_head(f"old 5\n{HEAD}")
    yield "the old line last", after_head("\n".join([*HEAD.split("\n")[1:], "old 5"]))
    yield "an old size above the checkpoint's", after_head("old 9")
    yield "64 proof lines", after_head("\n".join(["old 5", *[HASH] * 64]))
    yield "a thousand proof lines", after_head("\n".join(["old 5", *[HASH] * 1000]))
    for line in (
        *("=", "====", "!", "abc", HASH[:-1], HASH + "=", HASH + " ", " " + HASH, HASH[:-4]),
        *(HASH + HASH, HASH.replace("=", "-"), "0" * 64, "\u2014 " + HASH),
        *(to_base64(b"\0" * 31), to_base64(b"\0" * 33), to_base64(b"\0" * 64)),
        HASH[:-2] + STRAY + "=",
    ):
        yield f"proof line {line[:20]!r}", after_head(f"{HEAD}\n{line}")
    yield "a proof line of base64url", after_head(f"{HEAD}\n{'-_' * 21}8=")
    yield "no empty line before the checkpoint", f"{HEAD}\n{NOTE}".encode()
    yield "three newlines before the checkpoint", f"{HEAD}\n\n\n{NOTE}".encode()
    yield "no signature", with_note(TEXT + "\n")
    yield "an empty signature block", with_note(TEXT + "\n\n")
    yield "no newline at the end", GOOD.rstrip("\n").encode()
    yield "a line behind the signatures", GOOD.encode() + b"more\n"
    yield "an empty line behind the signatures", GOOD.encode() + b"\n"
    yield "a hyphen for the dash", swapped("\u2014", "-")
    yield "an en dash for the dash", swapped("\u2014", "\u2013")
    yield "two spaces in the signature line", swapped("\u2014 ", "\u2014  ")
    yield "a signature that is not base64", swapped(SIGNED.split(" ")[2], "???\n")
    yield "a signature without its key ID", swapped(SIGNED.split(" ")[2], "AAAA\n")
    yield "65 signatures", with_note(f"{TEXT}\n\n" + SIGNED * 65)
    for size in (
        "08",
        "-8",
        "+8",
        "8.0",
        "eight",
        "",
        " 8",
        "8 ",
        "0x8",
        "\uff19",
        "99999999999999999999",
    ):
        yield f"size {size!r}", resigned(lines(LOG.origin, size, ROOT))
    for root in (
        "",
        "=",
        ROOT[:-1],
        ROOT + "=",
        ROOT.lower()[:-4],
        to_base64(b"\0" * 31),
        "x" * 44,
    ):
        yield f"root {root[:10]!r}", resigned(lines(LOG.origin, "8", root))
    yield "no root", resigned(lines(LOG.origin, "8"))
    yield "only an origin", resigned(lines(LOG.origin))
    yield "no origin", resigned(lines("", "8", ROOT))
    yield "an empty extension line", resigned(lines(LOG.origin, "8", ROOT, "", "more"))
    yield "size and root the wrong way round", resigned(lines(LOG.origin, ROOT, "8"))


def unknown() -> Iterator[tuple[str, bytes]]:
    """Checkpoints of logs the witness was not told of: 404."""
    yield "another log", STRANGER.request(0, 3)
    for origin in (
        *(LOG.origin + "/", LOG.origin.upper(), LOG.origin + "/x", "example.com", "x" + LOG.origin),
        *(LOG.origin + " ", "https://" + LOG.origin, LOG.origin.replace("/", "\u2215")),
    ):
        yield f"origin {origin!r}", resigned(lines(origin, "8", ROOT))


def unsigned() -> Iterator[tuple[str, bytes]]:
    """Checkpoints that the log did not sign: 403."""
    yield "signed by somebody else", with_note(signed(TEXT + "\n", STRANGER))
    imposter = SmallLog(LOG.origin)
    yield "another key by the log's name", with_note(signed(TEXT + "\n", imposter))
    yield "a forged signature", with_note(forged())
    yield "a forged signature beside the true one", with_note(forged() + SIGNED)
    yield "another size under the signature", swapped("\n8\n", "\n9\n")
    yield "another root under the signature", swapped(ROOT, to_base64(b"\0" * 32))
    yield "an extension line added under the signature", swapped(ROOT, f"{ROOT}\nmore")
    flipped = parse_signature(SIGNED.rstrip("\n"))
    for place in (0, 31, 32, 63):
        value = bytes(b ^ (i == place) for i, b in enumerate(flipped.value))
        changed = Signature(flipped.name, flipped.key_id, value)
        yield f"byte {place} of the signature flipped", with_note(f"{TEXT}\n\n{changed.line}\n")
    for cut in (b"", flipped.value[:-1], flipped.value + b"\0"):
        changed = Signature(flipped.name, flipped.key_id, cut or b"\0")
        yield f"a signature of {len(cut)} bytes", with_note(f"{TEXT}\n\n{changed.line}\n")
    other = Signature(flipped.name, b"\0\0\0\0", flipped.value)
    yield "the signature under another key ID", with_note(f"{TEXT}\n\n{other.line}\n")
    cosigned = KEY.cosign(TEXT + "\n", 1)
    yield "only the witness's own cosignature", with_note(f"{TEXT}\n\n{cosigned.line}\n")


def stale() -> Iterator[tuple[str, bytes]]:
    """Proofs from a size the witness is not at: 409, with the size it is at."""
    for old in (0, 1, 4, 6, 7, 8):
        yield f"old {old}", request(old, LOG.proof(old, 8), str(LOG.note(8)))
    yield "the first checkpoint again", LOG.request(0, SEEN)
    yield "a smaller log", LOG.request(0, 3)
    yield "a smaller log from itself", LOG.request(3, 3)
    yield "a fork from nothing", LOG.fork().request(0, 9)


def inconsistent() -> Iterator[tuple[str, bytes]]:
    """Checkpoints that do not continue what was cosigned: 422."""
    fork, proof = LOG.fork(), LOG.proof(SEEN, 8)
    note = str(LOG.note(8))
    yield "a fork", fork.request(SEEN, 8)
    yield "a fork with the true proof", request(SEEN, proof, str(fork.note(8)))
    yield "a fork of the same size", request(SEEN, [], str(fork.note(SEEN)))
    yield "the same size with a proof", request(SEEN, [LOG.leaf(0)], str(LOG.note(SEEN)))
    yield "no proof", request(SEEN, [], note)
    yield "a proof cut short", request(SEEN, proof[:-1], note)
    yield "a proof too long", request(SEEN, [*proof, LOG.leaf(0)], note)
    yield "a proof with a hash twice", request(SEEN, [proof[0], *proof], note)
    yield "a proof backwards", request(SEEN, proof[::-1], note)
    yield "a proof to another size", request(SEEN, LOG.proof(SEEN, 9), note)
    yield "a proof from another size", request(SEEN, LOG.proof(4, 8), note)
    yield "63 proof lines", request(SEEN, [LOG.leaf(0)] * 63, note)
    for place in range(len(proof)):
        changed = [*proof]
        changed[place] = LOG.leaf(99)
        yield f"hash {place} of the proof changed", request(SEEN, changed, note)
    empty = signed(Checkpoint(LOG.origin, 2**60, EMPTY_ROOT).text)
    yield "a huge log with the root of an empty one", request(SEEN, proof, empty)


BAD = [
    *((400, *each) for each in malformed()),
    *((404, *each) for each in unknown()),
    *((403, *each) for each in unsigned()),
    *((409, *each) for each in stale()),
    *((422, *each) for each in inconsistent()),
]


def test_there_are_as_many_bad_requests_as_were_promised() -> None:
    assert len(BAD) >= 120
    assert len({body for _, _, body in BAD}) == len(BAD)


@pytest.mark.parametrize(
    ("status", "why", "body"), BAD, ids=[f"{nth} {why}" for nth, (_, why, _) in enumerate(BAD)]
)
def test_a_bad_request_gets_its_status_and_changes_nothing(
    witness: Witness, status: int, why: str, body: bytes
) -> None:
    with pytest.raises(Declined) as declined:
        witness.add_checkpoint(body)
    assert declined.value.status == status, why
    assert declined.value.body.endswith("\n")
    if status == 409:
        assert (declined.value.body, declined.value.media) == (f"{SEEN}\n", "text/x.tlog.size")
    assert witness.add_checkpoint(LOG.request(SEEN, SEEN)).startswith("\u2014 witness.example/w1 ")


def test_the_example_of_the_specification_is_read() -> None:
    asked = parse_request(EXAMPLE.encode())
    assert (asked.old, len(asked.proof)) == (20852014, 4)
    assert asked.checkpoint.origin == "example.com/behind-the-sofa"
    assert asked.checkpoint.size == 20852163
    assert len(asked.note.signatures) == 2


def test_an_empty_log_is_cosigned_if_its_root_is_that_of_the_empty_tree(tmp_path: Path) -> None:
    witness = Witness(KEY, Logs((LOG.verifier,)), Memory(tmp_path), None, int)
    lie = signed(Checkpoint(LOG.origin, 0, LOG.leaf(0)).text)
    with pytest.raises(Declined) as declined:
        witness.add_checkpoint(request(0, [], lie))
    assert declined.value.status == 422
    assert witness.add_checkpoint(LOG.request(0, 0))
    assert witness.add_checkpoint(LOG.request(0, 7))


def test_a_proof_from_nothing_is_refused_even_if_there_is_nothing_yet(tmp_path: Path) -> None:
    witness = Witness(KEY, Logs((LOG.verifier,)), Memory(tmp_path), None, int)
    with pytest.raises(Declined) as declined:
        witness.add_checkpoint(request(0, [LOG.leaf(0)], str(LOG.note(3))))
    assert declined.value.status == 422


def test_signatures_of_strangers_are_ignored(witness: Witness) -> None:
    note = LOG.note(SEEN)
    extra = [
        STRANGER.sign(note.text),
        *(SmallLog(f"example.com/{n}").sign(note.text) for n in range(15)),
    ]
    answer = witness.add_checkpoint(request(SEEN, [], str(note.with_signatures(extra))))
    assert parse_note(str(note) + answer).signed_by([KEY.verifier]) == (KEY.verifier,)


def test_extension_lines_are_cosigned_as_they_stand(witness: Witness) -> None:
    text = LOG.checkpoint(SEEN).text + "extension\n"
    answer = witness.add_checkpoint(request(SEEN, [], signed(text)))
    assert parse_note(signed(text) + answer).signed_by([KEY.verifier])


@given(st.binary(max_size=400))
def test_no_bytes_are_more_than_declined(body: bytes) -> None:
    with pytest.raises(Declined) as declined:
        parse_request(body)
    assert declined.value.status == 400


@given(place=st.integers(0, len(GOOD.encode()) - 1), byte=st.integers(0, 255))
def test_one_changed_byte_never_gets_another_tree_cosigned(place: int, byte: int) -> None:
    body = bytearray(GOOD.encode())
    body[place] = byte
    try:
        asked = parse_request(bytes(body))
        signers = asked.note.signed_by([LOG.verifier])
        check(asked, Seen(SEEN, LOG.checkpoint(SEEN).root))
    except (Declined, BadNote):
        return
    assert not signers or asked.checkpoint == LOG.checkpoint(8)


@given(st.integers(0, 40), st.integers(0, 40), st.booleans())
def test_what_passes_continues_what_was_seen(old: int, new: int, is_fork: bool) -> None:  # noqa: FBT001 - Hypothesis gives it
    log = LOG.fork() if is_fork else LOG
    if old > new:
        old, new = new, old
    asked = parse_request(log.request(old, new))
    seen = Seen(old, LOG.checkpoint(old).root)
    if is_fork and old > 0:
        with pytest.raises(Declined):
            check(asked, seen)
    else:
        check(asked, seen)


def test_the_largest_request_has_room_for_many_large_signatures() -> None:
    # signed-note: at least 16 signatures, of up to nearly 5 kB each.
    assert LARGEST_REQUEST > 63 * 45 + 16 * 5000 * 4 // 3


EXAMPLE = re.sub(
    "(?m)^ +",
    "",
    """old 20852014
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
    jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
    5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
    /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    \u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeO\
oRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
    \u2014 example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNq\
lcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""",
)
"""From C2SP tlog-witness."""
