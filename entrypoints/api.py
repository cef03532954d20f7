"""The HTTP API. ``python -m entrypoints.api`` serves it; ``build`` makes it for any ASGI server."""

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities.custody import Custody
from activities.recorder import Recorder, StillMoving
from adapters.postgres.facts import PostgresFacts
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.news import News
from adapters.postgres.pool import open_pool
from adapters.postgres.queries import PostgresQueries
from adapters.postgres.reviews import PostgresReviews
from adapters.postgres.seals import PostgresSeals
from adapters.postgres.secrets import PostgresSecrets
from adapters.postgres.tree import PostgresTree
from adapters.temporal_codec import UnreadablePayload
from counterseal.core import wire
from counterseal.core.errors import Refused
from counterseal.core.packages import NewPackage
from domain.ports import Unavailable, UnknownTenant
from entrypoints.administration import Administration
from entrypoints.credentials import Authenticator
from entrypoints.gate import Deadlines, Gate
from entrypoints.http import (
    actions,
    checkpoints,
    codec,
    custody,
    entries,
    evidence,
    health,
    history,
    operations,
    review,
)
from entrypoints.http.state import Rooms
from entrypoints.keys import data_keys, read_gateway_key
from entrypoints.logs import set_up_logs
from entrypoints.metrics import Metrics
from entrypoints.packager import open_exporter, open_packager
from entrypoints.problems import Declined, problem_of
from entrypoints.release import Release
from entrypoints.secrecy import Secrecy
from entrypoints.settings import Settings
from entrypoints.temporal import connect, payload_keys
from entrypoints.tokens import GrantTokens, utc_now

_BODIES: Sequence[type[BaseModel]] = (
    wire.Proposal,
    wire.Ballot,
    wire.Withdrawal,
    wire.Redemption,
    wire.Receipt,
    wire.Shredding,
    wire.NewKey,
    wire.RosterView,
    wire.NewBundle,
    wire.NewRehearsal,
    NewPackage,
    codec.Payloads,
    wire.Problem,
)
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}
_HEADERS_OF_CODE = {"evidence-not-sealed": {"Retry-After": "1"}}
_REFERENCE = "#/components/schemas/{model}"

log = structlog.get_logger()


