"""What a log asks of a witness, and whether it gets it (C2SP tlog-witness, add-checkpoint)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from counterseal.core.tlog.checkpoint import Checkpoint, parse_checkpoint
from counterseal.core.tlog.note import BadNote, Note, VerifierKey, from_base64_lines
from counterseal.core.tlog.proofs import is_consistent
from counterseal.core.tlog.tree import EMPTY_ROOT, HASH_SIZE

LARGEST_REQUEST = 256 * 1024
MOST_PROOF_LINES = 63
SIZE_MEDIA = "text/x.tlog.size"
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})\Z")


class Declined(Exception):  # noqa: N818 - it reads as what happened
    """A request that gets no cosignature: the status, and the body, byte for byte."""

    def __init__(self, status: HTTPStatus, body: str, media: str = "text/plain") -> None:
        super().__init__(body.strip())
        self.status = status
        self.body = body
        self.media = media


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A new checkpoint, and the proof that it continues the log of ``old`` leaves."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: Note


@dataclass(frozen=True, slots=True)
class Seen:
    """The largest tree of a log that was cosigned; of a log never seen, the empty one."""

    size: int = 0
    root: bytes = EMPTY_ROOT


def parse_request(body: bytes) -> AddCheckpoint:
    """Read the body of ``add-checkpoint``. Raises ``Declined``."""
    try:
        head, blank, signed = body.decode("utf-8").partition("\n\n")
        checkpoint, note = parse_checkpoint(signed)
    except (UnicodeDecodeError, BadNote) as error:
        raise _malformed("this is not followed by a signed checkpoint") from error
    first, *lines = head.split("\n")
    old = _OLD.match(first)
    proof = from_base64_lines(lines)
    if not blank or old is None:
        raise _malformed("the first line is `old` and a size; an empty line ends the proof")
    if len(lines) > MOST_PROOF_LINES:
        raise _malformed(f"a proof has at most {MOST_PROOF_LINES} lines")
    if proof is None or any(len(each) != HASH_SIZE for each in proof):
        raise _malformed("each line of a proof is one hash in base64")
    return AddCheckpoint(int(old[1]), tuple(proof), checkpoint, note)


def signed_by(asked: AddCheckpoint, keys: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Name the keys of its log that signed the checkpoint. Raises ``Declined``."""
    if not keys:
        raise Declined(HTTPStatus.NOT_FOUND, "this witness does not know the log.\n")
    try:
        found = asked.note.signed_by(keys)
    except BadNote as error:
        raise Declined(HTTPStatus.FORBIDDEN, f"{error}\n") from error
    if not found:
        raise Declined(HTTPStatus.FORBIDDEN, "no key known for the log has signed this.\n")
    return found


def check(asked: AddCheckpoint, seen: Seen) -> None:
    """Let pass what continues the tree that was ``seen``, in the order of the specification.

    Raises ``Declined``.
    """
    size, root = asked.checkpoint.size, asked.checkpoint.root
    if asked.old > size:
        raise _malformed("the old size is larger than the checkpoint")
    if asked.old != seen.size:
        raise Declined(HTTPStatus.CONFLICT, f"{seen.size}\n", SIZE_MEDIA)
    # From nothing there is no proof, and nothing has the root of the empty tree.
    if not is_consistent(asked.old, size, asked.proof, seen.root, root):
        raise _inconsistent("this does not continue the tree that was cosigned last")


def _malformed(why: str) -> Declined:
    return Declined(HTTPStatus.BAD_REQUEST, f"{why}.\n")


def _inconsistent(why: str) -> Declined:
    return Declined(HTTPStatus.UNPROCESSABLE_ENTITY, f"{why}.\n")
