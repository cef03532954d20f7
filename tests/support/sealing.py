"""A signer for tests: the real one, going round when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from adapters.postgres.seals import PostgresSeals, Seal
from adapters.signing_keys import make_signing_key
from counterseal.core.tlog.checkpoint import Checkpoint, parse_checkpoint
from counterseal.core.tlog.note import Note, SignatureType, VerifierKey
from domain.sealing import INTERVAL
from entrypoints.sealing.metrics import SealingMetrics
from entrypoints.sealing.rounds import Rounds
from entrypoints.settings import SignerSettings
from entrypoints.signer import sealing
from tests.support.postgres import Database
from tests.support.roles import administering

ORIGIN = "counterseal.local"


def signer_dsn(database: Database) -> str:
    return database.dsn.replace("counterseal_app@", "counterseal_signer@")


class Signer:
    """One running signer. ``turn`` makes it go round once and finish what it began."""

    def __init__(self, rounds: Rounds, metrics: SealingMetrics, clock: list[float]) -> None:
        self.rounds = rounds
        self.metrics = metrics
        self._clock = clock

    async def turn(self) -> None:
        """A while later: everything that has moved is due again."""
        self._clock[0] += 100 * INTERVAL
        await self.rounds.once()
        await self.rounds.settle()

    def why(self, tenant: str) -> str | None:
        """Why a log is not sealed."""
        return self.rounds.flaws.get(f"{ORIGIN}/{tenant}")

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


class Desk:
    """Where signers keep their key and their memory, from one start to the next."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.keys = ["log"]
        self.witnesses: tuple[str, ...] = ()
        self.quorum = 1

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def verifier(self, tenant: str, key: str = "log") -> VerifierKey:
        public = make_signing_key(self.folder / f"{key}.pem").public
        return VerifierKey(f"{ORIGIN}/{tenant}", SignatureType.ED25519, public)

    def settings(self) -> SignerSettings:
        for key in self.keys:
            make_signing_key(self.folder / f"{key}.pem")
        return SignerSettings(
            database_url=signer_dsn(self.database),
            log_key=tuple(f"file:{self.folder / key}.pem" for key in self.keys),
            signer_state=self.state,
            witnesses=self.witnesses,
            witness_quorum=self.quorum,
        )

    @asynccontextmanager
    async def signer(self) -> AsyncIterator[Signer]:
        """Start a signer; it ends, as if killed, with the block."""
        clock, metrics = [0.0], SealingMetrics()
        async with sealing(self.settings(), metrics, lambda: clock[0]) as rounds:
            yield Signer(rounds, metrics, clock)


class Evidence:
    """What the database says of a log."""

    def __init__(self, pool: asyncpg.Pool, tenant: str) -> None:
        self.pool = pool
        self.tenant = tenant
        self.seals = PostgresSeals(pool)

    async def seal(self) -> Seal:
        return await self.seals.seal(self.tenant)

    async def sizes(self) -> list[int]:
        """The sizes of every checkpoint that was published."""
        sql = "SELECT size FROM ledger.checkpoint WHERE tenant = $1 ORDER BY size"
        return [row[0] for row in await self.pool.fetch(sql, self.tenant)]

    async def checkpoint(self) -> tuple[Checkpoint, Note]:
        note = await self.seals.checkpoint(self.tenant)
        assert note is not None
        return parse_checkpoint(note)


async def until(true: Callable[[], Awaitable[bool]], patience: float = 10.0) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(patience):
        while not await true():  # noqa: ASYNC110 - it comes true in another process
            await asyncio.sleep(0.02)


@asynccontextmanager
async def insider(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A database administrator, whom no trigger stops."""
    async with administering(database) as db:
        await db.execute("SET session_replication_role = replica")
        yield db
