"""Is it alive, is it ready, how is it doing."""

import asyncio

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from entrypoints.http.state import InRooms

router = APIRouter(tags=["health"])

_PATIENCE = 2.0


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Tell that the process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(rooms: InRooms) -> Response:
    """Tell whether the ledger and the orchestrator can be reached."""
    parts = {"ledger": _ledger(rooms), "orchestrator": _orchestrator(rooms)}
    found = dict(zip(parts, await asyncio.gather(*parts.values()), strict=True))
    ready = all(state == "ok" for state in found.values())
    return JSONResponse({"ready": ready, **found}, 200 if ready else 503)


@router.get("/metrics", response_class=Response)
async def metrics(rooms: InRooms) -> Response:
    """Give Prometheus its numbers."""
    return Response(rooms.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _ledger(rooms: InRooms) -> str:
    try:
        async with asyncio.timeout(_PATIENCE):
            await rooms.queries.active_bundle("")
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer is "not ready"
        return type(error).__name__
    return "ok"


async def _orchestrator(rooms: InRooms) -> str:
    try:
        async with asyncio.timeout(_PATIENCE):
            await rooms.gate.temporal.service_client.check_health()
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer is "not ready"
        return type(error).__name__
    return "ok"
