"""What a SIEM is told, in no SIEM's format: each format is a thin map of this."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from counterseal.core.canonical import Json
from domain.evidence.telling.account import Account
from domain.evidence.telling.reading import find, text, texts


class Subject(StrEnum):
    """What a notice is about."""

    ACTIVITY = "activity"
    ENTITY = "entity"
    FINDING = "finding"
    LIFECYCLE = "lifecycle"


class Verb(StrEnum):
    """What was done to it."""

    CREATE = "Create"
    READ = "Read"
    UPDATE = "Update"
    DELETE = "Delete"
    ACTIVATE = "Activate"
    DEACTIVATE = "Deactivate"
    OTHER = "Other"


class Severity(StrEnum):
    """How much somebody should care."""

    INFORMATIONAL = "Informational"
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


class Answer(StrEnum):
    """How the gate answered."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    CHALLENGED = "challenged"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    OBSERVED = "observed"
    ERRED = "erred"


class Who(StrEnum):
    """What kind of actor did it."""

    AGENT = "agent"
    PERSON = "person"
    OPERATOR = "operator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it; ``groups`` are those a person acted for."""

    who: Who
    name: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """What an operator changed."""

    type: str
    name: str
    uid: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """The action an event belongs to, as far as it is known. All of it is empty for none."""

    action_id: str = ""
    tool: str = ""
    resource: str = ""
    agent: str = ""
    principal: str = ""
    session: str = ""
    environment: str = ""
    action_class: str = ""
    risk: str = ""
    digest: str = ""
    verdict: str = ""
    effective: str = ""
    rules: tuple[str, ...] = ()
    erred: bool = False
    bundle: str = ""
    bundle_version: str = ""
    bundle_digest: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. ``code`` and ``detail`` say why it failed; ``title`` names a finding."""

    subject: Subject
    operation: str
    actor: Actor
    verb: Verb = Verb.OTHER
    severity: Severity = Severity.INFORMATIONAL
    succeeded: bool | None = True
    answer: Answer | None = None
    request: str = ""
    channel: str = ""
    code: str = ""
    detail: str = ""
    title: str = ""
    entity: Entity | None = None
    more: Mapping[str, Json] = field(default_factory=dict)


NOBODY = About()
SYSTEM = Actor(Who.SYSTEM)

Event = Mapping[str, Json]
Write = Callable[[Event, About], Notice]
"""What turns an event's body into what is told of it."""


def about(account: Account) -> About:
    """Say what an action's own events say of it."""
    action, decision = account.action, account.decision
    names = ("tool", "resource", "agent", "principal", "session", "environment")
    determining = {*texts(decision, "determining")}
    fired = find(decision, "fired")
    return About(
        action_id=account.action_id,
        **{name: text(action, name) for name in names},
        action_class=text(decision, "action_class"),
        risk=text(decision, "risk"),
        digest=_digest(account),
        verdict=text(decision, "verdict"),
        effective=text(decision, "effective"),
        rules=texts(decision, "determining"),
        erred=any(
            find(rule, "erred") is True and text(rule, "rule") in determining
            for rule in (fired if isinstance(fired, list | tuple) else ())
        ),
        bundle=text(decision, "bundle", "name"),
        bundle_version=text(decision, "bundle", "version"),
        bundle_digest=text(decision, "bundle", "digest"),
    )


def _digest(account: Account) -> str:
    kinds = ("action.requested", "decision.reached", "action.settled")
    return next(filter(None, (text(account.first(kind), "digest") for kind in kinds)), "")
