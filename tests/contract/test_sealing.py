"""The signer against a real ledger: it follows what is true, and nothing else gets its name."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.sealing import PostgresSealing
from adapters.postgres.tree import PostgresTree
from adapters.signer_state import SignerState
from counterseal.core.tlog.note import BadNote
from counterseal.core.tlog.trust import Trust
from counterseal.core.words import Level
from domain.ports import Unavailable
from domain.sealing import Head, Sealed
from entrypoints.sealing import sealer
from tests.support.entries import end, found_tenant, write
from tests.support.postgres import Database
from tests.support.sealing import ORIGIN, Desk, Evidence, insider, signer_dsn


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return Desk(database, tmp_path)


class Log(Evidence):
    """A tenant's log that grows by as many events as are wanted."""

    def __init__(self, ledger: PostgresLedger, pool: asyncpg.Pool, tenant: str) -> None:
        super().__init__(pool, tenant)
        self.ledger = ledger
        self._streams = 0

    async def grow(self, count: int = 1, extra: str = "") -> None:
        self._streams += 1
        stream = f"stream {self._streams}{extra}"
        await self.ledger.append(write(self.tenant, stream, *["thing.happened"] * count))

    async def head(self) -> Head:
        return Head(*await PostgresTree(self.pool).head(self.tenant))


@pytest.fixture
async def log(ledger: PostgresLedger, pool: asyncpg.Pool) -> Log:
    return Log(ledger, pool, await found_tenant(ledger))


@pytest.fixture
async def other(ledger: PostgresLedger, pool: asyncpg.Pool) -> Log:
    return Log(ledger, pool, await found_tenant(ledger))


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection]:
    async with insider(database) as db:
        yield db


async def test_what_is_recorded_gets_sealed(desk: Desk, log: Log) -> None:
    await log.grow(4)
    assert await log.seals.level(log.tenant, 4) is Level.RECORDED
    async with desk.signer() as signer:
        await signer.turn()
        assert signer.why(log.tenant) is None
    checkpoint, note = await log.checkpoint()
    assert (checkpoint.origin, checkpoint.extensions) == (f"{ORIGIN}/{log.tenant}", ())
    assert Head(checkpoint.size, checkpoint.root) == await log.head()
    assert note.signed_by([desk.verifier(log.tenant)])
    assert await log.seals.level(log.tenant, 4) is Level.SEALED
    assert await log.seals.level(log.tenant, 5) is Level.RECORDED
    assert await log.seals.level_of(log.tenant, "stream 1", "thing.happened") is Level.SEALED
    assert await log.seals.level_of(log.tenant, "stream 1", "other.happened") is None


async def test_each_seal_continues_the_one_before_and_an_idle_log_gets_none(
    desk: Desk, log: Log
) -> None:
    async with desk.signer() as signer:
        for count in (1, 2, 300):
            await log.grow(count)
            await signer.turn()
            await signer.turn()
    assert await log.sizes() == [2, 4, 304]
    async with desk.signer() as signer:
        await signer.turn()
    assert await log.sizes() == [2, 4, 304]


async def test_a_log_is_not_sealed_more_than_once_a_second_unless_much_happens(
    desk: Desk, log: Log
) -> None:
    async with desk.signer() as signer:
        await signer.turn()
        await log.grow(255)
        await signer.rounds.once()
        await signer.rounds.settle()
        assert await log.sizes() == [1]
        assert signer.count("counterseal_seal_lag_seconds") == 0
        await log.grow(1)
        await signer.rounds.once()
        await signer.rounds.settle()
        assert await log.sizes() == [1, 257]


async def test_a_long_log_is_caught_up_with_while_others_are_sealed(
    desk: Desk, log: Log, other: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealer, "STEP", 50)
    for _ in range(4):
        await log.grow(250)
    order: list[str] = []
    publish = PostgresSealing.publish

    async def noted(
        self: PostgresSealing, tenant: str, head: Head, note: str, *, witnessed: bool
    ) -> str | None:
        order.append(tenant)
        return await publish(self, tenant, head, note, witnessed=witnessed)

    monkeypatch.setattr(PostgresSealing, "publish", noted)
    monkeypatch.setattr("entrypoints.sealing.rounds.AT_ONCE", 1)
    async with desk.signer() as signer:
        await signer.turn()
    assert order.index(other.tenant) < order.index(log.tenant)
    assert await log.sizes() == [1001]


async def publish(
    database: Database, tenant: str, size: int, root: bytes, *, witnessed: bool = False
) -> str | None:
    db = await asyncpg.connect(signer_dsn(database))
    try:
        sql = "SELECT ledger.publish_checkpoint($1, $2, $3, 'note', $4)"
        refused: str | None = await db.fetchval(sql, tenant, size, root, witnessed)
        return refused
    finally:
        await db.close()


