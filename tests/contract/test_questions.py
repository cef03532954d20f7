"""What reviews ask is answered as somebody would who read every event."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.queries import PostgresQueries
from adapters.postgres.reviews import PostgresReviews
from adapters.postgres.rows import ActionFilter, RefusalFilter, VoteFilter
from counterseal.core.review import Summary
from tests.support.entries import found_tenant
from tests.support.past import Deed, counted, deeds, fits, known, play
from tests.support.stories import START

ABOUT = {
    "verdict": st.sampled_from(["ALLOW", "STEP_UP", "BLOCK"]),
    "effective": st.sampled_from(["ALLOW", "STEP_UP", "BLOCK"]),
    "disposition": st.sampled_from(["APPROVED", "DENIED", "ALLOWED", "BLOCKED", "EXPIRED"]),
    "outcome": st.sampled_from(["SUCCEEDED", "NOT_RUN", "UNKNOWN", "LAPSED"]),
    "state": st.sampled_from(["HELD", "GRANTED", "REDEEMED", "CLOSED"]),
    "action_class": st.sampled_from(["paying", "mailing", "nothing"]),
    "risk": st.sampled_from(["low", "medium", "high", "critical"]),
    "min_risk": st.sampled_from(["low", "medium", "high", "critical"]),
    "environment": st.sampled_from(["production", "staging"]),
    "tool": st.sampled_from(["pay", "mail", "read"]),
    "agent": st.sampled_from(["agent:paybot", "agent:mailbot"]),
    "principal": st.sampled_from(["paul", "petra"]),
    "session": st.sampled_from(["s-1", "s-2"]),
    "rule": st.sampled_from(["large", "new-payee", "late"]),
    "approver": st.sampled_from(["ada", "grace", "lin", "mallory"]),
    "asked": st.sampled_from(["treasury", "chiefs"]),
    "since": st.integers(-10, 400).map(lambda hours: START + timedelta(hours=hours)),
    "until": st.integers(-10, 400).map(lambda hours: START + timedelta(hours=hours)),
}
OF_VOTES = {
    "approve": st.booleans(),
    "hasty": st.booleans(),
    "channel": st.sampled_from(["web", "api"]),
    "assurance": st.sampled_from(["web_sso", "api_key"]),
}
OF_REFUSALS = {
    "kind": st.sampled_from(["vote.refused", "grant.refused", "receipt.refused"]),
    "code": st.sampled_from(["self-approval", "forged", "stale-digest", "already-redeemed"]),
    "sender": st.sampled_from(["olga", "agent:paybot", "ma\u2400llory \\u0000"]),
    "late": st.booleans(),
}


def some(of: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw up to three filters."""
    names = st.lists(st.sampled_from([*of]), max_size=3, unique=True)
    return names.flatmap(lambda few: st.fixed_dictionaries({name: of[name] for name in few}))


def words(*of: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(of), min_size=1, max_size=3, unique=True)


SHARED = ("verdict", "effective", "action_class", "risk", "tool", "agent", "environment", "day")
questions = st.fixed_dictionaries(
    {
        "actions": st.lists(
            st.tuples(
                some(ABOUT),
                words(*SHARED, "rule", "disposition", "outcome")
                | words(*SHARED, "rule", "principal", "session", "approver", "state"),
            ),
            min_size=12,
            max_size=12,
        ),
        "votes": st.lists(
            st.tuples(some({**ABOUT, **OF_VOTES}), words(*SHARED, "approver", "hasty", "channel")),
            min_size=8,
            max_size=8,
        ),
        "refusals": st.lists(
            st.tuples(some({**ABOUT, **OF_REFUSALS}), words(*SHARED, "code", "kind", "late")),
            min_size=8,
            max_size=8,
        ),
    }
)

VOTE = (
    *("seq", "at", "action_id", "vote_id", "approve", "digest", "channel", "assurance"),
    *("reason", "hasty", "after_hold", "after_asked", "tool", "risk", "session"),
)
REFUSAL = (
    *("seq", "at", "action_id", "kind", "code", "digest", "sender", "request_id", "late"),
    *("tool", "risk", "session"),
)

Fetch = Callable[[str | None], Awaitable[tuple[Sequence[Any], str | None]]]


async def followed(fetch: Fetch) -> list[dict[str, Any]]:
    """Follow a list to its end."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        items, cursor = await fetch(cursor)
        found += [each.model_dump() for each in items]
        if cursor is None:
            return found


def only(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def by_filter(kind: type[ActionFilter], wanted: dict[str, Any]) -> Any:
    names = {"state": "phase"}
    return kind.model_validate({names.get(word, word): value for word, value in wanted.items()})


def is_as_counted(told: Summary, rows: list[dict[str, Any]], by: list[str]) -> bool:
    groups: list[tuple[Any, Any]] = [
        (tuple(each[word] for word in by), each["count"]) for each in told.groups
    ]
    told_sizes = [count for _, count in groups]
    assert (told.total, told.complete) == (len(rows), True)
    assert told_sizes == sorted(told_sizes, reverse=True)
    assert sorted(groups, key=str) == sorted(counted(rows, by).items(), key=str)
    return True


@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(past=st.lists(deeds, min_size=8, max_size=14), asked=questions)
async def test_every_answer_is_that_of_somebody_who_read_everything(
    ledger: PostgresLedger, pool: asyncpg.Pool, past: list[Deed], asked: dict[str, Any]
) -> None:
    tenant, other = await found_tenant(ledger), await found_tenant(ledger)
    await play(ledger, tenant, past)
    await play(ledger, other, past[:3])
    queries, reviews = PostgresQueries(pool), PostgresReviews(pool)
    streams = [each.action_id for each in (await queries.list_actions(tenant, limit=500)).actions]
    truth = await known(ledger, tenant, streams)

    for wanted, by in asked["actions"]:
        actions = by_filter(ActionFilter, wanted)

        async def page(cursor: str | None, those: ActionFilter = actions) -> Any:
            listed = await queries.list_actions(tenant, those, cursor, limit=3)
            return listed.actions, listed.cursor

        meant = [each for each in truth.actions if fits(each, wanted)]
        told = await followed(page)
        assert [each["action_id"] for each in told] == [each["action_id"] for each in meant]
        assert is_as_counted(await reviews.count_actions(tenant, actions, by), meant, by)

    for wanted, by in asked["votes"]:
        votes = by_filter(VoteFilter, wanted)

        async def page_of_votes(cursor: str | None, those: VoteFilter = votes) -> Any:
            return await reviews.votes(tenant, those, cursor, limit=3)

        meant = [each for each in truth.votes if fits(each, wanted)]
        told = await followed(page_of_votes)
        assert [only(each, *VOTE) for each in told] == [only(each, *VOTE) for each in meant]
        assert [{each["person"]} for each in told] == [each["approver"] for each in meant]
        assert is_as_counted(await reviews.count_votes(tenant, votes, by), meant, by)

    for wanted, by in asked["refusals"]:
        refusals = by_filter(RefusalFilter, wanted)

        async def page_of_refusals(cursor: str | None, those: RefusalFilter = refusals) -> Any:
            return await reviews.refusals(tenant, those, cursor, limit=3)

        meant = [each for each in truth.refusals if fits(each, wanted)]
        told = await followed(page_of_refusals)
        assert [only(each, *REFUSAL) for each in told] == [only(each, *REFUSAL) for each in meant]
        assert is_as_counted(await reviews.count_refusals(tenant, refusals, by), meant, by)
