"""Routes for people who look back: lists, filters, and the story of one action."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from adapters.postgres import cursor as cursors
from adapters.postgres.rows import ActionFilter
from counterseal.core.wire import ActionPage, ActionRow, Story
from counterseal.core.words import Role
from domain.custody import data_stream
from domain.refusals import late_stream
from entrypoints.credentials import demand
from entrypoints.gate import is_action_id, named, no_such_action
from entrypoints.http.answers import event_view, row_json
from entrypoints.http.filters import Filters, wanted
from entrypoints.http.sheets import Accept, Paging, listed
from entrypoints.http.state import ByCaller, InRooms

router = APIRouter(prefix="/v1/actions", tags=["history"])


class Listed(Filters, Paging):
    """Which actions to list, and how."""


@router.get("", response_model=ActionPage)
async def ls(
    rooms: InRooms, caller: ByCaller, asked: Annotated[Listed, Query()], accept: Accept = None
) -> Response:
    """List actions, newest first. Agents see their own."""
    those = wanted(ActionFilter, asked, caller)
    _check(asked.cursor)

    async def fetch(cursor: str | None, limit: int) -> tuple[list[ActionRow], str | None]:
        page = await rooms.queries.list_actions(caller.tenant, those, cursor, limit)
        seal = await rooms.seals.seal(caller.tenant)
        return [ActionRow.model_validate(row_json(row, seal)) for row in page.actions], page.cursor

    return await listed(asked, accept, "actions", ActionRow, fetch)


@router.get("/{action}/events", response_model=Story)
async def events(rooms: InRooms, caller: ByCaller, action: str) -> Response:
    """Tell everything recorded about an action, as it is stored, so that it can be checked."""
    demand(caller, Role.AGENT, Role.APPROVER, Role.AUDITOR, Role.OPERATOR)
    page = await rooms.gate.page(caller, named(action))
    if caller.role is Role.AGENT and page.standing.agent != caller.subject:
        raise no_such_action(action)
    story = await rooms.ledger.read(caller.tenant, action)
    beside = await rooms.ledger.read(caller.tenant, late_stream(action))
    # Who looked at an agent's values, and why, is not for the agent to know.
    looks = (
        await rooms.ledger.read(caller.tenant, data_stream(action))
        if caller.role is not Role.AGENT
        else ()
    )
    told = Story(
        action_id=action,
        events=tuple(event_view(one, action) for one in story),
        late=tuple(event_view(one, late_stream(action)) for one in beside),
        data=tuple(event_view(one, data_stream(action)) for one in looks),
    )
    return Response(told.model_dump_json(), media_type="application/json")


def _check(cursor: str | None) -> None:
    """Hold a cursor to what our lists give out. Raises ``BadCursor``."""
    if cursor is not None and not is_action_id(cursors.read(cursor).action_id):
        raise cursors.BadCursor(
            "this cursor is not one of ours; leave it out to begin with the latest action."
        )
