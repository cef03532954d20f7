"""Routes for reviews: who answered what, what was refused, which policy came when, how many."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from adapters.postgres.rows import ActionFilter, ActivationFilter, RefusalFilter, VoteFilter
from counterseal.core.review import (
    ActivationLine,
    ActivationPage,
    RefusalLine,
    RefusalPage,
    Summary,
    VoteLine,
    VotePage,
)
from counterseal.core.words import Role
from entrypoints.changes import with_changes
from entrypoints.credentials import Caller, demand
from entrypoints.http.filters import (
    ACTION_WORDS,
    REFUSAL_WORDS,
    VOTE_WORDS,
    ActivationFilters,
    Filters,
    RefusalFilters,
    VoteFilters,
    wanted,
    words,
)
from entrypoints.http.sheets import Accept, Paging, listed
from entrypoints.http.state import ByCaller, InRooms

router = APIRouter(prefix="/v1", tags=["review"])


class ListedVotes(VoteFilters, Paging):
    """Which votes to list, and how."""


class ListedRefusals(RefusalFilters, Paging):
    """Which refusals to list, and how."""


class ListedActivations(ActivationFilters, Paging):
    """Which activations to list, and how."""


class ActionsBy(Filters):
    """Which actions to count, by what."""

    by: Annotated[str, words(*ACTION_WORDS)] = "effective"


class VotesBy(VoteFilters):
    """Which votes to count, by what."""

    by: Annotated[str, words(*VOTE_WORDS)] = "approver"


class RefusalsBy(RefusalFilters):
    """Which refusals to count, by what."""

    by: Annotated[str, words(*REFUSAL_WORDS)] = "code"


@router.get("/actions/summary")
async def count_actions(
    rooms: InRooms, caller: ByCaller, asked: Annotated[ActionsBy, Query()]
) -> Summary:
    """Count actions by words such as ``effective,rule``. Agents count their own."""
    those = wanted(ActionFilter, asked, caller)
    return await rooms.reviews.count_actions(caller.tenant, those, asked.by.split(","))


@router.get("/votes", response_model=VotePage)
async def list_votes(
    rooms: InRooms,
    caller: ByCaller,
    asked: Annotated[ListedVotes, Query()],
    accept: Accept = None,
) -> Response:
    """List votes that counted, latest first: who, what they were shown, why, after how long."""
    _demand_person(caller)
    those = wanted(VoteFilter, asked, caller)

    async def fetch(cursor: str | None, limit: int) -> tuple[tuple[VoteLine, ...], str | None]:
        return await rooms.reviews.votes(caller.tenant, those, cursor, limit)

    return await listed(asked, accept, "votes", VoteLine, fetch)


@router.get("/votes/summary")
async def count_votes(
    rooms: InRooms, caller: ByCaller, asked: Annotated[VotesBy, Query()]
) -> Summary:
    """Count votes by words such as ``approver,hasty``."""
    _demand_person(caller)
    those = wanted(VoteFilter, asked, caller)
    return await rooms.reviews.count_votes(caller.tenant, those, asked.by.split(","))


@router.get("/refusals", response_model=RefusalPage)
async def list_refusals(
    rooms: InRooms,
    caller: ByCaller,
    asked: Annotated[ListedRefusals, Query()],
    accept: Accept = None,
) -> Response:
    """List what was refused, latest first: votes, redemptions, receipts, keys used again."""
    _demand_person(caller)
    those = wanted(RefusalFilter, asked, caller)

    async def fetch(cursor: str | None, limit: int) -> tuple[tuple[RefusalLine, ...], str | None]:
        return await rooms.reviews.refusals(caller.tenant, those, cursor, limit)

    return await listed(asked, accept, "refusals", RefusalLine, fetch)


@router.get("/refusals/summary")
async def count_refusals(
    rooms: InRooms, caller: ByCaller, asked: Annotated[RefusalsBy, Query()]
) -> Summary:
    """Count refusals by words such as ``code,sender``."""
    _demand_person(caller)
    those = wanted(RefusalFilter, asked, caller)
    return await rooms.reviews.count_refusals(caller.tenant, those, asked.by.split(","))


@router.get("/bundles/history", response_model=ActivationPage)
async def list_activations(
    rooms: InRooms,
    caller: ByCaller,
    asked: Annotated[ListedActivations, Query()],
    accept: Accept = None,
) -> Response:
    """List bundles as they came into force, latest first: who, why, what changed."""
    _demand_person(caller)
    those = ActivationFilter.model_validate(
        asked.model_dump(include={*ActivationFilter.model_fields})
    )

    async def fetch(
        cursor: str | None, limit: int
    ) -> tuple[tuple[ActivationLine, ...], str | None]:
        lines, following = await rooms.reviews.activations(caller.tenant, those, cursor, limit)
        return await with_changes(rooms.gate.facts, caller.tenant, lines), following

    return await listed(asked, accept, "activations", ActivationLine, fetch)


def _demand_person(caller: Caller) -> None:
    demand(caller, Role.APPROVER, Role.AUDITOR, Role.OPERATOR)
