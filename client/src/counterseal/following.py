"""What a follower of a log keeps: the last checkpoint it believed, one small file per log.

Whoever compares a log with what they kept last time notices if it was rolled back or rewritten in
between, whoever did it.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from counterseal.core.tlog.checkpoint import Checkpoint, parse_checkpoint
from counterseal.core.tlog.note import BadNote

_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


class Shelf:
    """Keeps checkpoints in one folder. Raises ``OSError`` if it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_user(cls, environment: Mapping[str, str]) -> "Shelf":
        """Use the folder where programs keep their state (XDG base directories)."""
        home = environment.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - without a user there is no Path.home()
        state = environment.get("XDG_STATE_HOME") or f"{home}/.local/state"
        return cls(Path(state) / "counterseal" / "checkpoints")

    def place_of(self, origin: str) -> Path:
        """Name the file of a log; two logs never share one."""
        named = hashlib.sha256(origin.encode()).hexdigest()[:12]
        return self.folder / f"{_PLAIN.sub('_', origin)[:80]}-{named}.txt"

    def find(self, origin: str) -> Checkpoint | None:
        """Find what was kept of a log. Raises ``BadNote`` if it cannot be read any more."""
        place = self.place_of(origin)
        if not place.exists():
            return None
        checkpoint, _ = parse_checkpoint(place.read_text("utf-8"))
        if checkpoint.origin != origin:
            raise BadNote(f"{place} holds a checkpoint of {checkpoint.origin}, not of {origin}.")
        return checkpoint

    def keep(self, origin: str, note: str) -> Path:
        """Keep a checkpoint in place of the one before; a crash leaves one of the two."""
        place = self.place_of(origin)
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_suffix(f".{os.getpid()}")
        beside.write_text(note, "utf-8")
        beside.replace(place)
        return place