def build(settings: Settings) -> FastAPI:
    """Make the application. It connects to everything when it starts up."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_rooms(settings) as rooms:
            app.state.rooms = rooms
            log.info("api.ready")
            yield

    app = FastAPI(
        title="Counterseal",
        version="1",
        description="Ask before you act. See docs/api.md.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would name whatever host the caller named
    )
    app.add_middleware(Unbroken)
    if settings.temporal_ui_origin is not None:
        app.add_middleware(codec.AcrossOrigins, origin=settings.temporal_ui_origin)
    for rooms in (review, history, actions, custody, operations, codec):
        app.include_router(rooms.router)
    for rooms in (checkpoints, entries, evidence, health):
        app.include_router(rooms.router)
    _answer_errors(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign] # FastAPI's documented way
    return app


@asynccontextmanager
async def open_rooms(settings: Settings) -> AsyncIterator[Rooms]:
    """Connect to the ledger and the orchestrator, and introduce everyone to everyone."""
    key: Ed25519PrivateKey = read_gateway_key(_required(settings.gateway_key_file))
    temporal = await connect(settings)
    async with (
        open_pool(settings.database_url) as pool,
        News(settings.database_url) as news,
    ):
        ledger = PostgresLedger(pool)
        queries = PostgresQueries(pool)
        facts = PostgresFacts(pool)
        seals = PostgresSeals(pool)
        kept = PostgresSecrets(pool, data_keys(settings.data_keys))
        custody = Custody(ledger, kept)
        gate = Gate(
            temporal=temporal,
            recorder=Recorder(ledger),
            facts=facts,
            key=key,
            tokens=GrantTokens(key),
            release=Release(seals),
            clock=utc_now,
            deadlines=Deadlines(answer=settings.answer_within),
        )
        yield Rooms(
            gate=gate,
            administration=Administration(ledger, utc_now),
            authenticator=Authenticator(queries),
            ledger=ledger,
            queries=queries,
            reviews=PostgresReviews(pool),
            tree=PostgresTree(pool),
            seals=seals,
            news=news,
            metrics=Metrics(),
            clock=utc_now,
            longest_wait=settings.longest_wait,
            secrecy=Secrecy(facts, kept),
            custody=custody,
            exporter=open_exporter(pool, ledger, custody, settings),
            packager=open_packager(settings),
            payload_keys=payload_keys(settings),
            temporal_ui=settings.temporal_ui_origin,
        )


def _required(path: Path | None) -> Path:
    if path is None:
        raise SystemExit("COUNTERSEAL_GATEWAY_KEY_FILE must name this gateway's private key.")
    return path


def _answer_errors(app: FastAPI) -> None:
    """Turn everything that can go wrong into a problem document, without a stack trace."""

    async def refused(request: Request, error: Refused) -> JSONResponse:
        problem = problem_of(error)
        rooms: Rooms = request.app.state.rooms
        rooms.metrics.refusals.labels(problem.code).inc()
        return _problem(problem, _HEADERS_OF_CODE.get(problem.code) or _HEADERS.get(problem.status))

    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        complaints = tuple(
            {"field": "/".join(str(step) for step in each["loc"]), "message": each["msg"]}
            for each in error.errors()[:20]
        )
        first = complaints[0]
        return await refused(
            request,
            Declined(
                "invalid-parameter", f"{first['field']}: {first['message']}", errors=complaints
            ),
        )

    async def unrouted(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "not-found")
        return await refused(
            request, Declined(code, f"{request.method} {request.url.path[:200]}: {error.detail}.")
        )

    async def unavailable(request: Request, error: Exception) -> JSONResponse:
        log.warning("ledger.unavailable", error=type(error).__name__)
        return await refused(
            request,
            Declined(
                "ledger-unavailable",
                "the ledger cannot be reached, so nothing is released; send the same request "
                "again.",
            ),
        )

    async def unreadable(request: Request, error: Exception) -> JSONResponse:
        log.error("payload.unreadable", because=str(error))
        return await refused(
            request,
            Declined(
                "orchestrator-unavailable",
                "what Temporal keeps of this cannot be read here; send the same request again.",
            ),
        )

    async def moving(request: Request, error: Exception) -> JSONResponse:
        return await refused(request, Declined("still-moving", str(error)))

    handlers: dict[type[Exception], Callable[..., Awaitable[JSONResponse]]] = {
        Refused: refused,
        RequestValidationError: invalid,
        HTTPException: unrouted,
        Unavailable: unavailable,
        UnknownTenant: unavailable,
        StillMoving: moving,
        UnreadablePayload: unreadable,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


class Unbroken:
    """Answers what nobody foresaw. The log gets where it happened, never what was said.

    Starlette's own handler would let the server log the whole exception, and messages of
    exceptions quote what they complain about.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; answer with a problem document if that ends in an exception."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            log.info("request.abandoned", path=scope["path"][:200])
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            last = traceback.extract_tb(error.__traceback__)[-1]
            log.error(  # noqa: TRY400 - the whole exception may quote a secret
                "request.broken",
                path=scope["path"][:200],
                error=type(error).__name__,
                where=f"{last.filename}:{last.lineno}",
            )
            declined = Declined("internal", "this is our fault and has been logged.")
            await _problem(problem_of(declined))(scope, receive, send)


def _problem(problem: wire.Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        problem.model_dump(mode="json"),
        problem.status,
        headers=headers,
        media_type="application/problem+json",
    )


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Describe the API, with the bodies that are read by hand."""
    if app.openapi_schema is None:
        described = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _, definitions = models_json_schema(
            [(model, "validation") for model in _BODIES], ref_template=_REFERENCE
        )
        components = described.setdefault("components", {})
        components.setdefault("schemas", {}).update(definitions["$defs"])
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"key": []}]
        app.openapi_schema = described
    return app.openapi_schema


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    set_up_logs(settings.log_level)
    config = uvicorn.Config(
        build(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
