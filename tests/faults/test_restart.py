"""Stopping and starting again, orderly or not: holds stay where they were, nobody is left over."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from adapters.embedded_postgres import EmbeddedPostgres
from entrypoints.bootstrap import Keys, read_keys
from entrypoints.stack import ROOT, Stack
from tests.support.faults import (
    approve,
    assert_ran_once,
    insist,
    policy_files,
    processes_of,
    promises,
    propose,
    run,
)
from tests.support.invariants import broken_promises
from tests.support.stack import Cast

URL = re.compile(r"^API\s+(http://\S+)", re.MULTILINE)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="counterseal-up-"))
    yield made
    for process in processes_of(made):
        with suppress(psutil.Error):
            process.kill()
    with suppress(OSError):
        shutil.rmtree((made / "data" / "postgres" / "socket").read_text("utf-8"))
    shutil.rmtree(made, ignore_errors=True)


class Up:
    """``make up``, as somebody in a terminal sees it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self._said = folder / "up.log"
        self._said.unlink(missing_ok=True)
        policies = folder / "policy"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [
                    *(sys.executable, "-m", "entrypoints.up"),
                    *("--data", str(self.data), "--policies", str(policies)),
                ],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._said.read_text("utf-8")

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.said
        return "Counterseal is up" in self.said and URL.search(self.said) is not None

    @contextmanager
    def cast(self) -> Iterator[Cast]:
        """Bring everyone on stage, with the keys that were handed out."""
        insist(self.is_up, "make up")
        found = URL.search(self.said)
        keys = read_keys(self.data / "keys.json")
        assert found is not None
        assert keys is not None
        everyone = Cast(_Elsewhere(found[1], keys), keys)  # type: ignore[arg-type] # it has a URL
        yield everyone
        everyone.close()

    def interrupt(self) -> int:
        """Press Ctrl-C: the terminal tells the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)

    def crash(self) -> None:
        self.process.kill()
        self.process.wait(10)


class _Elsewhere:
    """A stack that another process keeps."""

    def __init__(self, url: str, keys: Keys) -> None:
        self.url = url
        self.keys = keys


def is_not_postgres(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "postgres" not in process.name()
    return False


def test_a_hold_outlives_ctrl_c_and_a_new_start(folder: Path) -> None:
    policy_files(folder)
    first = Up(folder)
    with first.cast() as cast:
        held = propose(cast, "pay")
        approve(cast, held, "grace")
    assert first.interrupt() == 0
    assert "Stopped" in first.said
    assert processes_of(folder) == []

    second = Up(folder)
    with second.cast() as cast:
        assert cast.agent.read(held["action_id"]).json()["phase"] == "HELD"
        approve(cast, held, "alan")
        run(cast, held)
        assert_ran_once(cast, held)

    second.crash()
    # Postgres is allowed to live on: the next start takes it over
    insist(lambda: not [*filter(is_not_postgres, processes_of(folder))], "nobody to be left over")


def test_ctrl_c_while_it_is_still_starting_leaves_nobody_behind(folder: Path) -> None:
    hasty = Up(folder)
    insist(lambda: [each for each in processes_of(folder) if "temporal" in each.name()], "Temporal")
    assert hasty.interrupt() == 0, hasty.said
    assert processes_of(folder) == []
    postgres = EmbeddedPostgres(folder / "data" / "postgres")
    postgres.start()
    try:
        assert asyncio.run(broken_promises(postgres.admin_dsn)) == []
    finally:
        postgres.stop()


def test_a_start_that_fails_leaves_nobody_behind(folder: Path) -> None:
    data = folder / "broken"
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "cluster").write_text("this is no cluster", "utf-8")
    stack = Stack(data, policies=folder / "policy")
    with pytest.raises(Exception, match="Postgres"):
        stack.start()
    stack.stop()
    assert processes_of(data) == []


def test_the_whole_stack_stops_and_starts_on_the_same_data(victim: Stack, witnesses: Cast) -> None:
    held = propose(witnesses, "pay")
    approve(witnesses, held, "ada")
    keys = victim.keys
    victim.stop()
    assert processes_of(victim.data) == []
    assert victim.start() == keys
    approve(witnesses, held, "grace")
    run(witnesses, held)
    assert_ran_once(witnesses, held)
    assert promises(victim) == []
