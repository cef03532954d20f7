import asyncio

import asyncpg
import pytest

from adapters.postgres.ledger import Malformed, PostgresLedger
from counterseal.core.errors import TooLarge
from counterseal.core.links import Sealed, flaws
from domain.ports import Entry, FactsMoved, StreamMoved, UnknownTenant
from tests.support.entries import START, counts, end, found_tenant, new_action, row, write


async def seqs(pool: asyncpg.Pool, tenant: str) -> list[int]:
    found = await pool.fetch("SELECT seq FROM ledger.event WHERE tenant = $1 ORDER BY seq", tenant)
    return [each["seq"] for each in found]


async def test_what_was_written_is_read_back_byte_for_byte(ledger: PostgresLedger) -> None:
    tenant = await found_tenant(ledger)
    first = write(tenant, "s", "a", "b", "c", extra='ünïcödé \u2028 \\ "quoted" \x00')
    assert await ledger.append(first) == 3
    story = await ledger.read(tenant, "s")
    assert [each.canonical for each in story] == [each.canonical for each in first.events]
    assert [each.link for each in story] == [each.link for each in first.events]
    assert [(each.seq, each.version, each.kind) for each in story] == [
        (1, 0, "a"),
        (2, 1, "b"),
        (3, 2, "c"),
    ]
    assert [each.version for each in await ledger.read(tenant, "s", after=0)] == [1, 2]
    assert await ledger.read(tenant, "other") == []


async def test_places_have_no_gaps_under_many_writers(
    ledger: PostgresLedger, pool: asyncpg.Pool
) -> None:
    tenant = await found_tenant(ledger)
    other_process = PostgresLedger(pool, largest_batch=3)

    async def writer(nth: int) -> dict[str, list[int]]:
        through = (ledger, other_process)[nth % 2]
        got: dict[str, list[int]] = {}
        for lap in range(4):
            stream, after = f"s-{nth}-{lap}", START
            for _ in range(3):
                entry = write(tenant, stream, "a", "b", after=after)
                got.setdefault(stream, []).append(await through.append(entry))
                after = end(entry)
        return got

    told = await asyncio.gather(*(writer(nth) for nth in range(32)))
    assert await seqs(pool, tenant) == [*range(1 + 32 * 4 * 3 * 2)]
    for got in told:
        for stream, places in got.items():
            story = await ledger.read(tenant, stream)
            assert flaws(tenant, stream, [each.canonical for each in story]) == []
            assert [each.seq for each in story][1::2] == places


async def test_writing_the_same_again_changes_nothing(
    ledger: PostgresLedger, pool: asyncpg.Pool
) -> None:
    tenant, action = await found_tenant(ledger), new_action()
    entry = write(
        tenant,
        action,
        "a",
        "b",
        table="action",
        summary=row(action),
        contributions=[counts("k")],
        guards={"k": 0},
    )
    assert await ledger.append(entry) == 2
    later = write(
        tenant, action, "c", after=end(entry), table="action", summary=row(action, phase="GRANTED")
    )
    assert await ledger.append(later) == 3
    assert await asyncio.gather(*(ledger.append(entry) for _ in range(5))) == [2] * 5
    assert await seqs(pool, tenant) == [0, 1, 2, 3]
    assert (
        await pool.fetchval("SELECT version FROM ledger.velocity_key WHERE tenant = $1", tenant)
        == 1
    )
    phase = await pool.fetchval("SELECT phase FROM ledger.action WHERE tenant = $1", tenant)
    assert phase == "GRANTED"  # the older row is not projected a second time


async def test_of_two_different_entries_at_one_place_the_second_loses(
    ledger: PostgresLedger,
) -> None:
    tenant = await found_tenant(ledger)
    entries = [write(tenant, "s", "a", "b", extra=str(nth)) for nth in range(8)]
    answers = await asyncio.gather(*map(ledger.append, entries), return_exceptions=True)
    assert answers[0] == 2
    assert all(isinstance(each, StreamMoved) and each.current == 1 for each in answers[1:])


async def test_an_entry_that_shares_only_its_beginning_loses(ledger: PostgresLedger) -> None:
    tenant = await found_tenant(ledger)
    await ledger.append(write(tenant, "s", "a"))
    with pytest.raises(StreamMoved, match="version 0"):
        await ledger.append(write(tenant, "s", "a", "b"))


async def test_an_entry_ahead_of_its_stream_loses(ledger: PostgresLedger) -> None:
    tenant = await found_tenant(ledger)
    with pytest.raises(StreamMoved) as moved:
        await ledger.append(write(tenant, "s", after=(4, b"x" * 32)))
    assert moved.value.current == -1


async def test_an_entry_that_follows_another_past_loses(ledger: PostgresLedger) -> None:
    tenant = await found_tenant(ledger)
    await ledger.append(write(tenant, "s", "a"))
    with pytest.raises(StreamMoved):
        await ledger.append(write(tenant, "s", "b", after=(0, b"x" * 32)))


async def test_an_unknown_tenant_has_no_log(ledger: PostgresLedger, pool: asyncpg.Pool) -> None:
    for entry in (
        write("nobody", "s"),
        write("nobody", "tenant", "tenant.renamed"),
        write("nobody", "other", "tenant.created"),
    ):
        with pytest.raises(UnknownTenant):
            await ledger.append(entry)
    assert (
        await pool.fetchval("SELECT count(*) FROM ledger.tenant_head WHERE tenant = 'nobody'") == 0
    )


