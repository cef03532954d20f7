"""Temporal's codec server: operators read in Temporal's UI what is encrypted there.

There is no way to encrypt here: Temporal's UI would use it to start workflows and send messages,
and what people and agents say comes through the gateway alone.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.api.common.v1 import Payload

from adapters.temporal_codec import (
    EncryptingCodec,
    UnreadablePayload,
    is_encrypted,
    tenant_of,
)
from counterseal.core.canonical import Bounds
from counterseal.core.words import Role
from entrypoints.credentials import Caller, demand
from entrypoints.http.body import body, read_bytes, takes
from entrypoints.http.state import InRooms, Rooms
from entrypoints.problems import Declined
from entrypoints.sessions import read_session, write_session

PATH = "/v1/codec"
COOKIE = "counterseal-codec"
SESSION = timedelta(hours=1)
BOUNDS = Bounds(size=4 * 1024 * 1024, depth=8, keys=8192)
"""As much as Temporal sends in one message."""

_LARGEST_FORM = 4096
_HARMLESS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Counterseal</title>{body}"""
_FORM = """<h1>Read payloads in Temporal's UI</h1>
<form method="post" autocomplete="off">
<label>API key of an operator <input type="password" name="key" required autofocus></label>
<button>Sign in for an hour</button></form>"""
_DONE = "<h1>Signed in for an hour</h1><p>Go back to Temporal's UI and load it again.</p>"

router = APIRouter(prefix=PATH, tags=["codec"])
log = structlog.get_logger()


class SealedPayload(BaseModel):
    """One payload as Temporal writes it in JSON: all values in Base64."""

    model_config = ConfigDict(frozen=True, extra="allow")

    metadata: dict[str, str] = {}
    data: str = ""


class Payloads(BaseModel):
    """Payloads to decode, and the answer, in the same order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payloads: tuple[SealedPayload, ...] = ()


async def reader(request: Request, rooms: InRooms) -> Caller:
    """Authenticate an operator: by API key, or by the session of a browser that is in the UI."""
    header = request.headers.get("authorization")
    token = request.cookies.get(COOKIE)
    # A browser may send the cookie for whatever page asks it to; only the UI's is heard.
    from_ui = rooms.temporal_ui is not None and request.headers.get("origin") == rooms.temporal_ui
    if header is None and token and from_ui:
        caller = await _of_session(rooms, token)
    else:
        caller = await rooms.authenticator.caller(header)
    demand(caller, Role.OPERATOR)
    return caller


@router.post("/decode", openapi_extra=takes(Payloads))
async def decode(
    rooms: InRooms,
    caller: Annotated[Caller, Depends(reader)],
    asked: Annotated[Payloads, Depends(body(Payloads, BOUNDS))],
) -> Response:
    """Decrypt the payloads of the caller's tenant; leave others as they came."""
    found = [_decoded(rooms, caller, at, each) for at, each in enumerate(asked.payloads)]
    opened = sum(after is not before for after, before in zip(found, asked.payloads, strict=True))
    log.info(
        "payloads.read",
        by=caller.subject,
        key=caller.key_id,
        tenant=caller.tenant,
        asked=len(found),
        opened=opened,
    )
    answer = Payloads(payloads=tuple(found))
    return Response(
        answer.model_dump_json(exclude_unset=True),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


@router.get("/sign-in", include_in_schema=False)
async def form(rooms: InRooms) -> HTMLResponse:
    """Ask for an operator's key."""
    _demand_ui(rooms)
    return HTMLResponse(_PAGE.format(body=_FORM), headers=_HARMLESS)


@router.post("/sign-in", include_in_schema=False)
async def sign_in(request: Request, rooms: InRooms) -> HTMLResponse:
    """Open a session for the browser of an operator."""
    origin = _demand_ui(rooms)
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Declined("invalid-request", "sign in on the page of this address itself.")
    caller = await rooms.authenticator.caller(f"Bearer {await _key_in(request)}")
    demand(caller, Role.OPERATOR)
    log.info("codec.signed_in", by=caller.subject, key=caller.key_id, tenant=caller.tenant)
    answer = HTMLResponse(_PAGE.format(body=_DONE), headers=_HARMLESS)
    answer.set_cookie(
        COOKIE,
        write_session(rooms.gate.key, caller.key_id, rooms.clock() + SESSION),
        max_age=int(SESSION.total_seconds()),
        path=PATH,
        httponly=True,
        samesite="strict",
        secure=origin.startswith("https:"),  # a page on https cannot ask an address on http
    )
    return answer


class AcrossOrigins:
    """Lets pages of Temporal's UI, and of nowhere else, call the one route they need."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._shared = CORSMiddleware(
            app,
            allow_origins=[origin],
            allow_methods=["POST"],
            allow_headers=["Authorization", "Authorization-Extras", "Content-Type", "X-Namespace"],
            allow_credentials=True,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        shared = scope["type"] == "http" and scope["path"] == f"{PATH}/decode"
        await (self._shared if shared else self._app)(scope, receive, send)


def _decoded(rooms: Rooms, caller: Caller, at: int, sealed: SealedPayload) -> SealedPayload:
    payload = _payload(at, sealed)
    tenant = tenant_of(payload)
    # Those of workflows that serve every tenant are nobody's to read: they name others' actions.
    if not is_encrypted(payload) or tenant != caller.tenant:
        return sealed
    if rooms.payload_keys is None:
        raise Declined("payload-unreadable", "this server was started without payload keys.")
    try:
        opened = EncryptingCodec(rooms.payload_keys, tenant).opened(payload)
    except UnreadablePayload as error:
        raise Declined("payload-unreadable", f"/payloads/{at}: {error}") from error
    metadata = {name: base64.b64encode(value).decode() for name, value in opened.metadata.items()}
    return SealedPayload(metadata=metadata, data=base64.b64encode(opened.data).decode())


def _payload(at: int, sealed: SealedPayload) -> Payload:
    try:
        metadata: Mapping[str, bytes] = {
            name: base64.b64decode(value, validate=True) for name, value in sealed.metadata.items()
        }
        return Payload(metadata=metadata, data=base64.b64decode(sealed.data, validate=True))
    except (binascii.Error, ValueError) as error:
        raise Declined(
            "invalid-request", f"/payloads/{at}: data and metadata are to be in Base64."
        ) from error


async def _of_session(rooms: Rooms, token: str) -> Caller:
    key_id = read_session(rooms.gate.key, token, rooms.clock())
    key = await rooms.queries.find_key(key_id) if key_id else None
    if key is None or key.revoked_at is not None:
        raise Declined("unauthenticated", f"the session is over; sign in at {PATH}/sign-in.")
    return Caller.model_validate(key.model_dump(include={*Caller.model_fields}))


async def _key_in(request: Request) -> str:
    """Find the key in a form; whatever else is there is no key either."""
    sent = (await read_bytes(request, _LARGEST_FORM)).decode("ascii", "replace")
    try:
        key = parse_qs(sent, max_num_fields=4).get("key", [""])[0].strip()
    except ValueError:
        key = ""
    return key if key.isascii() and key.isprintable() else ""


def _demand_ui(rooms: Rooms) -> str:
    if rooms.temporal_ui is None:
        raise Declined("not-found", "COUNTERSEAL_TEMPORAL_UI_ORIGIN names no UI to sign in for.")
    return rooms.temporal_ui
