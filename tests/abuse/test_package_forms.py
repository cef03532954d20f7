"""Forms that two readers could read differently, or that cost more than they say: refused."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785

import counterseal_verify as verifier
from counterseal.core.tlog.note import BadNote
from counterseal.core.tlog.trust import parse_trust
from tests.support import packages as p
from tests.support.lies import failing

LOG = p.log_of(p.run_story())
GOOD = p.draft(LOG, p.ACTION).sealed()
FILES = {
    name: zipfile.ZipFile(io.BytesIO(GOOD)).read(name)
    for name in zipfile.ZipFile(io.BytesIO(GOOD)).namelist()
}


def test_the_package_to_be_changed_is_good() -> None:
    assert verifier.verify(GOOD, p.TRUST.encode()).code == 0


def test_no_byte_of_a_package_can_change() -> None:
    """Two values for every byte; one of them is drawn, from a fixed seed."""
    draw = random.Random(4411)  # noqa: S311 - not a secret
    trust, accepted = p.TRUST.encode(), []
    for place in range(len(GOOD)):
        for value in {GOOD[place] ^ 0x20, draw.randrange(256)} - {GOOD[place]}:
            changed = GOOD[:place] + bytes([value]) + GOOD[place + 1 :]
            if verifier.verify(changed, trust).code not in {1, 2}:
                accepted.append((place, value))
    assert accepted == []


def test_no_byte_of_a_file_can_change_even_in_a_fresh_archive() -> None:
    draw = random.Random(4412)  # noqa: S311 - not a secret
    trust, accepted = p.TRUST.encode(), []
    for name, content in FILES.items():
        for place in draw.sample(range(len(content)), min(len(content), 60)):
            value = content[place] ^ draw.choice([1, 2, 4, 8, 16, 32, 64, 128])
            changed = content[:place] + bytes([value]) + content[place + 1 :]
            if verifier.verify(p.archive({**FILES, name: changed}), trust).code not in {1, 2}:
                accepted.append((name, place, value))
    assert accepted == []


@pytest.mark.parametrize("at", [0, 1, 30, len(GOOD) // 2, len(GOOD) - 22, len(GOOD) - 1])
def test_no_byte_can_be_added_or_taken(at: int) -> None:
    for changed in (GOOD[:at] + b"\0" + GOOD[at:], GOOD[:at] + GOOD[at + 1 :], GOOD[:at]):
        assert failing(changed)


# --- the archive


def zipped(**how: Any) -> bytes:
    """Write the good files in another way."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how.get("method", zipfile.ZIP_STORED)) as made:
        made.comment = how.get("comment", b"")
        for name in how.get("order", sorted)(FILES):
            told = zipfile.ZipInfo(name, how.get("time", (1980, 1, 1, 0, 0, 0)))
            told.create_system = how.get("system", 3)
            told.external_attr = how.get("mode", 0o644) << 16
            told.compress_type = how.get("method", zipfile.ZIP_STORED)
            told.extra = how.get("extra", b"")
            told.comment = how.get("file_comment", b"")
            made.writestr(told, FILES[name])
    return out.getvalue()


def patched(offset: int, value: bytes, *, directory: bool = False) -> bytes:
    """Change bytes of the first local header, or of the first entry of the directory."""
    at = offset + (GOOD.index(b"PK\x01\x02") if directory else 0)
    return GOOD[:at] + value + GOOD[at + len(value) :]


def ended(offset: int, value: bytes) -> bytes:
    at = len(GOOD) - 22 + offset
    return GOOD[:at] + value + GOOD[at + len(value) :]


