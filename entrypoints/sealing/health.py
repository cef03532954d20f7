"""The signer over HTTP: is it alive, can every log be sealed, how is it doing. Nothing else."""

from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from entrypoints.sealing.metrics import SealingMetrics


def application(flaws: Callable[[], Mapping[str, str]], metrics: SealingMetrics) -> Starlette:
    """Make the application. ``flaws`` tells what keeps logs from being sealed."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        found = dict(flaws())
        return JSONResponse({"ready": not found, "flaws": found}, 503 if found else 200)

    async def numbers(_: Request) -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", numbers),
        ]
    )
