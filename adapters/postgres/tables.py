"""The tables that are read by queries, as they stand in the schema. Migrations own their shape."""

from datetime import datetime

from sqlalchemy import Column, DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel


def _instant(*, nullable: bool = False) -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=nullable)


def _names() -> Column[list[str]]:
    return Column(ARRAY(Text), nullable=False)


class ActionRow(SQLModel, table=True):
    """An action as lists show it."""

    __tablename__ = "action"
    __table_args__ = {"schema": "ledger"}

    tenant: str = Field(primary_key=True)
    action_id: str = Field(primary_key=True)
    version: int
    digest: str
    phase: str
    verdict: str
    effective: str
    stage: str | None
    disposition: str | None
    outcome: str | None
    tool: str
    action_class: str | None
    risk: str | None
    agent: str
    agent_owner: str | None
    principal: str | None
    session: str | None
    environment: str | None
    bundle: str | None
    rules: list[str] = Field(sa_column=_names())
    asked: list[str] = Field(sa_column=_names())
    approvers: list[str] = Field(sa_column=_names())
    approvals: int
    quorum: int
    requested_at: datetime = Field(sa_column=_instant())
    next_deadline: datetime | None = Field(sa_column=_instant(nullable=True))
    held_until: datetime | None = Field(sa_column=_instant(nullable=True))
    settled_at: datetime | None = Field(sa_column=_instant(nullable=True))
    closed_at: datetime | None = Field(sa_column=_instant(nullable=True))
    updated_at: datetime = Field(sa_column=_instant())
    last_seq: int


class ActionLabelRow(SQLModel, table=True):
    """A rule, approver or asked group of an action: ``rule:…``, ``approver:…``, ``asked:…``."""

    __tablename__ = "action_label"
    __table_args__ = {"schema": "ledger"}

    tenant: str = Field(primary_key=True)
    label: str = Field(primary_key=True)
    requested_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    action_id: str = Field(primary_key=True)
