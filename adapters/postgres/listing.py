"""The statements behind lists."""

from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, literal, tuple_
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import col, select

from adapters.postgres.conditions import (
    LABELS,
    Conditions,
    about,
    equal,
    of_action,
    within,
)
from adapters.postgres.cursor import Cursor, Place
from adapters.postgres.rows import ActionFilter, ActivationFilter, RefusalFilter, VoteFilter
from adapters.postgres.tables import (
    ActionLabelRow,
    ActionRow,
    ActivationRow,
    RefusalRow,
    VoteRow,
)

_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's own

Q = TypeVar("Q", bound=Select[Any])

Written = tuple[str, list[Any]]
"""SQL and its arguments."""


def actions(tenant: str, wanted: ActionFilter, after: Cursor | None, limit: int) -> Written:
    """Write the statement for ``limit`` actions, latest first.

    A label that is asked for leads, because its index is in the order of the list. Nothing more
    is said about it: Postgres would take repeated conditions for rare coincidences and sort.
    """
    query = select(ActionRow).where(col(ActionRow.tenant) == tenant, *of_action(tenant, wanted))
    query, requested_at, action_id = labelled(query, tenant, wanted)
    query = query.where(*within(requested_at, wanted))
    if after is not None:
        last = tuple_(literal(after.requested_at), literal(after.action_id))
        query = query.where(tuple_(requested_at, action_id) < last)
    return written(query.order_by(requested_at.desc(), action_id.desc()).limit(limit))


def labelled(
    query: Q, tenant: str, wanted: ActionFilter
) -> tuple[Q, Mapped[datetime], Mapped[str]]:
    """Narrow a query of actions to labels; tell which columns hold its instants and names best."""
    requested_at, action_id = col(ActionRow.requested_at), col(ActionRow.action_id)
    for name in LABELS:
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
    return query, requested_at, action_id


def votes(tenant: str, wanted: VoteFilter, after: Place | None, limit: int) -> Written:
    """Write the statement for ``limit`` votes, latest first."""
    return _lines(VoteRow, tenant, vote_conditions(tenant, wanted), after, limit)


def refusals(tenant: str, wanted: RefusalFilter, after: Place | None, limit: int) -> Written:
    """Write the statement for ``limit`` refusals, latest first."""
    return _lines(RefusalRow, tenant, refusal_conditions(tenant, wanted), after, limit)


def activations(tenant: str, wanted: ActivationFilter, after: Place | None, limit: int) -> Written:
    """Write the statement for ``limit`` activations of bundles, latest first."""
    conditions = [
        *equal(ActivationRow, wanted, "by", "incident"),
        *within(col(ActivationRow.at), wanted),
    ]
    return _lines(ActivationRow, tenant, conditions, after, limit)


def vote_conditions(tenant: str, wanted: VoteFilter) -> Conditions:
    """Say which votes are wanted. Of votes, ``approver`` is who cast them."""
    found = about(VoteRow, tenant, wanted.model_copy(update={"approver": None}))
    found += equal(VoteRow, wanted, "action_id", "channel", "assurance")
    if wanted.approver is not None:
        found.append(col(VoteRow.person) == wanted.approver)
    # Said as the indexes say it, which hold one of the two answers only.
    for name in ("approve", "hasty"):
        if (value := getattr(wanted, name)) is not None:
            flag: ColumnElement[bool] = getattr(VoteRow, name)
            found.append(flag if value else ~flag)
    return [*found, *within(col(VoteRow.at), wanted)]


def refusal_conditions(tenant: str, wanted: RefusalFilter) -> Conditions:
    """Say which refusals are wanted."""
    found = about(RefusalRow, tenant, wanted)
    found += equal(RefusalRow, wanted, "action_id", "kind", "code", "sender", "late")
    return [*found, *within(col(RefusalRow.at), wanted)]


def written(query: Select[Any]) -> Written:
    """Turn a statement into SQL with numbered arguments."""
    compiled = query.compile(dialect=_DIALECT)
    return str(compiled), [compiled.params[name] for name in compiled.positiontup or ()]


def _lines(
    table: type[VoteRow | RefusalRow | ActivationRow],
    tenant: str,
    conditions: Conditions,
    after: Place | None,
    limit: int,
) -> Written:
    at, seq = col(table.at), col(table.seq)
    query = select(table).where(col(table.tenant) == tenant, *conditions)
    if after is not None:
        query = query.where(tuple_(at, seq) < tuple_(literal(after.at), literal(after.seq)))
    return written(query.order_by(at.desc(), seq.desc()).limit(limit))
