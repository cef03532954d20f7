"""Witnesses as the signer meets them: honest, slow, dead and lying."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import httpx
import pytest

from adapters.postgres.ledger import PostgresLedger
from adapters.witnesses import BadWitness, KnownSize, NotCosigned, Witness, Witnesses
from counterseal.core.tlog.note import Signature, SignatureType, VerifierKey
from counterseal.core.words import Level
from counterseal.witness.keys import WitnessKey, make_key
from entrypoints.processes import Child
from tests.support.entries import found_tenant, write
from tests.support.logs import SmallLog
from tests.support.postgres import Database
from tests.support.sealing import ORIGIN, Desk, Evidence, Signer, until
from tests.support.witnessing import start_witness

LOG = SmallLog()
NOTE = LOG.note(5)
Reply = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> WitnessKey:
    return WitnessKey("witness.example/w1", make_key(tmp_path_factory.mktemp("key") / "w.pem"))


@asynccontextmanager
async def answering(reply: Reply | None) -> AsyncIterator[str]:
    """A server that answers every request with the same bytes, or never."""
    lines: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)
        if reply is None:
            await reader.read()
            return
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        writer.write(reply(await reader.readexactly(length)))
        writer.write_eof()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for line in lines:
            line.close()
            with suppress(OSError):
                await line.wait_closed()


def http(status: str, body: bytes, *headers: str) -> Reply:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return lambda _: "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def ask(key: VerifierKey, url: str, patience: float = 5.0) -> Signature | KnownSize:
    asking = Witnesses(patience)
    try:
        return await asking.ask(Witness(key, url), 0, [], NOTE)
    finally:
        await asking.close()


async def test_a_cosignature_is_taken_and_the_lines_of_others_are_not(key: WitnessKey) -> None:
    mine = key.cosign(NOTE.text, 1700000000)
    others = SmallLog("example.com/other").sign(NOTE.text).line
    body = f"{others}\n{mine.line}\n{others}\n".encode()
    async with answering(http("200 OK", body)) as url:
        assert await ask(key.verifier, url) == mine


async def test_a_conflict_tells_the_size(key: WitnessKey) -> None:
    async with answering(http("409 Conflict", b"17\n")) as url:
        assert await ask(key.verifier, url) == KnownSize(17)


def lies(key: WitnessKey) -> Iterator[tuple[str, Reply, str]]:
    line = key.cosign(NOTE.text, 1).line
    other = key.cosign(LOG.note(6).text, 1).line
    stranger = SmallLog("example.com/other").sign(NOTE.text).line
    plain = Signature(key.name, key.verifier.id, key.private.sign(NOTE.text.encode())).line
    yield "no line", http("200 OK", b""), "misbehaved"
    yield "a page", http("200 OK", b"<html></html>"), "misbehaved"
    yield "not UTF-8", http("200 OK", b"\xff\xfe"), "misbehaved"
    yield "another's line only", http("200 OK", f"{stranger}\n".encode()), "misbehaved"
    yield "of another tree", http("200 OK", f"{other}\n".encode()), "misbehaved"
    yield "without a time", http("200 OK", f"{plain}\n".encode()), "misbehaved"
    yield "a true and a false line", http("200 OK", f"{line}\n{other}\n".encode()), "misbehaved"
    yield "no dash", http("200 OK", line[2:].encode()), "misbehaved"
    yield "too much", http("200 OK", f"{line}\n".encode() * 1000), "misbehaved"
    yield "a conflict without a size", http("409 Conflict", b"busy\n"), "refused"
    yield "a conflict with a sign", http("409 Conflict", b"-1\n"), "refused"
    yield "a conflict without an end", http("409 Conflict", b"17"), "refused"
    yield "a redirect", http("302 Found", b"", "Location: http://127.0.0.1:9/"), "refused"
    yield "not its log", http("404 Not Found", b"who?\n"), "refused"
    yield "a fork, it says", http("422 Unprocessable Entity", b"no\n"), "refused"
    yield "a breakdown", http("500 Internal Server Error", b""), "refused"
    yield "no HTTP", lambda _: b"hello\r\n", "unreachable"
    yield (
        "half an answer",
        lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx",
        "unreachable",
    )
    yield "nothing", lambda _: b"", "unreachable"


async def test_nothing_a_lying_witness_says_is_taken_for_a_cosignature(key: WitnessKey) -> None:
    for why, reply, reason in lies(key):
        async with answering(reply) as url:
            with pytest.raises(NotCosigned) as refused:
                await ask(key.verifier, url)
            assert refused.value.reason == reason, why


async def test_a_witness_that_says_nothing_is_waited_for_only_so_long(key: WitnessKey) -> None:
    async with answering(None) as url:
        with pytest.raises(NotCosigned, match="Timeout"):
            await ask(key.verifier, url, patience=0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not <verifier key>@<url>"),
        ("http://127.0.0.1", "is not <verifier key>@<url>"),
        ("{key}", "has no http"),
        ("{key}@", "has no http"),
        ("{key}@127.0.0.1:80", "has no http"),
        ("{key}@ftp://x", "has no http"),
        ("{key}@file:///x", "has no http"),
        ("{log}@http://127.0.0.1", "witnesses have 0x04"),
    ],
)
def test_a_witness_that_cannot_be_asked_is_refused_at_the_start(
    key: WitnessKey, text: str, said: str
) -> None:
    with pytest.raises(BadWitness) as refused:
        Witness.parse(text.format(key=key.verifier, log=LOG.verifier))
    assert said in str(refused.value)


def test_the_url_of_a_witness_may_have_a_path(key: WitnessKey) -> None:
    read = Witness.parse(f"{key.verifier}@https://w.example/sub/")
    assert read == Witness(key.verifier, "https://w.example/sub")


# -- the signer and the real program


class Stage(Evidence):
    """A log, its signer's desk, and witnesses that come and go."""

    def __init__(self, ledger: PostgresLedger, pool: asyncpg.Pool, tenant: str, desk: Desk) -> None:
        super().__init__(pool, tenant)
        self.ledger = ledger
        self.desk = desk
        self.programs: list[Child] = []
        self._streams = 0

    async def grow(self, count: int = 3) -> None:
        self._streams += 1
        kinds = ["thing.happened"] * count
        await self.ledger.append(write(self.tenant, f"s{self._streams}", *kinds))

    def witness(self, name: str, *, runs: bool = True) -> Child:
        """Employ one more witness; it only answers if it ``runs``."""
        family = self.desk.verifier(self.tenant)
        server = VerifierKey(ORIGIN, SignatureType.ED25519, family.public)
        program, key, url = start_witness(self.desk.folder, name, server, runs=runs)
        self.desk.witnesses = (*self.desk.witnesses, f"{key}@{url}")
        self.programs.append(program)
        return program

    def comes_to(self, level: Level) -> Callable[[], Awaitable[bool]]:
        async def has_come() -> bool:
            head = (
                await self.pool.fetchval(
                    "SELECT next_seq FROM ledger.tenant_head WHERE tenant = $1", self.tenant
                )
            ) - 1
            return await self.seals.level(self.tenant, head) is level

        return has_come


