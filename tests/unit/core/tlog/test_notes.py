"""Notes, keys and checkpoints: read as they are written, and nothing else is read."""

import random
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.tlog.checkpoint import Checkpoint, parse_body, parse_checkpoint
from counterseal.core.tlog.note import (
    LARGEST_NOTE,
    MOST_SIGNATURES,
    BadNote,
    Note,
    Signature,
    SignatureType,
    VerifierKey,
    cosignature,
    cosigned_at,
    cosigned_bytes,
    from_base64,
    from_base64_lines,
    parse_note,
    to_base64,
)

LOG = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
WITNESS = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
LOG_KEY = VerifierKey("log.example", SignatureType.ED25519, LOG.public_key().public_bytes_raw())
WITNESS_KEY = VerifierKey(
    "w.example/1", SignatureType.COSIGNATURE, WITNESS.public_key().public_bytes_raw()
)
BODY = Checkpoint("log.example", 7, b"r" * 32).text
AT = 1_700_000_000
SIGNED = Signature(LOG_KEY.name, LOG_KEY.id, LOG.sign(BODY.encode()))
COSIGNED = Signature(
    WITNESS_KEY.name,
    WITNESS_KEY.id,
    cosignature(AT, WITNESS.sign(cosigned_bytes(BODY, AT))),
)
NOTE = Note(BODY, (SIGNED, COSIGNED))
KEYS = (LOG_KEY, WITNESS_KEY)


def test_a_note_is_read_as_it_was_written() -> None:
    assert parse_note(str(NOTE)) == NOTE
    assert parse_checkpoint(str(NOTE)) == (Checkpoint("log.example", 7, b"r" * 32), NOTE)
    assert NOTE.signed_by(KEYS) == KEYS


def test_a_text_may_have_empty_lines_and_the_last_of_them_ends_it() -> None:
    text = "\n\na\n\n\u2014 not a signature\n\n\n"
    note = Note(text, (SIGNED,))
    assert parse_note(str(note)) == note


def test_a_signature_of_nobody_we_know_is_ignored() -> None:
    stranger = Signature("stranger", b"abcd", b"x" * 64)
    same_name = Signature(LOG_KEY.name, b"abcd", b"x" * 64)
    same_id = Signature("stranger", LOG_KEY.id, b"x" * 64)
    note = Note(BODY, (stranger, same_name, same_id, SIGNED))
    assert note.signed_by(KEYS) == (LOG_KEY,)
    assert Note(BODY, (stranger,)).signed_by(KEYS) == ()


def test_one_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    wrong = Signature(LOG_KEY.name, LOG_KEY.id, b"x" * 64)
    for signatures in ((wrong,), (SIGNED, wrong), (wrong, SIGNED), (COSIGNED, wrong)):
        with pytest.raises(BadNote, match="does not fit"):
            Note(BODY, signatures).signed_by(KEYS)


def test_a_key_signs_once_however_often_its_line_stands_there() -> None:
    assert Note(BODY, (SIGNED, SIGNED)).signed_by(KEYS) == (LOG_KEY,)
    assert NOTE.with_signatures([COSIGNED, SIGNED]) == NOTE
    assert Note(BODY, (SIGNED,)).with_signatures([COSIGNED]) == NOTE


def test_a_key_signs_what_its_type_says_and_nothing_else() -> None:
    plain = Signature(WITNESS_KEY.name, WITNESS_KEY.id, WITNESS.sign(BODY.encode()))
    undated = Signature(
        WITNESS_KEY.name, WITNESS_KEY.id, cosignature(AT, WITNESS.sign(BODY.encode()))
    )
    redated = Signature(
        WITNESS_KEY.name, WITNESS_KEY.id, struct.pack(">Q", AT + 1) + COSIGNED.value[8:]
    )
    as_log = VerifierKey(WITNESS_KEY.name, SignatureType.ED25519, WITNESS_KEY.public)
    assert as_log.id != WITNESS_KEY.id
    for each in (plain, undated, redated):
        with pytest.raises(BadNote):
            Note(BODY, (each,)).signed_by(KEYS)
    assert cosigned_at(COSIGNED.value) == AT
    assert cosigned_at(plain.value) is None
    assert not as_log.is_signed(BODY, COSIGNED.value)
    assert Note(BODY, (COSIGNED,)).signed_by([as_log]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n",
        "a\n",
        "a\n\n",
        str(NOTE)[:-1],
        str(NOTE) + "\n",
        str(NOTE) + "x",
        str(NOTE).replace("\n\n", "\n"),
        str(NOTE).replace("\u2014 ", "- "),
        str(NOTE).replace("\u2014 ", "\u2014  "),
        str(NOTE).replace("\u2014 ", " \u2014 "),
        str(NOTE).replace("\n", "\r\n"),
        str(NOTE).replace("7\n", "7\0\n"),
        str(NOTE).replace("7\n", "7\t\n"),
        str(NOTE).replace("7\n", "7\x7f\n"),
        str(NOTE).replace("7\n", "7\ud800\n"),
        str(NOTE).replace("w.example/1", "w.example+1"),
        str(NOTE).replace("w.example/1", "w.exam\u00a0ple"),
        str(NOTE).replace("w.example/1", "w.exam\u2028ple"),
        str(NOTE).replace("w.example/1", "x" * 256),
        f"{BODY}\n\u2014 a \n",
        f"{BODY}\n\u2014 a AAAA\n",
        f"{BODY}\n\u2014 a AAAAAA==\n",  # a key ID and no signature
        f"{BODY}\n\u2014 a AAAAAAB=\n",  # stray bits
        f"{BODY}\n\u2014 a AAAAAAA\n",
        f"{BODY}\n\u2014 a AAAA_AA=\n",
        f"{BODY}\n" + f"{SIGNED.line}\n" * (MOST_SIGNATURES + 1),
        "x" * LARGEST_NOTE + f"\n\n{SIGNED.line}\n",
    ],
)
def test_what_is_not_a_note_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        parse_note(text)


