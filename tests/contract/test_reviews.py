"""What lists cost, where they go on, and how what reviews ask comes into its tables."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from adapters.postgres import counting, listing
from adapters.postgres import cursor as cursors
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.queries import PostgresQueries
from adapters.postgres.reviews import PostgresReviews
from adapters.postgres.rows import ActionFilter, ActivationFilter, RefusalFilter, VoteFilter
from counterseal.core.policy.bundle import Bundle
from counterseal.core.words import Disposition, Outcome, Risk, Verdict
from domain.administration import BundleActivated
from entrypoints.administration import Administration, Why
from tests.support.entries import found_tenant
from tests.support.past import Deed, play
from tests.support.postgres import Database

SQL = Path(__file__).parents[2] / "adapters/postgres/migrations/sql/0005_history.sql"
BACKFILL = SQL.read_text("utf-8").rpartition("-- What there is already.")[2].partition("\n")[2]
TALLIED = "".join(BACKFILL.partition("SELECT count(ledger.tally_one")[1:]).rstrip(";\n")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
MANY = 25_000
"""Rows per table, in one of two tenants."""


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection]:
    db = await asyncpg.connect(database.admin_dsn, server_settings={"search_path": "ledger"})
    yield db
    await db.close()


LOADED = """
    SET session_replication_role = replica;
    INSERT INTO action (tenant, action_id, version, digest, phase, verdict, effective, disposition,
        outcome, tool, action_class, risk, agent, principal, session, environment, rules,
        requested_at, updated_at)
    SELECT 'many-' || n % 2, 'act_' || md5(n::text), 6, 'sha256:' || md5(n::text), 'CLOSED',
           w, w, (ARRAY['ALLOWED', 'APPROVED', 'BLOCKED'])[1 + n % 3],
           (ARRAY['SUCCEEDED', 'SUCCEEDED', 'NOT_RUN'])[1 + n % 3], 'tool-' || n % 12,
           'class-' || n % 6, (ARRAY['low', 'low', 'low', 'medium', 'medium', 'high'])[1 + n % 6],
           'agent-' || n % 24, 'person-' || n % 200, 'session-' || n / 20,
           CASE WHEN n % 90 = 0 THEN 'staging' ELSE 'production' END, ARRAY['rule-' || n % 6],
           timestamptz '2026-06-01Z' - n * interval '1 minute', now()
    FROM (SELECT n, (ARRAY['ALLOW', 'STEP_UP', 'BLOCK'])[1 + n % 3] AS w
          FROM generate_series(1, 2 * {many}) AS n) AS made;
    INSERT INTO action_label SELECT tenant, 'rule:' || unnest(rules), requested_at, action_id
    FROM action WHERE tenant LIKE 'many-%';
    INSERT INTO vote (tenant, seq, at, action_id, vote_id, person, groups, approve, reason, digest,
        channel, assurance, held_at, asked_at, requested_at, tool, action_class, risk, agent,
        principal, session, environment, verdict, effective, rules)
    SELECT tenant, row_number() OVER (), requested_at + interval '1 s' * (n % 90), action_id, 'v',
           'approver-' || n % 30, '{{leads}}', n % 12 <> 0, 'fine', digest, 'api', 'api_key',
           requested_at, requested_at, requested_at, tool, action_class, risk, agent, principal,
           session, environment, verdict, effective, rules
    FROM (SELECT *, row_number() OVER () AS n FROM action WHERE tenant LIKE 'many-%') AS made;
    INSERT INTO refusal (tenant, seq, at, action_id, kind, request_id, sender, code, sentence, late,
        requested_at, tool, action_class, risk, agent, principal, session, environment, verdict,
        effective, rules)
    SELECT tenant, seq, at, action_id, (ARRAY['vote.refused', 'grant.refused'])[1 + seq % 2], 'r',
           person, 'code-' || seq % 9, 'no', false, requested_at, tool, action_class, risk, agent,
           principal, session, environment, verdict, effective, rules FROM vote;
    {tallied};
    SET session_replication_role = origin;
    VACUUM ANALYZE
