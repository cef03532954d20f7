"""Check an evidence package of Counterseal: offline, in one file, with nothing but Python.

    python counterseal_verify.py PACKAGE --trust FILE

It shares no code with the product, so it is a second opinion on it (docs/package.md is what both
follow). It reads from top to bottom: what comes out; JSON; signatures; the tree; signed notes and
trust; the archive; the statement; the log; the streams; the life of an action; policies; values;
periods; the page it prints. Exit code 0: good. 1: a check failed. 2: this cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import hashlib
import json
import math
import os
import re
import struct
import sys
import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Json: TypeAlias = Any
"""What JSON says. Its shape is checked (``misfit``) before anything is read from it."""

LARGEST_PACKAGE = 200 << 20
LARGEST_STATEMENT = 32 << 20
LARGEST_LINE = 16 << 20
LARGEST_NOTE = 1 << 20
MOST_FILES = 4096
MOST_TOLD = 20
"""How many failures of one kind are told one by one."""

Fail: TypeAlias = "Callable[..., None]"
"""Notes that a check failed: a sentence, and where."""

# ---------------------------------------------------------------------------------------------
# What comes out


class Malformed(Exception):  # noqa: N818 - it reads as what is wrong
    """Something cannot be read as what it should be."""

    def __init__(self, sentence: str, where: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.where = sentence, where


class Stop(Exception):  # noqa: N818 - not an error: what follows would rest on what has failed
    """A check failed on which all later ones rest."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked. ``code`` is for programs and permanent."""

    code: str
    ok: bool
    sentence: str
    where: str = ""


@dataclass(slots=True)
class Report:
    """Everything that was found, in the order in which it was checked."""

    checks: list[Check] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unreadable: bool = False
    statement: dict[str, Json] = field(default_factory=dict)
    signers: list[str] = field(default_factory=list)
    sealed_by: list[str] = field(default_factory=list)
    witnesses: list[tuple[str, str]] = field(default_factory=list)
    witnessed: bool = False
    events: list[Event] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    values: list[dict[str, Json]] = field(default_factory=list)
    policies: dict[str, bytes] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """The exit code: 0 good, 1 bad, 2 unreadable."""
        return 2 if self.unreadable else int(not all(each.ok for each in self.checks))

    @property
    def verdict(self) -> str:
        """The same in a word."""
        return ("good", "bad", "malformed")[self.code]

    def passed(self, code: str, sentence: str) -> None:
        """Note that a check passed."""
        self.checks.append(Check(code, ok=True, sentence=sentence))

    def fail(self, code: str, sentence: str, where: str = "") -> None:
        """Note that a check failed."""
        told = sum(each.code == code and not each.ok for each in self.checks)
        if told < MOST_TOLD:
            self.checks.append(Check(code, ok=False, sentence=sentence, where=where))
        elif told == MOST_TOLD:
            self.checks.append(Check(code, ok=False, sentence="There is more of this kind."))

    @contextlib.contextmanager
    def check(self, code: str, sentence: str) -> Iterator[Fail]:
        """Lend ``fail``; if it is not used, the check has passed."""
        failed: list[str] = []

        def fail(what: str, where: str = "") -> None:
            failed.append(what)
            self.fail(code, what, where)

        yield fail
        if not failed:
            self.passed(code, sentence)


# ---------------------------------------------------------------------------------------------
# JSON (RFC 8259), in its one canonical spelling (RFC 8785)

DEEPEST = 64
LONGEST_NUMBER = 400  # characters; longer ones cost quadratic time
GREATEST_INTEGER = 2**53 - 1


def read_json(raw: bytes, where: str, largest: int = LARGEST_LINE) -> Json:
    """Read JSON that is canonical to the byte: nothing that two readers could read differently."""
    if len(raw) > largest:
        raise Malformed(f"It has {len(raw)} bytes where at most {largest} are read.", where)
    try:
        text = raw.decode()
        value = parse_json(text)
        written = write_json(value)
        same = written.encode() == raw
    except RecursionError:
        raise Malformed("The JSON is nested too deep.", where) from None
    except ValueError as error:  # JSON errors and errors of Unicode are ValueErrors
        raise Malformed(f"It is not strict JSON: {error}.", where) from None
    if not same:  # a key that stands twice ends here too: it is not written twice
        raise Malformed("The JSON is not in its canonical spelling (RFC 8785).", where)
    return value


def parse_json(text: str) -> Json:
    """Parse JSON without numbers that are none, or of any length."""
    return json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_constant)


def _integer(text: str) -> int | float:
    # Beyond 2^53 a number is what ECMAScript reads: the nearest double (RFC 8785 §3.2.2.3).
    number = int(text) if len(text) <= LONGEST_NUMBER else GREATEST_INTEGER + 1
    return number if abs(number) <= GREATEST_INTEGER else _float(text)


def _float(text: str) -> float:
    if len(text) > LONGEST_NUMBER or not math.isfinite(number := float(text)):
        raise ValueError("a number is out of range")
    return number


def _constant(text: str) -> Json:
    raise ValueError(f"{text} is not JSON")


def write_json(value: Json, depth: int = 0) -> str:
    """Write RFC 8785: keys by UTF-16 code units, shortest strings, numbers as ECMAScript does."""
    if depth > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return (
            "{"
            + ",".join(f"{write_json(key)}:{write_json(value[key], depth + 1)}" for key in keys)
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(write_json(each, depth + 1) for each in value) + "]"
    if isinstance(value, float):
        return write_number(value)
    return json.dumps(value)  # true, false, null and integers


def write_number(number: float) -> str:
    """Write a double as ECMAScript's ``Number::toString`` does (ECMA-262 §6.1.6.1.20)."""
    if number == 0:
        return "0"
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    significant = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(significant))
    digits = significant.rstrip("0")
    sign = "-" if number < 0 else ""
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = "." + digits[1:] if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def _is_instant(value: Json) -> bool:
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value[:-1])
    except ValueError:
        return False
    return True


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


TYPES: dict[str, Callable[[Json], bool]] = {
    "text": lambda value: isinstance(value, str),
    "flag": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "count": _is_count,
    "counts": lambda value: isinstance(value, dict) and all(map(_is_count, value.values())),
    "instant": _is_instant,
    "hex": lambda v: isinstance(v, str) and re.fullmatch(r"[0-9a-f]{64}", v) is not None,
    "digest": lambda v: isinstance(v, str) and re.fullmatch(r"sha256:[0-9a-f]{64}", v) is not None,
    "hash": lambda v: isinstance(v, str) and len(from_base64(v) or b"") == 32,
}

SHAPES = {
    # ``name:type``; ``?`` may be absent or null, ``[]`` a list of; ``only`` refuses other fields.
    "dsse": "only payload:text payloadType:text signatures:signature[]",
    "signature": "only keyid:text sig:text",
    "statement": "only _type:text subject:subject[] predicateType:text predicate:predicate",
    "subject": "only name:text digest:sha256",
    "sha256": "only sha256:hex",
    "predicate": "only log:text tenant:text tree:tree scope:object streams:object profile:text"
    " withheld:count requested_by:text purpose:text exported_at:instant export:export?"
    " policies:digest[] shredded:text[]",
    "tree": "only size:count root:hash",
    "export": "only seq:count?",
    "stream": "only count:count state:text",
    "actions": "only kind:text action_ids:text[] filters:object",
    "period": "only kind:text since:instant until:instant start:count end:count filters:object",
    "shown": "only seq:count canonical:text proof:hash[]?",
    "withheld": "only seq:count leaf:hex stream:text version:count proof:hash[]?",
    "range": "only end:count left:hash[] right:hash[] start:count",
    "disclosure": "only action:text pointer:text salt:text value:any",
    "envelope": "only event:event prev:hex? stream:text tenant:text v:count version:count",
    "event": "kind:text at:instant",
    "action.requested": "action:action digest:digest agent_owner:text? excluded:text[]"
    " justification:text?",
    "action": "id:text tenant:text agent:text principal:text? environment:text tool:text"
    " arguments:object",
    "decision.reached": "digest:digest decision:decision",
    "decision": "verdict:text effective:text action_class:text? risk:text determining:text[]"
    " stage:text? fired:finding[]?"
    " route:route? grant_ttl:count receipt_ttl:count facts:object facts_digest:digest"
    " bundle:bundle",
    "finding": "stage:text",
    "bundle": "name:text version:text digest:digest",
    "route": "needs:need[] deny_threshold:count timeout:count on_timeout:text",
    "need": "groups:text[] quorum:count escalation:step[]",
    "step": "after:count groups:text[]",
    "action.held": "digest:digest route:route asked:text[] deadline:instant",
    "vote.counted": "vote_id:text person:text aliases:text[] groups:text[] approve:flag"
    " reason:text digest:digest",
    "vote.refused": "person:text sentence:text",
    "hold.reminded": "nth:count asked:text[]",
    "hold.escalated": "after:count added:text[] asked:text[]",
    "action.settled": "digest:digest disposition:text because:text by:text[]",
    "grant.issued": "grant_id:text digest:digest holder:text expires_at:instant",
    "grant.redeemed": "grant_id:text redemption_id:text digest:digest by:text executor_key:text?"
    " receipt_due:instant",
    "grant.lapsed": "grant_id:text because:text given_back:flag",
    "execution.reported": "redemption_id:text digest:digest outcome:text by:text detail:text?"
    " result_digest:digest? signature:text? signed:flag",
    "execution.unknown": "redemption_id:text because:text",
    "action.closed": "disposition:text outcome:text",
    "request.refused": "by:text sentence:text",
    "withdrawal.refused": "by:text sentence:text",
    "grant.refused": "by:text sentence:text",
    "receipt.refused": "by:text sentence:text",
    "data.revealed": "action:text pointers:text[]",
    "data.shredded": "action:text pointers:text[]",
    "roster.changed": "roster:roster",
    "roster": "people:person[]",
    "person": "id:text aliases:text[] groups:text[]",
    "bundle.activated": "name:text version:text digest:digest bundle:object",
    "ledger.sealed": "start:count end:count kinds:counts decisions:counts closed:counts",
}


_MISSING = object()


def misfit(value: Json, shape: str, place: str = "") -> str | None:
    """Name the first place in ``value`` that is not of ``shape``; None if all of it is."""
    if value is not _MISSING and (shape == "any" or (value is None and shape.endswith("?"))):
        return None
    shape = shape.removesuffix("?")
    if shape.endswith("[]"):
        if not isinstance(value, list):
            return place or "/"
        below = (misfit(each, shape[:-2], f"{place}/{nth}") for nth, each in enumerate(value))
        return next((found for found in below if found is not None), None)
    if shape in TYPES:
        return None if TYPES[shape](value) else place or "/"
    if not isinstance(value, dict):
        return place or "/"
    only, *rest = SHAPES[shape].split()
    fields = dict(each.split(":") for each in (rest if only == "only" else (only, *rest)))
    if only == "only" and (strange := value.keys() - fields.keys()):
        return f"{place}/{min(strange)}"
    for name, kind in fields.items():
        if name not in value and kind.endswith("?"):
            continue
        if (found := misfit(value.get(name, _MISSING), kind, f"{place}/{name}")) is not None:
            return found
    return None


def fitting(value: Json, shape: str, where: str) -> Json:
    """Return ``value`` if it has ``shape``. Raises ``Malformed`` that names the place."""
    if (place := misfit(value, shape)) is not None:
        raise Malformed(f"{inert(place)} is not as the format says.", where)
    return value


