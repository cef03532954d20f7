"""Child processes that end when they should: with us, on request, or not at all."""

import ctypes
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 15.0
"""Seconds a child may take to stop in an orderly way."""

_PR_SET_PDEATHSIG = 1
_PORTS, _DRAWS = range(12_000, 32_000), 200
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


@dataclass(slots=True)
class Child:
    """One program we run. It has a session of its own, so that Ctrl-C reaches us alone."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_with: signal.Signals = signal.SIGTERM
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with its output going to its log."""
        with os.fdopen(os.open(self.log, _APPEND, 0o600), "ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own programs and arguments
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - it only makes one system call
                umask=0o077,  # what it writes holds arguments in clear
            )

    @property
    def pid(self) -> int | None:
        """Its process ID while it runs."""
        return self.process.pid if self.process and self.process.poll() is None else None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """Ask it to end; insist if it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(self.stop_with)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()

    def last_words(self) -> str:
        """Give the end of its log."""
        with suppress(OSError):
            return self.log.read_text("utf-8", errors="replace")[-2000:]
        return ""


def free_port(wanted: int, host: str = "127.0.0.1") -> int:
    """Take ``wanted`` if nobody has it, else any free port.

    It lies below the ports that systems hand out by themselves: nobody who connects somewhere or
    listens anywhere gets it between now and when it is used.
    """
    drawn = (secrets.choice(_PORTS) for _ in range(_DRAWS))
    for port in (wanted, *drawn) if wanted else drawn:
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((host, port))
                return port
    raise OSError(f"no free port on {host}")


def _die_with_parent() -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