def one_file(name: bytes, size: int, *, flags: int = 0, method: int = 0) -> bytes:
    """Write a local header alone, with the size it claims."""
    return (
        struct.pack(
            "<4s5H3I2H", b"PK\x03\x04", 20, flags, method, 0, 33, 0, size, size, len(name), 0
        )
        + name
    )


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"hello",
    "an empty archive": lambda: b"PK\x05\x06" + bytes(18),
    "a magic number": lambda: b"PK\x03\x04",
    "a header cut off": lambda: GOOD[:29],
    "a name cut off": lambda: GOOD[:33],
    "a file cut off": lambda: GOOD[:200],
    "no directory": lambda: GOOD[: GOOD.index(b"PK\x01\x02")],
    "half a directory": lambda: GOOD[: GOOD.index(b"PK\x01\x02") + 100],
    "no end": lambda: GOOD[:-22],
    "something in front": lambda: b"#!/bin/sh\n" + GOOD,
    "something behind": lambda: GOOD + b"\n",
    "itself behind": lambda: GOOD + GOOD,
    "a second directory": lambda: GOOD + GOOD[GOOD.index(b"PK\x01\x02") :],
    "compressed": lambda: zipped(method=zipfile.ZIP_DEFLATED),
    "bzip2": lambda: zipped(method=zipfile.ZIP_BZIP2),
    "a comment": lambda: zipped(comment=b"hi"),
    "comments of files": lambda: zipped(file_comment=b"hi"),
    "extra fields": lambda: zipped(extra=b"\x99\x99\0\0"),
    "today": lambda: zipped(time=(2026, 1, 1, 0, 0, 0)),
    "a minute later": lambda: zipped(time=(1980, 1, 1, 0, 1, 0)),
    "made on DOS": lambda: zipped(system=0),
    "executable": lambda: zipped(mode=0o755),
    "a link": lambda: zipped(mode=0o120777),
    "unsorted": lambda: zipped(order=lambda names: sorted(names, reverse=True)),
    "another version needed": lambda: patched(4, b"\x0a\0"),
    "encrypted": lambda: patched(6, b"\x01\0"),
    "with descriptors": lambda: patched(6, b"\x08\0"),
    "names in UTF-8": lambda: patched(6, b"\0\x08"),
    "a method of its own": lambda: patched(8, b"\x63\0"),
    "a time in one header": lambda: patched(10, b"\x01\0"),
    "a wrong checksum": lambda: patched(14, b"\0\0\0\0"),
    "another packed size": lambda: patched(18, b"\0\0\0\0"),
    "another size": lambda: patched(22, b"\xff\xff\xff\xff"),
    "a longer name": lambda: patched(26, b"\xff\xff"),
    "an extra length": lambda: patched(28, b"\x01\0"),
    "another name": lambda: patched(30, b"readme"),
    "a name of zeros": lambda: patched(30, bytes(6)),
    "another name in the directory": lambda: patched(46, b"readme", directory=True),
    "another size in the directory": lambda: patched(24, b"\0\0\0\0", directory=True),
    "another offset in the directory": lambda: patched(42, b"\x01\0\0\0", directory=True),
    "attributes in the directory": lambda: patched(38, b"\x01\0\0\0", directory=True),
    "another disk in the directory": lambda: patched(34, b"\x01\0", directory=True),
    "another checksum in the directory": lambda: patched(16, b"\0\0\0\0", directory=True),
    "fewer files at the end": lambda: ended(8, b"\x01\0"),
    "many files at the end": lambda: ended(8, b"\xff\xff"),
    "another directory size": lambda: ended(12, b"\0\0\0\0"),
    "another directory place": lambda: ended(16, b"\0\0\0\0"),
    "a comment length": lambda: ended(20, b"\x01\0"),
    "a file of four gigabytes": lambda: one_file(b"checkpoint", 2**32 - 1),
    "a file of no size, and no more": lambda: one_file(b"checkpoint", 0),
    "the same file twice": lambda: one_file(b"checkpoint", 0) * 2 + GOOD,
    "ten thousand files": lambda: b"".join(one_file(b"%05d" % n, 0) for n in range(10_000)),
    "a bomb": lambda: one_file(b"checkpoint", 10, method=8) + zlib.compress(bytes(1 << 20)),
    "no statement": lambda: p.archive(
        {k: v for k, v in FILES.items() if k != "statement.dsse.json"}
    ),
    "no checkpoint": lambda: p.archive({k: v for k, v in FILES.items() if k != "checkpoint"}),
    "no events": lambda: p.archive({k: v for k, v in FILES.items() if k != "events.jsonl"}),
    "too large": lambda: GOOD + bytes((200 << 20) + 1 - len(GOOD)),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_in_another_form_is_refused(name: str) -> None:
    assert failing(ARCHIVES[name]()) <= {"archive", "readable"}


