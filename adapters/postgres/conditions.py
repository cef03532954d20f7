"""What a filter says, as SQL conditions."""

from datetime import datetime

from sqlalchemy import ColumnElement, any_, func, literal
from sqlalchemy.orm import Mapped
from sqlmodel import SQLModel, col, select

from adapters.postgres.rows import ActionFilter, Within
from adapters.postgres.tables import ActionLabelRow, ActionRow, SealRow
from counterseal.core.model import Record
from counterseal.core.words import Level, Risk

LABELS = ("rule", "approver", "asked")
"""Filters by what an action has several of; each is a row of ``ledger.action_label``."""

CHANGING = ("phase", "disposition", "outcome")
"""Filters by what changes after the action was requested, so that only its own row has it."""

LASTING = (
    "verdict",
    "effective",
    "action_class",
    "risk",
    "environment",
    "tool",
    "agent",
    "principal",
    "session",
)

Conditions = list[ColumnElement[bool]]


def equal(table: type[SQLModel], wanted: Record, *names: str) -> Conditions:
    """Say that columns have the values which ``wanted`` names."""
    given = {name: getattr(wanted, name) for name in names}
    return [
        col(getattr(table, name)) == (value if isinstance(value, bool) else str(value))
        for name, value in given.items()
        if value is not None
    ]


def risky(table: type[SQLModel], wanted: ActionFilter) -> Conditions:
    """Say that an action is at least as risky as ``wanted``, in the words of an index."""
    risk = col(getattr(table, "risk"))  # noqa: B009 - several tables have it
    match wanted.min_risk:
        case None | Risk.LOW:
            return []
        case Risk.MEDIUM:
            return [risk != Risk.LOW.value]
        case Risk.HIGH:
            return [(risk == Risk.HIGH.value) | (risk == Risk.CRITICAL.value)]
        case Risk.CRITICAL:
            return [risk == Risk.CRITICAL.value]


def of_action(tenant: str, wanted: ActionFilter) -> Conditions:
    """Say which actions are wanted, but for time and what they have several of."""
    found = [*equal(ActionRow, wanted, *LASTING, *CHANGING), *risky(ActionRow, wanted)]
    return [*found, *at_level(tenant, wanted.level)]


def at_level(tenant: str, level: Level | None) -> Conditions:
    """Say how far the evidence of an action has come."""
    last = col(ActionRow.last_seq)
    match level:
        case None:
            return []
        case Level.WITNESSED:
            return [last < _under(SealRow.witnessed, tenant)]
        case Level.SEALED:
            return [
                last < _under(SealRow.sealed, tenant),
                last >= _under(SealRow.witnessed, tenant),
            ]
        case Level.RECORDED:
            return [last >= _under(SealRow.sealed, tenant)]


def _under(size: int, tenant: str) -> ColumnElement[int]:
    found = select(col(size)).where(col(SealRow.tenant) == tenant).scalar_subquery()
    return func.coalesce(found, 0)


def within(at: Mapped[datetime], wanted: Within) -> Conditions:
    """Say that ``at`` lies in the time that is asked for."""
    found: Conditions = []
    if wanted.since is not None:
        found.append(at >= wanted.since)
    if wanted.until is not None:
        found.append(at < wanted.until)
    return found


def ruled(table: type[SQLModel], wanted: ActionFilter) -> Conditions:
    """Say that a rule is among those of a row."""
    if wanted.rule is None:
        return []
    return [literal(wanted.rule) == any_(col(getattr(table, "rules")))]  # noqa: B009 - several tables have it


def about(table: type[SQLModel], tenant: str, wanted: ActionFilter) -> Conditions:
    """Say which action a vote or refusal is about.

    What only the action's own rows have is looked up for each row in turn: Postgres would take it
    for a rare coincidence, join everything and sort.
    """
    action_id = col(getattr(table, "action_id"))  # noqa: B009 - several tables have it
    requested_at = col(getattr(table, "requested_at"))  # noqa: B009 - likewise
    found = [*equal(table, wanted, *LASTING), *risky(table, wanted), *ruled(table, wanted)]
    for name in ("approver", "asked"):
        if (value := getattr(wanted, name)) is not None:
            label = select(literal(value=True)).where(
                col(ActionLabelRow.tenant) == tenant,
                col(ActionLabelRow.label) == f"{name}:{value}",
                col(ActionLabelRow.requested_at) == requested_at,
                col(ActionLabelRow.action_id) == action_id,
            )
            found.append(label.limit(1).scalar_subquery())
    changing = [*equal(ActionRow, wanted, *CHANGING), *at_level(tenant, wanted.level)]
    if changing:
        action = select(literal(value=True)).where(
            col(ActionRow.tenant) == tenant, col(ActionRow.action_id) == action_id, *changing
        )
        found.append(action.limit(1).scalar_subquery())
    return found
