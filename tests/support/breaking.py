"""Processes that break at the n-th system call of a kind: by dying there, or by an I/O error.

What runs is the real program. Only the calls by which it leaves a trace are wrapped: writing,
flushing and renaming files, and sending over a socket.
"""

import asyncio
import errno
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from counterseal.core.tlog.note import VerifierKey
from counterseal.witness import program
from counterseal.witness.keys import Logs, WitnessKey, make_key
from entrypoints import signer
from entrypoints.sealing import rounds
from entrypoints.settings import SignerSettings

KINDS = ("write", "fsync", "replace", "send")


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the ``nth`` call of ``kind``: ``error`` None means that the process dies.

    It dies before the call, ``after`` it, or, of a write, in the middle of it.
    """

    kind: str
    nth: int
    error: int | None = None
    after: bool = False

    def __str__(self) -> str:
        how = errno.errorcode[self.error] if self.error else "dies after" if self.after else "dies"
        return f"{how} {self.kind} {self.nth}"


def faults(kind: str, nth: int) -> list[Fault]:
    """Name what can happen at the ``nth`` call of a kind and at no other."""
    found = [Fault(kind, nth)]
    if kind == "replace":
        found.append(Fault(kind, nth, after=True))
    if kind != "send":
        found.append(Fault(kind, nth, errno.ENOSPC if nth % 2 else errno.EIO))
    return found


class _Breaker:
    """Counts calls, and breaks the one it was told to."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._calls = 0

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if not self._is_now(arguments):
                return real(*arguments, **options)
            if self._fault.error is not None:
                raise OSError(self._fault.error, os.strerror(self._fault.error))
            if self._fault.after:
                real(*arguments, **options)
            elif self._fault.kind == "write":
                handle, content = arguments
                real(handle, content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("unreachable")

        return call

    def _is_now(self, arguments: tuple[Any, ...]) -> bool:
        if self._fault.kind == "send" and len(arguments[1]) == 1:
            return False  # an event loop waking itself up
        self._calls += 1
        return self._calls == self._fault.nth


def _break(fault: Fault | None) -> None:
    uvloop = ModuleType("uvloop")  # its sends are out of reach
    uvloop.run = asyncio.run  # type: ignore[attr-defined] # all that is used of it
    sys.modules["uvloop"] = uvloop
    rounds.RETRY = 0.02
    if fault is None:
        return
    breaker = _Breaker(fault)
    match fault.kind:
        case "send":
            socket.socket.send = breaker.wrap(socket.socket.send)  # type: ignore[method-assign] # meant
        case kind:
            setattr(os, kind, breaker.wrap(getattr(os, kind)))


def _sign(settings: SignerSettings, fault: Fault | None) -> None:
    _break(fault)
    asyncio.run(signer.run(settings))


def _witness(folder: Path, name: str, log: str, port: int, fault: Fault | None) -> None:
    _break(fault)
    mine = WitnessKey(name, make_key(folder / "key.pem"))
    known = Logs((VerifierKey.parse(log),))
    program.run(mine, known, folder / "state", folder / "public", ("127.0.0.1", port))


_nursery = multiprocessing.get_context("forkserver")
# Each process is handed the main module of ours, so that is loaded once for all of them, too.
_nursery.set_forkserver_preload(["tests.support.breaking", "pytest", "_pytest.config"])


def start_signer(settings: SignerSettings, fault: Fault | None = None) -> ForkServerProcess:
    """Start a signer that meets ``fault``. It is a process of its own from the first moment."""
    return _started(_nursery.Process(target=_sign, args=(settings, fault), daemon=True))


def start_witness(
    folder: Path, name: str, log: VerifierKey, port: int, fault: Fault | None = None
) -> ForkServerProcess:
    """Start a witness that meets ``fault``."""
    arguments = (folder, name, str(log), port, fault)
    return _started(_nursery.Process(target=_witness, args=arguments, daemon=True))


def _started(process: ForkServerProcess) -> ForkServerProcess:
    process.start()
    return process


def end(process: ForkServerProcess) -> bool:
    """Make sure that it has ended; say whether it had ended by itself."""
    was_dead = not process.is_alive()
    process.kill()
    process.join()
    process.close()
    return was_dead
