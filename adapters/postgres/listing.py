"""The statement behind a list of actions."""

from typing import Any

from sqlalchemy import ColumnElement, literal, tuple_
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from adapters.postgres.cursor import Cursor
from adapters.postgres.rows import ActionFilter
from adapters.postgres.tables import ActionLabelRow, ActionRow

_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's own
_EQUAL = (
    "phase",
    "verdict",
    "effective",
    "disposition",
    "outcome",
    "action_class",
    "tool",
    "agent",
    "principal",
    "session",
)
_LABELS = ("rule", "approver", "asked")


def statement(
    tenant: str, wanted: ActionFilter, after: Cursor | None, limit: int
) -> tuple[str, list[Any]]:
    """Write SQL and its arguments for ``limit`` actions, latest first.

    A label that is asked for leads, because its index is in the order of the list. Nothing more
    is said about it: Postgres would take repeated conditions for rare coincidences and sort.
    """
    query = select(ActionRow).where(*_conditions(tenant, wanted))
    requested_at, action_id = col(ActionRow.requested_at), col(ActionRow.action_id)
    for name in _LABELS:
        if (value := getattr(wanted, name)) is not None:
            label = aliased(ActionLabelRow)
            query = query.join(
                label,
                (col(label.tenant) == ActionRow.tenant)
                & (col(label.action_id) == ActionRow.action_id)
                & (col(label.label) == f"{name}:{value}")
                & (col(label.tenant) == tenant),
            )
            requested_at, action_id = col(label.requested_at), col(label.action_id)
    if wanted.since is not None:
        query = query.where(requested_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(requested_at < wanted.until)
    if after is not None:
        last = tuple_(literal(after.requested_at), literal(after.action_id))
        query = query.where(tuple_(requested_at, action_id) < last)
    return _written(query.order_by(requested_at.desc(), action_id.desc()).limit(limit))


def _conditions(tenant: str, wanted: ActionFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [col(ActionRow.tenant) == tenant]
    for name in _EQUAL:
        if (value := getattr(wanted, name)) is not None:
            found.append(col(getattr(ActionRow, name)) == str(value))  # noqa: PERF401 - plainer so
    return found


def _written(query: SelectOfScalar[ActionRow]) -> tuple[str, list[Any]]:
    compiled = query.compile(dialect=_DIALECT)
    return str(compiled), [compiled.params[name] for name in compiled.positiontup or ()]