@pytest.fixture
async def stage(
    database: Database, ledger: PostgresLedger, pool: asyncpg.Pool, tmp_path: Path
) -> AsyncIterator[Stage]:
    made = Stage(ledger, pool, await found_tenant(ledger), Desk(database, tmp_path))
    yield made
    for program in made.programs:
        program.kill()


async def test_what_a_witness_cosigns_is_witnessed(stage: Stage) -> None:
    stage.witness("w1")
    async with stage.desk.signer() as signer:
        for _ in range(3):
            await stage.grow()
            await signer.turn()
            await until(stage.comes_to(Level.WITNESSED))
        assert signer.count("counterseal_checkpoints_total", level="witnessed") >= 3
    checkpoint, note = await stage.checkpoint()
    assert checkpoint.size == 10
    key = Witness.parse(stage.desk.witnesses[0]).key
    assert note.signed_by([stage.desk.verifier(stage.tenant), key])[1:] == (key,)
    published = [*(stage.desk.folder / "w1" / "public").rglob(f"{10:020}.txt")]
    assert any(path.read_text("utf-8").startswith(checkpoint.text) for path in published)


async def test_a_dead_witness_delays_no_seal_and_a_quorum_is_enough(stage: Stage) -> None:
    stage.witness("dead", runs=False)
    stage.witness("w1")
    async with stage.desk.signer() as signer:
        await stage.grow()
        await signer.turn()
        assert (await stage.seal()).sealed == 4
        await until(stage.comes_to(Level.WITNESSED))
        await until(_counted(signer, "dead", "unreachable"))


