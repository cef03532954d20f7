"""The log itself, for whoever follows it: the stored texts, in order."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from counterseal.core.words import Role
from entrypoints.credentials import demand
from entrypoints.http.state import ByCaller, InRooms

router = APIRouter(prefix="/v1/log", tags=["log"])

MOST_ENTRIES = 5000
LARGEST_PAGE = 16 * 1024 * 1024


@router.get("/entries", response_class=Response)
async def entries(
    rooms: InRooms,
    caller: ByCaller,
    start: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 1000,
) -> Response:
    """Give the events from ``start``, one stored text per line: what the log's leaves hash.

    The answer is shorter than asked where the log ends or the page would grow too large.
    """
    demand(caller, Role.AUDITOR, Role.OPERATOR)
    head = await rooms.tree.head(caller.tenant)
    page = bytearray()
    async for each in rooms.tree.entries(caller.tenant, start, min(start + limit, head.size)):
        if page and len(page) + len(each.canonical) > LARGEST_PAGE:
            break
        page += each.canonical + b"\n"
    return Response(bytes(page), media_type="application/x-ndjson")
