from collections.abc import Callable

import asyncpg
import pytest

from adapters.postgres.cursor import BadCursor
from adapters.postgres.ledger import Malformed, PostgresLedger
from adapters.postgres.queries import PostgresQueries
from adapters.postgres.rows import ActionFilter, ListedAction
from adapters.postgres.tables import ActionRow
from counterseal.core.canonical import Json
from counterseal.core.model import instant_text
from counterseal.core.words import Disposition, Outcome, Phase, Role, Verdict
from domain.lifecycle import replay
from domain.standing import summary
from tests.support.entries import AT, end, found_tenant, new_action, row, write
from tests.support.stories import held


@pytest.fixture
def queries(pool: asyncpg.Pool) -> PostgresQueries:
    return PostgresQueries(pool)


async def test_the_row_of_an_action_is_its_summary(
    ledger: PostgresLedger, queries: PostgresQueries
) -> None:
    tenant, action = await found_tenant(ledger), new_action()
    held = row(action)
    first = write(tenant, action, table="action", summary=held)
    await ledger.append(first)
    settled = row(action, version=1, phase="GRANTED", disposition="APPROVED", approvers=["ada"])
    second = write(
        tenant,
        action,
        after=end(first),
        at="2026-11-22T10:05:00.000000Z",
        table="action",
        summary=settled,
    )
    await ledger.append(second)
    closed = {**settled, "version": 2, "phase": "CLOSED", "outcome": "SUCCEEDED"}
    third = write(
        tenant,
        action,
        after=end(second),
        at="2026-11-22T10:09:00.000000Z",
        table="action",
        summary={**closed, "next_deadline": None, "a_newer_word": 1},
    )
    await ledger.append(third)
    stored = await queries.get_action(tenant, action)
    assert stored is not None
    told = stored.model_dump(mode="json")
    assert {name: told[name] for name in closed} == {**closed, "next_deadline": None}
    assert stored.settled_at is not None
    assert stored.closed_at is not None
    assert instant_text(stored.settled_at) == "2026-11-22T10:05:00.000000Z"
    assert instant_text(stored.closed_at) == "2026-11-22T10:09:00.000000Z"
    assert stored.updated_at == stored.closed_at


def test_every_word_of_a_summary_has_a_column() -> None:
    state = replay(held())
    assert {*summary(state, 2)} == {*row("any")}
    assert {*summary(state, 2)} <= {*ListedAction.model_fields} == {*ActionRow.model_fields}


async def test_a_word_an_older_writer_does_not_know_is_kept(
    ledger: PostgresLedger, queries: PostgresQueries
) -> None:
    tenant, action = await found_tenant(ledger), new_action()
    first = write(tenant, action, table="action", summary=row(action))
    await ledger.append(first)
    older = {key: value for key, value in row(action, phase="GRANTED").items() if key != "risk"}
    await ledger.append(write(tenant, action, after=end(first), table="action", summary=older))
    stored = await queries.get_action(tenant, action)
    assert stored is not None
    assert (stored.risk, stored.phase) == ("high", Phase.GRANTED)


ONES: dict[str, Callable[[int], Json]] = {
    "phase": lambda n: ("HELD", "CLOSED")[n % 2],
    "verdict": lambda n: ("STEP_UP", "BLOCK")[n % 2],
    "effective": lambda n: ("STEP_UP", "BLOCK")[n % 2],
    "disposition": lambda n: (None, "BLOCKED")[n % 2],
    "outcome": lambda n: (None, "NOT_RUN")[n % 2],
    "action_class": lambda n: ("payment", "mail")[n % 2],
    "tool": lambda n: f"tool-{n % 3}",
    "agent": lambda n: f"agent-{n % 3}",
    "principal": lambda n: f"person-{n % 3}",
    "session": lambda n: f"session-{n % 3}",
    "rules": lambda n: ["all", f"rule-{n % 3}"],
    "approvers": lambda n: [f"approver-{n % 3}"],
    "asked": lambda n: [f"group-{n % 3}", "all"],
    "requested_at": lambda n: f"2026-11-22T10:00:{n // 4:02}.000000Z",
}