async def test_a_tenant_is_not_left_half_made(ledger: PostgresLedger, pool: asyncpg.Pool) -> None:
    wrong = write("half", "tenant", "tenant.created", table="action", summary={})
    answers = await asyncio.gather(
        ledger.append(wrong), ledger.append(write("half", "s")), return_exceptions=True
    )
    assert [type(each) for each in answers] == [Malformed, UnknownTenant]
    assert await pool.fetchval("SELECT count(*) FROM ledger.tenant_head WHERE tenant = 'half'") == 0


async def test_a_tenant_is_created_once_by_many(pool: asyncpg.Pool) -> None:
    others = [PostgresLedger(pool) for _ in range(6)]
    founding = [write("t-many", "tenant", "tenant.created", extra=str(nth)) for nth in range(6)]
    answers = await asyncio.gather(
        *(one.append(entry) for one, entry in zip(others, founding, strict=True)),
        return_exceptions=True,
    )
    assert sorted(map(str, answers)) == ["0"] + ["tenant is at version 0"] * 5


async def test_a_moved_counter_sends_the_decision_back(ledger: PostgresLedger) -> None:
    tenant = await found_tenant(ledger)
    entries = [
        write(tenant, new_action(), contributions=[counts("k")], guards={"k": 0, "untouched": 0})
        for _ in range(6)
    ]
    answers = await asyncio.gather(*map(ledger.append, entries), return_exceptions=True)
    assert answers[0] == 1
    assert all(isinstance(each, FactsMoved) for each in answers[1:])
    again = write(tenant, new_action(), contributions=[counts("k")], guards={"k": 1})
    assert await ledger.append(again) == 2


def _with(entry: Entry, **changed: object) -> Entry:
    first = entry.events[0]
    fields = {name: getattr(first, name) for name in Sealed.__slots__}
    return entry.model_copy(update={"events": (Sealed(**{**fields, **changed}),)})


async def test_one_bad_entry_does_not_spoil_its_batch(
    ledger: PostgresLedger, pool: asyncpg.Pool
) -> None:
    tenant, action = await found_tenant(ledger), new_action()
    strange = write(tenant, "elsewhere").events[0]
    bad = {
        "unknown tenant": (write("nobody", "s"), UnknownTenant),
        "behind": (write(tenant, "tenant", "x"), StreamMoved),
        "guard": (write(tenant, "g", guards={"k": 7}), FactsMoved),
        "too large": (write(tenant, "large", extra="x" * 4_200_000), TooLarge),
        "another stream's envelope": (
            write(tenant, "s-1").model_copy(update={"events": (strange,)}),
            Malformed,
        ),
        "another kind": (_with(write(tenant, "s-2"), kind="thing.else"), Malformed),
        "no instant": (
            write(tenant, action, table="action", summary=row(action, requested_at="soon")),
            Malformed,
        ),
        "another action's row": (
            write(tenant, new_action(), table="action", summary=row(action)),
            Malformed,
        ),
        "missing column": (
            write(tenant, action, table="action", summary={"action_id": action}),
            Malformed,
        ),
        "NUL": (write(tenant, "roster", table="roster", summary={"body": {"a": "\0"}}), Malformed),
    }
    good = [write(tenant, f"good-{nth}") for nth in range(8)]
    entries = [*good[:3], *(entry for entry, _ in bad.values()), *good[3:]]
    answers = await asyncio.gather(*map(ledger.append, entries), return_exceptions=True)
    assert [each for each in answers if isinstance(each, int)] == [*range(1, 9)]
    failed = [type(each) for each in answers if not isinstance(each, int)]
    assert dict(zip(bad, failed, strict=True)) == {name: kind for name, (_, kind) in bad.items()}
    assert await seqs(pool, tenant) == [*range(9)]


async def test_tenants_do_not_see_each_other(ledger: PostgresLedger, pool: asyncpg.Pool) -> None:
    mine, yours = await found_tenant(ledger), await found_tenant(ledger)
    entries = [write(mine, "s", "mine"), write(yours, "s", "yours")]
    assert await asyncio.gather(*map(ledger.append, entries)) == [1, 1]
    assert [each.kind for each in await ledger.read(mine, "s")] == ["mine"]
    assert [each.kind for each in await ledger.read(yours, "s")] == ["yours"]
    assert await seqs(pool, mine) == [0, 1]


async def test_everything_recorded_goes_out(ledger: PostgresLedger, pool: asyncpg.Pool) -> None:
    tenant = await found_tenant(ledger)
    await asyncio.gather(*(ledger.append(write(tenant, f"s{n}", "a", "b")) for n in range(10)))
    out = await pool.fetch("SELECT seq FROM ledger.outbox WHERE tenant = $1 ORDER BY seq", tenant)
    assert [each["seq"] for each in out] == await seqs(pool, tenant) == [*range(21)]


async def test_writers_of_one_process_share_commits(
    ledger: PostgresLedger, pool: asyncpg.Pool
) -> None:
    tenant = await found_tenant(ledger)
    await asyncio.gather(*(ledger.append(write(tenant, f"s{nth}")) for nth in range(100)))
    commits = await pool.fetchval(
        "SELECT count(DISTINCT xmin::text) FROM ledger.event WHERE tenant = $1 AND seq > 0", tenant
    )
    assert commits <= 2


async def test_a_caller_who_went_away_disturbs_nobody(ledger: PostgresLedger) -> None:
    tenant = await found_tenant(ledger)
    going = [asyncio.create_task(ledger.append(write(tenant, f"g{n}"))) for n in range(4)]
    staying = [asyncio.create_task(ledger.append(write(tenant, f"s{n}"))) for n in range(4)]
    await asyncio.sleep(0)
    for each in going:
        each.cancel()
    places = await asyncio.gather(*staying)
    assert len({*places}) == 4
