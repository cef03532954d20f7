"""What a witness remembers, and that it never contradicts itself."""

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.tlog.checkpoint import parse_checkpoint
from counterseal.core.tlog.note import SignatureType, VerifierKey, cosigned_at, parse_signature
from counterseal.witness.keys import Logs, WitnessKey
from counterseal.witness.protocol import Declined
from counterseal.witness.records import Damaged, Memory, PublicFolder, origin_hash
from counterseal.witness.witness import Witness
from tests.support.logs import SmallLog, request

KEY = WitnessKey("witness.example/w1", Ed25519PrivateKey.generate())


class Place:
    """Where a witness keeps things; each start is a new process as far as it can tell."""

    def __init__(self, root: Path, logs: Logs) -> None:
        self.root = root
        self.logs = logs
        self.now = 1000.0

    @property
    def public(self) -> Path:
        return self.root / "public"

    def start(self) -> Witness:
        public = PublicFolder(self.public, KEY.verifier)
        return Witness(KEY, self.logs, Memory(self.root / "state"), public, lambda: self.now)

    def published(self) -> list[str]:
        return sorted(path.name for path in self.public.rglob("*.txt"))

    def lose_memory(self) -> None:
        for path in (self.root / "state").iterdir():
            path.unlink()


@pytest.fixture
def log() -> SmallLog:
    return SmallLog()


@pytest.fixture
def place(tmp_path: Path, log: SmallLog) -> Place:
    return Place(tmp_path, Logs((log.verifier,)))


def status(ask: Callable[[], str]) -> int:
    with pytest.raises(Declined) as declined:
        ask()
    return int(declined.value.status)


def test_a_restarted_witness_knows_where_it_was(place: Place, log: SmallLog) -> None:
    place.start().add_checkpoint(log.request(0, 5))
    again = place.start()
    assert status(lambda: again.add_checkpoint(log.request(0, 7))) == 409
    assert status(lambda: again.add_checkpoint(log.fork().request(5, 7))) == 422
    assert again.add_checkpoint(log.request(5, 7))


def test_a_witness_that_lost_its_memory_has_it_again_from_the_folder(
    place: Place, log: SmallLog
) -> None:
    place.start().add_checkpoint(log.request(0, 5))
    place.lose_memory()
    again = place.start()
    assert status(lambda: again.add_checkpoint(log.fork().request(0, 9))) == 409
    assert again.add_checkpoint(log.request(5, 9))


def test_memory_from_a_backup_does_not_roll_the_witness_back(place: Place, log: SmallLog) -> None:
    witness = place.start()
    witness.add_checkpoint(log.request(0, 5))
    backup = Memory(place.root / "state").latest(log.origin)
    witness.add_checkpoint(log.request(5, 9))
    Memory(place.root / "state").keep(log.origin, str(backup))
    assert status(lambda: place.start().add_checkpoint(log.request(5, 8))) == 409


def test_every_tree_is_published_once_in_a_file_of_its_own(place: Place, log: SmallLog) -> None:
    witness = place.start()
    for old, new in ((0, 3), (3, 3), (3, 5), (5, 5)):
        witness.add_checkpoint(log.request(old, new))
    place.start().add_checkpoint(log.request(5, 5))
    assert place.published() == [f"{3:020}.txt", f"{5:020}.txt"]
    path = place.public / origin_hash(log.origin) / f"{5:020}.txt"
    checkpoint, note = parse_checkpoint(path.read_text("utf-8"))
    assert checkpoint == log.checkpoint(5)
    assert note.signed_by([log.verifier, KEY.verifier]) == (log.verifier, KEY.verifier)