# ---------------------------------------------------------------------------------------------
# Ed25519 (RFC 8032 §5.1), verification only

P = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Point: TypeAlias = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def _add(a: Point, b: Point) -> Point:
    # RFC 8032 §5.1.4, extended homogeneous coordinates
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    k, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, z - k, z + k, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(a: Point) -> Point:
    x, y, z = a[0] * a[0] % P, a[1] * a[1] % P, 2 * a[2] * a[2] % P
    h = x + y
    e, g = h - (a[0] + a[1]) ** 2 % P, x - y
    f = z + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _negated(a: Point) -> Point:
    return P - a[0], a[1], a[2], P - a[3]


def _is_neutral(a: Point) -> bool:
    return a[0] % P == 0 and (a[1] - a[2]) % P == 0


def _decoded(raw: bytes) -> Point | None:
    """Decode a point; None if it is not on the curve or not in its one spelling."""
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if v * x * x % P != u or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def _has_small_order(a: Point) -> bool:
    return _is_neutral(_double(_double(_double(a))))


BASE = _decoded((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or NEUTRAL


def is_signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Verify, refusing what RFC 8032 lets be forged or respelt: s >= L, points of small order."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = _decoded(public), _decoded(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= GROUP_ORDER:
        return False
    if _has_small_order(key) or _has_small_order(commitment):
        return False
    hashed = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(hashed, "little") % GROUP_ORDER
    # s·B - h·A - R = 0, both products in one ladder
    against = _negated(key)
    table = {(1, 0): BASE, (0, 1): against, (1, 1): _add(BASE, against)}
    sum_ = NEUTRAL
    for bit in range(max(scalar.bit_length(), challenge.bit_length()) - 1, -1, -1):
        sum_ = _double(sum_)
        if pair := table.get((scalar >> bit & 1, challenge >> bit & 1)):
            sum_ = _add(sum_, pair)
    return _is_neutral(_add(sum_, _negated(commitment)))


# ---------------------------------------------------------------------------------------------
# Base64, hashes and the tree (RFC 6962, RFC 9162)


def from_base64(text: str, *, url: bool = False) -> bytes | None:
    """Read base64 (or base64url without padding); None unless it is the one canonical spelling."""
    padded = text + "=" * (-len(text) % 4) if url else text
    try:
        raw = base64.b64decode(padded.encode("ascii"), b"-_" if url else None, validate=True)
    except (binascii.Error, ValueError):
        return None
    again = base64.b64encode(raw, b"-_" if url else None).decode()
    return raw if (again.rstrip("=") if url else again) == text else None


def sha256(raw: bytes) -> bytes:
    """Hash."""
    return hashlib.sha256(raw).digest()


def digest(domain: str, written: bytes) -> str:
    """Name bytes under a domain: ``sha256:`` and hex."""
    return "sha256:" + sha256(f"counterseal/{domain}/v1\n".encode() + written).hex()


def node(left: bytes, right: bytes) -> bytes:
    """Hash an inner node (RFC 6962 §2.1)."""
    return sha256(b"\x01" + left + right)


def included_root(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Compute the root that an inclusion proof leads to (RFC 9162 §2.1.3.2); None if to none."""
    if index >= size:
        return None
    first, last, root = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return None
        if first & 1 or first == last:
            root = node(each, root)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            root = node(root, each)
        first, last = first >> 1, last >> 1
    return root if last == 0 else None


def continues(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """Verify that a log of ``new`` leaves continues one of ``old`` (RFC 9162 §2.1.4.2)."""
    if old in (0, new):
        return not proof and old_root == (new_root if old else sha256(b""))
    if old > new or not proof:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else proof
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    was = now = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            was, now = node(each, was), node(each, now)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            now = node(now, each)
        first, last = first >> 1, last >> 1
    return last == 0 and (was, now) == (old_root, new_root)


def subtrees(start: int, end: int) -> list[int]:
    """Size the largest perfect subtrees that cover the leaves [start, end), from the left."""
    found = []
    while start < end:
        largest = 1 << ((end - start).bit_length() - 1)
        found.append(min(start & -start, largest) if start else largest)
        start += found[-1]
    return found


def range_root(start: int, leaves: list[bytes], size: int, around: Json) -> bytes | None:
    """Compute the root from all leaves of a range and what surrounds it; None if it cannot fit."""
    end = start + len(leaves)
    widths = [*subtrees(0, start), *(1 for _ in leaves), *subtrees(end, size)]
    left, right = (
        [from_base64(each) or b"" for each in around[side]] for side in ("left", "right")
    )
    hashes = [*left, *leaves, *right]
    if end > size or len(left) != len(subtrees(0, start)) or len(hashes) != len(widths):
        return None
    stack: list[tuple[int, int, bytes]] = []  # where a subtree begins, its width, its hash
    at = 0
    for width, each in zip(widths, hashes, strict=True):
        tree = (at, width, each)
        while stack and stack[-1][1] == tree[1] and stack[-1][0] % (2 * tree[1]) == 0:
            under = stack.pop()
            tree = (under[0], 2 * under[1], node(under[2], tree[2]))
        stack.append(tree)
        at += width
    root = stack.pop()[2] if stack else sha256(b"")
    while stack:
        root = node(stack.pop()[2], root)
    return root


# ---------------------------------------------------------------------------------------------
# Signed notes, keys and trust (C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy)

NOTE, COSIGNATURE = 1, 4
_KEY_NAME = re.compile(r"[^\s+\x00-\x20\x7f]{1,255}")
_SMALL_ORDER = {
    bytes.fromhex(each)
    for each in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
}
"""Spellings of points of small order, without sign: keys for which anybody can sign."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key with its name, as auditors keep it: ``name+hex ID+base64(type, key)``."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which signatures name their key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public)[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}"

    def signed(self, text: str, signature: bytes) -> bool:
        """Say whether ``signature``, as it stands in a note, is this key's over ``text``."""
        if self.kind == NOTE:
            return is_signed(self.public, signature, text.encode())
        if len(signature) != 8 + 64:
            return False
        cosigned = f"cosignature/v1\ntime {cosigned_at(signature)}\n{text}"
        return is_signed(self.public, signature[8:], cosigned.encode())


def cosigned_at(signature: bytes) -> int:
    """Read when a cosignature was made, in POSIX seconds."""
    return int.from_bytes(signature[:8], "big")


def parse_key(text: str, kind: int) -> Key:
    """Read a verifier key of ``kind``."""
    name, _, rest = text.partition("+")
    hexed, _, coded = rest.partition("+")
    raw = from_base64(coded) or b""
    if _KEY_NAME.fullmatch(name) is None or len(raw) != 33 or raw[0] not in (NOTE, COSIGNATURE):
        raise Malformed(f"“{inert(text[:120])}” is not a verifier key.")
    if raw[1:32] + bytes([raw[32] & 0x7F]) in _SMALL_ORDER:
        raise Malformed(f"the key of {inert(name)} is one for which anybody can sign.")
    key = Key(name, raw[0], raw[1:])
    if key.id.hex() != hexed:
        raise Malformed(f"the ID of the key of {inert(name)} is {key.id.hex()}.")
    if key.kind != kind:
        raise Malformed(f"the key of {inert(name)} is of another type than {kind:#04x}.")
    return key


@dataclass(slots=True)
class Trust:
    """Whom the auditor believes, and how many witnesses it takes."""

    logs: list[Key] = field(default_factory=list)
    packagers: list[Key] = field(default_factory=list)
    witnesses: dict[str, Key] = field(default_factory=dict)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    quorum: str = "none"
    is_told: bool = False  # the quorum is

    def is_met(self, signed: Iterable[Key]) -> bool:
        """Say whether enough witnesses signed; with the quorum ``none`` nobody has to."""
        there = {*signed}
        met = {name: key in there for name, key in self.witnesses.items()} | {"none": True}
        for name, (threshold, members) in self.groups.items():  # members stand above their group
            met[name] = sum(met[each] for each in members) >= threshold
        return met[self.quorum]


_TRUST_CONTROL = re.compile(r"[^\t\n\x20-\x7e\x80-\U0010ffff]")


def parse_trust(raw: bytes) -> Trust:
    """Read a trust file: lines of ``log``, ``witness``, ``group``, ``quorum``, ``packager``."""
    trust = Trust()
    try:
        lines = raw.decode().replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise Malformed("The trust file is not UTF-8.", "trust file") from None
    for number, line in enumerate(lines, 1):
        try:
            _trust_line(trust, line)
        except Malformed as error:
            raise Malformed(f"Not understood: {error}", f"trust file, line {number}") from None
    return trust


def _trust_line(trust: Trust, line: str) -> None:  # noqa: C901 - one case per kind of line
    if _TRUST_CONTROL.search(line):  # nothing else may end a line, or a comment
        raise Malformed("there is a control character in it.")
    words = re.split(r"[ \t]+", line.strip(" \t"))
    names = {*trust.witnesses, *trust.groups}
    match words:
        case [word, *_] if not word or word.startswith("#"):
            return
        case ["log", key, *_]:
            trust.logs.append(parse_key(key, NOTE))
        case ["packager", key]:
            trust.packagers.append(parse_key(key, NOTE))
        case ["witness", name, key, *_] if name not in {"none", *names}:
            witness = parse_key(key, COSIGNATURE)
            if any(each.public == witness.public for each in trust.witnesses.values()):
                raise Malformed("the key is that of another witness already.")
            trust.witnesses[name] = witness
        case ["group", name, count, *members] if name not in {"none", *names}:
            digits = count if count.isascii() and count.isdigit() and len(count) < 10 else "0"
            threshold = {"any": 1, "all": len(members)}.get(count) or int(digits)
            grouped = {each for _, others in trust.groups.values() for each in others}
            if not {*members} <= names - grouped or len({*members}) < len(members):
                raise Malformed("a member of the group is not defined above, or named twice.")
            if not 0 < threshold <= len(members):
                raise Malformed("so many members of the group can never be had.")
            trust.groups[name] = (threshold, members)
        case ["quorum", name] if not trust.is_told and name in {"none", *names}:
            trust.quorum, trust.is_told = name, True
        case _:
            raise Malformed(f"“{inert(' '.join(words)[:80])}”.")


@dataclass(slots=True)
class Note:
    """A signed checkpoint: what a log says of itself, and who signed that."""

    text: str
    signatures: list[tuple[str, bytes, bytes]]
    origin: str = ""
    size: int = 0
    root: bytes = b""

    def signed_by(self, keys: Iterable[Key]) -> dict[Key, bytes]:
        """Give the keys that signed. Raises ``ValueError`` if one of them signed wrongly."""
        known = {(key.name, key.id): key for key in keys}
        found: dict[Key, bytes] = {}
        for name, key_id, signature in self.signatures:
            if key := known.get((name, key_id)):
                if not key.signed(self.text, signature):
                    raise ValueError(f"The signature of {inert(str(key))} does not fit the text.")
                found[key] = signature
        return found


_SIGNATURE_LINE = re.compile("\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


def parse_checkpoint(raw: bytes, where: str) -> Note:
    """Read a signed checkpoint; nothing is verified yet."""
    if len(raw) > LARGEST_NOTE:
        raise Malformed("A checkpoint has at most 1 MiB.", where)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Malformed("The checkpoint is not UTF-8.", where) from None
    body, blank, rest = text.rpartition("\n\n")
    lines = rest.split("\n")
    if not blank or not body or lines.pop() or not 0 < len(lines) <= 64:
        raise Malformed("A checkpoint is a text, a blank line and 1 to 64 signatures.", where)
    if re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text):
        raise Malformed("The checkpoint holds control characters.", where)
    note = Note(body + "\n", [_signature(line, where) for line in lines])
    origin, size, root, *more = [*body.split("\n"), "", ""]
    raw_root = from_base64(root) or b""
    if not origin or "" in more[:-2] or _SIZE.fullmatch(size) is None or len(raw_root) != 32:
        raise Malformed("A checkpoint's text is an origin, a size and a root hash.", where)
    note.origin, note.size, note.root = origin, int(size), raw_root
    return note


def _signature(line: str, where: str) -> tuple[str, bytes, bytes]:
    found = _SIGNATURE_LINE.fullmatch(line)
    raw = (from_base64(found[2]) if found else None) or b""
    if found is None or len(raw) <= 4 or _KEY_NAME.fullmatch(found[1]) is None:
        raise Malformed(f"“{inert(line[:80])}” is not a signature line.", where)
    return found[1], raw[:4], raw[4:]


# ---------------------------------------------------------------------------------------------
# The archive

ALWAYS = {
    "README.txt",
    "checkpoint",
    "events.jsonl",
    "keys.txt",
    "ocsf.jsonl",
    "statement.dsse.json",
    "timeline.html",
    "verify.py",
}
SOMETIMES = re.compile(r"range\.json|consistency\.txt|disclosures\.jsonl|policy/[0-9a-f]{64}\.json")
_LOCAL = struct.Struct("<4s5H3I2H")
_NAME_BYTES = 100


def read_archive(report: Report, raw: bytes) -> dict[str, bytes]:
    """Take the files out of the archive, then hold every byte of it to the one canonical form."""
    if len(raw) > LARGEST_PACKAGE:
        raise Malformed(f"A package has at most {LARGEST_PACKAGE >> 20} MiB.")
    files: dict[str, bytes] = {}
    at = 0
    while raw.startswith(b"PK\x03\x04", at) and at + _LOCAL.size <= len(raw):
        _, _, flags, method, _, _, _, packed, size, named, extra = _LOCAL.unpack_from(raw, at)
        begin = at + _LOCAL.size + named
        name = raw[at + _LOCAL.size : begin].decode("latin-1")
        if flags or method or extra or packed != size or begin + size > len(raw):
            raise Malformed("A file is compressed, encrypted or cut off.", inert(name))
        if name in files or len(files) >= MOST_FILES or named > _NAME_BYTES:
            raise Malformed("A file is there twice, or there are too many.", inert(name))
        files[name] = raw[begin : begin + size]
        at = begin + size
    if not files:
        raise Malformed("This is no ZIP archive, or an empty one.")
    with report.check("archive", f"The archive is in its one canonical form; {len(files)} files."):
        _hold_to_form(report, raw, files)
    for name in ("statement.dsse.json", "checkpoint", "events.jsonl"):
        if name not in files:
            raise Malformed("A package has this file; it is missing.", name)
    return files


def _hold_to_form(report: Report, raw: bytes, files: Mapping[str, bytes]) -> None:
    view, at = memoryview(raw), 0
    for piece in canonical_archive(files):
        if view[at : at + len(piece)] != piece:
            sentence = "These bytes are not as a package with these files has them."
            report.fail("archive", sentence, f"after byte {at}")
            raise Stop
        at += len(piece)
    if at != len(raw):
        report.fail("archive", "Something stands behind the end of the archive.", f"byte {at}")
        raise Stop


def canonical_archive(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """Write the one archive that holds ``files``, piece by piece."""
    central, at = [], 0
    for name in sorted(files):
        content, named = files[name], name.encode("latin-1")
        size = len(content)
        # version 20, no flags, stored, 1980-01-01 00:00:00
        told = struct.pack("<5H3I", 20, 0, 0, 0, 0x21, zlib.crc32(content), size, size)
        local = b"PK\x03\x04" + told + struct.pack("<2H", len(named), 0) + named
        made = struct.pack("<4sH", b"PK\x01\x02", 3 << 8 | 20) + told
        central.append(made + struct.pack("<5H2I", len(named), 0, 0, 0, 0, 0o644 << 16, at) + named)
        yield local
        yield content
        at += len(local) + size
    directory = b"".join(central)
    yield directory
    count = len(central)
    yield struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(directory), at, 0)


# ---------------------------------------------------------------------------------------------
# The statement

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:counterseal:evidence-package:v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PROFILES = ("full", "without-arguments", "counts")


def check_statement(report: Report, files: Mapping[str, bytes], trust: Trust | None) -> None:
    """Read what the packager signed, and hold the files to it."""
    where = "statement.dsse.json"
    envelope = fitting(read_json(files[where], where, LARGEST_STATEMENT), "dsse", where)
    payload = from_base64(envelope["payload"])
    if payload is None:
        raise Malformed("The payload is not canonical base64.", where)
    statement = fitting(read_json(payload, where, LARGEST_STATEMENT), "statement", where)
    types = (envelope["payloadType"], statement["_type"], statement["predicateType"])
    if types != (PAYLOAD_TYPE, STATEMENT_TYPE, PREDICATE_TYPE):
        raise Malformed("This is a statement of another type; take a newer verifier.", where)
    _check_predicate(statement["predicate"], where)
    report.statement = statement["predicate"]
    _check_packager(report, envelope, payload, trust)
    _check_files(report, statement["subject"], files)


def _check_predicate(said: dict[str, Json], where: str) -> None:
    kind = said["scope"].get("kind")
    if kind not in ("actions", "period"):
        raise Malformed("/predicate/scope/kind is neither actions nor period.", where)
    fitting(said["scope"], kind, where)
    for name, wanted in said["scope"]["filters"].items() if kind == "period" else ():
        if name not in FILTERS or misfit([wanted] if isinstance(wanted, str) else wanted, "text[]"):
            raise Malformed(f"“{inert(name)}” is no filter that can be checked so.", where)
    for stream in said["streams"].values():
        fitting(stream, "stream", where)
    if said["profile"] not in PROFILES:
        raise Malformed(f"“{inert(said['profile'])}” is not a profile we know.", where)


def _check_packager(
    report: Report, envelope: dict[str, Json], payload: bytes, trust: Trust | None
) -> None:
    if trust is None:
        return
    kind = envelope["payloadType"]
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    known = {str(key): key for key in trust.packagers}
    with report.check("packager", "A packager you trust signed the statement.") as fail:
        for each in envelope["signatures"]:
            signature = from_base64(each["sig"])
            if signature is None:
                raise Malformed("A signature is not canonical base64.", "statement.dsse.json")
            if (key := known.pop(each["keyid"], None)) is None:
                continue
            if is_signed(key.public, signature, signed):
                report.signers.append(str(key))
            else:
                fail(f"The signature of {inert(str(key))} does not fit the statement.")
        if not report.signers:
            fail("None of the packagers in your trust file signed; it may be anybody's work.")


def _check_files(
    report: Report, subjects: list[dict[str, Json]], files: Mapping[str, bytes]
) -> None:
    names = [each["name"] for each in subjects]
    there = sorted(files.keys() - {"statement.dsse.json"})
    failed = False
    with report.check("files", f"All {len(names)} files are those that were signed.") as fail:
        for name in sorted({*names} ^ {*there}):
            fail("Signed, but not there." if name in names else "There, but not signed.", name)
        for name in sorted(ALWAYS - {*files}):
            fail("Every package has this file; it is missing.", name)
        for name in there:
            if name not in ALWAYS and SOMETIMES.fullmatch(name) is None:
                fail("No package has such a file.", inert(name))
        if names != sorted({*names}):
            fail("The signed list of files is not sorted, or names one twice.")
        for each in subjects:
            content = files.get(each["name"])
            if content is not None and sha256(content).hex() != each["digest"]["sha256"]:
                fail("It is not the file that was signed: it was changed.", each["name"])
        failed = any(each.code == "files" and not each.ok for each in report.checks)
    if failed:
        raise Stop


# ---------------------------------------------------------------------------------------------
# The log: checkpoint, events, and that these are in it


@dataclass(slots=True)
class Event:
    """One leaf of the log. Of a withheld one, text, kind and instant are None."""

    seq: int
    stream: str
    version: int
    leaf: bytes
    proof: list[str] | None
    text: str | None = None
    prev: str | None = None
    kind: str | None = None
    at: str = ""

    @property
    def body(self) -> dict[str, Json]:
        """What happened. Read anew each time: keeping it all would take ten times the memory."""
        found: dict[str, Json] = parse_json(self.text or "null")["event"]
        return found

    @property
    def where(self) -> str:
        """Say which one it is."""
        return f"seq {self.seq}: {inert(self.kind or 'withheld')} of {inert(self.stream)}"


def check_checkpoint(report: Report, raw: bytes, trust: Trust | None) -> Note:
    """Read the checkpoint; with trust, hold it to the keys of log and witnesses."""
    note = parse_checkpoint(raw, "checkpoint")
    said = report.statement
    with report.check("tree", f"Log, size and root are those signed: {note.size} events.") as fail:
        if (note.origin, note.size, note.root) != (
            said["log"],
            said["tree"]["size"],
            from_base64(said["tree"]["root"]),
        ):
            fail("The statement speaks of another log or another tree than the checkpoint.")
        if not said["log"].endswith("/" + said["tenant"]):
            fail(f"{inert(said['log'])} is not the log of the tenant {inert(said['tenant'])}.")
        if note.size == 0:
            fail("An empty log has no events to tell of.")
    if trust is None:
        sentence = "Without --trust nothing says who signed: anybody can make such a package."
        report.fail("trust", sentence + " Everything below is only whether it agrees with itself.")
        return note
    try:
        _check_seals(report, note, trust)
    except ValueError as error:
        report.fail("checkpoint", str(error), "checkpoint")
    return note


def _check_seals(report: Report, note: Note, trust: Trust) -> None:
    with report.check("checkpoint", "The log signed the checkpoint.") as fail:
        logs = note.signed_by(key for key in trust.logs if key.name == note.origin)
        report.sealed_by = [str(key) for key in logs]
        if not logs:
            fail("No key of your trust file for this log signed the checkpoint.", "checkpoint")
    needed = "Nobody has to witness" if trust.quorum == "none" else "Enough witnesses cosigned"
    with report.check("witnesses", f"{needed}, by your trust file.") as fail:
        signed = note.signed_by(trust.witnesses.values())
        names = {key: name for name, key in trust.witnesses.items()}
        report.witnesses = [
            (names[key], when(cosigned_at(signature))) for key, signature in signed.items()
        ]
        report.witnessed = trust.is_met(signed) and trust.quorum != "none"
        if not trust.is_met(signed):
            fail(
                f"{len(signed)} of the witnesses you know cosigned; that is not the quorum "
                f"{inert(trust.quorum)}, so the log may show others another history.",
                "checkpoint",
            )


def when(posix: int) -> str:
    """Write POSIX seconds as an instant."""
    with contextlib.suppress(OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(posix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"second {posix}"


def read_events(report: Report, raw: bytes) -> None:
    """Read ``events.jsonl``: every line, every envelope, every kind that we know."""
    lines = raw.split(b"\n")
    if lines.pop() or not lines:
        raise Malformed("It is empty, or its last line does not end.", "events.jsonl")
    for number, line in enumerate(lines, 1):
        report.events.append(_event(line, f"events.jsonl, line {number}", report.statement))
    seqs = [each.seq for each in report.events]
    with report.check("events", f"{len(seqs)} events, all of them well-formed.") as fail:
        if any(after <= before for before, after in pairwise(seqs)):
            fail("The events do not stand in the order of the log, or one stands twice.")
        withheld = sum(each.text is None for each in report.events)
        if withheld != report.statement["withheld"]:
            fail(f"{withheld} events are withheld, not {report.statement['withheld']}.")


def _event(line: bytes, where: str, said: dict[str, Json]) -> Event:
    told = read_json(line, where)
    if isinstance(told, dict) and "leaf" in told:
        fitting(told, "withheld", where)
        leaf = bytes.fromhex(told["leaf"])
        return Event(told["seq"], told["stream"], told["version"], leaf, told.get("proof"))
    fitting(told, "shown", where)
    raw = told["canonical"].encode()
    envelope = fitting(read_json(raw, where), "envelope", where)
    event = envelope["event"]
    if event["kind"] in SHAPES and "." in event["kind"]:
        fitting(event, event["kind"], where)
    if envelope["v"] != 1 or envelope["tenant"] != said["tenant"]:
        raise Malformed("The event is of another version or another tenant.", where)
    return Event(
        told["seq"],
        envelope["stream"],
        envelope["version"],
        sha256(b"\x00" + raw),
        told.get("proof"),
        told["canonical"],
        envelope["prev"],
        event["kind"],
        event["at"],
    )


def check_inclusion(report: Report, note: Note, files: Mapping[str, bytes]) -> None:
    """Prove that the events are in the log: each by itself, or a whole range without a gap."""
    if report.statement["scope"]["kind"] == "period":
        _check_range(report, note, files)
        return
    sentence = f"Each of the {len(report.events)} events is proven to be in the log."
    with report.check("inclusion", sentence) as fail:
        if "range.json" in files:
            fail("Only period packages have a range.", "range.json")
        for event in report.events:
            proof = [from_base64(each) or b"" for each in event.proof or []]
            root = included_root(event.leaf, event.seq, note.size, proof)
            if event.proof is None or root != note.root:
                fail("It is not in the log at this place: it was changed or moved.", event.where)


def _check_range(report: Report, note: Note, files: Mapping[str, bytes]) -> None:
    scope, events = report.statement["scope"], report.events
    around = fitting(read_json(files.get("range.json", b""), "range.json"), "range", "range.json")
    sentence = f"Events {scope['start']} to {scope['end'] - 1} are in the log, and none is missing."
    with report.check("inclusion", sentence) as fail:
        if (around["start"], around["end"]) != (scope["start"], scope["end"]):
            fail("The proof is about another range than the statement.", "range.json")
        seqs = [each.seq for each in events]
        count = scope["end"] - scope["start"]
        if len(seqs) != count or seqs != [*range(scope["start"], scope["start"] + len(seqs))]:
            fail("Not every event of the range is there.", "events.jsonl")
        elif any(each.proof is not None for each in events):
            fail("In a range no event has a proof of its own.", "events.jsonl")
        elif range_root(scope["start"], [e.leaf for e in events], note.size, around) != note.root:
            fail("The events are not what the log has there: one was changed, added or moved.")


def check_growth(
    report: Report, note: Note, files: Mapping[str, bytes], since: bytes | None, trust: Trust | None
) -> None:
    """Prove that the log has only grown since the auditor's earlier checkpoint."""
    raw = files.get("consistency.txt")
    if raw is None and since is None:
        return
    with report.check("since", "The log has only grown since the earlier checkpoint.") as fail:
        told = _growth(raw) if raw is not None else None
        if told and not continues(told[0], told[1], note.size, note.root, told[2]):
            fail("The proof that the log has only grown is wrong.", "consistency.txt")
        if since is None:
            return
        old = parse_checkpoint(since, "earlier checkpoint")
        try:
            own = [key for key in trust.logs if key.name == old.origin] if trust else []
            if trust and not old.signed_by(own):
                fail("No key of your trust file for this log signed it.", "earlier checkpoint")
        except ValueError as error:
            fail(str(error), "earlier checkpoint")
        if old.origin != note.origin:
            fail("It is of another log.", "earlier checkpoint")
        elif old.size > note.size:
            fail(f"The log had {old.size} events then and has {note.size} now: it was cut back.")
        elif told is None and not continues(old.size, old.root, note.size, note.root, []):
            fail("The package has no proof from there; export it again with that checkpoint.")
        elif told and told[:2] != (old.size, old.root):
            fail("The package proves growth from another checkpoint.", "consistency.txt")


def _growth(raw: bytes) -> tuple[int, bytes, list[bytes]]:
    try:
        head, root, *rest = raw.decode("ascii").split("\n")
    except ValueError:
        raise Malformed("It has fewer than two lines.", "consistency.txt") from None
    hashes = [from_base64(each) or b"" for each in (root, *rest[:-1])]
    size = head.removeprefix("old ")
    if head == size or _SIZE.fullmatch(size) is None or not rest or rest[-1]:
        raise Malformed("It is not a consistency proof.", "consistency.txt")
    if any(len(each) != 32 for each in hashes) or len(hashes) > 130:
        raise Malformed("A line is not a hash.", "consistency.txt")
    return int(size), hashes[0], hashes[1:]


# ---------------------------------------------------------------------------------------------
# Streams: one after the other, nothing between, and an end

_ACTION = re.compile(r"(act_[0-9a-f]{32})(:late|:data)?")


def _is_story(stream: str) -> bool:
    found = _ACTION.fullmatch(stream)
    return found is not None and found[2] is None


REFUSALS = {
    "vote.refused",
    "request.refused",
    "withdrawal.refused",
    "grant.refused",
    "receipt.refused",
}


def check_streams(report: Report) -> dict[str, list[Event]]:
    """Hold each stream to its own links and to what the statement says of it."""
    streams: dict[str, list[Event]] = {}
    for event in report.events:
        streams.setdefault(event.stream, []).append(event)
    listed, period = report.statement["streams"], report.statement["scope"]["kind"] == "period"
    with report.check("streams", f"{len(streams)} streams; their links hold.") as fail:
        for name, events in streams.items():
            said = listed.get(name)
            state = said["state"] if said else "part"
            _check_links(events, state, fail)
            if said:
                _check_listed(name, events, said, fail)
            elif not period:
                fail("The statement does not list this stream.", inert(name))
        for name in sorted(listed.keys() - streams.keys()):
            fail("The statement lists this stream, but none of its events is there.", inert(name))
        _check_scope(report.statement["scope"], streams, fail)
    _check_ends(report, streams)
    return streams


def _check_links(events: list[Event], state: str, fail: Fail) -> None:
    first = events[0]
    if first.text is not None and (first.version == 0) != (first.prev is None):
        fail("It follows no event, or begins with one.", first.where)
    if state in ("open", "closed") and first.version != 0:
        fail(f"The stream begins with version {first.version}, not 0.", first.where)
    for before, event in pairwise(events):
        if state == "excerpt" and event.version > before.version + 1:
            continue
        if event.version != before.version + 1:
            sentence = f"Version {event.version} follows version {before.version}"
            fail(f"{sentence}: an event is missing, moved or double.", event.where)
        elif event.text is not None and event.prev != before.leaf.hex():
            fail("It does not follow the event before it.", event.where)


def _check_listed(name: str, events: list[Event], said: dict[str, Json], fail: Fail) -> None:
    state, found = said["state"], _ACTION.fullmatch(name)
    if said["count"] != len(events):
        fail(f"{len(events)} events where {said['count']} are stated.", inert(name))
    if state not in (("open", "closed") if found else ("excerpt",)):
        fail(f"A stream like this is never “{inert(state)}”.", inert(name))
    closed = events[-1].kind == "action.closed"
    if found and not found[2] and state != "excerpt" and closed != (state == "closed"):
        fail(
            "It is stated to be open, but it has ended."
            if closed
            else "It is stated to be closed, but its end (action.closed) is missing.",
            inert(name),
        )


def _check_scope(scope: dict[str, Json], streams: Mapping[str, list[Event]], fail: Fail) -> None:
    if scope["kind"] == "period":
        return
    wanted = {*scope["action_ids"]}
    there = {found[1] for name in streams if (found := _ACTION.fullmatch(name))}
    for name in sorted(wanted - {*streams}):
        fail("The package is about this action, but its stream is missing.", inert(name))
    for name in sorted(there - wanted):
        fail("There are events of an action that the package is not about.", inert(name))
    if not wanted:
        fail("The package is about no action.")


def _check_ends(report: Report, streams: Mapping[str, list[Event]]) -> None:
    size = report.statement["tree"]["size"]
    with report.check("ends", "Nothing follows an end, and no end was cut off.") as fail:
        for name, events in streams.items():
            found = _ACTION.fullmatch(name)
            if not found:
                continue
            main = streams.get(found[1], [])
            for each in events[:-1]:
                if each.kind == "action.closed":
                    fail("Something follows this end.", each.where)
            if found[2] is None and events[-1].kind != "action.closed":
                note = "is open as of" if events[-1].text else "ends with a withheld event as of"
                report.warnings.append(f"{name} {note} {size} events; nobody can prove more.")
            if found[2] == ":late":
                if any(each.kind and each.kind not in REFUSALS for each in events):
                    fail("After the end only refusals are recorded.", events[0].where)
                _check_late(events, main, fail)
            if found[2] == ":data":
                _check_data(found[1], events, main, fail)


def _check_data(action: str, events: list[Event], main: list[Event], fail: Fail) -> None:
    for each in events:
        if each.kind and (each.kind[:5] != "data." or each.body["action"] != action):
            fail("Here stands only who saw values, and their destruction.", each.where)
    if destroyed := [each for each in events if each.kind == "data.shredded"]:
        _check_late(destroyed, main, fail)


def _check_late(events: list[Event], main: list[Event], fail: Fail) -> None:
    if main and main[-1].text and main[-1].kind != "action.closed":
        fail(
            "Something is there that only follows an end, so the end was left out.", main[-1].where
        )
    if main and events[0].seq < main[-1].seq:
        fail("It was recorded before the end that it is about.", events[0].where)


# ---------------------------------------------------------------------------------------------
# The life of an action, run again

ORDER = {
    ("new", "action.requested"): "asked",
    ("asked", "decision.reached"): "judged",
    ("judged", "action.held"): "held",
    ("judged", "action.settled"): "settled",
    ("held", "vote.counted"): "held",
    ("held", "hold.reminded"): "held",
    ("held", "hold.escalated"): "held",
    ("held", "action.settled"): "settled",
    ("settled", "grant.issued"): "granted",
    ("settled", "action.closed"): "closed",
    ("granted", "grant.redeemed"): "redeemed",
    ("granted", "grant.lapsed"): "lapsed",
    ("redeemed", "execution.reported"): "reported",
    ("redeemed", "execution.unknown"): "reported",
    ("lapsed", "action.closed"): "closed",
    ("reported", "action.closed"): "closed",
}
"""What may follow what. Refusals change nothing and may stand anywhere before the end."""

ENDINGS = ("action.settled", "action.closed")
"""All that is shown of actions which do not fit the filters."""

AT_REST = ("held", "granted", "redeemed", "closed")
"""Where a story can stop: what leads on from elsewhere is recorded together with it."""

MAY_RUN = ("ALLOWED", "APPROVED")
CASE_CODES = {
    "order": "Every story is in an order in which it can happen, and runs once at most.",
    "digest": "One digest from request over votes to receipt: what was approved is what ran.",
    "times": "Time never runs backwards, and every deadline was kept.",
    "approvals": "Quorum and separation of duties hold, counted again from the votes.",
    "grants": "Each grant follows a yes, and was used by its holder, once, in time.",
    "receipts": "Each receipt is its executor's, for what was redeemed.",
}


def names(*who: str | None) -> set[str]:
    """Write names so that the same person is the same in any case."""
    return {each.casefold() for each in who if each}


def later(instant: str, seconds: int) -> str | None:
    """Add seconds to an instant; None if that is beyond all calendars."""
    try:
        moved = datetime.fromisoformat(instant[:-1]) + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return moved.isoformat(timespec="microseconds") + "Z"


@dataclass(slots=True)
class Rosters:
    """Who was who: the rosters in the package, each read once."""

    events: list[Event]
    known: dict[int, list[tuple[set[str], set[str]]]] = field(default_factory=dict)

    def is_shown(self, vote: Event) -> bool:
        """Say whether the newest roster before a vote is there, and not withheld."""
        before = [each for each in self.events if each.seq < vote.seq]
        return bool(before) and before[-1].text is not None

    def in_force(self, vote: Event) -> list[tuple[set[str], set[str]]]:
        """Give names and groups of everybody: by place in the log and, if that differs, by time."""
        before = [each for each in self.events if each.seq < vote.seq and each.text is not None]
        timely = [each for each in before if each.at <= vote.at]
        found = {each.seq: each for each in (*before[-1:], *timely[-1:])}
        return [person for each in found.values() for person in self._people(each)]

    def _people(self, event: Event) -> list[tuple[set[str], set[str]]]:
        if event.seq not in self.known:
            self.known[event.seq] = [
                (names(each["id"], *each["aliases"]), {*each["groups"]})
                for each in event.body["roster"]["people"]
            ]
        return self.known[event.seq]


MOST_VOTES = 200
"""How many votes, needs or rungs one action may have to be counted again."""


@dataclass(slots=True)
class Case:
    """One action, as far as its events have been followed."""

    id: str
    tenant: str
    events: list[Event]
    rosters: Rosters
    needs_roster: bool = False
    state: str = "new"
    whole: bool = True
    at: str = ""
    where: str = ""
    digest: str | None = None
    latest: dict[str, Event] = field(default_factory=dict)
    bodies: dict[str, dict[str, Json]] = field(default_factory=dict)  # all but the large ones
    agent: str | None = None
    interested: set[str] = field(default_factory=set)
    ruling: dict[str, Json] = field(default_factory=dict)
    votes: list[dict[str, Json]] = field(default_factory=list)
    voters: list[set[str]] = field(default_factory=list)
    unlisted: int = 0  # votes whose roster is not shown
    climbed: int = 0
    due: str | None = None
    flaws: list[tuple[str, str, str]] = field(default_factory=list)

    def flaw(self, code: str, sentence: str) -> None:
        """Note what cannot be."""
        self.flaws.append((code, sentence, self.where))

    def of(self, kind: str) -> dict[str, Json]:
        """Give the latest event of a kind, or nothing."""
        return self.latest[kind].body if kind in self.latest else {}

    @property
    def unchecked(self) -> str:
        """Say what could not be checked; nothing if all of it was."""
        asks = self.events[0].text is not None
        lacks = {
            "its request is withheld, so nobody can be told from the requester": not asks,
            "events of it are withheld, so its votes were not counted again": not self.whole,
            f"{self.unlisted} votes are there without the roster in force": self.unlisted > 0,
        }
        return "; ".join(told for told, is_so in lacks.items() if is_so)

    @property
    def needs(self) -> list[dict[str, Json]]:
        """Give what must be agreed to."""
        found: list[dict[str, Json]] = self.bodies["action.held"]["route"]["needs"]
        return found

    def asked(self, need: dict[str, Json]) -> set[str]:
        """Name the groups asked for one need, on the rungs climbed so far."""
        rungs = (step["groups"] for step in need["escalation"] if step["after"] <= self.climbed)
        return {*need["groups"], *(group for groups in rungs for group in groups)}

    def agreeing(self, need: dict[str, Json]) -> int:
        """Count who agreed, for one need."""
        asked, yes = self.asked(need), (vote for vote in self.votes if vote["approve"])
        return sum(not asked.isdisjoint(vote["groups"]) for vote in yes)


def check_cases(report: Report, streams: Mapping[str, list[Event]]) -> None:
    """Run every action again that is there from its beginning."""
    said = report.statement
    rosters = Rosters(
        [e for e in report.events if e.stream == "roster" and e.kind in ("roster.changed", None)]
    )
    begun = 0
    explained = said["profile"] == "full" and said["scope"]["kind"] == "actions"
    for name, events in streams.items():
        if not _is_story(name) or all(e.kind in (None, *ENDINGS) for e in events):
            continue
        if events[0].version:
            begun += 1
            report.warnings.append(f"{name} began before the range: its story was not run again.")
            continue
        case = Case(name, said["tenant"], events, rosters, explained)
        follow(case)
        report.cases.append(case)
        if case.unchecked:
            report.warnings.append(f"{name} was checked in part: {case.unchecked}.")
    for code, sentence in CASE_CODES.items():
        told = _as_far_as_shown(report.cases, begun) if code == "approvals" else ""
        with report.check(code, told or sentence) as fail:
            for case in report.cases:
                for found, what, where in case.flaws:
                    if found == code:
                        fail(what, where)


def _as_far_as_shown(cases: list[Case], begun: int) -> str:
    """Say what of the approvals could not be checked; nothing if all was."""
    counts = {
        "votes without the roster in force": sum(case.unlisted for case in cases),
        "requests withheld": sum(case.events[0].text is None for case in cases),
        "actions whose votes were not counted again": begun + sum(not c.whole for c in cases),
    }
    lacks = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return lacks and f"No approval is wrong as far as shown; not checked whole: {lacks}."


def follow(case: Case) -> None:
    """Run one action again. Where events are withheld, only what is shown is compared."""
    first, *others = case.events
    case.whole = all(event.text is not None for event in others)
    if first.text is None:
        case.state = "asked"
    for event in case.events:
        if event.text is None:
            continue
        case.where, body = event.where, event.body
        if event.at < case.at:
            case.flaw("times", f"It happened at {event.at}, before the event in front of it.")
        case.at = max(case.at, event.at)
        if event.kind not in REFUSALS and not _step(case, event, body):
            return
    if case.due:
        case.flaw("approvals", f"The votes settled it as {case.due}, yet it was left open.")
    if case.whole and case.state not in AT_REST:
        case.flaw("order", f"The story stops “{case.state}”, where none can: its tail is cut off.")


def _step(case: Case, event: Event, body: dict[str, Json]) -> bool:
    kind = event.kind or ""
    case.digest = case.digest or body.get("digest")
    if body.get("digest", case.digest) != case.digest:
        case.flaw("digest", f"{inert(kind)} speaks of another action than was asked for.")
    if case.whole:
        if (after := ORDER.get((case.state, kind))) is None:
            case.flaw("order", _disorder(case, kind))
            return False
        if case.due and kind != "action.settled":
            case.flaw("approvals", f"The votes settled it as {case.due}, yet it was left open.")
            case.due = None
        if len(case.votes) > MOST_VOTES:
            case.flaw("approvals", "There are more votes than can be counted again.")
            return False
        if rule := RULES.get(kind):
            rule(case, body, event)
        case.state = after
    elif kind == "action.closed":
        _check_answer(case, body)
    case.latest[kind] = event
    if kind not in ("action.requested", "decision.reached"):
        case.bodies[kind] = body
    return True


def _disorder(case: Case, kind: str) -> str:
    if kind == "grant.redeemed" and kind in case.latest:
        return "The grant was used a second time."
    if kind == "grant.issued":
        return "A grant was issued without a yes, or a second one."
    return f"{inert(kind)} cannot follow when an action is “{case.state}”."


def _requested(case: Case, body: dict[str, Json], _: Event) -> None:
    action = body["action"]
    if digest("action", write_json(action).encode()) != body["digest"]:
        case.flaw("digest", "The digest is not that of the action: something in it was changed.")
    if (action["id"], action["tenant"]) != (case.id, case.tenant):
        case.flaw("order", "The action stands in another action's stream or another tenant's.")
    case.agent = action["agent"]
    own = (action["agent"], action.get("principal"), body.get("agent_owner"), *body["excluded"])
    case.interested = names(*own)


def _decided(case: Case, body: dict[str, Json], _: Event) -> None:
    decision = body["decision"]
    if digest("facts", write_json(decision["facts"]).encode()) != decision["facts_digest"]:
        case.flaw("digest", "The facts are not those that were judged by.")
    if decision["effective"] not in ("ALLOW", "STEP_UP", "BLOCK"):
        case.flaw("order", "The decision is none that there is.")
    kept = ("effective", "route", "grant_ttl", "receipt_ttl")
    case.ruling = {name: decision.get(name) for name in kept}


def _held(case: Case, body: dict[str, Json], _: Event) -> None:
    route = body["route"]
    if case.ruling["effective"] != "STEP_UP" or case.ruling["route"] != route:
        case.flaw("approvals", "People are asked otherwise than the decision says.")
    if body["deadline"] != later(body["at"], route["timeout"]):
        case.flaw("times", "The deadline is not the one that the decision sets.")
    asked = {group for need in route["needs"] for group in need["groups"]}
    if {*body["asked"]} != asked or not asked:
        case.flaw("approvals", "Other groups are asked than the decision names.")
    if len(route["needs"]) + sum(len(need["escalation"]) for need in route["needs"]) > MOST_VOTES:
        case.flaw("approvals", "There are more needs than can be counted again.")
        route["needs"] = []


def _escalated(case: Case, body: dict[str, Json], _: Event) -> None:
    steps = [step for need in case.needs for step in need["escalation"]]
    rung = {g for step in steps if step["after"] == body["after"] for g in step["groups"]}
    if body["after"] <= case.climbed or not rung or {*body["added"]} != rung:
        case.flaw("approvals", "It escalates otherwise than the decision says.")
    if body["at"] < (later(case.bodies["action.held"]["at"], body["after"]) or "~"):
        case.flaw("times", "It escalates before its time.")
    case.climbed = max(case.climbed, body["after"])


def _voted(case: Case, body: dict[str, Json], event: Event) -> None:
    person, who = inert(body["person"]), _who(case, body, event)
    if body["at"] >= case.bodies["action.held"]["deadline"]:
        case.flaw("times", f"{person} voted after the deadline.")
    if any(who & before for before in case.voters):
        case.flaw("approvals", f"{person} voted twice, maybe under another name.")
    if any(body["vote_id"] == vote["vote_id"] for vote in case.votes):
        case.flaw("approvals", f"The vote of {person} has the ID of another.")
    asked = set[str]().union(*(case.asked(need) for need in case.needs))
    if not body["groups"] or not {*body["groups"]} <= asked:
        case.flaw("approvals", f"{person} was not asked.")
    case.votes.append(body)
    case.voters.append(who)
    against = sum(not vote["approve"] for vote in case.votes)
    if against >= case.bodies["action.held"]["route"]["deny_threshold"]:
        case.due = "DENIED"
    elif case.needs and all(case.agreeing(need) >= need["quorum"] for need in case.needs):
        case.due = "APPROVED"


def _who(case: Case, vote: dict[str, Json], event: Event) -> set[str]:
    """Name everything the voter is known by; hold them to the roster, and to be no party to it."""
    person, people = inert(vote["person"]), case.rosters.in_force(event)
    told, allowed = names(vote["person"], *vote["aliases"]), set[str]()
    who = {*told}
    for known, groups in people:
        if known & told:
            who |= known
            allowed |= groups
    if who & case.interested:
        case.flaw("approvals", f"{person} answered for their own action, or their agent's.")
    if case.rosters.is_shown(event) and not {*vote["groups"]} <= allowed:
        case.flaw("approvals", f"{person} was not in that group by the roster.")
    if not case.rosters.is_shown(event):
        case.unlisted += 1
        if case.needs_roster:
            case.flaw("approvals", "The roster in force at this vote is missing.")
    return who


def _settled(case: Case, body: dict[str, Json], _: Event) -> None:
    right, why = _rightly(case, body)
    if body["disposition"] != right:
        said = inert(body["disposition"])
        case.flaw("approvals", f"It was settled as {said}, but {why}: {right or 'still open'}.")
    if body["disposition"] == case.due:
        by = [vote["person"] for vote in case.votes if vote["approve"] == (case.due == "APPROVED")]
        if body["by"] != by:
            case.flaw("approvals", "It names others than those who settled it.")
    case.due = None


def _rightly(case: Case, body: dict[str, Json]) -> tuple[str | None, str]:
    """Say how it had to be settled, and why."""
    said, held = case.ruling["effective"], case.bodies.get("action.held")
    if held is None:
        if said == "STEP_UP" and case.ruling["route"] is None:
            return "BLOCKED", "nobody could be asked"
        answers = {"ALLOW": "ALLOWED", "BLOCK": "BLOCKED"}
        return answers.get(said), f"policy said {inert(said)}"
    if case.due:
        return case.due, "that is not what the votes say"
    if body["at"] >= held["deadline"]:
        silent = held["route"]["on_timeout"] == "ALLOW" and all(v["approve"] for v in case.votes)
        return "ALLOWED" if silent else "EXPIRED", "the deadline had passed"
    if body["disposition"] == "CANCELLED" and (case.agent is None or body["by"] == [case.agent]):
        return "CANCELLED", "its agent took it back"
    lacking = (
        f"only {case.agreeing(need)} of {need['quorum']} agreed in {' or '.join(need['groups'])}"
        for need in case.needs
        if case.agreeing(need) < need["quorum"]
    )
    return None, inert("; ".join(lacking)) or "nobody who may take it back did"


def _granted(case: Case, body: dict[str, Json], _: Event) -> None:
    if case.bodies["action.settled"]["disposition"] not in MAY_RUN:
        case.flaw("grants", "A grant was issued although the answer was no.")
    if case.agent is not None and body["holder"] != case.agent:
        case.flaw("grants", "The grant was issued to somebody else than who asked.")
    if body["expires_at"] != later(body["at"], case.ruling["grant_ttl"]):
        case.flaw("times", "The grant does not expire when the decision says.")


def _redeemed(case: Case, body: dict[str, Json], _: Event) -> None:
    grant = case.bodies["grant.issued"]
    if body["by"] != grant["holder"]:
        case.flaw("grants", f"{inert(body['by'])} used a grant of {inert(grant['holder'])}.")
    if body["grant_id"] != grant["grant_id"]:
        case.flaw("grants", "Another grant was used than was issued.")
    if body["at"] >= grant["expires_at"]:
        case.flaw("times", "The grant was used after it had expired.")
    if body["receipt_due"] != later(body["at"], case.ruling["receipt_ttl"]):
        case.flaw("times", "The receipt is not due when the decision says.")


def _lapsed(case: Case, body: dict[str, Json], _: Event) -> None:
    grant = case.bodies["grant.issued"]
    if body["grant_id"] != grant["grant_id"]:
        case.flaw("grants", "Another grant lapsed than was issued.")
    if not body["given_back"] and body["at"] < grant["expires_at"]:
        case.flaw("times", "The grant lapsed before its time.")


def _reported(case: Case, body: dict[str, Json], _: Event) -> None:
    redeemed = case.bodies["grant.redeemed"]
    if body["redemption_id"] != redeemed["redemption_id"]:
        case.flaw("receipts", "The receipt is for another redemption.")
    if body["by"] != redeemed["by"]:
        case.flaw("receipts", "The receipt is from somebody else than who ran it.")
    if body["outcome"] not in ("SUCCEEDED", "FAILED", "UNKNOWN"):
        case.flaw("receipts", "What was run cannot have ended so.")
    if body["at"] >= redeemed["receipt_due"]:
        case.flaw("times", "The receipt came after it was due.")
    executor = redeemed.get("executor_key")
    if body["signed"] != (executor is not None):
        case.flaw("receipts", "Whether the receipt is signed is stated wrongly.")
    if executor is not None and not _is_receipt(executor, body):
        case.flaw("receipts", "The receipt is not signed with the executor's key.")


def _is_receipt(executor: str, body: dict[str, Json]) -> bool:
    key = from_base64(executor, url=True) or b""
    signature = from_base64(body.get("signature") or "", url=True) or b""
    covered = ("redemption_id", "digest", "outcome", "detail", "result_digest")
    signed = write_json({name: body.get(name) for name in covered})
    return is_signed(key, signature, b"counterseal/receipt/v1\n" + signed.encode())


def _unknown(case: Case, body: dict[str, Json], _: Event) -> None:
    redeemed = case.bodies["grant.redeemed"]
    if body["redemption_id"] != redeemed["redemption_id"]:
        case.flaw("receipts", "A receipt was missed of another redemption.")
    if body["at"] < redeemed["receipt_due"]:
        case.flaw("times", "The receipt was given up before it was due.")


def _closed(case: Case, body: dict[str, Json], _: Event) -> None:
    _check_answer(case, body)
    ends = {"settled": "NOT_RUN", "lapsed": "LAPSED", "reported": "UNKNOWN"}
    right = case.bodies.get("execution.reported", {}).get("outcome") or ends[case.state]
    if body["outcome"] != right:
        said = inert(body["outcome"])
        case.flaw("receipts", f"It is closed as {said}, but it ended as {inert(right)}.")
    if case.state == "settled" and body["disposition"] in MAY_RUN:
        case.flaw("order", "It is closed although the answer was yes and no grant was issued.")


def _check_answer(case: Case, body: dict[str, Json]) -> None:
    settled = case.bodies.get("action.settled", body)["disposition"]
    if settled != body["disposition"]:
        case.flaw(
            "order", f"It is closed as {inert(body['disposition'])}, but was settled otherwise."
        )


RULES: dict[str, Callable[[Case, dict[str, Json], Event], None]] = {
    "action.requested": _requested,
    "decision.reached": _decided,
    "action.held": _held,
    "hold.escalated": _escalated,
    "vote.counted": _voted,
    "action.settled": _settled,
    "grant.issued": _granted,
    "grant.redeemed": _redeemed,
    "grant.lapsed": _lapsed,
    "execution.reported": _reported,
    "execution.unknown": _unknown,
    "action.closed": _closed,
}


# ---------------------------------------------------------------------------------------------
# Policies, and values that were sealed


STRICTNESS = ("ALLOW", "STEP_UP", "BLOCK")
STRICTEST = {"observe": "ALLOW", "progressive": "STEP_UP"}
"""What is done at most, by stage; at any other stage what policy says is done."""


def _follows(decision: dict[str, Json]) -> bool:
    """Say whether what is done can follow from what policy said, by its stage.

    It does exactly if no rule acts at a weaker stage than its class.
    """
    verdict, effective, stage = (decision.get(n) for n in ("verdict", "effective", "stage"))
    if verdict not in STRICTNESS or effective not in STRICTNESS:
        return False
    if any(decision["facts"].get(name) for name in ("principal_refused", "unrevealed")):
        return (verdict, effective) == ("BLOCK", "BLOCK")
    most = min(verdict, STRICTEST.get(stage or "", "BLOCK"), key=STRICTNESS.index)
    same = all(rule["stage"] == stage for rule in decision.get("fired") or [])
    done, at_most = STRICTNESS.index(effective), STRICTNESS.index(most)
    return done == at_most or (done < at_most and not same)


def check_policies(report: Report, files: Mapping[str, bytes]) -> None:
    """Hold each decision to a policy that is there, whole, and was in force before it."""
    said = report.statement
    for name, content in files.items():
        if name.startswith("policy/"):
            report.policies["sha256:" + name[7:71]] = content
    activations = [
        (e, e.body) for e in report.events if (e.kind, e.stream) == ("bundle.activated", "bundles")
    ]
    activated = {body["digest"]: (e, body) for e, body in reversed(activations)}
    period = said["scope"]["kind"] == "period"
    with report.check(
        "policies", "Each decision's policy is there, whole, and was in force."
    ) as fail:
        if sorted(said["policies"]) != sorted(report.policies):
            fail("The statement lists other policies than are there.")
        for named, content in report.policies.items():
            read_json(content, f"policy {named}")
            if digest("bundle", content) != named:
                fail("The policy is not what its name says: it was changed.", f"policy {named}")
            found = activated.get(named)
            if found and write_json(found[1]["bundle"]).encode() != content:
                fail("The policy is not the one that was activated.", f"policy {named}")
        for case in report.cases:
            _check_policy(case, report, {name: e for name, (e, _) in activated.items()}, fail)
            if period:
                _check_newest(
                    case, [(e.seq, e.at, body["digest"]) for e, body in activations], fail
                )


RACE = 10
"""Seconds for which a policy may still judge while another one is being activated."""


def _check_newest(case: Case, activations: list[tuple[int, str, str]], fail: Fail) -> None:
    """Hold a decision to the newest policy in the range; it shows all that there were."""
    if (event := case.latest.get("decision.reached")) is None:
        return
    decision = event.body["decision"]
    told = decision["facts"].get("at")
    judged = min(event.at, told) if _is_instant(told) else event.at
    before = [(at, named) for seq, at, named in activations if seq < event.seq]
    surely = [nth for nth, (at, _) in enumerate(before) if judged > (later(at, RACE) or "~")]
    may_judge = [named for _, named in before[surely[-1] :]] if surely else None
    if may_judge is not None and decision["bundle"]["digest"] not in may_judge:
        sentence = "A newer policy had been activated; it was judged by one no longer in force."
        fail(sentence, f"{case.id}, {decision['bundle']['digest']}")


def _check_policy(case: Case, report: Report, activated: Mapping[str, Event], fail: Fail) -> None:
    decision = case.of("decision.reached").get("decision")
    if decision is None:
        return
    if not _follows(decision):
        fail("What is done does not follow from what policy said at this stage.", case.id)
    named = decision["bundle"]["digest"]
    event, hidden = activated.get(named), report.statement["profile"] == "counts"
    if named not in report.policies:
        fail("The policy that judged is not there.", f"{case.id}, {named}")
    if event is None and report.statement["scope"]["kind"] == "actions" and not hidden:
        fail("The activation of the policy that judged is not there.", f"{case.id}, {named}")
    if event and event.seq > case.latest["decision.reached"].seq:
        fail("It was judged by a policy that was not in force yet.", f"{case.id}, {named}")


def check_values(report: Report, raw: bytes | None) -> None:
    """Open each commitment with what was taken along, and hold destruction to its event."""
    lines = raw.split(b"\n") if raw is not None else [b""]
    if lines.pop() or (raw is not None and not lines):
        raise Malformed("It is empty, or its last line does not end.", "disclosures.jsonl")
    actions = {case.id: case.of("action.requested").get("action") for case in report.cases}
    seen: set[tuple[str, str]] = set()
    revealed = {
        (event.stream.removesuffix(":data"), pointer)
        for event in report.events
        if event.kind == "data.revealed"
        for pointer in event.body["pointers"]
    }
    sentence = f"{len(lines)} sealed values were taken along, and are what was sealed."
    with report.check("disclosures", sentence) as fail:
        for number, line in enumerate(lines, 1):
            where = f"disclosures.jsonl, line {number}"
            told = fitting(read_json(line, where), "disclosure", where)
            salt = from_base64(told["salt"], url=True) or b""
            if len(salt) != 32:
                raise Malformed("The salt is not 32 bytes in canonical base64url.", where)
            value = salt + write_json(told["value"]).encode()
            right = {"$committed": digest("commitment", value)}
            action = actions.get(told["action"])
            if action is None or pointed(action["arguments"], told["pointer"]) != right:
                fail("It is not what was sealed there, or nothing was.", where)
            if (place := (told["action"], told["pointer"])) in seen:
                fail("The same value is disclosed twice.", where)
            if place not in revealed and report.statement["profile"] != "counts":
                fail("It is not recorded that anybody was shown this value.", where)
            seen.add(place)
            report.values.append(told)
    _check_shredded(report)


_INDEX = re.compile("0|[1-9][0-9]{0,8}")


def pointed(value: Json, pointer: str) -> Json:
    """Follow a JSON pointer (RFC 6901); None if it leads nowhere."""
    if not pointer.startswith("/"):
        return None
    for token in pointer[1:].split("/"):
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _INDEX.fullmatch(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _check_shredded(report: Report) -> None:
    told = {e.stream.removesuffix(":data") for e in report.events if e.kind == "data.shredded"}
    said = {*report.statement["shredded"]}
    hidden = report.statement["profile"] == "counts" or bool(report.statement["scope"]["filters"])
    with report.check(
        "shredded", f"{len(said)} actions' values were destroyed, and that is told."
    ) as fail:
        for action in sorted(told - said if hidden else told ^ said):
            fail("Whether its values were destroyed is stated wrongly.", inert(action))


# ---------------------------------------------------------------------------------------------
# Periods: that what was counted is there, and that nothing which fits was held back

SHOWN = ("ledger.sealed", "decision.reached", "action.settled", "action.closed")
"""What no profile withholds. Filters withhold decisions, and nothing else of these."""

ARGUMENTS = ("action.requested", "roster.changed")
"""All that ``without-arguments`` withholds."""

FILTERS = {"action_class": 0, "risk": 1, "effective": 2}


def check_profile(report: Report) -> None:
    """Hold what is withheld to what the profile allows to be."""
    said = report.statement
    if said["scope"]["kind"] == "period" and said["scope"]["filters"]:
        return  # then the totals tell, below
    with report.check("withheld", f"{said['withheld']} withheld, as the profile says.") as fail:
        for event in report.events:
            if event.text is None and not _may_be_withheld(event, said["profile"]):
                fail("This must not be withheld.", event.where)


def _may_be_withheld(event: Event, profile: str) -> bool:
    own = _is_story(event.stream)
    if profile == "without-arguments":
        return event.stream == "roster" or (own and event.version == 0)
    decision = own and event.version == 1
    return profile == "counts" and event.stream != "ledger" and not decision


Total: TypeAlias = "tuple[Event, dict[str, Json]]"


def check_period(report: Report) -> None:
    """Hold the range to the control totals in it: its borders, a recount, the filters."""
    scope = report.statement["scope"]
    if scope["kind"] != "period":
        return
    totals = [
        (each, each.body)
        for each in report.events
        if (each.kind, each.stream) == ("ledger.sealed", "ledger")
    ]
    with report.check(
        "borders", f"All from {scope['since']} to {scope['until']} is there."
    ) as fail:
        _check_borders(scope, totals, fail)
    with report.check("totals", f"{len(totals)} control totals follow on and agree.") as fail:
        for before, after in pairwise(totals):
            if after[1]["start"] != before[1]["end"]:
                fail("It does not begin where the total before it ended.", after[0].where)
        for event, total in totals:
            first, last = (total[side] - scope["start"] for side in ("start", "end"))
            if not first <= last <= event.seq - scope["start"]:
                fail("It counts what was not there yet.", event.where)
            elif first >= 0:
                _recount(report, event, total, report.events[first:last], fail)
    _check_filters(report, totals)


def _check_borders(scope: dict[str, Json], totals: list[Total], fail: Fail) -> None:
    begins = [e for e, t in totals if t["end"] == scope["start"] and e.at <= scope["since"]]
    if scope["start"] and not begins:
        fail("The range does not begin where a total ends that was taken before the period.")
    if not scope["start"] and totals and totals[0][1]["start"]:
        fail("The first total does not begin with the log.", totals[0][0].where)
    last = totals[-1][0] if totals else None
    if last is None or last.seq != scope["end"] - 1 or last.at < scope["until"]:
        fail("The range does not end with a total that was taken after the period.")
    if scope["since"] >= scope["until"]:
        fail("The period is none.")


def _recount(
    report: Report, event: Event, total: dict[str, Json], counted: list[Event], fail: Fail
) -> None:
    filters = report.statement["scope"]["filters"]
    kinds = Counter(each.kind or "withheld" for each in counted)
    decided = (each.body["decision"] for each in counted if each.kind == "decision.reached")
    ended = (each.body for each in counted if each.kind == "action.closed")
    decisions = Counter(map(decided_as, decided))
    closed = Counter(f"{each['disposition']}|{each['outcome']}" for each in ended)
    withheld = kinds.pop("withheld", 0)
    missing: Counter[str] = Counter(total["kinds"])
    missing.subtract(kinds)
    if min(missing.values(), default=0) < 0 or sum(missing.values()) != withheld:
        fail("It counts other kinds of events than are there.", event.where)
    if any(count and not _may_lack(kind, report.statement) for kind, count in missing.items()):
        fail("It counts events that may not be withheld, and are.", event.where)
    for kind, name, found in (
        ("decision.reached", "decisions", decisions),
        ("action.closed", "closed", closed),
    ):
        if sum(total[name].values()) != total["kinds"].get(kind, 0):
            fail("It does not agree with itself.", event.where)
        all_there = kind == "action.closed" or not filters
        if not found <= Counter(total[name]) or (all_there and found != Counter(total[name])):
            fail(f"It counts other {name} than are there.", event.where)
    for each in total["decisions"] if filters else ():
        if fits(each, filters) and total["decisions"][each] != decisions[each]:
            fail(f"A decision that fits ({inert(each)}) is held back.", event.where)


def _may_lack(kind: str, said: dict[str, Json]) -> bool:
    """Say whether events of a kind may be withheld, by profile or filter."""
    if said["scope"]["filters"] and kind == "decision.reached":
        return True
    if said["scope"]["filters"] or said["profile"] == "counts":
        return kind not in SHOWN
    return said["profile"] == "without-arguments" and kind in ARGUMENTS


def decided_as(decision: dict[str, Json]) -> str:
    """Write how totals count a decision."""
    return f"{decision['action_class'] or '-'}|{decision['risk']}|{decision['effective']}"


def fits(counted: str, filters: dict[str, Json]) -> bool:
    """Say whether a decision, as totals count it, is one that was asked for."""
    parts = counted.split("|")
    for name, place in FILTERS.items():
        wanted = filters.get(name, [])
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if wanted and (len(parts) != len(FILTERS) or parts[place] not in wanted):
            return False
    return True


def _check_filters(report: Report, totals: list[Total]) -> None:
    scope, profile = report.statement["scope"], report.statement["profile"]
    if not scope["filters"]:
        return
    counted = totals[-1][1]["end"] if totals else scope["start"]
    if any(each.at >= scope["until"] and each.seq < counted for each, _ in totals):
        counted = scope["end"]  # what no total counts is younger than the period
    decided = ((e, e.body["decision"]) for e in report.events if e.kind == "decision.reached")
    fitting = {e.stream for e, said in decided if fits(decided_as(said), scope["filters"])}
    with report.check("filters", "No event of an action that fits is withheld.") as fail:
        for each in report.events:
            if each.text is not None or _may_be_withheld(each, profile):
                continue
            if each.stream == "ledger":
                fail("A total is never withheld.", each.where)
            if each.stream.partition(":")[0] in fitting:
                fail("It is of an action that fits, and withheld.", each.where)
            if each.seq >= counted:
                fail("No total counts it, so it may not be withheld.", each.where)


def check_export(report: Report, ocsf: bytes) -> None:
    """Hold the smaller things: where the export is recorded, and that the OCSF lines refer here."""
    seq = (report.statement["export"] or {}).get("seq")
    kinds = {each.seq: each.kind for each in report.events}
    with report.check(
        "export", "The other forms of the events speak of these events only."
    ) as fail:
        if seq is not None and seq >= report.statement["tree"]["size"]:
            fail("The export is recorded where the log has not come yet.", f"seq {seq}")
        if seq is not None and kinds.get(seq) not in (None, "evidence.exported"):
            fail("Where the export should be recorded stands something else.", f"seq {seq}")
        for number, line in enumerate(ocsf.split(b"\n")[:-1], 1):
            where = f"ocsf.jsonl, line {number}"
            told = read_json(line, where)
            place = pointed(told, "/metadata/sequence")
            if not _is_count(place) or place not in kinds:
                fail("It speaks of an event that is not in the package.", where)


# ---------------------------------------------------------------------------------------------
# All together


def verify(package: bytes, trust: bytes | None = None, since: bytes | None = None) -> Report:
    """Check everything, in the order above. Nothing raises; ``Report.code`` is the answer."""
    report = Report()
    try:
        _verify(report, package, parse_trust(trust) if trust is not None else None, since)
    except Malformed as error:
        report.unreadable = True
        report.checks.append(
            Check("readable", ok=False, sentence=error.sentence, where=error.where)
        )
    except Stop:
        pass
    except Exception as error:  # noqa: BLE001 - whatever the bytes: an answer, never a stack trace
        report.unreadable = True
        sentence = f"It cannot be read as a package: {type(error).__name__}."
        report.checks.append(Check("readable", ok=False, sentence=sentence))
    return report


def _verify(report: Report, package: bytes, trust: Trust | None, since: bytes | None) -> None:
    files = read_archive(report, package)
    check_statement(report, files, trust)
    note = check_checkpoint(report, files["checkpoint"], trust)
    read_events(report, files["events.jsonl"])
    check_inclusion(report, note, files)
    check_growth(report, note, files, since, trust)
    streams = check_streams(report)
    check_cases(report, streams)
    check_policies(report, files)
    check_values(report, files.get("disclosures.jsonl"))
    check_profile(report)
    check_period(report)
    check_export(report, files["ocsf.jsonl"])


# ---------------------------------------------------------------------------------------------
# For people: everything that others wrote is shown inert

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")


LONGEST_TOLD = 300


def inert(text: str) -> str:
    """Write text so that every character is seen and none is obeyed, cut where it gets long."""
    cut = text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]}… ({len(text)} characters)"
    return "".join(each if _is_plain(each) else _escaped(each) for each in cut)


def _is_plain(each: str) -> bool:
    if " " <= each <= "~":
        return True
    selectors = "\ufe00" <= each <= "\ufe0f" or "\U000e0100" <= each <= "\U000e01ef"
    return not (unicodedata.category(each) in _HIDDEN or each in _BLANK or selectors)


def _escaped(each: str) -> str:
    units = each.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def tell(event: dict[str, Json]) -> str:
    """Tell one event in a sentence."""
    teller = TELLERS.get(event["kind"])
    return teller(event) if teller else inert(event["kind"])


def _tell_request(event: dict[str, Json]) -> str:
    action = event["action"]
    behalf = f" for {action['principal']}" if action.get("principal") else ""
    why = f", because: {event['justification']}" if event.get("justification") else ""
    call = f"{action['tool']} {write_json(action['arguments'])}"
    return inert(
        f"{action['agent']} asked in {action['environment']}{behalf} to run {call}"
    ) + inert(why)


def _tell_decision(event: dict[str, Json]) -> str:
    decision = event["decision"]
    policy = f"{decision['bundle']['name']} {decision['bundle']['version']}"
    kind = f"{decision['action_class'] or 'unknown tool'}, risk {decision['risk']}"
    rules = ", ".join(decision["determining"])
    return inert(f"policy {policy} said {decision['effective']} by {rules} ({kind})")


def _tell_hold(event: dict[str, Json]) -> str:
    needs = (f"{n['quorum']} of {' or '.join(n['groups'])}" for n in event["route"]["needs"])
    return inert(f"held until {event['deadline']}; it takes {' and '.join(needs)}")


def _tell_vote(event: dict[str, Json]) -> str:
    answer = "agreed" if event["approve"] else "said no"
    return inert(f"{event['person']} ({', '.join(event['groups'])}) {answer}: {event['reason']}")


def _refused(event: dict[str, Json]) -> str:
    who = event.get("person") or event.get("by")
    return inert(f"refused ({event['kind'].partition('.')[0]} of {who}): {event['sentence']}")


TELLERS: dict[str, Callable[[dict[str, Json]], str]] = {
    "action.requested": _tell_request,
    "decision.reached": _tell_decision,
    "action.held": _tell_hold,
    "vote.counted": _tell_vote,
    "hold.reminded": lambda e: inert(f"reminded {', '.join(e['asked'])}"),
    "hold.escalated": lambda e: inert(f"asked {', '.join(e['added'])} too"),
    "action.settled": lambda e: inert(f"{e['disposition']}: {e['because']}"),
    "grant.issued": lambda e: inert(f"{e['holder']} may run it once, until {e['expires_at']}"),
    "grant.redeemed": lambda e: inert(f"{e['by']} began to run it"),
    "grant.lapsed": lambda e: inert(f"the grant lapsed: {e['because']}"),
    "execution.reported": lambda e: inert(
        f"{e['by']} reported {e['outcome']}: {e.get('detail') or '-'}"
    ),
    "execution.unknown": lambda e: inert(f"what happened is unknown: {e['because']}"),
    "action.closed": lambda e: inert(f"closed: {e['disposition']}, {e['outcome']}"),
} | dict.fromkeys(REFUSALS, _refused)


def summary(case: Case, report: Report) -> dict[str, Json]:
    """Sum up one action for programs."""
    asked, held = case.of("action.requested"), case.of("action.held")
    decision, closed = case.of("decision.reached").get("decision", {}), case.of("action.closed")
    action = asked.get("action", {})
    return {
        "id": case.id,
        "agent": action.get("agent"),
        "tool": action.get("tool"),
        "requested": asked.get("at"),
        "decided": {
            "effective": decision.get("effective"),
            "verdict": decision.get("verdict"),
            "action_class": decision.get("action_class"),
            "risk": decision.get("risk"),
            "rules": decision.get("determining", []),
            "policy": decision.get("bundle", {}).get("digest"),
        },
        "approvals": [
            {
                "person": vote["person"],
                "approve": vote["approve"],
                "groups": vote["groups"],
                "at": vote["at"],
                "after_seconds": waited(held["at"], vote["at"]),
            }
            for vote in case.votes
        ],
        "disposition": case.of("action.settled").get("disposition") or closed.get("disposition"),
        "outcome": closed.get("outcome"),
        "closed": bool(closed),
        "level": level(report),
        "checked": "in part" if case.unchecked else "whole",
    }


def waited(since: str, until: str) -> float:
    """Tell the seconds between two instants."""
    begin, end = (datetime.fromisoformat(each[:-1]) for each in (since, until))
    return (end - begin).total_seconds()


def level(report: Report) -> str | None:
    """How far the evidence has come, as far as the trust file tells; None if nobody signed."""
    return "witnessed" if report.witnessed else "sealed" if report.sealed_by else None


def as_json(report: Report) -> dict[str, Json]:
    """Write the report for programs."""
    said = report.statement
    return {
        "verdict": report.verdict,
        "checks": [
            {"code": each.code, "ok": each.ok, "sentence": each.sentence, "where": each.where}
            for each in report.checks
        ],
        "log": said.get("log"),
        "tree": said.get("tree"),
        "scope": said.get("scope"),
        "profile": said.get("profile"),
        "requested_by": said.get("requested_by"),
        "purpose": said.get("purpose"),
        "exported_at": said.get("exported_at"),
        "signed_by": report.signers,
        "levels": {
            "level": level(report),
            "sealed_by": report.sealed_by,
            "witnessed_by": [{"name": name, "at": at} for name, at in report.witnesses],
            "witnessed_at": max((at for _, at in report.witnesses), default=None),
        },
        "actions": [summary(case, report) for case in report.cases],
        "events": len(report.events),
        "warnings": report.warnings,
    }


Paint: TypeAlias = "Callable[[str, str], str]"
MOST_ACTIONS = 50


def page(report: Report, paint: Paint, *, timeline: bool = False) -> Iterator[str]:
    """Write the report for people, line by line."""
    if report.statement:
        yield from _head(report)
    if timeline:
        yield from _timeline(report)
    else:
        yield from _stories(report, paint)
    yield ""
    for each in report.checks:
        mark = paint("ok  ", "32") if each.ok else paint("FAIL", "31;1")
        yield f"{mark} {each.code:<12} {each.sentence}"
        if each.where:
            yield f"{'':17} at {each.where}"
    for warning in report.warnings:
        yield f"{paint('note', '33')} {'':12} {inert(warning)}"
    yield ""
    yield _verdict(report, paint)


def _verdict(report: Report, paint: Paint) -> str:
    failed = [each for each in report.checks if not each.ok]
    if report.unreadable:
        return paint("MALFORMED", "31;1") + "  This cannot be read as a package."
    if failed and all(each.code == "trust" for each in failed):
        consistent = "It agrees with itself, but nothing says who signed: give --trust FILE."
        return paint("FAIL", "31;1") + f"  {consistent}"
    if failed:
        return paint("FAIL", "31;1") + f"  {len(failed)} things are wrong; do not rely on it."
    return paint("PASS", "32;1") + f"  All {len(report.checks)} checks passed."


def _head(report: Report) -> Iterator[str]:
    said, scope = report.statement, report.statement["scope"]
    witnesses = ", ".join(f"{name} at {at}" for name, at in report.witnesses)
    about = (
        f"{len(scope['action_ids'])} actions"
        if scope["kind"] == "actions"
        else f"everything from {scope['since']} to {scope['until']}"
    )
    filters = (
        f", filtered, as stated, by {write_json(scope['filters'])}" if scope["filters"] else ""
    )
    hidden = f", {said['withheld']} events withheld" if said["withheld"] else ""
    rows = {
        "log": f"{said['log']}, {said['tree']['size']} events",
        "signed by": ", ".join(report.signers) or "nobody you named",
        "sealed by": ", ".join(report.sealed_by) or "nobody you named",
        "witnessed by": witnesses or "nobody you named",
        "about": f"{about}{filters}",
        "shown": f"profile {said['profile']}{hidden}",
        "taken by": f"{said['requested_by']} at {said['exported_at']}",
        "for": said["purpose"],
    }
    yield "Evidence package of Counterseal"
    for name, text in rows.items():
        yield f"  {name:<13} {inert(text)}"


def _stories(report: Report, paint: Paint) -> Iterator[str]:
    for case in report.cases[:MOST_ACTIONS]:
        yield ""
        yield paint(case.id, "1") + ("  checked: in part" if case.unchecked else "")
        shown = [event for event in case.events if event.text is not None]
        for event in shown:
            gap = waited(shown[0].at, event.at)
            after = f"+{pause(gap)}" if gap else ""
            yield f"  {event.at[:19]}Z {after:>9}  {tell(event.body)}"
    if (more := len(report.cases) - MOST_ACTIONS) > 0:
        yield ""
        yield f"… and {more} more actions; --timeline and --json tell of all."


def pause(seconds: float) -> str:
    """Write a duration in its two largest units."""
    whole = int(seconds)
    parts = (
        (whole // 86400, "d"),
        (whole // 3600 % 24, "h"),
        (whole // 60 % 60, "m"),
        (whole % 60, "s"),
    )
    told = [f"{count}{unit}" for count, unit in parts if count]
    return "".join(told[:2]) or f"{seconds:.3f}s"


def _timeline(report: Report) -> Iterator[str]:
    yield ""
    for event in report.events:
        sentence = tell(event.body) if event.text is not None else "withheld; only its hash is here"
        yield f"{event.seq:>9}  {event.at[:23]:<23}  {inert(event.stream)}  {sentence}"


# ---------------------------------------------------------------------------------------------
# The command


def main(args: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a narrow terminal is no reason to fail
    try:
        return _run(_options(args))
    except Malformed as error:
        sys.stderr.write(f"counterseal-verify: {error.sentence}\n")
    except BrokenPipeError:
        # Whoever read us has gone. Nothing was said, so nothing was found good.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.stderr.write("counterseal-verify: interrupted\n")
    return 2


def _options(args: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="counterseal-verify",
        description="Check an evidence package of Counterseal, offline.",
        epilog="Exit codes: 0 good, 1 a check failed (or no --trust), 2 it cannot be read.",
    )
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="the ZIP file")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="whose signatures you believe")
    parser.add_argument(
        "--since",
        type=Path,
        metavar="CHECKPOINT",
        help="a checkpoint you kept: has the log only grown?",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--timeline", action="store_true", help="print every event")
    return parser.parse_args(args)


def _run(options: argparse.Namespace) -> int:
    report = verify(
        _read(options.package, LARGEST_PACKAGE),
        _read(options.trust, LARGEST_NOTE) if options.trust else None,
        _read(options.since, LARGEST_NOTE) if options.since else None,
    )
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if options.json:
        lines: Iterable[str] = [json.dumps(as_json(report), indent=2, ensure_ascii=True)]
    else:
        lines = page(
            report,
            lambda text, sgr: f"\x1b[{sgr}m{text}\x1b[0m" if colour else text,
            timeline=options.timeline,
        )
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return report.code


def _read(path: Path, largest: int) -> bytes:
    """Read a file, but never more than one byte too many."""
    try:
        with path.open("rb") as file:
            return file.read(largest + 1)
    except (OSError, ValueError) as error:
        raise Malformed(f"{inert(str(path))} cannot be read: {type(error).__name__}.") from None


if __name__ == "__main__":
    sys.exit(main())