async def test_the_ledger_itself_refuses_checkpoints_that_contradict_it(
    database: Database, log: Log
) -> None:
    await log.grow(4)
    size, root = await log.head()
    other = b"\1" * 32
    assert await publish(database, "nobody", 1, root) == "ahead"
    assert await publish(database, log.tenant, size + 1, root) == "ahead"
    assert await publish(database, log.tenant, size, other) == "other_root"
    assert await log.seal() == (0, 0)
    assert await publish(database, log.tenant, size, root) is None
    assert await publish(database, log.tenant, size, root) is None
    assert await publish(database, log.tenant, size, other) == "other_root"
    assert await publish(database, log.tenant, size - 1, other) == "behind"
    assert await log.seal() == (size, 0)
    await log.grow()
    assert await publish(database, log.tenant, size, root, witnessed=True) is None
    assert await log.seal() == (size, size)
    assert await log.sizes() == [size]


async def roll_back(db: asyncpg.Connection, tenant: str, size: int, head: asyncpg.Record) -> None:
    """Make the database what a backup of that moment holds."""
    for sql in (
        "DELETE FROM ledger.event WHERE tenant = $1 AND seq >= $2",
        "DELETE FROM ledger.outbox WHERE tenant = $1 AND seq >= $2",
        "DELETE FROM ledger.cosigned_checkpoint WHERE tenant = $1 AND size > $2",
        "DELETE FROM ledger.checkpoint WHERE tenant = $1 AND size > $2",
        "UPDATE ledger.seal SET witnessed = 0, sealed = $2 WHERE tenant = $1",
    ):
        await db.execute(sql, tenant, size)
    await db.execute("DELETE FROM ledger.tenant_head WHERE tenant = $1", tenant)
    await db.execute("INSERT INTO ledger.tenant_head SELECT ($1::ledger.tenant_head).*", head)


async def head_row(db: asyncpg.Connection, tenant: str) -> asyncpg.Record:
    sql = "SELECT tenant_head FROM ledger.tenant_head WHERE tenant = $1"
    found: asyncpg.Record = await db.fetchval(sql, tenant)
    return found


async def test_a_restored_backup_is_not_sealed_and_other_logs_are(
    desk: Desk, log: Log, other: Log, admin: asyncpg.Connection
) -> None:
    async with desk.signer() as signer:
        await log.grow(3)
        await signer.turn()
        backup = await head_row(admin, log.tenant)
        await log.grow(3)
        await signer.turn()
        await roll_back(admin, log.tenant, 4, backup)
        await other.grow()
        await signer.turn()
        assert signer.why(log.tenant) == "rolled-back"
        assert await log.seal() == (4, 0)
        assert await other.seal() == (2, 0)


async def test_a_rolled_back_log_that_grows_again_is_a_fork_and_stays_unsealed(
    desk: Desk, log: Log, admin: asyncpg.Connection
) -> None:
    async with desk.signer() as signer:
        await log.grow(3)
        await signer.turn()
        backup = await head_row(admin, log.tenant)
        await log.grow(3)
        await signer.turn()
    await roll_back(admin, log.tenant, 4, backup)
    await log.grow(20, "another history")
    async with desk.signer() as signer:  # a restart changes nothing: it is on the signer's disk
        await signer.turn()
        await signer.turn()
        assert signer.why(log.tenant) == "tree-differs"
        assert await log.sizes() == [4]


