"""What the signer itself remembers of each log: a file it writes before anything is published.

It is the one thing that a restored backup of the database does not roll back. One signer at a
time may have it.
"""

import fcntl
import json
import os
from pathlib import Path
from urllib.parse import quote, unquote

from counterseal import durable
from counterseal.core.tlog.checkpoint import parse_checkpoint
from counterseal.core.tlog.note import BadNote
from counterseal.core.tlog.tree import Frontier
from domain.sealing import NotSealed, Reason, Sealed


class SignerState:
    """One file per log, named after its origin. Raises ``OSError`` if the folder is in use."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise OSError(f"{folder} is in use by another signer") from None

    def close(self) -> None:
        """Let another signer have it."""
        os.close(self._lock)

    def place_of(self, origin: str) -> Path:
        """Name the file of a log."""
        return self._folder / f"{quote(origin, safe='')}.json"

    def origins(self) -> list[str]:
        """Name every log that was ever signed here."""
        return [unquote(place.stem) for place in self._folder.glob("*.json")]

    def read(self, origin: str) -> Sealed | None:
        """Recall what was signed last of a log. Raises ``NotSealed`` if that cannot be told."""
        place = self.place_of(origin)
        try:
            return _read(place.read_bytes(), origin)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError, BadNote) as error:
            raise NotSealed(
                Reason.STATE_DAMAGED, f"{place} does not say what was signed last: {error}."
            ) from error

    def write(self, origin: str, sealed: Sealed) -> None:
        """Remember, for good, what is about to be published."""
        kept = {
            "origin": origin,
            "size": sealed.size,
            "frontier": [node.hex() for node in sealed.frontier],
            "note": sealed.note,
        }
        durable.replace(self.place_of(origin), json.dumps(kept, indent=1).encode())


def _read(kept: bytes, origin: str) -> Sealed:
    said = json.loads(kept)
    tree = Frontier(said["size"], [bytes.fromhex(node) for node in said["frontier"]])
    checkpoint, _ = parse_checkpoint(said["note"])
    if (checkpoint.origin, checkpoint.size, checkpoint.root) != (origin, tree.size, tree.root()):
        raise ValueError("its frontier is not that of the checkpoint in it")
    return Sealed(tree.size, checkpoint.root, tuple(tree.nodes), said["note"])
