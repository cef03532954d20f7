"""Events as OCSF 1.8.0 records, for a SIEM. No sensitive value and no argument is in them.

One event is one record, and a second one, a finding, if it was an attack on the gate. A withheld
event is none. All text is data: what hides in it is spelt out, as on the page for people.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from counterseal.core.canonical import Json
from domain.evidence.siem.notice import NOBODY, About, Actor, Notice, Subject, Who, about
from domain.evidence.siem.notices import notices
from domain.evidence.siem.words import (
    ANSWERS,
    CLASSES,
    ENTITIES,
    OTHER,
    RISKS,
    SEVERITIES,
    VERBS,
    VERSION,
)
from domain.evidence.story import PackageStory, StoryEvent
from domain.evidence.telling.account import accounts
from domain.evidence.telling.inert import inert
from domain.evidence.telling.reading import instant
from domain.evidence.telling.sentences import sentence

Object = dict[str, Json]

PRODUCT = "Counterseal"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ocsf_lines(story: PackageStory) -> Iterator[Object]:
    """Write a package's events, in the order of the log."""
    known = {each.action_id: about(each) for each in accounts(story)}
    for each in story.events:
        yield from ocsf_records(story.log, story.tenant, each, known.get(each.action_id, NOBODY))


def ocsf_records(log: str, tenant: str, told: StoryEvent, of: About) -> Iterator[Object]:
    """Write one event. ``of`` is the action it belongs to, or ``NOBODY``."""
    for notice in notices(told, of):
        yield _inert(
            {
                **_class(notice),
                "time": _milliseconds(told.at),
                "message": notice.title or sentence(told).plain,
                "severity": notice.severity.value,
                "severity_id": SEVERITIES[notice.severity],
                "metadata": _metadata(log, tenant, told, of, notice),
                **_outcome(notice),
                **_control(notice, of),
                **_particulars(notice, told, of),
                "unmapped": _unmapped(log, tenant, told, of, notice),
            }
        )


def _class(notice: Notice) -> Object:
    category, category_name, class_uid, class_name = CLASSES[notice.subject]
    activity = VERBS[notice.subject].get(notice.verb, OTHER)
    caption = "Other" if activity == OTHER else notice.verb.value
    return {
        "category_uid": category,
        "category_name": category_name,
        "class_uid": class_uid,
        "class_name": class_name,
        "activity_id": activity,
        # Of what has no word in OCSF, the activity's name is the source's own.
        "activity_name": notice.operation if activity == OTHER else caption,
        "type_uid": class_uid * 100 + activity,
        "type_name": f"{class_name}: {caption}",
    }


def _metadata(log: str, tenant: str, told: StoryEvent, of: About, notice: Notice) -> Object:
    suffix = "#finding" if notice.subject is Subject.FINDING else ""
    return {
        "version": VERSION,
        "product": {"name": PRODUCT, "vendor_name": PRODUCT},
        "profiles": _profiles(notice, of),
        "uid": f"{log}#{told.seq}{suffix}",
        "event_code": told.kind or "unknown",
        "log_name": log,
        "log_provider": PRODUCT,
        "tenant_uid": tenant,
        "sequence": told.seq,
        "original_time": told.at or "",
        **({"correlation_uid": of.action_id} if of.action_id else {}),
    }


def _profiles(notice: Notice, of: About) -> list[Json]:
    ai = ["ai_operation"] if notice.subject is Subject.ACTIVITY and of.agent else []
    return [*ai, *(["security_control"] if notice.answer is not None else [])]


def _actor(actor: Actor, of: About) -> Object:
    match actor.who:
        case Who.AGENT:
            mine = actor.name == of.agent
            return {
                "app_name": actor.name,
                "app_uid": actor.name,
                **({"user": _user(of.principal, 1, "User")} if mine and of.principal else {}),
                **({"session": {"uid": of.session}} if mine and of.session else {}),
            }
        case Who.PERSON:
            groups = [{"name": each} for each in actor.groups]
            user = _user(actor.name, 1, "User")
            return {"user": {**user, **({"groups": groups} if groups else {})}}
        case Who.OPERATOR:
            return {"user": _user(actor.name, 2, "Admin")}
        case Who.SYSTEM:
            return {"app_name": PRODUCT}


def _user(name: str, type_id: int, type_name: str) -> Object:
    return {"uid": name, "name": name, "type_id": type_id, "type": type_name}


def _outcome(notice: Notice) -> Object:
    words: Mapping[bool | None, tuple[int, str]]
    words = {True: (1, "Success"), False: (2, "Failure"), None: (0, "Unknown")}
    finding = notice.subject is Subject.FINDING
    status_id, status = (1, "New") if finding else words[notice.succeeded]
    return {
        "status_id": status_id,
        "status": status,
        **({"status_code": notice.code} if notice.code else {}),
        **({"status_detail": notice.detail} if notice.detail else {}),
    }