EDITS = {
    "a changed event": (
        "UPDATE ledger.event SET canonical = canonical || 'x' WHERE tenant = $1 AND seq = 5",
        "event-changed",
    ),
    "a changed event with its hash": (
        "UPDATE ledger.event SET canonical = 'x', link = sha256('\\x00'::bytea || 'x') "
        "WHERE tenant = $1 AND seq = 5",
        "tree-differs",
    ),
    "a changed hash": (
        "UPDATE ledger.event SET link = sha256('') WHERE tenant = $1 AND seq = 5",
        "event-changed",
    ),
    "an event that is gone": (
        "DELETE FROM ledger.event WHERE tenant = $1 AND seq = 5",
        "event-missing",
    ),
    "the last event gone": (
        "DELETE FROM ledger.event WHERE tenant = $1 AND seq = 6",
        "event-missing",
    ),
    "two events that changed places": (
        "UPDATE ledger.event AS one SET canonical = two.canonical, link = two.link "
        "FROM ledger.event AS two WHERE one.tenant = $1 AND two.tenant = $1 "
        "AND one.seq IN (5, 6) AND two.seq = 11 - one.seq",
        "tree-differs",
    ),
    "another root": (
        "UPDATE ledger.tenant_head SET root = sha256('x') WHERE tenant = $1",
        "tree-differs",
    ),
    "a longer head": (
        "UPDATE ledger.tenant_head SET next_seq = next_seq + 1 WHERE tenant = $1",
        "event-missing",
    ),
    "a shorter head": (
        "UPDATE ledger.tenant_head SET next_seq = 2 WHERE tenant = $1",
        "rolled-back",
    ),
    "an event too many": (
        "INSERT INTO ledger.event SELECT tenant, 7, stream || 'x', version, kind, canonical, link, "
        "prev, recorded_at FROM ledger.event WHERE tenant = $1 AND seq = 6",
        None,
    ),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_what_an_insider_edits_is_not_sealed(
    desk: Desk, log: Log, other: Log, admin: asyncpg.Connection, edit: str
) -> None:
    sql, reason = EDITS[edit]
    async with desk.signer() as signer:
        await log.grow(3)
        await signer.turn()
        await log.grow(3)
        await other.grow()
        await admin.execute(sql, log.tenant)
        await signer.turn()
        assert signer.why(log.tenant) == reason
        assert await other.seal() == (2, 0)
        # What lies behind the head is nobody's event: the head does not vouch for it.
        assert await log.seal() == ((4, 0) if reason else (7, 0))


async def test_a_past_that_was_rewritten_with_its_tree_is_not_sealed(
    desk: Desk, log: Log, admin: asyncpg.Connection
) -> None:
    """An insider empties the log and tells another story through the ledger's own function."""
    async with desk.signer() as signer:
        await log.grow(3)
        await signer.turn()
        for table in ("event", "outbox", "stream_head", "tenant_head", "tile"):
            await admin.execute(f"DELETE FROM ledger.{table} WHERE tenant = $1", log.tenant)  # noqa: S608 - ours
        await log.ledger.append(write(log.tenant, "tenant", "tenant.created"))
        await log.grow(30, "as it never was")
        await signer.turn()
        assert signer.why(log.tenant) == "tree-differs"
        assert await log.seal() == (4, 0)


async def test_a_log_that_vanished_is_not_overlooked(
    desk: Desk, log: Log, admin: asyncpg.Connection
) -> None:
    async with desk.signer() as signer:
        await log.grow(3)
        await signer.turn()
        await admin.execute("DELETE FROM ledger.tenant_head WHERE tenant = $1", log.tenant)
        await signer.turn()
        assert signer.why(log.tenant) == "rolled-back"
    async with desk.signer() as signer:
        await signer.turn()
        assert signer.why(log.tenant) == "rolled-back"


async def test_once_the_record_is_what_it_was_sealing_goes_on(
    desk: Desk, log: Log, admin: asyncpg.Connection
) -> None:
    async with desk.signer() as signer:
        await log.grow(3)
        await signer.turn()
        await log.grow(3)
        sql = """
            UPDATE ledger.event SET canonical = $2, link = sha256('\\x00'::bytea || $2)
            WHERE tenant = $1 AND seq = 5
        """
        find = "SELECT canonical FROM ledger.event WHERE tenant = $1 AND seq = 5"
        kept = await admin.fetchval(find, log.tenant)
        await admin.execute(sql, log.tenant, b"x")
        await signer.turn()
        assert signer.why(log.tenant) == "tree-differs"
        await admin.execute(sql, log.tenant, kept)
        await signer.turn()
        assert signer.why(log.tenant) is None
    assert await log.sizes() == [4, 7]


async def test_a_signer_that_lost_its_memory_is_bound_by_what_it_published(
    desk: Desk, log: Log, admin: asyncpg.Connection
) -> None:
    async with desk.signer() as signer:
        await log.grow(3)
        await signer.turn()
    for path in desk.state.iterdir():
        path.unlink()
    await admin.execute(
        "UPDATE ledger.event SET canonical = 'x', link = sha256('\\x00'::bytea || 'x') "
        "WHERE tenant = $1 AND seq = 1",
        log.tenant,
    )
    await admin.execute("UPDATE ledger.tenant_head SET next_seq = 5 WHERE tenant = $1", log.tenant)
    async with desk.signer() as signer:
        await signer.turn()
        assert signer.why(log.tenant) == "tree-differs"
    assert await log.sizes() == [4]


async def test_a_checkpoint_of_strangers_does_not_make_a_signer_forget(
    desk: Desk, log: Log, admin: asyncpg.Connection
) -> None:
    async with desk.signer() as signer:
        await log.grow(3)
        await signer.turn()
    for path in desk.state.iterdir():
        path.unlink()
    await admin.execute(
        "INSERT INTO ledger.checkpoint (tenant, size, root, note, created_at) "
        "SELECT tenant, 99, root, replace(note, '4', '99'), created_at FROM ledger.checkpoint "
        "WHERE tenant = $1",
        log.tenant,
    )
    await admin.execute(
        "UPDATE ledger.event SET canonical = 'x', link = sha256('\\x00'::bytea || 'x') "
        "WHERE tenant = $1 AND seq = 1",
        log.tenant,
    )
    await log.grow()
    async with desk.signer() as signer:
        await signer.turn()
        assert signer.why(log.tenant) == "tree-differs"
    assert await log.sizes() == [4, 99]


async def test_a_memory_lost_or_from_a_backup_is_made_good_from_what_was_published(
    desk: Desk, log: Log
) -> None:
    async with desk.signer() as signer:
        await log.grow(3)
        await signer.turn()
        state = {path: path.read_bytes() for path in desk.state.glob("*.json")}
        await log.grow(3)
        await signer.turn()
    for path, kept in state.items():
        path.write_bytes(kept)
    await log.grow()
    async with desk.signer() as signer:
        await signer.turn()
        assert signer.why(log.tenant) is None
    for path in desk.state.glob("*.json"):
        path.unlink()
    async with desk.signer() as signer:
        await signer.turn()
        assert signer.why(log.tenant) is None
    assert await log.sizes() == [4, 7, 8]


async def test_a_checkpoint_that_was_signed_and_not_published_is_published_later(
    desk: Desk, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise Unavailable("no database")

    await log.grow(3)
    with monkeypatch.context() as broken:
        broken.setattr(PostgresSealing, "publish", away)
        async with desk.signer() as signer:
            await signer.turn()
            assert signer.count("counterseal_sealing_failures_total", part="ledger") > 0
    assert await log.seal() == (0, 0)
    written = desk.state / f"{ORIGIN}%2F{log.tenant}.json"
    assert written.exists(), "it was remembered before anybody was told"
    async with desk.signer() as signer:
        await signer.turn()
    assert await log.seal() == (4, 0)


async def test_nothing_is_published_that_could_not_be_remembered(
    desk: Desk, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: SignerState, _origin: str, _sealed: Sealed) -> None:
        raise OSError(28, "No space left on device")

    await log.grow(3)
    async with desk.signer() as signer:
        with monkeypatch.context() as broken:
            broken.setattr(SignerState, "write", full)
            await signer.turn()
            assert signer.count("counterseal_sealing_failures_total", part="state") > 0
            assert await log.seal() == (0, 0)
        await signer.turn()
    assert await log.seal() == (4, 0)


async def test_a_key_is_rotated_with_an_overlap(desk: Desk, log: Log) -> None:
    notes = []
    for keys in (["log"], ["log", "new"], ["new"]):
        desk.keys = keys
        await log.grow()
        async with desk.signer() as signer:
            await signer.turn()
            assert signer.why(log.tenant) is None
        notes.append(await log.checkpoint())
    old = Trust(logs=(desk.verifier(log.tenant, "log"),))
    new = Trust(logs=(desk.verifier(log.tenant, "new"),))
    both = Trust(logs=(*old.logs, *new.logs))
    origin = f"{ORIGIN}/{log.tenant}"
    accepted = {
        name: [trust.is_sealed(origin, note) for _, note in notes]
        for name, trust in (("old", old), ("new", new), ("both", both))
    }
    assert accepted == {
        "old": [True, True, False],
        "new": [False, True, True],
        "both": [True, True, True],
    }
    sizes = [checkpoint.size for checkpoint, _ in notes]
    assert sizes == sorted({*sizes})
    forged = notes[1][1]
    wrong = forged.__class__(forged.text.replace("\n3\n", "\n4\n"), forged.signatures)
    with pytest.raises(BadNote):
        new.is_sealed(origin, wrong)


async def test_a_new_origin_begins_a_new_log(desk: Desk, log: Log) -> None:
    await log.grow()
    async with desk.signer() as signer:
        await signer.turn()
    await log.grow()
    settings = desk.settings().model_copy(update={"log_origin": "counterseal.local/2"})
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(Desk, "settings", lambda _: settings)
        async with desk.signer() as signer:
            await signer.turn()
            assert signer.why(log.tenant) is None
    checkpoint, _ = await log.checkpoint()
    assert (checkpoint.origin, checkpoint.size) == (f"counterseal.local/2/{log.tenant}", 3)


async def test_a_tenant_may_have_a_name_that_no_key_can_have(
    desk: Desk, ledger: PostgresLedger, pool: asyncpg.Pool
) -> None:
    created = write("a+b", "tenant", "tenant.created")
    await ledger.append(created)
    await ledger.append(write("a+b", "tenant", after=end(created)))
    async with desk.signer() as signer:
        await signer.turn()
    checkpoint, _ = await Evidence(pool, "a+b").checkpoint()
    assert checkpoint.origin == f"{ORIGIN}/a%2Bb"