async def test_without_a_quorum_it_stays_sealed_until_the_witness_is_back(stage: Stage) -> None:
    stage.witness("w1")
    away = stage.witness("w2", runs=False)
    stage.desk.quorum = 2
    async with stage.desk.signer() as signer:
        await stage.grow()
        await signer.turn()
        await until(_counted(signer, "w2", "unreachable"))
        assert await stage.seal() == (4, 0)
        away.start()
        await until(stage.comes_to(Level.WITNESSED))
    _, note = await stage.checkpoint()
    assert len(note.signatures) == 3


async def test_a_restarted_signer_finds_out_where_its_witness_is(stage: Stage) -> None:
    stage.witness("w1")
    for _ in range(2):
        await stage.grow()
        async with stage.desk.signer() as signer:
            await signer.turn()
            await until(stage.comes_to(Level.WITNESSED))


async def test_a_witness_that_knows_a_longer_log_is_reported_and_nothing_is_witnessed(
    stage: Stage,
) -> None:
    """The signer's memory and the database were both rolled back; the witness was not."""
    program = stage.witness("w1")
    ahead = SmallLog(f"{ORIGIN}/{stage.tenant}")
    ahead.key = make_key(stage.desk.folder / "log.pem")
    url = Witness.parse(stage.desk.witnesses[0]).url
    async with httpx.AsyncClient() as client:
        told = await client.post(f"{url}/add-checkpoint", content=ahead.request(0, 50))
        assert told.status_code == 200, program.last_words()
    async with stage.desk.signer() as signer:
        await stage.grow()
        await signer.turn()
        await until(_counted(signer, "w1", "ahead"))
        assert await stage.seal() == (4, 0)
        # Once the log is as long again, it is the proof that does not fit.
        await stage.grow(60)
        await signer.turn()
        await until(_counted(signer, "w1", "refused"))
        assert await stage.seal() == (64, 0)


async def test_what_a_witness_has_against_one_log_costs_no_other(
    stage: Stage, ledger: PostgresLedger, pool: asyncpg.Pool
) -> None:
    stage.witness("w1")
    ahead = SmallLog(f"{ORIGIN}/{stage.tenant}")
    ahead.key = make_key(stage.desk.folder / "log.pem")
    url = Witness.parse(stage.desk.witnesses[0]).url
    async with httpx.AsyncClient() as client:
        await client.post(f"{url}/add-checkpoint", content=ahead.request(0, 50))
    other = Stage(ledger, pool, await found_tenant(ledger), stage.desk)
    async with stage.desk.signer() as signer:
        await signer.turn()
        await until(_counted(signer, "w1", "ahead"))
        await other.grow()
        await signer.turn()
        await until(other.comes_to(Level.WITNESSED))


def _counted(signer: Signer, witness: str, reason: str) -> Callable[[], Awaitable[bool]]:
    async def counted() -> bool:
        labels = {"witness": f"witness.example/{witness}", "reason": reason}
        return signer.count("counterseal_witness_failures_total", **labels) > 0

    return counted
