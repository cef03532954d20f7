"""Evidence packages: taken along by auditors and operators, on record."""

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, assert_never

from fastapi import APIRouter, Depends, Response
from pydantic import ValidationError

from activities.action_packages import Taker
from adapters.postgres.rows import ActionFilter
from adapters.signing_keys import SigningFailed
from counterseal.core.model import instant_text
from counterseal.core.packages import (
    MOST_ACTIONS,
    ActionsScope,
    NewPackage,
    PeriodScope,
    QueryScope,
)
from counterseal.core.tlog.checkpoint import Checkpoint
from counterseal.core.words import Role
from domain.evidence.refusals import NoSuchActions, TooManyActions
from domain.vault import KeysUnavailable, KeyUnknown
from entrypoints.credentials import Caller, demand
from entrypoints.http.body import body, takes
from entrypoints.http.filters import Filters, wanted
from entrypoints.http.state import ByCaller, InRooms, Rooms
from entrypoints.packager import Packager
from entrypoints.problems import Declined

router = APIRouter(prefix="/v1/evidence", tags=["evidence"])

MEDIA = "application/zip"
_UNFIT = re.compile(r"[^A-Za-z0-9.-]+")


@router.post("", response_class=Response, openapi_extra=takes(NewPackage))
async def take(
    rooms: InRooms, caller: ByCaller, asked: Annotated[NewPackage, Depends(body(NewPackage))]
) -> Response:
    """Take evidence along: a ZIP file that can be checked offline, without trusting us."""
    demand(caller, Role.AUDITOR, Role.OPERATOR)
    packager = _packager(rooms)
    old = await rooms.exporter.earlier(caller.tenant, asked.since, packager.log_keys(caller.tenant))
    try:
        written = await _write(rooms, packager, caller, asked, old)
    except KeysUnavailable as error:
        raise Declined(
            "data-keys-unavailable",
            "the keys of sensitive values cannot be reached now; send the same request again.",
        ) from error
    except KeyUnknown as error:
        raise Declined(
            "data-keys-missing",
            "the key to open these values with is not here; ask an operator to see to "
            "COUNTERSEAL_DATA_KEYS, or disclose nothing.",
        ) from error
    except SigningFailed as error:
        raise Declined("packager-unavailable", f"the package was not signed: {error}") from error
    at = _UNFIT.sub("", instant_text(rooms.clock())[:19])
    name = f"evidence-{_UNFIT.sub('_', caller.tenant)}-{at}Z.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(written, media_type=MEDIA, headers=headers)


@router.get("/trust", response_class=Response)
async def trust(rooms: InRooms, caller: ByCaller) -> Response:
    """Tell which keys this server says it uses, as a trust file to compare others with."""
    demand(caller, Role.AUDITOR, Role.OPERATOR)
    text = _packager(rooms).trust_text(caller.tenant)
    return Response(text, media_type="text/plain; charset=utf-8")


async def _write(
    rooms: Rooms, packager: Packager, caller: Caller, asked: NewPackage, old: Checkpoint | None
) -> bytes:
    taker = Taker(caller.tenant, caller.subject, caller.role)
    match asked.scope:
        case ActionsScope() as scope:
            contents = await rooms.exporter.take_actions(taker, asked, scope.action_ids, {}, old)
            return await asyncio.to_thread(packager.write, contents)
        case QueryScope() as scope:
            found = await _found(rooms, caller, scope.filters)
            contents = await rooms.exporter.take_actions(taker, asked, found, scope.filters, old)
            return await asyncio.to_thread(packager.write, contents)
        case PeriodScope() as scope:
            async with packager.turn:
                contents = await rooms.exporter.take_period(taker, asked, scope, old)
                return await asyncio.to_thread(packager.write, contents)
        case _:
            assert_never(asked.scope)


async def _found(rooms: Rooms, caller: Caller, filters: Mapping[str, str]) -> list[str]:
    try:
        meant = wanted(ActionFilter, Filters.model_validate(filters), caller)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = "/".join(str(step)[:64] for step in first["loc"])
        raise Declined("invalid-request", f"/scope/filters/{place}: {first['msg']}") from error
    page = await rooms.queries.list_actions(caller.tenant, meant, limit=MOST_ACTIONS)
    if page.cursor is not None:
        raise TooManyActions
    if not page.actions:
        raise NoSuchActions("no action fits these filters; widen them.")
    return [row.action_id for row in page.actions]


def _packager(rooms: Rooms) -> Packager:
    if rooms.packager is None:
        raise Declined(
            "evidence-not-set-up",
            "this server has no key to sign packages with; ask an operator to set "
            "COUNTERSEAL_PACKAGER_KEY.",
        )
    return rooms.packager
