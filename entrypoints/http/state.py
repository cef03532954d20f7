"""What every route works with, and who is calling it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, cast

from fastapi import Depends, Request

from activities.custody import Custody
from activities.exporting import Exporter
from adapters.payload_keys import PayloadKeys
from adapters.postgres.news import News
from adapters.postgres.queries import PostgresQueries
from adapters.postgres.reviews import PostgresReviews
from adapters.postgres.seals import PostgresSeals
from adapters.postgres.tree import PostgresTree
from domain.ports import Ledger
from entrypoints.administration import Administration
from entrypoints.credentials import Authenticator, Caller
from entrypoints.gate import Gate
from entrypoints.metrics import Metrics
from entrypoints.packager import Packager
from entrypoints.secrecy import Secrecy


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything behind the door."""

    gate: Gate
    administration: Administration
    authenticator: Authenticator
    ledger: Ledger
    queries: PostgresQueries
    reviews: PostgresReviews
    tree: PostgresTree
    seals: PostgresSeals
    news: News
    metrics: Metrics
    clock: Callable[[], datetime]
    longest_wait: float
    secrecy: Secrecy
    custody: Custody
    exporter: Exporter
    packager: Packager | None = None
    payload_keys: PayloadKeys | None = None
    temporal_ui: str | None = None


async def rooms(request: Request) -> Rooms:
    """Find what the application was started with."""
    return cast("Rooms", request.app.state.rooms)


async def caller(request: Request) -> Caller:
    """Authenticate the request's caller."""
    return await (await rooms(request)).authenticator.caller(request.headers.get("authorization"))


InRooms = Annotated[Rooms, Depends(rooms)]
ByCaller = Annotated[Caller, Depends(caller)]