"""


@pytest.fixture
async def many(admin: asyncpg.Connection) -> asyncpg.Connection:
    """Load a long past, once per module, without the triggers that would take their time."""
    if not await admin.fetchval("SELECT EXISTS (SELECT FROM action WHERE tenant = 'many-0')"):
        for statement in LOADED.format(many=MANY, tallied=TALLIED).split(";\n"):
            await admin.execute(statement)
    return admin


def nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


async def planned(db: asyncpg.Connection, statement: listing.Written) -> list[Any]:
    sql, arguments = statement
    told = await db.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *arguments)
    return [*nodes(json.loads(told)[0]["Plan"])]


WEEK = NOW - timedelta(days=7)
AFTER = cursors.Cursor(requested_at=NOW - timedelta(days=20), action_id="act_" + "0" * 32)
LISTS = [
    listing.actions("many-0", each, AFTER, 51)
    for each in (
        ActionFilter(),
        ActionFilter(risk=Risk.HIGH),
        ActionFilter(risk=Risk.CRITICAL),
        ActionFilter(min_risk=Risk.HIGH, since=WEEK - timedelta(days=30)),
        ActionFilter(min_risk=Risk.MEDIUM),
        ActionFilter(environment="staging"),
        ActionFilter(environment="staging", agent="agent-4"),
        ActionFilter(rule="rule-2", risk=Risk.HIGH),
        ActionFilter(session="session-70"),
        ActionFilter(tool="nothing"),
    )
]


def place(of: cursors.List) -> cursors.Place:
    return cursors.Place(of=of, at=NOW - timedelta(days=20), seq=5)


LISTS += [
    listing.votes("many-0", each, place("votes"), 51)
    for each in (
        VoteFilter(),
        VoteFilter(approver="approver-4", since=WEEK - timedelta(days=30)),
        VoteFilter(hasty=True),
        VoteFilter(approve=False),
        VoteFilter(agent="agent-4", risk=Risk.HIGH),
        VoteFilter(rule="rule-2"),
        VoteFilter(disposition=Disposition.APPROVED),
        VoteFilter(action_id="act_0"),
        VoteFilter(principal="nobody"),
    )
]
LISTS += [
    listing.refusals("many-0", each, place("refusals"), 51)
    for each in (
        RefusalFilter(),
        RefusalFilter(code="code-4", since=WEEK - timedelta(days=30)),
        RefusalFilter(kind="grant.refused", sender="approver-4"),
        RefusalFilter(tool="tool-2", rule="rule-2"),
        RefusalFilter(outcome=Outcome.SUCCEEDED),
        RefusalFilter(action_id="act_0"),
    )
]


@pytest.mark.parametrize("statement", LISTS, ids=range(len(LISTS)))
async def test_a_page_costs_the_same_however_long_the_past_is(
    many: asyncpg.Connection, statement: listing.Written
) -> None:
    plan = await planned(many, statement)
    assert [each["Relation Name"] for each in plan if each["Node Type"] == "Seq Scan"] == []
    sorts = [each["Plan Rows"] for each in plan if "Sort" in each["Node Type"]]
    assert [rows for rows in sorts if rows > 1000] == []


@pytest.mark.parametrize(
    "wanted",
    [
        ActionFilter(),
        ActionFilter(since=WEEK, until=NOW),
        ActionFilter(since=WEEK + timedelta(hours=3), until=NOW - timedelta(hours=5)),
        ActionFilter(rule="rule-2", min_risk=Risk.MEDIUM, disposition=Disposition.APPROVED),
    ],
    ids=["all", "whole days", "parts of days", "filtered"],
)
async def test_counting_reads_tallies_and_of_actions_only_those_of_two_days(
    many: asyncpg.Connection, wanted: ActionFilter
) -> None:
    plan = await planned(many, counting.actions("many-0", wanted, ["effective", "rule", "agent"]))
    actions = [each for each in plan if each.get("Relation Name") == "action"]
    assert [each["Node Type"] for each in actions if each["Node Type"] == "Seq Scan"] == []
    assert sum(each["Plan Rows"] for each in actions) < 2 * 24 * 60
    assert any(each.get("Relation Name") == "tally" for each in plan)


@pytest.mark.parametrize("since", [WEEK, WEEK + timedelta(hours=7), None])
@pytest.mark.parametrize("until", [NOW, NOW - timedelta(days=7, hours=-9), None])
async def test_tallies_and_actions_agree(
    many: asyncpg.Connection, since: datetime | None, until: datetime | None
) -> None:
    wanted = ActionFilter(since=since, until=until, environment="production")
    sql, arguments = counting.actions("many-0", wanted, ["effective"])
    counts = {row["effective"]: int(row["count"]) for row in await many.fetch(sql, *arguments)}
    each = await many.fetch(
        "SELECT effective, count(*) FROM action WHERE tenant = 'many-0' "
        "AND environment = 'production' AND requested_at >= coalesce($1::timestamptz, '-infinity') "
        "AND requested_at < coalesce($2::timestamptz, 'infinity') GROUP BY 1",
        since,
        until,
    )
    assert counts == {row["effective"]: row["count"] for row in each}


async def contents(db: asyncpg.Connection, tenant: str) -> dict[str, list[Any]]:
    return {
        table: sorted(
            (dict(row) for row in await db.fetch(f"TABLE {table}") if row["tenant"] == tenant),
            key=str,
        )
        for table in ("vote", "refusal", "activation", "tally")
    }


BUSY = [
    Deed(
        agent="agent:paybot",
        tool="pay",
        action_class="paying",
        risk=Risk.HIGH,
        verdict=Verdict.STEP_UP,
        effective=Verdict.STEP_UP,
        rules=("large",),
        principal=None,
        session=None,
        environment="production",
        steps=tuple((step, 1.0) for step in steps),
    )
    for steps in (
        ("approve olga", "forged", "approve ada", "stale ada", "approve grace", "redeem", "report"),
        ("approve ada", "deny ada", "redeem", "ask otherwise", "deny grace", "approve lin"),
        ("approve ada",),
    )
]
BUNDLE = Bundle.model_validate(
    {
        "name": "b",
        "version": "1",
        "classes": [
            {"id": "c", "title": "C", "tools": ["t"], "verdict": "ALLOW", "risk": "low"},
        ],
    }
)


async def test_what_was_recorded_before_is_brought_in_as_if_it_came_now(
    ledger: PostgresLedger, pool: asyncpg.Pool, admin: asyncpg.Connection
) -> None:
    tenant = await found_tenant(ledger)
    await play(ledger, tenant, BUSY)
    administration = Administration(ledger, lambda: NOW)
    await administration.activate(tenant, BUNDLE, "olga", Why("a\x00b", "INC-4711"))
    kept = await contents(admin, tenant)
    assert {table: len(rows) > 0 for table, rows in kept.items()} == dict.fromkeys(kept, True)
    async with admin.transaction():
        await admin.execute("TRUNCATE vote, refusal, activation, tally")
        await admin.execute(BACKFILL)
    again = await contents(admin, tenant)
    for row in kept["tally"]:
        if row["count"] == 0:  # of what was so only for a while
            assert row not in again["tally"]
    kept["tally"] = [row for row in kept["tally"] if row["count"]]
    assert again == kept
    lines, _ = await PostgresReviews(pool).activations(tenant, ActivationFilter())
    assert [(one.because, one.incident, one.by) for one in lines] == [
        ("a\u2400b", "INC-4711", "olga")
    ]


def test_an_activation_from_before_reasons_is_read() -> None:
    """Older events have neither field, and older readers keep fields they do not know."""
    told = {"at": NOW, "name": "b", "version": "1", "digest": "sha256:" + "0" * 64, "by": "olga"}
    past = BundleActivated.model_validate({**told, "bundle": {}})
    assert (past.because, past.incident) == (None, None)


async def test_the_places_of_one_list_are_none_in_another(pool: asyncpg.Pool) -> None:
    reviews, queries = PostgresReviews(pool), PostgresQueries(pool)
    ours = {of: cursors.write(place(of)) for of in ("votes", "refusals", "activations")}
    ours["actions"] = cursors.write(AFTER)
    for of, cursor in ours.items():
        for other, ask in (
            ("votes", reviews.votes("t", VoteFilter(), cursor)),
            ("refusals", reviews.refusals("t", RefusalFilter(), cursor)),
            ("activations", reviews.activations("t", ActivationFilter(), cursor)),
            ("actions", queries.list_actions("t", ActionFilter(), cursor)),
        ):
            if of == other:
                await ask
            else:
                with pytest.raises(cursors.BadCursor):
                    await ask