async def fill(ledger: PostgresLedger, tenant: str, count: int) -> list[str]:
    """Record actions, four per second; give their IDs in the order of a list."""
    made: list[tuple[str, str]] = []
    for nth in range(count):
        action = new_action()
        summary = row(action, **{name: one(nth) for name, one in ONES.items()})
        await ledger.append(write(tenant, action, table="action", summary=summary))
        made.append((str(summary["requested_at"]), action))
    return [action for _, action in sorted(made, reverse=True)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ActionFilter(), 24),
        (ActionFilter(phase=Phase.HELD), 12),
        (ActionFilter(verdict=Verdict.BLOCK), 12),
        (ActionFilter(effective=Verdict.ALLOW), 0),
        (ActionFilter(disposition=Disposition.BLOCKED), 12),
        (ActionFilter(outcome=Outcome.NOT_RUN), 12),
        (ActionFilter(action_class="mail"), 12),
        (ActionFilter(tool="tool-1"), 8),
        (ActionFilter(agent="agent-1"), 8),
        (ActionFilter(principal="person-1"), 8),
        (ActionFilter(session="session-1"), 8),
        (ActionFilter(rule="all"), 24),
        (ActionFilter(rule="rule-1"), 8),
        (ActionFilter(rule="rule-1", approver="approver-1", asked="group-1"), 8),
        (ActionFilter(rule="rule-1", approver="approver-2"), 0),
        (ActionFilter(asked="group-0", phase=Phase.HELD), 4),
        (ActionFilter(asked="nobody' OR true --"), 0),
        (ActionFilter.model_validate({"since": "2026-11-22T10:00:03Z"}), 12),
        (ActionFilter.model_validate({"until": "2026-11-22T10:00:03Z", "tool": "tool-0"}), 4),
    ],
)
async def test_lists_come_in_pages_that_miss_and_repeat_nothing(
    ledger: PostgresLedger, queries: PostgresQueries, wanted: ActionFilter, expected: int
) -> None:
    tenant, other = await found_tenant(ledger), await found_tenant(ledger)
    order = await fill(ledger, tenant, 24)
    await fill(ledger, other, 2)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await queries.list_actions(tenant, wanted, cursor, limit=5)
        seen += [each.action_id for each in page.actions]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == expected
    assert seen == [action for action in order if action in {*seen}]


@pytest.mark.parametrize(
    "cursor", ["", "x", "e30", "ünd", "A" * 600, "eyJyZXF1ZXN0ZWRfYXQiOiJub3cifQ", "=" * 8, "e30="]
)
async def test_a_cursor_we_did_not_write_is_refused(queries: PostgresQueries, cursor: str) -> None:
    with pytest.raises(BadCursor) as refused:
        await queries.list_actions("any", cursor=cursor)
    assert refused.value.code == "bad-cursor"


async def test_a_group_asked_later_finds_the_action_too(
    ledger: PostgresLedger, queries: PostgresQueries
) -> None:
    tenant, action = await found_tenant(ledger), new_action()
    first = write(tenant, action, table="action", summary=row(action))
    await ledger.append(first)
    asked = row(action, asked=["treasury", "chiefs"])
    await ledger.append(write(tenant, action, after=end(first), table="action", summary=asked))
    page = await queries.list_actions(tenant, ActionFilter(asked="chiefs"))
    assert [each.action_id for each in page.actions] == [action]


async def test_a_key_is_found_until_and_after_it_is_revoked(
    ledger: PostgresLedger, queries: PostgresQueries
) -> None:
    tenant, thief = await found_tenant(ledger), await found_tenant(ledger)
    key: dict[str, Json] = {
        "key_id": f"key-{tenant}",
        "role": "agent",
        "subject": "paybot",
        "environment": "prod",
        "secret_hash": "00ff",
    }
    issued = write(tenant, "keys", table="api_key", summary=key)
    await ledger.append(issued)
    found = await queries.find_key(f"key-{tenant}")
    assert found is not None
    assert (found.tenant, found.role, found.subject) == (tenant, Role.AGENT, "paybot")
    assert (instant_text(found.issued_at), found.revoked_at) == (AT, None)
    assert "00ff" not in repr(found)
    with pytest.raises(Malformed):
        await ledger.append(write(thief, "keys", table="api_key", summary=key))
    revoked: dict[str, Json] = {"key_id": f"key-{tenant}", "revoked_at": AT}
    await ledger.append(write(tenant, "keys", after=end(issued), table="api_key", summary=revoked))
    found = await queries.find_key(f"key-{tenant}")
    assert found is not None
    assert (found.subject, found.revoked_at is None) == ("paybot", False)
    assert await queries.list_keys(tenant) == (found,)
    assert await queries.list_keys(thief) == ()
    assert await queries.find_key("nothing") is None


async def test_stories_are_read_together(ledger: PostgresLedger, queries: PostgresQueries) -> None:
    tenant = await found_tenant(ledger)
    await ledger.append(write(tenant, "b", "x", "y"))
    await ledger.append(write(tenant, "a", "z"))
    found = await queries.events_of(tenant, ["a", "b", "none"])
    assert {stream: [each.kind for each in story] for stream, story in found.items()} == {
        "a": ["z"],
        "b": ["x", "y"],
        "none": [],
    }
    mine = [each for each in await queries.tenants() if each.tenant == tenant]
    assert [each.events for each in mine] == [4]
    assert await queries.active_bundle(tenant) is None
    assert await queries.get_action(tenant, "none") is None
