"""Checkpoints (C2SP tlog-checkpoint): what a log says of itself, in three lines."""

import re
from dataclasses import dataclass

from counterseal.core.tlog.note import BadNote, Note, from_base64, parse_note, to_base64
from counterseal.core.tlog.tree import HASH_SIZE

_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_LEAST_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log ``origin`` had ``size`` leaves and this root. ``extensions`` are kept as they are."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The body that is signed."""
        lines = (self.origin, str(self.size), to_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def origin_of(server: str, tenant: str) -> str:
    """Name the log of a tenant. A key cannot be named with a plus sign, but a tenant can."""
    return f"{server}/{tenant.replace('+', '%2B')}"


def tenant_of(server: str, origin: str) -> str | None:
    """Name the tenant whose log it is; None if the log is of another server."""
    if not origin.startswith(f"{server}/"):
        return None
    return origin.removeprefix(f"{server}/").replace("%2B", "+")


def parse_body(text: str) -> Checkpoint:
    """Read a checkpoint's body. Raises ``BadNote``."""
    lines = text.split("\n")
    if len(lines) < _LEAST_LINES + 1 or lines[-1] or "" in lines[:-1]:
        raise BadNote("a checkpoint is at least three lines: origin, size, root.")
    origin, size, root, *extensions = lines[:-1]
    raw = from_base64(root)
    if _SIZE.match(size) is None or raw is None or len(raw) != HASH_SIZE:
        raise BadNote("a checkpoint's second line is a size, its third a base64 SHA-256 hash.")
    return Checkpoint(origin, int(size), raw, tuple(extensions))


def parse_checkpoint(text: str) -> tuple[Checkpoint, Note]:
    """Read a signed checkpoint. Raises ``BadNote``; no signature is verified yet."""
    note = parse_note(text)
    return parse_body(note.text), note
