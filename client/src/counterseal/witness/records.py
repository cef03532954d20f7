"""What a witness remembers: the checkpoint it cosigned last, one file per log.

A folder for the public beside it takes every cosigned checkpoint as a new file. There nothing is
ever renamed, overwritten or removed, so that it can lie where nobody can: on a write-once mount,
or in a git repository. From it alone the memory can be had again.
"""

import hashlib
import logging
from contextlib import suppress
from itertools import count
from pathlib import Path

from counterseal import durable
from counterseal.core.tlog.checkpoint import Checkpoint, parse_checkpoint
from counterseal.core.tlog.note import BadNote, VerifierKey

_log = logging.getLogger("counterseal.witness")


class Damaged(Exception):  # noqa: N818 - it reads as what is wrong
    """What was cosigned last cannot be told any more, so nothing may be cosigned for this log."""


def origin_hash(origin: str) -> str:
    """Name a log in paths (C2SP tlog-witness, monitor retrieval)."""
    return hashlib.sha256(origin.encode()).hexdigest()


class Memory:
    """The latest cosigned checkpoint of each log. Raises ``OSError`` if a file cannot be had."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def latest(self, origin: str) -> str | None:
        """Recall what was cosigned last."""
        return self.read(origin_hash(origin))

    def read(self, named: str) -> str | None:
        """Recall it by the hash of the origin."""
        try:
            return (self._folder / named).read_text("utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise Damaged(f"{named} in {self._folder} is not text") from error

    def keep(self, origin: str, note: str) -> None:
        """Remember a cosigned checkpoint in the place of the one before."""
        durable.replace(self._folder / origin_hash(origin), note.encode())


class PublicFolder:
    """Every checkpoint that ``key`` cosigned, a file each: ``<hash of the origin>/<size>.txt``."""

    def __init__(self, folder: Path, key: VerifierKey) -> None:
        self._folder = folder
        self._key = key
        folder.mkdir(parents=True, exist_ok=True)

    def latest(self, origin: str) -> str | None:
        """Find the largest checkpoint of a log."""
        for path in sorted(self._place(origin).glob("*.txt"), reverse=True):
            if (found := self._read(path)) is not None and found[0].origin == origin:
                return found[1]
            # A crash or a full disk cut it short, so it was never answered with either.
            _log.warning("skipped path=%s because=incomplete", path)
        return None

    def add(self, checkpoint: Checkpoint, note: str) -> None:
        """Add a file, unless there is one that says the same of the log."""
        place = self._place(checkpoint.origin)
        if not place.is_dir():
            place.mkdir(exist_ok=True)
            durable.settle(self._folder)
        for nth in count(1):
            path = place / f"{checkpoint.size:020d}{'' if nth == 1 else f'-{nth:04d}'}.txt"
            try:
                durable.create(path, note.encode())
            except FileExistsError:
                there = self._read(path)
                if there is None or _tree(there[0]) != _tree(checkpoint):
                    continue
            return

    def _place(self, origin: str) -> Path:
        return self._folder / origin_hash(origin)

    def _read(self, path: Path) -> tuple[Checkpoint, str] | None:
        with suppress(UnicodeDecodeError, BadNote):
            text = path.read_text("utf-8")
            checkpoint, note = parse_checkpoint(text)
            if note.signed_by([self._key]):
                return checkpoint, text
        return None


def _tree(checkpoint: Checkpoint) -> tuple[str, int, bytes]:
    return checkpoint.origin, checkpoint.size, checkpoint.root
