"""Routes for people who look back: lists, filters, and the story of one action."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, WrapValidator

from adapters.postgres import cursor as cursors
from adapters.postgres.rows import ActionFilter
from counterseal.core.model import Instant
from counterseal.core.wire import ActionPage, ActionRow, Story
from counterseal.core.words import Disposition, Outcome, Phase, Role, Verdict
from domain.refusals import late_stream
from entrypoints.credentials import demand
from entrypoints.gate import is_action_id, named, no_such_action
from entrypoints.http.answers import event_view, row_json
from entrypoints.http.state import ByCaller, InRooms

router = APIRouter(prefix="/v1/actions", tags=["history"])

# Postgres knows no NUL in text.
Text = Annotated[str | None, Field(max_length=128, pattern=r"^[^\x00]*$")]


def _within_reach(value: object, read: Callable[[object], Instant]) -> Instant:
    try:
        return read(value)
    except OverflowError as error:
        raise ValueError("this instant lies outside the years 1 to 9999 in UTC") from error


When = Annotated[Instant, WrapValidator(_within_reach)]


class Filters(BaseModel):
    """What to list. Every filter given must fit; times are RFC 3339, ``since`` included."""

    model_config = ConfigDict(extra="forbid")

    state: Phase | None = None
    verdict: Verdict | None = None
    effective: Verdict | None = None
    disposition: Disposition | None = None
    outcome: Outcome | None = None
    action_class: Text = None
    tool: Text = None
    agent: Text = None
    principal: Text = None
    session: Text = None
    rule: Text = None
    approver: Text = None
    asked: Text = None
    since: When | None = None
    until: When | None = None
    cursor: Annotated[str | None, Field(max_length=512)] = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


@router.get("", response_model=ActionPage)
async def ls(rooms: InRooms, caller: ByCaller, filters: Annotated[Filters, Query()]) -> Response:
    """List actions, newest first. Agents see their own."""
    wanted = filters.model_dump(exclude_none=True, exclude={"state", "cursor", "limit"})
    if caller.role is Role.AGENT:
        wanted["agent"] = caller.subject
    listed = await rooms.queries.list_actions(
        caller.tenant,
        ActionFilter(phase=filters.state, **wanted),
        cursor=_checked(filters.cursor),
        limit=filters.limit,
    )
    page = ActionPage(
        items=tuple(ActionRow.model_validate(row_json(row)) for row in listed.actions),
        next_cursor=listed.cursor,
    )
    return Response(page.model_dump_json(), media_type="application/json")


@router.get("/{action}/events", response_model=Story)
async def events(rooms: InRooms, caller: ByCaller, action: str) -> Response:
    """Tell everything recorded about an action, as it is stored, so that it can be checked."""
    demand(caller, Role.AGENT, Role.APPROVER, Role.AUDITOR, Role.OPERATOR)
    page = await rooms.gate.page(caller, named(action))
    if caller.role is Role.AGENT and page.standing.agent != caller.subject:
        raise no_such_action(action)
    story = await rooms.ledger.read(caller.tenant, action)
    beside = await rooms.ledger.read(caller.tenant, late_stream(action))
    told = Story(
        action_id=action,
        events=tuple(event_view(one, action) for one in story),
        late=tuple(event_view(one, late_stream(action)) for one in beside),
    )
    return Response(told.model_dump_json(), media_type="application/json")


def _checked(cursor: str | None) -> str | None:
    """Hold a cursor to what our lists give out. Raises ``BadCursor``."""
    if cursor is None:
        return None
    try:
        last = cursors.read(cursor).action_id
    except OverflowError:
        last = ""
    if not is_action_id(last):
        raise cursors.BadCursor(
            "this cursor is not one of ours; leave it out to begin with the latest action."
        )
    return cursor
