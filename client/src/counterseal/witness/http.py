"""The witness over HTTP, as C2SP tlog-witness writes it."""

import asyncio
import logging
import re
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from counterseal.witness.protocol import LARGEST_REQUEST, Declined
from counterseal.witness.records import Damaged
from counterseal.witness.witness import Witness

LONGEST_REQUEST = 10.0
"""Seconds that a request may take to arrive."""

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_log = logging.getLogger("counterseal.witness")


def application(witness: Witness) -> Starlette:
    """Make the application: ``add-checkpoint``, monitor retrieval, and ``/healthz``."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            body = await _read(request)
            return _text(HTTPStatus.OK, await run_in_threadpool(witness.add_checkpoint, body))
        except Declined as declined:
            return _text(declined.status, declined.body, declined.media)

    async def checkpoint(request: Request) -> Response:
        named = request.path_params["origin"]
        found = await run_in_threadpool(witness.checkpoint, named) if _HASH.match(named) else None
        if found is None:
            return _text(HTTPStatus.NOT_FOUND, "nothing was cosigned for this log.\n")
        return _text(HTTPStatus.OK, found)

    async def healthz(_: Request) -> Response:
        return _text(HTTPStatus.OK, "ok\n")

    async def forgetful(request: Request, error: Exception) -> Response:
        _log.error("not cosigned path=%s because=%s", request.url.path[:80], error)
        return _text(HTTPStatus.INTERNAL_SERVER_ERROR, "this witness cannot remember now.\n")

    app = Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{origin}/checkpoint", checkpoint, methods=["GET"]),
            Route("/healthz", healthz, methods=["GET"]),
        ],
        exception_handlers={OSError: forgetful, Damaged: forgetful},
    )
    app.router.redirect_slashes = False
    return app


async def _read(request: Request) -> bytes:
    """Read a body within our bounds of size and time. Raises ``Declined``."""
    body = bytearray()
    try:
        async with asyncio.timeout(LONGEST_REQUEST):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_REQUEST:
                    said = f"a request has at most {LARGEST_REQUEST} bytes.\n"
                    raise Declined(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said)
    except TimeoutError as error:
        raise Declined(HTTPStatus.REQUEST_TIMEOUT, "the request took too long.\n") from error
    except ClientDisconnect as error:
        raise Declined(HTTPStatus.BAD_REQUEST, "the request broke off.\n") from error
    return bytes(body)


def _text(status: HTTPStatus, body: str, media: str = "text/plain") -> Response:
    kind = f"{media}; charset=utf-8" if media == "text/plain" else media
    # Given as a header, because of text/x.tlog.size, to which nothing may be added.
    return Response(body, status, headers={"content-type": kind})
