"""Routes for operators: keys, roster, bundles, rehearsals; and who one is."""

import asyncio
import re
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ValidationError

from adapters.postgres.rows import StoredKey
from counterseal.core.canonical import Json
from counterseal.core.policy.bundle import Bundle, bundle_digest
from counterseal.core.policy.complaint import BundleRefused
from counterseal.core.policy.load import parse_bundle
from counterseal.core.wire import (
    BundleView,
    Identity,
    KeyView,
    NewBundle,
    NewKey,
    NewRehearsal,
    Rehearsal,
    RosterView,
)
from counterseal.core.words import Role
from domain.roster import Agent, Person, Roster
from entrypoints.administration import REHEARSAL_AGENT, Why
from entrypoints.credentials import Caller, demand
from entrypoints.http.body import body, takes
from entrypoints.http.state import ByCaller, InRooms, Rooms
from entrypoints.problems import Declined

router = APIRouter(prefix="/v1", tags=["operations"])

MOST_COMPLAINTS = 100
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""A NUL as JSON writes it. Postgres cannot keep one in what it indexes."""


@router.get("/whoami")
async def whoami(caller: ByCaller) -> Identity:
    """Tell what the server takes the caller for."""
    return Identity(
        tenant=caller.tenant,
        role=caller.role,
        subject=caller.subject,
        environment=caller.environment,
        key_id=caller.key_id,
    )


@router.get("/keys")
async def list_keys(rooms: InRooms, caller: ByCaller) -> tuple[KeyView, ...]:
    """List the tenant's keys; never a secret."""
    demand(caller, Role.OPERATOR)
    return tuple(_key_view(row) for row in await rooms.queries.list_keys(caller.tenant))


@router.post("/keys", status_code=201, openapi_extra=takes(NewKey))
async def issue_key(
    rooms: InRooms, caller: ByCaller, wanted: Annotated[NewKey, Depends(body(NewKey))]
) -> KeyView:
    """Hand out a key. Its secret is in this answer and can never be had again."""
    demand(caller, Role.OPERATOR)
    secret = await rooms.administration.issue_key(
        caller.tenant, wanted.role, wanted.subject, wanted.environment, by=caller.subject
    )
    return KeyView(
        key_id=secret.key_id,
        role=wanted.role,
        subject=wanted.subject,
        environment=wanted.environment,
        issued_at=rooms.clock(),
        secret=secret.text,
    )


@router.delete("/keys/{key_id}")
async def revoke_key(rooms: InRooms, caller: ByCaller, key_id: str) -> KeyView:
    """Stop a key from working, within a second, for good."""
    demand(caller, Role.OPERATOR)
    key = await rooms.queries.find_key(key_id) if key_id.isalnum() else None
    if key is None or key.tenant != caller.tenant:
        raise Declined("no-such-key", f"there is no key {key_id[:64]} here.")
    if key.revoked_at is not None:
        return _key_view(key)
    row = key.model_dump(mode="json", exclude={"tenant"})
    await rooms.administration.revoke_key(caller.tenant, row, by=caller.subject)
    return _key_view(key.model_copy(update={"revoked_at": rooms.clock()}))


@router.get("/roster")
async def read_roster(rooms: InRooms, caller: ByCaller) -> RosterView:
    """Tell who is who."""
    demand(caller, Role.OPERATOR, Role.AUDITOR)
    version, roster = await rooms.gate.facts.roster(caller.tenant)
    return RosterView.model_validate({"version": version, **roster.model_dump(mode="json")})


@router.put("/roster", openapi_extra=takes(RosterView))
async def set_roster(
    rooms: InRooms, caller: ByCaller, wanted: Annotated[RosterView, Depends(body(RosterView))]
) -> RosterView:
    """Replace the roster. Holds that are open count later votes by the new one."""
    demand(caller, Role.OPERATOR)
    _refuse_nul(wanted)
    _refuse_unknown(wanted)
    try:
        roster = Roster.model_validate(wanted.model_dump(mode="json", exclude={"version"}))
    except ValidationError as error:
        raise Declined("roster-refused", _said(error)) from error
    version = await rooms.administration.set_roster(caller.tenant, roster, by=caller.subject)
    return RosterView.model_validate({"version": version, **roster.model_dump(mode="json")})