def test_the_folder_can_lie_where_nothing_is_renamed_overwritten_or_removed(
    place: Place, log: SmallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, worm = str(place.root / "state"), str(place.public)
    done = {name: getattr(os, name) for name in ("open", "replace", "unlink", "truncate")}

    def once(path: str | os.PathLike[str], flags: int, mode: int = 0o777) -> int:
        if str(path).startswith(worm) and flags & (os.O_WRONLY | os.O_RDWR):
            assert flags & os.O_EXCL, "an object is written once"
            assert not flags & (os.O_APPEND | os.O_TRUNC)
        return int(done["open"](path, flags, mode))

    def moved(source: os.PathLike[str], target: os.PathLike[str]) -> None:
        assert str(source).startswith(state)
        assert str(target).startswith(state)
        done["replace"](source, target)

    monkeypatch.setattr(os, "open", once)
    monkeypatch.setattr(os, "replace", moved)
    witness = place.start()
    witness.add_checkpoint(log.request(0, 3))
    witness.add_checkpoint(log.request(3, 8))
    assert len(place.published()) == 2


def test_a_folder_that_cannot_flush_names_is_good_enough(
    place: Place, log: SmallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def refuse_folders(handle: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{handle}"):  # noqa: PTH112 - a handle, not a path
            raise OSError(errno.EINVAL, "a mounted bucket has no folders")
        flush(handle)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    assert place.start().add_checkpoint(log.request(0, 3))


def test_a_file_cut_short_is_passed_over_and_written_beside(place: Place, log: SmallLog) -> None:
    folder = place.public / origin_hash(log.origin)
    folder.mkdir(parents=True)
    (folder / f"{5:020}.txt").write_text(str(log.note(5))[:80], "utf-8")
    witness = place.start()
    witness.add_checkpoint(log.request(0, 5))
    assert place.published() == [f"{5:020}-0002.txt", f"{5:020}.txt"]
    place.lose_memory()
    assert status(lambda: place.start().add_checkpoint(log.request(0, 5))) == 409


def test_what_strangers_put_into_the_folder_is_not_believed(place: Place, log: SmallLog) -> None:
    folder = place.public / origin_hash(log.origin)
    folder.mkdir(parents=True)
    (folder / f"{10**6:020}.txt").write_text(str(log.note(50)), "utf-8")
    (folder / f"{10**7:020}.txt").write_bytes(b"\xff\xfe")
    assert place.start().add_checkpoint(log.request(0, 5))


@pytest.mark.parametrize("written", ["", "nonsense", "example.com/log\n5\n"])
def test_a_damaged_memory_stops_that_log_and_no_other(
    place: Place, log: SmallLog, written: str
) -> None:
    other = SmallLog("example.com/other")
    place.logs = Logs((log.verifier, other.verifier))
    place.start().add_checkpoint(log.request(0, 5))
    (place.root / "state" / origin_hash(log.origin)).write_text(written, "utf-8")
    witness = place.start()
    with pytest.raises(Damaged):
        witness.add_checkpoint(log.request(5, 9))
    assert witness.add_checkpoint(other.request(0, 9))


def test_two_trees_of_one_size_in_its_own_files_stop_the_log(place: Place, log: SmallLog) -> None:
    place.start().add_checkpoint(log.request(0, 5))
    fork = log.fork().note(5)
    Memory(place.root / "state").keep(log.origin, str(fork))
    with pytest.raises(Damaged, match="two trees of 5"):
        place.start().add_checkpoint(log.request(5, 6))


def test_a_memory_in_the_place_of_another_log_is_not_taken(place: Place, log: SmallLog) -> None:
    other = SmallLog("example.com/other")
    Memory(place.root / "state").keep(log.origin, str(other.note(3)))
    with pytest.raises(Damaged, match=r"example\.com/other lies in the place"):
        place.start().add_checkpoint(log.request(0, 6))


def test_nothing_is_signed_that_cannot_be_remembered(
    place: Place, log: SmallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = place.start()
    witness.add_checkpoint(log.request(0, 5))
    with monkeypatch.context() as broken:

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        broken.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            witness.add_checkpoint(log.request(5, 9))
    assert witness.add_checkpoint(log.request(5, 7))


def test_a_clock_set_back_does_not_make_an_earlier_cosignature(place: Place, log: SmallLog) -> None:
    def at(line: str) -> int | None:
        return cosigned_at(parse_signature(line.rstrip("\n")).value)

    place.now = 2000.9
    assert at(place.start().add_checkpoint(log.request(0, 5))) == 2000
    place.now = 1500
    witness = place.start()
    assert at(witness.add_checkpoint(log.request(5, 5))) == 2000
    place.now = 2500
    assert at(witness.add_checkpoint(log.request(5, 9))) == 2500


def test_a_family_key_stands_for_the_logs_below_its_name_and_no_others(place: Place) -> None:
    server = SmallLog("counterseal.local")
    family = VerifierKey(server.origin, SignatureType.ED25519, server.verifier.public)
    place.logs = Logs(families=(family,))
    witness = place.start()

    def of(origin: str) -> SmallLog:
        log = SmallLog(origin)
        log.key = server.key
        return log

    for origin in ("counterseal.local/main", "counterseal.local/a.rehearsal.1"):
        assert witness.add_checkpoint(of(origin).request(0, 3))
    for origin in ("counterseal.local", "counterseal.localhost/main", "other/main"):
        asked = of(origin).request(0, 3)
        assert status(partial(witness.add_checkpoint, asked)) == 404
    stranger = SmallLog("counterseal.local/main")
    assert status(lambda: witness.add_checkpoint(stranger.request(3, 5))) == 403


def test_a_log_that_rotates_its_key_stays_the_same_log(place: Place, log: SmallLog) -> None:
    new = SmallLog(log.origin)
    place.logs = Logs((log.verifier, new.verifier))
    witness = place.start()
    witness.add_checkpoint(log.request(0, 3))
    both = log.note(5).with_signatures([new.sign(log.note(5).text)])
    witness.add_checkpoint(request(3, log.proof(3, 5), str(both)))
    place.logs = Logs((new.verifier,))
    alone = str(new.note(8))
    assert place.start().add_checkpoint(request(5, new.proof(5, 8), alone))


def test_a_crowd_of_forks_gets_one_history_cosigned(place: Place, log: SmallLog) -> None:
    witness = place.start()
    histories = [log, *(log.fork(name=f"fork {n}") for n in range(7))]

    def ask(each: SmallLog) -> list[int]:
        won, old = [], 0
        for new in range(1, 12):
            with suppress(Declined):
                witness.add_checkpoint(each.request(old, new))
                won.append(new)
                old = new
        return won

    with ThreadPoolExecutor(8) as crowd:
        won = [*crowd.map(ask, histories)]
    assert sum(bool(each) for each in won) == 1
    assert len(place.published()) == max(len(each) for each in won)
