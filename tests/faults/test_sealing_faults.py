"""Signer and witness break at every call by which they leave a trace; nothing is signed twice.

Each fault is followed by a full check: every checkpoint ever published is that of the log, the
signer's memory is never behind what was published, and all that a witness let out of its hands
belongs to one history.
"""

import asyncio
import itertools
import os
import shutil
import signal
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import asyncpg
import httpx
import pytest

from adapters.embedded_postgres import EmbeddedPostgres
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.pool import open_pool
from adapters.postgres.tree import PostgresTree
from adapters.signer_state import SignerState
from counterseal.core.tlog.checkpoint import Checkpoint, origin_of, parse_checkpoint
from counterseal.core.tlog.note import BadNote, parse_note
from counterseal.core.tlog.tree import Frontier
from counterseal.witness.keys import WitnessKey, make_key
from domain.ports import Unavailable
from domain.sealing import Sealed
from entrypoints.processes import free_port
from tests.support.breaking import KINDS, Fault, end, faults, start_signer, start_witness
from tests.support.entries import found_tenant, write
from tests.support.logs import SmallLog
from tests.support.postgres import Database, discard, make_database, start_server
from tests.support.sealing import ORIGIN, Desk, Evidence, until

PATIENCE = 20.0
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Never used, and much faster to make than the one httpx makes for each client."""


# -- the signer


class Victim(Evidence):
    """One log, its signer, and everything that was ever published of it."""

    def __init__(self, pool: asyncpg.Pool, tenant: str, desk: Desk) -> None:
        super().__init__(pool, tenant)
        self.desk = desk
        self.ledger = PostgresLedger(pool)
        self.tree = PostgresTree(pool)
        self._streams = itertools.count()

    async def grow(self) -> None:
        events = ["thing.happened"] * 3
        await self.ledger.append(write(self.tenant, f"s{next(self._streams)}", *events))

    async def is_sealed(self) -> bool:
        return (await self.seal()).sealed == (await self.tree.head(self.tenant)).size

    async def breaks(self, fault: Fault) -> bool:
        """Run a signer that meets ``fault`` until all is sealed; say whether that killed it."""
        await self.grow()
        settings = self.desk.settings().model_copy(update={"signer_port": 0})
        process = start_signer(settings, fault)
        try:
            await until(lambda: self._is_over(process), PATIENCE)
        finally:
            died = end(process)
        return died

    async def recovers(self) -> bool:
        """Run a signer that nothing happens to; say whether it seals the rest."""
        async with self.desk.signer() as signer:
            await signer.turn()
            return signer.why(self.tenant) is None and await self.is_sealed()

    async def _is_over(self, process: ForkServerProcess) -> bool:
        return not process.is_alive() or await self.is_sealed()

    def _remembered(self) -> Sealed | None:
        with tempfile.TemporaryDirectory() as beside:  # a signer that runs keeps its own to itself
            for place in self.desk.state.glob("*.json"):
                shutil.copy(place, beside)
            state = SignerState(Path(beside))
            try:
                return state.read(origin_of(ORIGIN, self.tenant))
            finally:
                state.close()

    async def flaws(self) -> list[str]:
        """Compare everything that was signed with the log as it is."""
        head = await self.tree.head(self.tenant)
        roots, tree = {0: Frontier().root()}, Frontier()
        async for leaf in self.tree.leaves(self.tenant, 0, head.size):
            tree.append(leaf)
            roots[tree.size] = tree.root()
        rows = await self.pool.fetch(
            "SELECT size, note FROM ledger.checkpoint WHERE tenant = $1", self.tenant
        )
        signed = [parse_checkpoint(row["note"]) for row in rows]
        kept = self._remembered()
        found = [
            f"{checkpoint.size}: not of this log"
            for checkpoint, note in signed
            if roots[checkpoint.size] != checkpoint.root
            or not note.signed_by([self.desk.verifier(self.tenant)])
        ]
        # Of a signer that runs, the memory may have gone on meanwhile; it is never behind.
        if kept is not None and roots.get(kept.size, kept.root) != kept.root:
            found.append("the signer remembers another tree")
        if max((each.size for each, _ in signed), default=0) > (kept.size if kept else 0):
            found.append("more was published than is remembered")
        return found


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    started = start_server()
    yield started
    discard(started)


@pytest.fixture(scope="module")
def database(server: EmbeddedPostgres) -> Database:
    return make_database(server)


@pytest.fixture
async def victim(database: Database, tmp_path: Path) -> AsyncIterator[Victim]:
    async with open_pool(database.dsn) as pool:
        tenant = await found_tenant(PostgresLedger(pool))
        yield Victim(pool, tenant, Desk(database, tmp_path))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_signer_may_break_at_every(victim: Victim, kind: str) -> None:
    for nth in itertools.count(1):
        for fault in faults(kind, nth):
            died = await victim.breaks(fault)
            assert await victim.flaws() == [], fault
            assert await victim.recovers(), fault
            assert await victim.flaws() == [], fault
            if fault.error is None and not died:
                assert nth > LEAST[kind], "it was never broken"
                return


LEAST = {"write": 1, "fsync": 2, "replace": 1, "send": 4}
"""Calls that a signer makes for one seal at the very least."""


async def test_postgres_may_be_stopped_at_once_at_any_moment(
    server: EmbeddedPostgres, victim: Victim
) -> None:
    settings = victim.desk.settings().model_copy(update={"signer_port": 0})
    process = start_signer(settings)
    try:
        for _ in range(5):
            with suppress(Unavailable):
                for _ in range(20):
                    await victim.grow()
            assert server.pid is not None
            os.kill(server.pid, signal.SIGQUIT)
            while server.is_alive():  # noqa: ASYNC110 - nobody tells when a process has ended
                await asyncio.sleep(0.001)
            await asyncio.to_thread(server.start)
            assert await victim.flaws() == []
        await until(victim.is_sealed, PATIENCE)
    finally:
        assert not end(process), "the signer outlives its database"
    assert await victim.flaws() == []


# -- the witness


class Watched:
    """A log that forks as soon as it can, and a witness that breaks."""

    def __init__(self, folder: Path) -> None:
        self.log = SmallLog()
        self.folder = folder
        self.key = WitnessKey("witness.example/w", make_key(folder / "key.pem")).verifier
        self.released: set[Checkpoint] = set()
        self.size = 0
        self._forks = itertools.count()

    async def breaks(self, fault: Fault | None) -> bool:
        """Have the log's next tree cosigned; say whether ``fault`` killed the witness."""
        async with self._witness(fault) as (process, url):
            for _ in range(2):
                match await self._ask(url, self.log, self.size):
                    case None:
                        break
                    case 0:  # it is dead, or about to be
                        await asyncio.to_thread(process.join, PATIENCE)
                    case _:
                        continue
            return not process.is_alive()

    async def is_fooled(self) -> bool:
        """Tell a sound witness another story from where it was last known to be.

        If it believes that, nobody has seen the first story, so the log goes on with the other.
        """
        fork = self.log.fork(self.size, f"fork {next(self._forks)}")
        async with self._witness(None) as (_, url):
            if await self._ask(url, fork, self.size) is None:
                self.log = fork
            assert await self._ask(url, self.log, self.size) is None
        return any(self.log.checkpoint(each.size) != each for each in self.released)

    @asynccontextmanager
    async def _witness(self, fault: Fault | None) -> AsyncIterator[tuple[ForkServerProcess, str]]:
        port = free_port(0)
        process = start_witness(self.folder, self.key.name, self.log.verifier, port, fault)
        try:
            async with asyncio.timeout(PATIENCE):
                while process.is_alive():
                    with suppress(OSError):
                        _, line = await asyncio.open_connection("127.0.0.1", port)
                        line.close()
                        break
                    await asyncio.sleep(0.005)
                yield process, f"http://127.0.0.1:{port}"
        finally:
            end(process)
        for path in (self.folder / "public").rglob("*.txt"):
            with suppress(BadNote):
                self._release(path.read_text("utf-8"))

    async def _ask(self, url: str, log: SmallLog, old: int) -> int | None:
        """Ask for the next tree; give the status unless it was cosigned."""
        new = old + 3
        try:
            async with httpx.AsyncClient(verify=PLAIN) as http:
                told = await http.post(f"{url}/add-checkpoint", content=log.request(old, new))
        except httpx.HTTPError:
            return 0
        if told.status_code == 409:
            # The log may learn from this that its last tree was cosigned.
            self.size = int(told.text)
            return 409 if log is not self.log else await self._ask(url, log, self.size)
        if told.status_code != 200:
            return told.status_code
        self._release(str(log.note(new)) + told.text)
        self.size = new
        return None

    def _release(self, text: str) -> None:
        if parse_note(text).signed_by([self.key]):
            self.released.add(parse_checkpoint(text)[0])


CALLS = {"write": 2, "fsync": 4, "replace": 1, "send": 1}
"""Calls that a witness makes for one cosignature at the very least."""


@pytest.mark.parametrize("kind", KINDS)
async def test_a_witness_may_break_at_every(tmp_path: Path, kind: str) -> None:
    watched = Watched(tmp_path)
    for nth in itertools.count(1):
        for fault in faults(kind, nth):
            died = await watched.breaks(fault)
            assert not await watched.is_fooled(), fault
            if fault.error is None and not died:
                assert nth > CALLS[kind], "it was never broken"
                assert len(watched.released) > 2 * nth
                return