def _control(notice: Notice, of: About) -> Object:
    """Write what the profile ``security_control`` adds: how the gate answered, by which policy."""
    if notice.answer is None:
        return {}
    action_id, action, disposition_id, disposition = ANSWERS[notice.answer]
    policy: Object = {"name": of.bundle, "version": of.bundle_version, "uid": of.bundle_digest}
    policy = {**{name: value for name, value in policy.items() if value}, "is_applied": True}
    level = RISKS.get(of.risk)
    return {
        "action_id": action_id,
        "action": action,
        "disposition_id": disposition_id,
        "disposition": disposition,
        **({"policy": policy} if of.bundle_digest else {}),
        **({"risk_level_id": level[0], "risk_level": level[1]} if level else {}),
    }


def _particulars(notice: Notice, told: StoryEvent, of: About) -> Object:
    match notice.subject:
        case Subject.ACTIVITY:
            return {
                "actor": _actor(notice.actor, of),
                "api": _api(notice),
                "src_endpoint": _endpoint(notice),
                **_resources(of),
                **({"message_context": _context(of)} if of.agent else {}),
            }
        case Subject.ENTITY:
            return {"actor": _actor(notice.actor, of), "entity": _entity(notice)}
        case Subject.FINDING:
            return {
                "finding_info": _finding(notice, told),
                "is_alert": True,
                "confidence_id": 3,
                "confidence": "High",
                "evidences": [{"actor": _actor(notice.actor, of), "api": _api(notice)}],
                **_resources(of),
            }
        case Subject.LIFECYCLE:
            return {"app": {"name": PRODUCT, "vendor_name": PRODUCT}}


def _api(notice: Notice) -> Object:
    failed: Object = {"error": notice.code, "error_message": notice.detail}
    return {
        "operation": notice.operation,
        **({"request": {"uid": notice.request}} if notice.request else {}),
        **({"response": failed} if notice.code else {}),
    }


def _endpoint(notice: Notice) -> Object:
    """Name where it came from: by name alone, for we do not record network addresses."""
    return {
        "name": notice.actor.name or PRODUCT,
        **({"svc_name": notice.channel} if notice.channel else {}),
    }


def _resources(of: About) -> Object:
    if not of.action_id:
        return {}
    action: Object = {"uid": of.action_id, "type": "action"}
    if of.tool:
        action["name"] = of.tool
    target: list[Json] = []
    if of.resource:
        target = [{"uid": of.resource, "type": "resource", "role_id": 1, "role": "Target"}]
    return {"resources": [action, *target]}


def _context(of: About) -> Object:
    return {
        "ai_role_id": 4,
        "ai_role": "Agent",
        "application": {"uid": of.agent, "name": of.agent},
        **({"uid": of.session} if of.session else {}),
    }


def _entity(notice: Notice) -> Object:
    changed = notice.entity
    if changed is None:
        return {"name": notice.operation}
    type_id = ENTITIES.get(changed.type, OTHER)
    named: Object = {
        "name": changed.name or changed.type,
        "uid": changed.uid,
        "version": changed.version,
    }
    named = {name: value for name, value in named.items() if value}
    whole: Object = {"type_id": type_id, "type": changed.type, **named}
    return {**whole, "policy": named} if changed.type == "Policy" else whole


def _finding(notice: Notice, told: StoryEvent) -> Object:
    code = notice.code or (told.kind or "unknown")
    return {
        "uid": f"{told.leaf}#finding",
        "title": notice.title,
        "desc": sentence(told).plain,
        "types": [code],
        "created_time": _milliseconds(told.at),
        "analytic": {"name": PRODUCT, "uid": code, "type_id": 1, "type": "Rule"},
    }


def _unmapped(log: str, tenant: str, told: StoryEvent, of: About, notice: Notice) -> Object:
    known: Object = {
        "log": log,
        "tenant": tenant,
        "stream": told.stream,
        "version": told.version,
        "leaf": told.leaf,
        "digest": of.digest,
        "environment": of.environment,
        "action_class": of.action_class,
        "risk": of.risk,
        "bundle_digest": of.bundle_digest,
        "rules": [*of.rules],
        "verdict": of.verdict,
        "effective": of.effective,
        "would_have": of.verdict if of.verdict != of.effective else "",
        **notice.more,
    }
    return {name: value for name, value in known.items() if value not in ("", [])}


def _milliseconds(at: str | None) -> int:
    moment = instant(at)
    return 0 if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)


def _inert(value: Object) -> Object:
    return {name: _spelt(each) for name, each in value.items()}


def _spelt(value: Json) -> Json:
    match value:
        case str():
            return inert(value)
        case Mapping():
            return {inert(str(name)): _spelt(each) for name, each in value.items()}
        case list() | tuple():
            return [_spelt(each) for each in value]
        case _:
            return value