# --- JSON

EVIL_JSON: dict[str, bytes] = {
    "a doubled key": b'{"a":1,"a":2}',
    "a doubled key by an escape": b'{"a":1,"\\u0061":2}',
    "a doubled key below": b'[{"a":{"b":1,"b":1}}]',
    "a space": b'{"a": 1}',
    "a newline": b'{"a":1}\n',
    "a tab": b'\t{"a":1}',
    "a byte order mark": b'\xef\xbb\xbf{"a":1}',
    "keys unsorted": b'{"b":1,"a":2}',
    "keys sorted by code point": '{"\ufb33":1,"\U0001f600":2}'.encode(),
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "minus Infinity": b'{"a":-Infinity}',
    "an endless number": b'{"a":1e999}',
    "minus zero": b'{"a":-0}',
    "minus zero with a point": b'{"a":-0.0}',
    "a point too many": b'{"a":1.0}',
    "an exponent too many": b'{"a":1e2}',
    "a large exponent without sign": b'{"a":1e21}',
    "a capital exponent": b'{"a":1E+21}',
    "leading zeros": b'{"a":01}',
    "a plus": b'{"a":+1}',
    "hexadecimal": b'{"a":0x1}',
    "more digits than a double has": b'{"a":0.10000000000000001}',
    "an integer beyond 2^53": b'{"a":9007199254740993}',
    "five thousand digits": b'{"a":' + b"9" * 5000 + b"}",
    "a million digits": b'{"a":' + b"9" * 1_000_000 + b"}",
    "a million decimals": b'{"a":0.' + b"9" * 1_000_000 + b"}",
    "an escaped slash": b'{"a":"\\/"}',
    "an escaped letter": b'{"a":"\\u0061"}',
    "an escape in capitals": b'{"a":"\\u001F"}',
    "a raw control character": b'{"a":"\x01"}',
    "a lone surrogate": b'{"a":"\\ud800"}',
    "a lone surrogate as a key": b'{"\\udc00":1}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "half a character": b'{"a":"\xc3"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "a trailing comma": b'{"a":1,}',
    "a comment": b'{"a":1/**/}',
    "single quotes": b"{'a':1}",
    "no quotes": b"{a:1}",
    "two values": b"{}{}",
    "junk behind": b"{}x",
    "nothing": b"",
    "a zero byte": b"\0",
    "an unclosed object": b'{"a":1',
    "an unclosed string": b'{"a":"',
    "a word": b"null ",
    "sixty-six lists": b"[" * 66 + b"]" * 66,
    "five thousand lists": b"[" * 5000 + b"]" * 5000,
    "a million lists": b"[" * 1_000_000,
    "a million objects": b'{"a":' * 1_000_000,
}


@pytest.mark.parametrize("name", EVIL_JSON)
def test_json_that_two_could_read_differently_is_refused_wherever_it_stands(name: str) -> None:
    evil = EVIL_JSON[name]
    with pytest.raises(verifier.Malformed):
        verifier.read_json(evil, "here")
    made = p.draft(LOG, p.ACTION)
    made.files["ocsf.jsonl"] = evil + b"\n"
    assert failing(made.sealed())
    made = p.draft(LOG, p.ACTION)
    made.after_signing = lambda files: files.update({"statement.dsse.json": evil})
    assert failing(made.sealed()) == {"readable"}


@pytest.mark.parametrize("name", EVIL_JSON)
def test_json_in_an_event_is_held_to_the_same(name: str) -> None:
    made = p.draft(LOG, p.ACTION)
    try:
        text = EVIL_JSON[name].decode()
    except UnicodeDecodeError:
        return
    made.lines[3]["canonical"] = text
    assert "readable" in failing(made.sealed())


# --- notes

NOTE = LOG.note()
BODY, SIGNED = NOTE.split("\n\n")
FIRST = SIGNED.split("\n")[0]
NOTES: dict[str, str] = {
    "empty": "",
    "a newline": "\n",
    "blank lines": "\n\n\n",
    "no signatures": f"{BODY}\n\n",
    "no blank line": f"{BODY}\n{SIGNED}",
    "no last newline": NOTE[:-1],
    "a blank line behind": NOTE + "\n",
    "a space behind": NOTE.replace("\n\n", "\n\n ", 1),
    "carriage returns": NOTE.replace("\n", "\r\n"),
    "a tab": NOTE.replace(BODY, BODY + "\n\text", 1),
    "a zero byte": NOTE.replace("\n\n", "\n\0\n\n", 1),
    "a delete": NOTE.replace("\n\n", "\n\x7f\n\n", 1),
    "a hyphen for a dash": NOTE.replace("\u2014", "-"),
    "two spaces": NOTE.replace("\u2014 ", "\u2014  ", 1),
    "no name": NOTE.replace(f"\u2014 {p.ORIGIN}", "\u2014 ", 1),
    "a plus in a name": NOTE.replace(f"\u2014 {p.ORIGIN}", "\u2014 a+b", 1),
    "a no-break space in a name": NOTE.replace(f"\u2014 {p.ORIGIN}", "\u2014 a\u00a0b", 1),
    "no signature": NOTE.replace(FIRST, FIRST.rsplit(" ", 1)[0], 1),
    "four bytes": NOTE.replace(FIRST, f"\u2014 x {p.b64(bytes(4))}", 1),
    "base64url": NOTE.replace(FIRST, "\u2014 x -_-_-_-_", 1),
    "padding missing": NOTE.replace("=\n", "\n", 1),
    "trailing bits": NOTE.replace(FIRST, FIRST[:-2] + chr(ord(FIRST[-2]) + 1) + "=", 1)
    if FIRST.endswith("=")
    else NOTE[:-1],
    "a third field": NOTE.replace(FIRST, FIRST + " x", 1),
    "sixty-five signatures": f"{BODY}\n\n" + f"{FIRST}\n" * 65,
    "a note of a megabyte": "x" * (1 << 20) + NOTE,
    "two lines": NOTE.replace(BODY, "\n".join(BODY.split("\n")[:2]), 1),
    "a blank extension": NOTE.replace(BODY, BODY + "\n\nmore", 1),
    "no origin": NOTE.replace(p.ORIGIN, "", 1),
    "a signed size": NOTE.replace(f"\n{len(LOG.entries)}\n", f"\n+{len(LOG.entries)}\n"),
    "a negative size": NOTE.replace(f"\n{len(LOG.entries)}\n", "\n-1\n"),
    "a size with zeros": NOTE.replace(f"\n{len(LOG.entries)}\n", f"\n0{len(LOG.entries)}\n"),
    "a size with a space": NOTE.replace(f"\n{len(LOG.entries)}\n", f"\n{len(LOG.entries)} \n"),
    "a size in other digits": NOTE.replace(f"\n{len(LOG.entries)}\n", "\n\u0661\u0669\n"),
    "a size of many digits": NOTE.replace(f"\n{len(LOG.entries)}\n", f"\n{'9' * 20}\n"),
    "a short root": f"{p.ORIGIN}\n19\nAAAA\n\n{SIGNED}",
    "a root respelt": NOTE.replace(BODY, BODY[:-2] + chr(ord(BODY[-2]) + 1) + "=", 1),
    "a root in base64url": f"{p.ORIGIN}\n19\n{'_' * 43}=\n\n{SIGNED}",
    "an extension nobody signed": NOTE.replace(BODY, BODY + "\nmore", 1),
    "a failing signature beside a good one": NOTE + p.LOG.line("x\n1\n2\n"),
    "a failing witness": NOTE + p.WITNESSES[0].line("other"),
    "the log twice, once wrong": NOTE.replace(FIRST, FIRST + "\n" + p.LOG.line("other")[:-1], 1),
    "a cut signature": NOTE.replace(FIRST, f"\u2014 {p.ORIGIN} {p.b64(p.LOG.id + bytes(10))}", 1),
    "a signature of zeros": NOTE.replace(
        FIRST, f"\u2014 {p.ORIGIN} {p.b64(p.LOG.id + bytes(64))}", 1
    ),
}


@pytest.mark.parametrize("name", NOTES)
def test_a_checkpoint_in_another_form_is_refused(name: str) -> None:
    assert NOTES[name] != NOTE
    made = p.draft(LOG, p.ACTION)
    made.note = NOTES[name] or "\n"
    assert failing(made.sealed()) & {"readable", "checkpoint"}


@pytest.mark.parametrize("name", [each for each in NOTES if each != "a failing witness"])
def test_an_earlier_checkpoint_is_held_to_the_same(name: str) -> None:
    assert failing(GOOD, since=NOTES[name].encode()) & {"readable", "since"}


def test_unknown_signers_of_a_checkpoint_are_no_harm() -> None:
    made = p.draft(LOG, p.ACTION)
    made.signers += [p.signer(f"stranger-{n}", 4) for n in range(60)]
    assert verifier.verify(made.sealed(), p.TRUST.encode()).code == 0


# --- growth

SHORT = p.log_of(p.run_story()[:9])
OLD = 8
CUT = p.Log(entries=LOG.entries[:OLD])


def grown(old: int = OLD) -> p.Draft:
    made = p.draft(LOG, p.ACTION)
    p.add_growth(made, LOG, old)
    return made


def proof_lines(edit: Callable[[list[str]], Any]) -> p.Draft:
    made = grown(7)
    lines = made.files["consistency.txt"].decode().split("\n")
    edit(lines)
    made.files["consistency.txt"] = "\n".join(lines).encode()
    return made


SILLY = [*p.run_story()[:3], {**p.run_story()[3], "reason": "changed"}, *p.run_story()[4:]]


def foreign(size: int) -> str:
    text = LOG.checkpoint(size, origin="counterseal.local/evil")
    return text + "\n" + p.LOG.line(text)


def proven(edit: Callable[[list[str]], Any]) -> tuple[bytes, str]:
    return proof_lines(edit).sealed(), LOG.note(7)


def put(at: int | slice, value: Any) -> Callable[[list[str]], Any]:
    return lambda lines: lines.__setitem__(at, value)


GROWTHS: dict[str, Callable[[], tuple[bytes, str]]] = {
    "no proof": lambda: (p.draft(LOG, p.ACTION).sealed(), LOG.note(7)),
    "a proof from elsewhere": lambda: (grown(8).sealed(), LOG.note(7)),
    "another history": lambda: (grown(12).sealed(), p.log_of(SILLY).note(12)),
    "a larger log then": lambda: (p.draft(LOG, p.ACTION, size=18).sealed(), LOG.note()),
    "an unsigned checkpoint": lambda: (
        grown(7).sealed(),
        LOG.note(7).replace("\u2014 " + p.ORIGIN, "\u2014 x"),
    ),
    "a checkpoint of another log": lambda: (grown(7).sealed(), foreign(7)),
    "the same size, another root": lambda: (
        p.draft(LOG, p.ACTION).sealed(),
        p.log_of(SILLY).note(),
    ),
    "a hash dropped": lambda: proven(lambda lines: lines.pop(3)),
    "a hash doubled": lambda: proven(lambda lines: lines.insert(3, lines[3])),
    "a hash changed": lambda: proven(put(3, p.b64(bytes(32)))),
    "no hash": lambda: proven(put(slice(2, -1), [])),
    "another size": lambda: proven(put(0, "old 6")),
    "a size that is none": lambda: proven(put(0, "old x")),
    "a size with zeros": lambda: proven(put(0, "old 07")),
    "no size": lambda: proven(put(0, "7")),
    "another root": lambda: proven(put(1, p.b64(bytes(32)))),
    "a root that is none": lambda: proven(put(1, "")),
    "no last newline": lambda: proven(lambda lines: lines.pop()),
    "a blank line": lambda: proven(lambda lines: lines.insert(2, "")),
    "two hundred hashes": lambda: proven(put(slice(2, 3), [p.b64(bytes(32))] * 200)),
}


@pytest.mark.parametrize("name", GROWTHS)
def test_a_log_that_did_not_only_grow_is_refused(name: str) -> None:
    package, since = GROWTHS[name]()
    assert failing(package, since=since.encode()) & {"since", "readable"}


def test_a_checkpoint_of_another_trusted_log_says_nothing_about_this_one() -> None:
    both = p.TRUST + f"log {p.signer('counterseal.local/evil', secret=p.ORIGIN)}\n"
    text = LOG.checkpoint(7, origin="counterseal.local/evil")
    old = text + "\n" + p.signer("counterseal.local/evil", secret=p.ORIGIN).line(text)
    assert failing(grown(7).sealed(), both, old.encode()) == {"since"}


def test_a_wrong_proof_of_growth_is_refused_even_if_nobody_asked() -> None:
    assert "since" in failing(proof_lines(lambda lines: lines.pop(3)).sealed())


# --- the trust file

KEY = str(p.LOG)
WITNESS = str(p.WITNESSES[0])
TRUSTS: dict[str, str] = {
    "the good one": p.TRUST,
    "nothing": "",
    "comments": f"# one\n#two\n\n  # three\n{p.TRUST}",
    "spaces and tabs": p.TRUST.replace(" ", " \t "),
    "carriage returns": p.TRUST.replace("\n", "\r\n"),
    "no last newline": p.TRUST[:-1],
    "words behind a log": f"log {KEY} https://x\n",
    "words behind a witness": f"witness a {WITNESS} https://x\n",
    "words behind a packager": f"packager {KEY} x\n",
    "an unknown word": f"logs {KEY}\n",
    "a word in capitals": f"LOG {KEY}\n",
    "a key alone": f"{KEY}\n",
    "no key": "log\n",
    "an empty key": "log ++\n",
    "a key without an ID": f"log {p.ORIGIN}+{KEY.split('+', 2)[2]}\n",
    "a key with another ID": KEY.replace(f"+{p.LOG.id.hex()}", "+00000000").join(["log ", "\n"]),
    "an ID in capitals": f"log {p.ORIGIN}+{p.LOG.id.hex().upper()}+{KEY.split('+', 2)[2]}\n",
    "a key of another name": KEY.replace(p.ORIGIN, "x").join(["log ", "\n"]),
    "a key cut off": f"log {KEY[:-4]}\n",
    "a key in base64url": f"log {KEY.rsplit('+', 1)[0]}+{'-' * 44}\n",
    "a key respelt": f"log {KEY[:-1]}" + chr(ord(KEY[-1]) + 1) + "\n",
    "a witness as a log": f"log {WITNESS}\n",
    "a log as a witness": f"witness a {KEY}\n",
    "a witness as a packager": f"packager {WITNESS}\n",
    "a key of an unknown type": "log " + str(p.signer(p.ORIGIN, 6)) + "\n",
    "a key of type zero": "log " + str(p.signer(p.ORIGIN, 0)) + "\n",
    "a witness without a name": f"witness {WITNESS}\n",
    "a witness named none": f"witness none {WITNESS}\n",
    "a witness twice": f"witness a {WITNESS}\nwitness a {WITNESS}\n",
    "one key under two names": f"witness a {WITNESS}\nwitness b {WITNESS}\n",
    "a group named as a witness": f"witness a {WITNESS}\ngroup a any a\n",
    "a group named none": f"witness a {WITNESS}\ngroup none any a\n",
    "a group of nobody": "group a any\n",
    "a group of all of nobody": "group a all\n",
    "a group of none of nobody": "group a 0\n",
    "a group of the unknown": "group a any b\n",
    "a group of itself": "group a any a\n",
    "a group of what comes later": f"group g any a\nwitness a {WITNESS}\n",
    "a group of one twice": f"witness a {WITNESS}\ngroup g any a a\n",
    "a group of none": f"witness a {WITNESS}\ngroup g 0 a\n",
    "a group of none of them": f"witness a {WITNESS}\ngroup g any none\n",
    "a group of more than there are": f"witness a {WITNESS}\ngroup g 2 a\n",
    "a group of minus one": f"witness a {WITNESS}\ngroup g -1 a\n",
    "a group of one and a half": f"witness a {WITNESS}\ngroup g 1.5 a\n",
    "a group of zero one": f"witness a {WITNESS}\ngroup g 01 a\n",
    "a group of an arabic one": f"witness a {WITNESS}\ngroup g \u0661 a\n",
    "a group of a superscript": f"witness a {WITNESS}\ngroup g \u00b9 a\n",
    "a group of groups": f"witness a {WITNESS}\ngroup g any a\ngroup h all g a\nquorum h\n",
    "a quorum of the unknown": "quorum a\n",
    "a quorum of none": "quorum none\n",
    "a quorum of two words": f"witness a {WITNESS}\nquorum a a\n",
    "a quorum twice": f"witness a {WITNESS}\nquorum a\nquorum none\n",
    "a quorum of nothing": "quorum\n",
    "a vertical tab": f"log\x0b{KEY}\n",
    "a line separator": f"# x\u2028log {KEY}\n",
    "a no-break space": f"log\u00a0{KEY}\n",
    "a zero byte": f"log {KEY}\0\n",
    "a name with a slash": "log " + str(p.signer("a/b")) + "\n",
    "a name of 255": "log " + str(p.signer("a" * 255)) + "\n",
    "a name of 256": "log " + str(p.signer("a" * 256)) + "\n",
    "a name in another script": "log " + str(p.signer("\u00fc\u4e2d")) + "\n",
    "a name with an escape": "log " + str(p.signer("a\x1b")) + "\n",
}


def raw_key(public: bytes, name: str = "log") -> str:
    typed = b"\x01" + public
    identity = p.sha(name.encode() + b"\n" + typed)[:4].hex()
    return f"{name}+{identity}+{p.b64(typed)}"


SMALL = [
    "00" * 32,
    "01" + "00" * 31,
    "ec" + "ff" * 30 + "7f",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]
for _number, _point in enumerate(SMALL):
    _raw = bytes.fromhex(_point)
    TRUSTS[f"a key of small order {_number}"] = f"log {raw_key(_raw)}\n"
    TRUSTS[f"its sign {_number}"] = f"log {raw_key(_raw[:31] + bytes([_raw[31] | 0x80]))}\n"


@pytest.mark.parametrize("name", TRUSTS)
def test_both_readers_take_the_same_trust_files(name: str) -> None:
    text = TRUSTS[name]
    try:
        ours: Any = parse_trust(text)
    except BadNote:
        with pytest.raises(verifier.Malformed):
            verifier.parse_trust(text.encode())
        return
    theirs = verifier.parse_trust(text.encode())
    assert [key.public for key in theirs.logs] == [key.public for key in ours.logs]
    assert [str(key) for key in theirs.packagers] == [
        "+".join(str(key).split("+")[:2]) for key in ours.packagers
    ]
    assert {n: k.public for n, k in theirs.witnesses.items()} == {
        n: k.public for n, k in ours.witnesses.items()
    }
    assert theirs.groups == {n: (g.threshold, [*g.members]) for n, g in ours.groups.items()}
    assert theirs.quorum == ours.quorum


@pytest.mark.parametrize("name", TRUSTS)
def test_no_trust_file_but_the_right_one_makes_a_package_good(name: str) -> None:
    complete = all(
        each in " ".join(TRUSTS[name].split())
        for each in ("log counterseal", "packager", "quorum any-two")
    )
    report = verifier.verify(GOOD, TRUSTS[name].encode())
    assert report.code == 0 if complete else report.code in {1, 2}


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"log \xed\xa0\x80\n", b"group g " + b"9" * 5000 + b" a\n"]
)
def test_a_trust_file_of_no_text_is_malformed(raw: bytes) -> None:
    assert verifier.verify(GOOD, raw).code == 2


def test_a_quorum_of_deep_groups_is_counted_quickly() -> None:
    lines = [f"witness w {WITNESS}\n", "group a0 any w\n"]
    lines += [f"group a{n} all a{n - 1}\n" for n in range(1, 200)]
    trust = verifier.parse_trust("".join([*lines, "quorum a199\n"]).encode())
    assert trust.is_met(trust.witnesses.values())
    assert not trust.is_met([])


def test_the_envelope_may_carry_signatures_of_strangers() -> None:
    made = p.draft(LOG, p.ACTION)
    made.packagers = [p.signer("stranger"), p.PACKAGER]
    assert verifier.verify(made.sealed(), p.TRUST.encode()).code == 0


def test_a_wide_statement_is_bounded() -> None:
    made = p.draft(LOG, p.ACTION)
    made.predicate["purpose"] = "x" * (33 << 20)
    assert failing(made.sealed()) == {"readable"}
    assert rfc8785.dumps({}) == b"{}"