def test_as_many_signatures_as_are_allowed_are_read() -> None:
    assert len(parse_note(f"{BODY}\n" + f"{SIGNED.line}\n" * MOST_SIGNATURES).signatures) == 64


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n1\n",
        "a\n1\nAAAA\n",
        BODY[:-1],
        BODY + "\n",
        "\n" + BODY,
        BODY.replace("\n7\n", "\n07\n"),
        BODY.replace("\n7\n", "\n+7\n"),
        BODY.replace("\n7\n", "\n-7\n"),
        BODY.replace("\n7\n", "\n7 \n"),
        BODY.replace("\n7\n", "\n\u0667\n"),
        BODY.replace("\n7\n", "\n7.0\n"),
        BODY.replace("\n7\n", "\n" + "9" * 20 + "\n"),
        BODY.replace("\n7\n", "\n\n"),
        BODY.replace("=\n", "\n"),
        BODY.replace("=\n", "==\n"),
        f"a\n7\n{to_base64(b'r' * 31)}\n",
        f"a\n7\n{to_base64(b'r' * 33)}\n",
        f"a\n7\n{to_base64(b'r' * 32)[:-2]}J=\n",  # stray bits
    ],
)
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    assert text != BODY
    with pytest.raises(BadNote):
        parse_body(text)


def test_extension_lines_are_kept_and_signed() -> None:
    tree = Checkpoint("o", 0, b"r" * 32, ("one", "two"))
    assert parse_body(tree.text) == tree
    assert tree.text.endswith("\none\ntwo\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a+b",
        "++",
        str(LOG_KEY)[:-1],
        str(LOG_KEY) + "=",
        str(LOG_KEY).replace("+", "", 1),
        str(LOG_KEY).replace("log.example", "log.exampl"),
        str(LOG_KEY).replace("log.example", "log example"),
        str(LOG_KEY).replace("log.example", "\ud800"),
        str(LOG_KEY).replace(LOG_KEY.id.hex(), LOG_KEY.id.hex().upper()),
        str(LOG_KEY).replace(LOG_KEY.id.hex(), ""),
        "log.example+00000000+" + to_base64(b"\2" + LOG_KEY.public),
        "log.example+00000000+" + to_base64(b"\1" + LOG_KEY.public[:-1]),
        "log.example+00000000+",
    ],
)
def test_what_is_not_a_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        VerifierKey.parse(text)


@pytest.mark.parametrize("raw", [b"", b"x" * 31, b"x" * 33, bytes(32), b"\1" + bytes(31)])
def test_bytes_that_are_no_key_make_none(raw: bytes) -> None:
    with pytest.raises(BadNote):
        VerifierKey("log.example", SignatureType.ED25519, raw)


def test_base64_has_one_spelling() -> None:
    assert from_base64("AAE=") == b"\0\1"
    for other in ("AAF=", "AAE", "AAE==", "AAE=\n", " AAE=", "AA-=", "AAE=AAE=", "\u0100AE="):
        assert from_base64(other) is None
    assert from_base64_lines(["AAE=", ""]) == [b"\0\1", b""]
    assert from_base64_lines(["AAE=", "AAF="]) is None


def test_no_change_of_a_byte_leaves_both_signatures() -> None:
    """A line that is changed becomes a stranger's at best, so that a quorum must be asked for."""
    raw, chance, degraded = str(NOTE).encode(), random.Random(4), 0  # noqa: S311 - the same every time
    for place in range(len(raw)):
        for _ in range(3):
            changed = bytearray(raw)
            changed[place] ^= 1 << chance.randrange(8)
            try:
                note = parse_note(changed.decode())
                found = note.signed_by(KEYS)
            except (BadNote, UnicodeDecodeError):
                continue
            assert len(found) < 2
            assert found == () or note.text == BODY
            degraded += 1
    assert degraded
