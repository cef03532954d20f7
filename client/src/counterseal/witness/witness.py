"""The witness itself: one decision at a time per log, remembered before it is told."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from counterseal.core.tlog.checkpoint import Checkpoint, parse_checkpoint
from counterseal.core.tlog.note import BadNote, Note, Signature, VerifierKey, cosigned_at
from counterseal.witness.keys import Logs, WitnessKey
from counterseal.witness.protocol import AddCheckpoint, Seen, check, parse_request, signed_by
from counterseal.witness.records import Damaged, Memory, PublicFolder

_log = logging.getLogger("counterseal.witness")


@dataclass(slots=True)
class _Log:
    """What is known of one log: the tree cosigned last, when, and whether all of that is kept."""

    turn: Lock = field(default_factory=Lock)
    seen: Seen | None = None
    at: int = 0
    kept: bool = False


class Witness:
    """Cosigns checkpoints for the logs it knows. ``clock`` gives POSIX seconds, its own."""

    def __init__(
        self,
        key: WitnessKey,
        logs: Logs,
        memory: Memory,
        public: PublicFolder | None,
        clock: Callable[[], float],
    ) -> None:
        self._key = key
        self._logs = logs
        self._memory = memory
        self._public = public
        self._clock = clock
        self._known: dict[str, _Log] = {}

    def add_checkpoint(self, body: bytes) -> str:
        """Cosign a checkpoint that continues what was seen of its log; give signature lines.

        Raises ``Declined``; ``Damaged`` or ``OSError`` if memory fails, and then signs nothing.
        """
        asked = parse_request(body)
        origin = asked.checkpoint.origin
        signers = signed_by(asked, self._logs.keys_of(origin))
        # Only now, so that nobody but a log can make us hold on to names.
        log = self._known.setdefault(origin, _Log())
        with log.turn:
            seen = log.seen or self._recall(origin, log)
            check(asked, seen)
            line = self._cosign(asked, log)
            new = Seen(asked.checkpoint.size, asked.checkpoint.root)
            if not log.kept or new != seen:
                self._remember(asked, signers, line, log)
        _log.info("cosigned origin=%s size=%d", origin, new.size)
        return f"{line.line}\n"

    def checkpoint(self, origin_hash: str) -> str | None:
        """Give the latest cosigned checkpoint of a log, named by the hash of its origin."""
        return self._memory.read(origin_hash)

    def _cosign(self, asked: AddCheckpoint, log: _Log) -> Signature:
        # It says "as of then, the largest": a clock that was set back must not contradict that.
        log.at = max(int(self._clock()), log.at)
        return self._key.cosign(asked.note.text, log.at)

    def _remember(
        self,
        asked: AddCheckpoint,
        signers: tuple[VerifierKey, ...],
        line: Signature,
        log: _Log,
    ) -> None:
        """Write down what is about to be told. If that fails, only the files know how far."""
        log.seen, log.kept = None, False
        known = {(key.name, key.id) for key in signers}
        by_log = [each for each in asked.note.signatures if (each.name, each.key_id) in known]
        note = str(Note(asked.note.text, (*by_log, line)))
        self._memory.keep(asked.checkpoint.origin, note)
        if self._public is not None:
            self._public.add(asked.checkpoint, note)
        log.seen = Seen(asked.checkpoint.size, asked.checkpoint.root)
        log.kept = True

    def _recall(self, origin: str, log: _Log) -> Seen:
        """Find what was cosigned last, in memory or, if that was lost, in the public folder."""
        found = [self._memory.latest(origin)]
        if self._public is not None:
            found.append(self._public.latest(origin))
        told = [_read(note, origin) for note in found if note is not None]
        if not told:
            log.seen = Seen()
            return log.seen
        last, log.at = max(told, key=lambda each: each[0].size)
        if any(each.size == last.size and each.root != last.root for each, _ in told):
            raise Damaged(f"two trees of {last.size} leaves were cosigned for {origin}")
        log.seen = Seen(last.size, last.root)
        return log.seen


def _read(text: str, origin: str) -> tuple[Checkpoint, int]:
    """Read what was written down, and when it was cosigned. Raises ``Damaged``."""
    try:
        checkpoint, note = parse_checkpoint(text)
    except BadNote as error:
        raise Damaged(f"what was cosigned last for {origin} cannot be read: {error}") from error
    if checkpoint.origin != origin:
        raise Damaged(f"a checkpoint of {checkpoint.origin} lies in the place of {origin}")
    times = (cosigned_at(each.value) for each in note.signatures)
    return checkpoint, max((at for at in times if at is not None), default=0)
