"""Hears that a stream has moved. A convenience: whoever hears nothing looks for themselves."""

import asyncio
import contextlib
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import asyncpg

from adapters.postgres.pool import LOST

CHANNEL = "counterseal"


class Changed:
    """One listener's view of one stream."""

    def __init__(self) -> None:
        self._heard = asyncio.Event()

    def tell(self) -> None:
        """Note that the stream moved, or may have."""
        self._heard.set()

    async def wait(self, timeout: float) -> bool:  # noqa: ASYNC109 - running out is an answer here
        """Wait for news since the last call; ``False`` if ``timeout`` seconds pass without any."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), timeout)
        heard = self._heard.is_set()
        self._heard.clear()
        return heard


class News:
    """Listens on one connection of its own, and connects again by itself."""

    def __init__(self, dsn: str, *, patience: float = 5.0, heartbeat: float = 15.0) -> None:
        self._dsn = dsn
        self._patience = patience
        self._heartbeat = heartbeat
        self._listeners: defaultdict[str, set[Changed]] = defaultdict(set)
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to listen; a database that is down is tried again and again."""
        self._task = asyncio.create_task(self._listen())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._listening.wait(), self._patience)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextlib.asynccontextmanager
    async def of(self, tenant: str, stream: str) -> AsyncIterator[Changed]:
        """Listen to one stream. Begin before you look, so that nothing falls in between."""
        changed, called = Changed(), _called(tenant, stream)
        self._listeners[called].add(changed)
        try:
            yield changed
        finally:
            self._listeners[called].discard(changed)
            if not self._listeners[called]:
                del self._listeners[called]

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(*LOST, asyncpg.PostgresError):
                await self._listen_until_lost()
            self._listening.clear()
            await asyncio.sleep(0.2)

    async def _listen_until_lost(self) -> None:
        db = await asyncpg.connect(
            self._dsn, timeout=self._patience, command_timeout=self._patience
        )
        try:
            lost = asyncio.Event()
            db.add_termination_listener(lambda _: lost.set())
            await db.add_listener(CHANNEL, self._hear)
            self._listening.set()
            self._tell_everybody()  # whatever happened while nobody listened
            while not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), self._heartbeat)
                if not lost.is_set():
                    await db.execute("SELECT 1")  # a connection can die without telling
        finally:
            db.terminate()

    def _hear(self, _db: object, _pid: int, _channel: str, payload: object) -> None:
        told = json.loads(str(payload))
        for changed in self._listeners.get(told["stream"], ()):
            changed.tell()

    def _tell_everybody(self) -> None:
        for listeners in self._listeners.values():
            for changed in listeners:
                changed.tell()


def _called(tenant: str, stream: str) -> str:
    """Name a stream as news do: whoever can connect can listen, and must learn nothing."""
    return hashlib.sha256(f"{tenant}\0{stream}".encode()).hexdigest()