@router.get("/bundles")
async def read_bundle(rooms: InRooms, caller: ByCaller) -> BundleView:
    """Tell which bundle is in force."""
    row = await rooms.queries.active_bundle(caller.tenant)
    if row is None:
        raise Declined("no-bundle", "no bundle is in force here; activate one.")
    return BundleView(
        name=row.name, version=row.version, digest=row.digest, activated_at=row.activated_at
    )


@router.post("/bundles", status_code=201, openapi_extra=takes(NewBundle))
async def activate_bundle(
    rooms: InRooms, caller: ByCaller, wanted: Annotated[NewBundle, Depends(body(NewBundle))]
) -> BundleView:
    """Bring a bundle into force for new actions. Actions already held keep theirs."""
    demand(caller, Role.OPERATOR)
    bundle = await _bundle(wanted.files)
    why = Why(wanted.because, wanted.incident)
    await rooms.administration.activate(caller.tenant, bundle, by=caller.subject, why=why)
    return _bundle_view(bundle)


@router.post("/rehearsals", status_code=201, openapi_extra=takes(NewRehearsal))
async def rehearse(
    rooms: InRooms, caller: ByCaller, wanted: Annotated[NewRehearsal, Depends(body(NewRehearsal))]
) -> Rehearsal:
    """Make a tenant apart, in which a bundle can be tried with nothing at stake."""
    demand(caller, Role.OPERATOR)
    bundle = await _bundle(wanted.files)
    tenant = await rooms.administration.rehearse(caller.tenant, bundle, by=caller.subject)
    return Rehearsal(
        tenant=tenant,
        bundle=_bundle_view(bundle),
        agent_key=await _issue(rooms, caller, tenant, Role.AGENT, REHEARSAL_AGENT),
        auditor_key=await _issue(rooms, caller, tenant, Role.AUDITOR, "rehearsal-auditor"),
        operator_key=await _issue(rooms, caller, tenant, Role.OPERATOR, "rehearsal-operator"),
    )


async def _issue(rooms: Rooms, caller: Caller, tenant: str, role: Role, subject: str) -> str:
    secret = await rooms.administration.issue_key(
        tenant, role, subject, "rehearsal", by=caller.subject
    )
    return secret.text


async def _bundle(files: dict[str, str]) -> Bundle:
    try:
        # Reading YAML takes its time, and nobody's hold should have to wait for it.
        return await asyncio.to_thread(parse_bundle, files)
    except BundleRefused as refused:
        complaints: tuple[dict[str, Json], ...] = tuple(
            each.model_dump(mode="json") for each in refused.complaints[:MOST_COMPLAINTS]
        )
        told = "\n".join(refused.sentence.splitlines()[: MOST_COMPLAINTS + 1])
        raise Declined("bundle-refused", told, errors=complaints) from refused


def _bundle_view(bundle: Bundle) -> BundleView:
    return BundleView(name=bundle.name, version=bundle.version, digest=bundle_digest(bundle))


def _key_view(key: StoredKey) -> KeyView:
    return KeyView(
        key_id=key.key_id,
        role=key.role,
        subject=key.subject,
        environment=key.environment,
        issued_at=key.issued_at,
        revoked_at=key.revoked_at,
    )


def _refuse_nul(wanted: RosterView) -> None:
    if _NUL.search(wanted.model_dump_json()):
        raise Declined("roster-refused", "text with a NUL character (U+0000) cannot be kept.")


def _refuse_unknown(wanted: RosterView) -> None:
    """Refuse fields that no roster has: a misspelt ``aliases`` would make two people of one."""
    parts = (
        ("", [wanted.model_dump()], RosterView),
        ("/people", wanted.people, Person),
        ("/agents", wanted.agents, Agent),
    )
    for place, given, model in parts:
        for number, each in enumerate(given):
            if unknown := sorted({*each} - {*model.model_fields}):
                where = f"{place}/{number}/" if place else "/"
                known = ", ".join(model.model_fields)
                raise Declined(
                    "roster-refused",
                    f"{where}{unknown[0][:64]}: there is no such field, only {known}.",
                )


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"/{'/'.join(str(step) for step in first['loc'])}: {first['msg']}"
