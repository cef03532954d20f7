"""Packages are gathered from a real log, whatever happens meanwhile, and the verifier agrees."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio

from activities import counting
from activities.proving import Patience
from adapters.postgres.evidence import PostgresEvidence
from adapters.postgres.seals import PostgresSeals
from counterseal.core.links import unseal
from counterseal.core.packages import PeriodFilters, PeriodScope, Profile
from counterseal.core.policy.load import parse_bundle
from counterseal.core.tlog.checkpoint import Checkpoint, parse_checkpoint
from counterseal.core.words import Risk, Verdict
from domain.evidence.contents import Leaf
from domain.evidence.events import EXPORT_STREAM, LEDGER_STREAM
from domain.evidence.refusals import (
    CheckpointRefused,
    LogContradicts,
    NoSuchActions,
    NothingSealedThere,
    NotSealedYet,
)
from domain.roster import Roster
from entrypoints.administration import Administration
from tests.support import stories
from tests.support.entries import write
from tests.support.evidence import POLICY, Clock, Office, hidden, ids_of, kinds
from tests.support.postgres import Database
from tests.support.roles import administering

DAY = timedelta(days=1)
EVER = PeriodScope(since=stories.START - 30 * DAY)


@pytest_asyncio.fixture
async def office(database: Database, pool: asyncpg.Pool) -> AsyncIterator[Office]:
    """Open a tenant of its own, with a roster and a policy."""
    opened = Office(database, pool, Clock())
    await opened.open()
    yield opened


async def exports(office: Office) -> list[dict[str, object]]:
    recorded = await office.ledger.read(office.tenant, EXPORT_STREAM)
    return [dict(unseal(each.canonical)["event"]) for each in recorded]  # type: ignore[call-overload] # an event is an object


async def test_an_action_is_proven_with_what_explains_it(office: Office) -> None:
    action = await office.approved()
    await office.seal()
    taken = await office.take(action)
    assert kinds(taken, action)[-2:] == ["action.settled", "grant.issued"]
    assert kinds(taken, "roster") == ["roster.changed"]
    assert kinds(taken, "bundles") == ["bundle.activated"]
    report = office.check(taken)
    assert report.statement["streams"] == {
        action: {"count": 7, "state": "open"},
        "bundles": {"count": 1, "state": "excerpt"},
        "roster": {"count": 1, "state": "excerpt"},
    }


async def test_the_export_is_on_record_before_it_leaves(office: Office) -> None:
    action = await office.blocked()
    await office.seal()
    taken = await office.take(action, profile=Profile.COUNTS)
    assert taken.taking.seq is None  # it is younger than the checkpoint
    (event,) = await exports(office)
    assert event["by"] == "ann"
    assert event["role"] == "auditor"
    assert event["purpose"] == "audit 14"
    assert event["scope"] == {"kind": "actions", "action_ids": [action], "filters": {}}
    assert (event["profile"], event["size"]) == ("counts", taken.tree.size)
    office.check(taken)


async def test_what_is_not_sealed_is_not_handed_out(office: Office) -> None:
    action = await office.blocked()
    with pytest.raises(NotSealedYet, match="no signed checkpoint"):
        await office.take(action)
    await office.seal()
    office.check(await office.take(action))
    later = await office.blocked()
    with pytest.raises(NotSealedYet):
        await office.take(action, later)
    assert len(await exports(office)) == 1


async def test_an_export_waits_for_the_signer(office: Office) -> None:
    action = await office.blocked()
    waiting = asyncio.create_task(office.take(action, patience=Patience(seal=30)))
    await asyncio.sleep(0)
    await office.seal()
    office.check(await waiting)


async def test_a_cosigned_checkpoint_is_preferred_to_a_newer_one(office: Office) -> None:
    action = await office.blocked()
    witnessed, _ = parse_checkpoint(await office.seal(witnessed=True))
    await office.blocked()
    await office.seal()
    taken = await office.take(action)
    assert (taken.tree.size, taken.tree.level) == (witnessed.size, "witnessed")
    assert taken.tree.witnesses == ("witness-1",)
    assert office.check(taken).witnesses[0][0] == "w1"


async def test_a_newer_one_is_taken_if_no_witness_comes(office: Office) -> None:
    await office.blocked()
    await office.seal(witnessed=True)
    action = await office.blocked()
    await office.seal()
    taken = await office.take(action)
    assert (taken.tree.level, taken.tree.witnesses) == ("sealed", ())
    office.check(taken)


class Moving(PostgresEvidence):
    """A log in which something more happens whenever it was read."""

    def __init__(self, pool: asyncpg.Pool, office: Office) -> None:
        super().__init__(pool)
        self.office = office
        self.moved = asyncio.Event()

    async def streams(self, tenant: str, streams: Sequence[str]) -> Sequence[Leaf]:
        await self.office.late(streams[0])
        self.moved.set()
        return await super().streams(tenant, streams)


class Asked(PostgresSeals):
    """Tells when somebody has looked for a checkpoint of more than what was sealed at first."""

    def __init__(self, pool: asyncpg.Pool, first: int) -> None:
        super().__init__(pool)
        self.first = first
        self.asked = asyncio.Event()

    async def checkpoint(self, tenant: str, size: int = 1) -> str | None:
        note = await super().checkpoint(tenant, size)
        if size > self.first:
            self.asked.set()
        return note


async def test_a_witness_is_given_its_time(office: Office, pool: asyncpg.Pool) -> None:
    await office.blocked()
    first = parse_checkpoint(await office.seal(witnessed=True))[0].size
    action = await office.blocked()
    await office.seal()
    office.seals = seals = Asked(pool, first)
    waiting = asyncio.create_task(office.take(action, patience=Patience(witness=30)))
    await seals.asked.wait()
    await office.seal(witnessed=True)
    assert (await waiting).tree.level == "witnessed"


async def test_what_follows_the_checkpoint_is_left_out(office: Office, pool: asyncpg.Pool) -> None:
    action = await office.blocked()
    await office.seal()
    office.log = log = Moving(pool, office)
    waiting = asyncio.create_task(office.take(action, patience=Patience(seal=30)))
    await log.moved.wait()
    await office.seal()
    taken = await waiting
    # It was read twice, and each time refused someone; the checkpoint covers the first time.
    assert len(await office.ledger.read(office.tenant, f"{action}:late")) == 2
    assert kinds(taken, f"{action}:late") == ["vote.refused"]
    office.check(taken)


@pytest.mark.parametrize("profile", Profile)
async def test_every_profile_verifies(office: Office, profile: Profile) -> None:
    actions = [await office.blocked(), await office.approved(), await office.allowed()]
    await office.seal()
    taken = await office.take(*actions, profile=profile)
    assert (taken.gathered.withheld > 0) == (profile is not Profile.FULL)
    office.check(taken)


async def test_proofs_hold_beyond_one_tile(office: Office) -> None:
    first = await office.blocked()
    for nth in range(7):
        await office.ledger.append(write(office.tenant, f"s-{nth}", *["thing.happened"] * 90))
    last = await office.blocked()
    note = await office.seal()
    assert parse_checkpoint(note)[0].size > 512
    office.check(await office.take(first, last))


async def test_growth_since_a_kept_checkpoint_is_proven(office: Office) -> None:
    action = await office.blocked()
    kept = await office.seal()
    await office.approved()
    await office.seal()
    old = await office.exporter().earlier(office.tenant, kept, [])
    taken = await office.take(action, old=old)
    assert taken.growth is not None
    assert taken.tree.size > taken.growth.size
    office.check(taken, since=kept)
    same = await office.take(action, old=parse_checkpoint(await office.seal())[0])
    office.check(same)
    assert [event["since"] for event in await exports(office)] == [
        taken.growth.size,
        same.growth.size if same.growth else None,
    ]


async def test_a_log_that_does_not_continue_a_checkpoint_is_told_on(office: Office) -> None:
    action = await office.blocked()
    kept, _ = parse_checkpoint(await office.seal())
    exporter = office.exporter()
    other = Checkpoint(kept.origin, kept.size - 1, b"x" * 32)
    with pytest.raises(LogContradicts, match="another root"):
        await office.take(action, old=other)
    longer = f"{kept.origin}\n{kept.size + 1}\n{'A' * 43}=\n"
    with pytest.raises(LogContradicts, match=f"{kept.size + 1} events"):
        await exporter.earlier(office.tenant, f"{longer}\n{office.signer.line(longer)}", [])
    assert await exports(office) == []


async def test_other_checkpoints_are_refused(office: Office) -> None:
    note = await office.seal()
    exporter = office.exporter()
    with pytest.raises(CheckpointRefused, match="no checkpoint"):
        await exporter.earlier(office.tenant, "hello", [])
    elsewhere = note.replace(office.tenant, "elsewhere")
    with pytest.raises(CheckpointRefused, match="elsewhere"):
        await exporter.earlier(office.tenant, elsewhere, [])


async def test_what_is_not_here_is_no_action(office: Office) -> None:
    await office.seal()
    with pytest.raises(NoSuchActions, match="act_0000"):
        await office.take("act_" + "0" * 32)


async def test_nothing_is_disclosed_where_nothing_is_sealed(office: Office) -> None:
    action = await office.blocked()
    await office.seal()
    with pytest.raises(NothingSealedThere, match="/amount"):
        await office.take(action, disclose=("/amount",))


async def test_exports_side_by_side_are_all_on_record(office: Office) -> None:
    actions = [await office.blocked() for _ in range(3)]
    await office.seal()
    taken = await asyncio.gather(*(office.take(*actions) for _ in range(8)))
    assert len(await exports(office)) == 8
    for each in taken:
        office.check(each)


async def test_an_export_while_others_append_is_of_one_moment(office: Office) -> None:
    actions = [await office.approved() for _ in range(3)]
    await office.seal()
    writers = [asyncio.create_task(office.approved()) for _ in range(6)]
    taken = await office.take(*actions)
    await asyncio.gather(*writers)
    office.check(taken)


async def test_a_policy_that_came_back_is_told_by_its_activation_before(office: Office) -> None:
    action = await office.blocked()
    for policy in (parse_bundle({"bundle.yaml": POLICY.replace('"7"', '"8"')}), office.bundle):
        administration = Administration(office.ledger, office.clock)
        await administration.activate(office.tenant, policy, "op")
    later = await office.blocked()
    await office.seal()
    taken = await office.take(action, later)
    activations = [leaf for leaf in taken.gathered.leaves if leaf.stream == "bundles"]
    assert [leaf.version for leaf in activations] == [0, 2]
    assert [*taken.gathered.policies] == [str((activations[0].event or {})["digest"])]
    office.check(taken)
    (only,) = (
        leaf for leaf in (await office.take(action)).gathered.leaves if leaf.stream == "bundles"
    )
    assert only.version == 0


async def test_the_roster_of_the_moment_is_told_and_no_later_one(office: Office) -> None:
    action = await office.approved()
    administration = Administration(office.ledger, office.clock)
    await administration.set_roster(office.tenant, Roster(), "op")
    await office.seal()
    taken = await office.take(action)
    assert [leaf.version for leaf in taken.gathered.leaves if leaf.stream == "roster"] == [0]
    office.check(taken)


async def test_totals_cover_the_log_without_gap(office: Office) -> None:
    await office.blocked()
    assert await office.counting.count(office.tenant) == 1
    assert await office.counting.count(office.tenant) == 0  # a total alone is no news
    await office.approved()
    assert await office.counting.count(office.tenant) == 1
    assert await office.counting.count(office.tenant, anyway=True) == 1
    totals = await totals_of(office)
    assert [each["start"] for each in totals] == [0, *(each["end"] for each in totals[:-1])]
    assert totals[0]["decisions"] == {"payments.transfer|high|BLOCK": 1}
    assert totals[0]["closed"] == {"BLOCKED|NOT_RUN": 1}
    assert totals[2]["kinds"] == {"ledger.sealed": 1}


async def totals_of(office: Office) -> list[dict[str, object]]:
    recorded = await office.ledger.read(office.tenant, LEDGER_STREAM)
    return [dict(unseal(each.canonical)["event"]) for each in recorded]  # type: ignore[call-overload] # an event is an object


async def test_whoever_counts_at_the_same_time_counts_nothing_twice(office: Office) -> None:
    for _ in range(3):
        await office.approved()
    size = await office.log.size(office.tenant)
    await asyncio.gather(*(office.counting.count(office.tenant) for _ in range(6)))
    totals = await totals_of(office)
    assert [each["start"] for each in totals] == [0, *(each["end"] for each in totals[:-1])]
    assert totals[-1]["end"] == size


async def test_what_was_not_counted_for_long_is_counted_in_chunks(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "CHUNK", 7)
    for _ in range(4):
        await office.blocked()
    size = await office.log.size(office.tenant)
    assert await office.counting.count(office.tenant) == -(-size // 7)
    totals = await totals_of(office)
    assert [each["end"] for each in totals] == [*range(7, size, 7), size]


async def sealing(office: Office) -> None:
    """Seal whatever is recorded, as the signer does, until cancelled."""
    size = 0
    while True:
        if (head := await office.tree.head(office.tenant)).size != size:
            size = head.size
            await office.seal()
        await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def sealed(office: Office) -> AsyncIterator[Office]:
    """Have the log sealed all the time."""
    signer = asyncio.create_task(sealing(office))
    yield office
    signer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await signer


@pytest.mark.parametrize("profile", Profile)
async def test_a_period_holds_every_event(sealed: Office, profile: Profile) -> None:
    await sealed.blocked()
    closed = await sealed.blocked()
    await sealed.approved()
    taken = await sealed.take_period(EVER, profile)
    assert [leaf.seq for leaf in taken.gathered.leaves] == [*range(len(taken.gathered.leaves))]
    assert taken.taking.seq is not None
    assert taken.taking.seq < taken.tree.size
    report = sealed.check(taken)
    assert report.statement["streams"][closed] == {"count": 4, "state": "closed"}
    assert (taken.gathered.withheld > 0) == (profile is not Profile.FULL)


async def test_a_period_begins_and_ends_at_totals(sealed: Office) -> None:
    await sealed.blocked()
    await sealed.counting.count(sealed.tenant)
    first = sealed.clock.at
    sealed.clock.advance(hours=1)
    middle = await sealed.approved()
    await sealed.counting.count(sealed.tenant)
    sealed.clock.advance(hours=1)
    await sealed.blocked()
    sealed.clock.advance(hours=1)
    scope = PeriodScope(since=first, until=first + timedelta(minutes=30))
    taken = await sealed.take_period(scope)
    assert ids_of(leaf.stream for leaf in taken.gathered.leaves) == {LEDGER_STREAM, middle}
    said = sealed.check(taken).statement["scope"]
    totals = await totals_of(sealed)
    assert said["start"] == totals[0]["end"]
    assert taken.range is not None
    assert (taken.range.start, taken.range.end) == (said["start"], said["end"])
    # No total was taken for it: one that ends it was there.
    assert len(totals) == 2


async def test_a_period_begins_where_a_total_ends_and_not_where_it_stands(
    sealed: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "CHUNK", 7)
    for _ in range(4):
        await sealed.blocked()
    await sealed.counting.count(sealed.tenant)
    since = sealed.clock.advance(seconds=1)
    sealed.clock.advance(hours=1)
    taken = await sealed.take_period(PeriodScope(since=since))
    assert taken.gathered.leaves[0].kind == "ledger.sealed"
    sealed.check(taken)


async def test_a_filter_hides_others_and_cannot_hide_what_fits(sealed: Office) -> None:
    risky = await sealed.approved()
    low = stories.decision(Verdict.ALLOW).model_copy(update={"risk": Risk.LOW})
    other = await sealed.run(low)
    scope = PeriodScope(since=EVER.since, filters=PeriodFilters(risk=(Risk.HIGH,)))
    taken = await sealed.take_period(scope)
    assert hidden(taken) == {other}
    assert kinds(taken, risky)
    sealed.check(taken)


async def test_an_action_that_was_decided_before_the_period_is_known_to_fit(
    sealed: Office,
) -> None:
    one, two = await sealed.denied(), await sealed.blocked()
    low = stories.decision(Verdict.BLOCK).model_copy(update={"risk": Risk.LOW})
    three = await sealed.run(low)
    await sealed.counting.count(sealed.tenant)
    since = sealed.clock.advance(seconds=1)
    for action in (one, two, three):
        await sealed.late(action)
    sealed.clock.advance(hours=1)
    filters = PeriodFilters(effective=(Verdict.STEP_UP,), risk=(Risk.HIGH,))
    taken = await sealed.take_period(PeriodScope(since=since, filters=filters))
    assert hidden(taken) == {f"{two}:late", f"{three}:late"}


async def test_a_period_with_growth_since_a_kept_checkpoint(sealed: Office) -> None:
    await sealed.blocked()
    kept = await sealed.seal()
    await sealed.blocked()
    old = parse_checkpoint(kept)[0]
    sealed.check(await sealed.take_period(EVER, old=old), since=kept)


async def test_a_missing_tile_is_told_and_not_an_accident(
    office: Office, database: Database
) -> None:
    action = await office.blocked()
    await office.ledger.append(write(office.tenant, "s", *["thing.happened"] * 300))
    await office.seal()
    async with administering(database) as db:
        await db.execute("ALTER TABLE ledger.tile DISABLE TRIGGER USER")
        await db.execute("DELETE FROM ledger.tile WHERE tenant = $1", office.tenant)
        await db.execute("ALTER TABLE ledger.tile ENABLE TRIGGER USER")
    with pytest.raises(LogContradicts, match="lacks node"):
        await office.take(action)
