"""The statements behind summaries: how many, grouped by words that people chose.

Actions are counted by the day: of whole days the tallies are read, which are as many however many
actions there were, and only of the days that begin or end amid the time asked for each action.
Where a tally does not know a word, every action is.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Date,
    Select,
    cast,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Mapped
from sqlmodel import SQLModel, col

from adapters.postgres.conditions import (
    CHANGING,
    LASTING,
    equal,
    of_action,
    risky,
    ruled,
    within,
)
from adapters.postgres.listing import (
    Written,
    labelled,
    refusal_conditions,
    vote_conditions,
    written,
)
from adapters.postgres.rows import ActionFilter, RefusalFilter, VoteFilter
from adapters.postgres.tables import ActionRow, RefusalRow, TallyRow, VoteRow

MOST_READ = 10_000
"""How many groups are read before those that have several rules are taken apart."""

Count = Mapped[int] | BindParameter[int]

COLUMNS = {
    "state": "phase",
    "rule": "rules",
    "asked": "asked",
    "approver": "approvers",
}
"""Words whose column is called otherwise."""

_TALLIED = {*TallyRow.model_fields} - {"tenant", "alike", "count"}


def actions(tenant: str, wanted: ActionFilter, by: Sequence[str]) -> Written:
    """Write the statement that counts actions."""
    names = [COLUMNS.get(word, word) for word in by]
    if not {*names} <= _TALLIED or not _is_tallied(wanted):
        return _counted([_each(tenant, wanted, names)], names)
    since, until = wanted.since, wanted.until
    first, last = _first_day(since), _last_day(until)
    if first is not None and last is not None and first >= last:
        return _counted([_each(tenant, wanted, names)], names)
    parts = [_days(tenant, wanted, names, (first, last))]
    for edge in ((since, _midnight(first)), (_midnight(last), until)):
        if edge[0] != edge[1]:
            within_edge = wanted.model_copy(update={"since": edge[0], "until": edge[1]})
            parts.append(_each(tenant, within_edge, names))
    return _counted(parts, names)


def votes(tenant: str, wanted: VoteFilter, by: Sequence[str]) -> Written:
    """Write the statement that counts votes."""
    names = ["person" if word == "approver" else COLUMNS.get(word, word) for word in by]
    query = _part(VoteRow, names, col(VoteRow.at), literal(1))
    conditions = vote_conditions(tenant, wanted)
    return _counted([query.where(col(VoteRow.tenant) == tenant, *conditions)], names)


def refusals(tenant: str, wanted: RefusalFilter, by: Sequence[str]) -> Written:
    """Write the statement that counts refusals."""
    names = [COLUMNS.get(word, word) for word in by]
    query = _part(RefusalRow, names, col(RefusalRow.at), literal(1))
    conditions = refusal_conditions(tenant, wanted)
    return _counted([query.where(col(RefusalRow.tenant) == tenant, *conditions)], names)


def _days(
    tenant: str, wanted: ActionFilter, names: Sequence[str], days: tuple[date | None, date | None]
) -> Select[Any]:
    query = _part(TallyRow, names, col(ActionRow.requested_at), col(TallyRow.count)).where(
        col(TallyRow.tenant) == tenant,
        col(TallyRow.count) > 0,
        *equal(TallyRow, wanted, *(name for name in (*LASTING, *CHANGING) if name in _TALLIED)),
        *risky(TallyRow, wanted),
        *ruled(TallyRow, wanted),
    )
    first, last = days
    if first is not None:
        query = query.where(col(TallyRow.day) >= first)
    if last is not None:
        query = query.where(col(TallyRow.day) < last)
    return query


def _each(tenant: str, wanted: ActionFilter, names: Sequence[str]) -> Select[Any]:
    query = _part(ActionRow, names, col(ActionRow.requested_at), literal(1))
    query, requested_at, _ = labelled(query, tenant, wanted)
    return query.where(
        col(ActionRow.tenant) == tenant, *of_action(tenant, wanted), *within(requested_at, wanted)
    )


def _part(
    table: type[SQLModel], names: Sequence[str], at: Mapped[datetime], count: Count
) -> Select[Any]:
    """Select columns and a count; the day is taken from ``at`` where no column has it."""
    shown: list[ColumnElement[Any]] = [
        cast(func.timezone("UTC", at), Date).label(name)
        if name not in table.model_fields
        else col(getattr(table, name)).label(name)
        for name in names
    ]
    return select(*shown, count.label("count"))


def _counted(parts: Sequence[Select[Any]], names: Sequence[str]) -> Written:
    alike = union_all(*parts).subquery("alike")
    groups = [alike.c[name] for name in names]
    count = func.sum(alike.c["count"])
    query = select(*groups, count.label("count"), func.sum(count).over().label("total")).group_by(
        *groups
    )
    return written(query.order_by(count.desc(), *groups).limit(MOST_READ + 1))


def _is_tallied(wanted: ActionFilter) -> bool:
    given = wanted.model_dump(exclude_none=True, exclude={"since", "until", "min_risk", "rule"})
    return {*given} <= _TALLIED


def _first_day(since: datetime | None) -> date | None:
    """Name the first day that lies in the time asked for as a whole."""
    if since is None or since == _midnight(since.date()):
        return since and since.date()
    return date.max if since.date() == date.max else since.date() + timedelta(days=1)


def _last_day(until: datetime | None) -> date | None:
    """Name the day before which all days lie in the time asked for as a whole."""
    return until and until.date()


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None
