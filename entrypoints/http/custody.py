"""Sensitive values: shown to those who may see them, on record; destroyed, on record."""

from typing import Annotated

from fastapi import APIRouter, Depends

from activities.recorder import Page
from counterseal.core.commitments import Disclosure
from counterseal.core.wire import Shredding, ShreddingView
from counterseal.core.words import Role
from domain.custody import reveal_flaw, sensitive_places, shred_flaw
from domain.vault import KeysUnavailable, KeyUnknown, Shredded
from entrypoints.credentials import Caller, demand
from entrypoints.gate import named
from entrypoints.http.body import body, takes
from entrypoints.http.state import ByCaller, InRooms, Rooms
from entrypoints.problems import Declined
from entrypoints.secrecy import keys_away, no_keys

router = APIRouter(prefix="/v1/actions", tags=["custody"])


@router.post("/{action}/shredding", openapi_extra=takes(Shredding))
async def shred(
    rooms: InRooms,
    caller: ByCaller,
    action: str,
    asked: Annotated[Shredding, Depends(body(Shredding))],
) -> ShreddingView:
    """Destroy a closed action's sensitive values. Asking again tells how it was done before."""
    demand(caller, Role.OPERATOR)
    page = await rooms.gate.page(caller, named(action))
    if (flaw := shred_flaw(page.state)) is not None:
        raise Declined(flaw.code, f"{action}: {flaw.sentence}", action_id=action)
    gone = await rooms.custody.shred(
        page, rooms.clock(), caller.subject, asked.reason, asked.request
    )
    return ShreddingView(
        action_id=action,
        at=gone.at,
        by=gone.by,
        because=gone.because,
        pointers=gone.pointers,
        request=gone.request,
    )


async def reveal_values(
    rooms: Rooms, caller: Caller, page: Page, why: str | None
) -> tuple[Disclosure, ...]:
    """Open an action's sensitive values to a person who may see them, once that is on record."""
    if not sensitive_places(page.state):
        return ()
    await _check_may_see(rooms, caller, page)
    try:
        seen = await rooms.custody.reveal(page, rooms.clock(), caller.subject, caller.role, why)
    except KeysUnavailable as error:
        raise keys_away(page.stream) from error
    except KeyUnknown as error:
        raise no_keys(page.stream) from error
    if isinstance(seen, Shredded):
        raise Declined(
            "data-shredded",
            f"the sensitive values of {page.stream} were shredded at {seen.at}; their commitments "
            "are all that is left.",
            action_id=page.stream,
        )
    return seen or ()


async def _check_may_see(rooms: Rooms, caller: Caller, page: Page) -> None:
    _, roster = await rooms.gate.facts.roster(caller.tenant)
    person = roster.person(caller.subject)
    names = roster.every_name(caller.subject)
    flaw = reveal_flaw(page.state, caller.role, names, person.groups if person else ())
    if flaw is not None:
        raise Declined(flaw.code, flaw.sentence, action_id=page.stream)
