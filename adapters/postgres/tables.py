"""The tables that are read by queries, as they stand in the schema. Migrations own their shape."""

from datetime import date, datetime

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


class SealRow(SQLModel, table=True):
    """How many events of a tenant are sealed, and how many witnessed."""

    __tablename__ = "seal"
    __table_args__ = {"schema": "ledger"}

    tenant: str = Field(primary_key=True)
    sealed: int
    witnessed: int


class ActionLabelRow(SQLModel, table=True):
    """A rule, approver or asked group of an action: ``rule:…``, ``approver:…``, ``asked:…``."""

    __tablename__ = "action_label"
    __table_args__ = {"schema": "ledger"}

    tenant: str = Field(primary_key=True)
    label: str = Field(primary_key=True)
    requested_at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    action_id: str = Field(primary_key=True)


class _About(SQLModel):
    """What the rows of votes and refusals repeat of the action they are about."""

    tenant: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    action_id: str
    tool: str
    action_class: str | None
    risk: str | None
    agent: str
    principal: str | None
    session: str | None
    environment: str | None
    verdict: str
    effective: str


class VoteRow(_About, table=True):
    """A vote that counted."""

    __tablename__ = "vote"
    __table_args__ = {"schema": "ledger"}

    at: datetime = Field(sa_column=_instant())
    requested_at: datetime = Field(sa_column=_instant())
    rules: list[str] = Field(sa_column=_names())
    vote_id: str
    person: str
    groups: list[str] = Field(sa_column=_names())
    approve: bool
    reason: str
    digest: str
    channel: str
    assurance: str
    held_at: datetime | None = Field(sa_column=_instant(nullable=True))
    asked_at: datetime | None = Field(sa_column=_instant(nullable=True))
    after_hold: float | None
    after_asked: float | None
    hasty: bool


class RefusalRow(_About, table=True):
    """A request that was refused."""

    __tablename__ = "refusal"
    __table_args__ = {"schema": "ledger"}

    at: datetime = Field(sa_column=_instant())
    requested_at: datetime = Field(sa_column=_instant())
    rules: list[str] = Field(sa_column=_names())
    kind: str
    request_id: str
    sender: str
    code: str
    sentence: str
    digest: str | None
    channel: str | None
    late: bool


class ActivationRow(SQLModel, table=True):
    """A bundle that came into force."""

    __tablename__ = "activation"
    __table_args__ = {"schema": "ledger"}

    tenant: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    at: datetime = Field(sa_column=_instant())
    digest: str
    name: str
    version: str
    replaces: str | None
    by: str
    because: str | None
    incident: str | None


class TallyRow(SQLModel, table=True):
    """How many actions of one day are alike."""

    __tablename__ = "tally"
    __table_args__ = {"schema": "ledger"}

    tenant: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    alike: bytes = Field(primary_key=True)
    verdict: str
    effective: str
    disposition: str | None
    outcome: str | None
    action_class: str | None
    risk: str | None
    agent: str
    tool: str
    environment: str | None
    rules: list[str] = Field(sa_column=_names())
    count: int
