import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from adapters.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
SMALL = {"shared_buffers": "8MB", "max_connections": "20"}

KEEPER = """
import sys, time
from pathlib import Path
from adapters.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start(), server.pid, flush=True)
{then}
"""


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    """A folder that was started and stopped once: making a cluster is the slow part."""
    made = Path(tempfile.mkdtemp(prefix="counterseal-test-"))
    server = EmbeddedPostgres(made, SMALL)
    server.start()
    server.stop()
    server.socket_dir.rmdir()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def folder(initialised: Path) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="counterseal-test-"))
    subprocess.run(["cp", "-a", initialised / "cluster", made], check=True)  # noqa: S603, S607
    yield made
    with suppress(FileNotFoundError):
        Path((made / "socket").read_text()).rmdir()
    shutil.rmtree(made)


def ask(server: EmbeddedPostgres, sql: str) -> object:
    async def answer() -> object:
        db = await asyncpg.connect(server.admin_dsn, timeout=5)
        try:
            return await db.fetchval(sql)
        finally:
            await db.close()

    return asyncio.run(answer())


def kill(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    while server.is_alive():
        time.sleep(0.001)


def in_another_process(folder: Path, then: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-c", KEEPER.format(then=then), str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_survives_being_killed_and_stays_where_it_was(folder: Path) -> None:
    server = EmbeddedPostgres(folder, SMALL)
    dsn = server.start()
    try:
        ask(server, "CREATE TABLE kept AS SELECT 42 AS x")
        for _ in range(3):
            kill(server)
            assert server.start() == dsn
        assert ask(server, "SELECT x FROM kept") == 42
    finally:
        server.stop()
    assert not server.is_alive()
    assert server.pid is None


def test_another_object_recovers_what_was_killed(folder: Path) -> None:
    first = EmbeddedPostgres(folder, SMALL)
    first.start()
    kill(first)
    second = EmbeddedPostgres(folder, SMALL)
    second.start()
    try:
        assert ask(second, "SELECT 1") == 1
    finally:
        second.stop()


def test_a_lock_file_that_names_a_stranger_is_not_believed(folder: Path) -> None:
    server = EmbeddedPostgres(folder, SMALL)
    server.start()
    kill(server)
    lock = folder / "cluster" / "postmaster.pid"
    _, *rest = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *rest]) + "\n")
    try:
        assert server.pid is None
        server.start()
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()
    assert not server.is_alive()


def test_two_run_side_by_side_in_deep_folders(folder: Path) -> None:
    deep = folder / ("a long name " * 8) / ("another long name " * 8)
    one, two = EmbeddedPostgres(folder, SMALL), EmbeddedPostgres(deep, SMALL)
    try:
        assert one.start() != two.start()
        ask(one, "CREATE TABLE here ()")
        assert ask(two, "SELECT to_regclass('here')") is None
    finally:
        for server in (one, two):
            server.stop()
        two.socket_dir.rmdir()


def test_what_another_process_keeps_is_left_running(folder: Path) -> None:
    keeper = in_another_process(folder, "time.sleep(60)")
    assert keeper.stdout is not None
    dsn, pid = keeper.stdout.readline().split()
    guest = EmbeddedPostgres(folder)
    try:
        assert guest.start() == dsn
        assert guest.pid == int(pid)
        guest.stop()
        assert guest.is_alive()
        keeper.kill()  # it cannot stop what it keeps any more, so whoever starts next takes over
        keeper.wait()
        assert guest.is_alive()
        guest.start()
    finally:
        keeper.kill()
        keeper.communicate()
        guest.stop()
    assert not guest.is_alive()


def test_its_keeper_stops_it_at_exit(folder: Path) -> None:
    keeper = in_another_process(folder, "")
    keeper.communicate(timeout=30)
    assert not EmbeddedPostgres(folder).is_alive()


def test_a_forked_child_does_not_stop_it(folder: Path) -> None:
    fork = """
import os
child = os.fork()
if child:
    os.waitpid(child, 0)
    print(server.is_alive(), flush=True)
"""
    keeper = in_another_process(folder, fork)
    out, _ = keeper.communicate(timeout=30)
    assert out.splitlines()[1:] == ["True"]


def test_control_c_in_the_terminal_is_not_for_postgres(folder: Path) -> None:
    server = EmbeddedPostgres(folder, SMALL)
    server.start()
    try:
        assert server.pid is not None
        assert os.getsid(server.pid) == server.pid != os.getsid(0)
    finally:
        server.stop()


def test_it_is_nobody_elses_to_reach(folder: Path) -> None:
    server = EmbeddedPostgres(folder, SMALL)
    server.start()
    try:
        assert server.socket_dir.stat().st_mode & 0o077 == 0
        assert (folder / "cluster").stat().st_mode & 0o077 == 0
        assert ask(server, "SHOW listen_addresses") == ""
        assert ask(server, "SHOW fsync") == "on"
    finally:
        server.stop()
