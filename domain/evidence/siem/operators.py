"""What operators did, to a SIEM: policies, keys and people changed, evidence taken out."""

from collections.abc import Callable, Mapping

from counterseal.core.canonical import Json
from domain.evidence.siem.notice import (
    SYSTEM,
    About,
    Actor,
    Entity,
    Event,
    Notice,
    Severity,
    Subject,
    Verb,
    Who,
    Write,
)
from domain.evidence.telling.reading import find, items, text


def _exported(event: Event, _: About) -> Notice:
    return Notice(
        Subject.ACTIVITY,
        "evidence.export",
        Actor(Who.OPERATOR, text(event, "by")),
        Verb.READ,
        Severity.LOW,
        detail=text(event, "purpose"),
        more={
            "role": text(event, "role"),
            "profile": text(event, "profile"),
            "disclosed": len(items(event, "disclosed")),
        },
    )


def _changed(verb: Verb, entity: Callable[[Event], Entity]) -> Write:
    def write(event: Event, _: About) -> Notice:
        by = Actor(Who.OPERATOR, text(event, "by"))
        operation = f"{entity(event).type.lower()}.{verb.lower()}"
        detail = text(event, "because")
        more: dict[str, Json] = {}
        if incident := text(event, "incident"):
            more["incident"] = incident
        if replaces := text(event, "replaces"):
            more["replaces"] = replaces
        return Notice(
            Subject.ENTITY,
            operation,
            by,
            verb,
            Severity.LOW,
            detail=detail,
            entity=entity(event),
            more=more,
        )

    return write


def _key(event: Event) -> Entity:
    return Entity("API key", text(event, "subject"), text(event, "key_id"))


def _verified(event: Event, _: About) -> Notice:
    is_sound = find(event, "found") == 0
    return Notice(
        Subject.LIFECYCLE,
        "ledger.verify",
        SYSTEM,
        severity=Severity.INFORMATIONAL if is_sound else Severity.HIGH,
        succeeded=is_sound,
        code="" if is_sound else "log-not-sound",
        detail=" ".join(text(each, "sentence") for each in items(event, "findings")),
        more={name: find(event, name) for name in ("size", "root", "found")},
    )


OF_OPERATORS: Mapping[str, Write] = {
    "evidence.exported": _exported,
    "tenant.created": _changed(
        Verb.CREATE, lambda event: Entity("Organization", text(event, "tenant"))
    ),
    "key.issued": _changed(Verb.CREATE, _key),
    "key.revoked": _changed(Verb.DEACTIVATE, _key),
    "roster.changed": _changed(Verb.UPDATE, lambda _: Entity("Group", "roster")),
    "bundle.activated": _changed(
        Verb.ACTIVATE,
        lambda event: Entity(
            "Policy", text(event, "name"), text(event, "digest"), text(event, "version")
        ),
    ),
    "ledger.sealed": lambda _event, _of: Notice(Subject.LIFECYCLE, "ledger.seal", SYSTEM),
    "ledger.verified": _verified,
}
"""One entry per kind of event of the system's streams."""
