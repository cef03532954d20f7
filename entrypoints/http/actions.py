"""Routes of one action's life: propose, read, wait, vote, withdraw, redeem, report."""

import asyncio
import re
import time
from datetime import timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel

from activities.orders import Reply
from activities.recorder import Page
from counterseal.core.action import Action, action_digest, action_id
from counterseal.core.canonical import ARGUMENTS, check
from counterseal.core.commitments import MARKER, has_marker
from counterseal.core.signing import public_key
from counterseal.core.wire import (
    ActionView,
    Answer,
    Ballot,
    Proposal,
    Receipt,
    Redeemed,
    Redemption,
    VoteAnswer,
    Withdrawal,
)
from counterseal.core.words import Level, Role
from domain.candidate import Candidate
from domain.standing import Standing
from domain.states import Closed, Granted, Held, action_of
from domain.states import Redeemed as RedeemedState
from entrypoints.credentials import Caller, demand
from entrypoints.gate import is_waiting, named, no_such_action
from entrypoints.http.answers import answer, row_json, undecided
from entrypoints.http.body import body, takes
from entrypoints.http.custody import reveal_values
from entrypoints.http.state import ByCaller, InRooms, Rooms
from entrypoints.problems import Declined
from entrypoints.secrecy import Covered

router = APIRouter(prefix="/v1/actions", tags=["actions"])

_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
_WAIT = re.compile(r"(?:^|,)\s*wait=(\d{1,5})\s*(?:,|$)")
_POLL = 1.0
_SEAL_POLL = 0.1
_FRESH = timedelta(seconds=1)
"""An answer older than this is to a retry, and may have been overtaken."""

Prefer = Annotated[str | None, Header(description="`wait=N`: wait up to N seconds for a change")]


@router.post("", openapi_extra=takes(Proposal), response_model=Answer)
async def propose(
    rooms: InRooms,
    caller: ByCaller,
    proposal: Annotated[Proposal, Depends(body(Proposal))],
    idempotency_key: Annotated[str | None, Header()] = None,
    prefer: Prefer = None,
) -> Response:
    """Ask whether an action may run. Asking again with the same key gives the same answer."""
    demand(caller, Role.AGENT)
    asked = _asked(caller, proposal, idempotency_key)
    began = time.perf_counter()
    covered = await rooms.secrecy.cover(asked)
    candidate = _candidate(caller, proposal, covered.action)
    ask = rooms.gate.submit if covered.is_kept else rooms.gate.recall
    now = await ask(candidate, partial(rooms.secrecy.is_same, asked))
    if now is None:
        told = undecided(candidate.action, candidate.digest, covered.disclosures)
        return _json(told, 202)
    rooms.metrics.decision_seconds.observe(time.perf_counter() - began)
    rooms.metrics.decisions.labels(now.effective).inc()
    is_open = is_waiting(now.phase) or await rooms.gate.release.awaited(now) is not None
    if is_open or rooms.clock() - now.asked_at > _FRESH:
        # A retry may come long after the question was settled.
        now = (await _settled(rooms, caller, now.action_id, _seconds(prefer, rooms))).standing
    if now.digest != candidate.digest:  # the same question, covered otherwise when it was asked
        return await _answer(rooms, now, _action(await _page(rooms, caller, now.action_id)))
    return await _told(rooms, now, covered)


@router.get("/{action}", response_model=Answer | ActionView)
async def read(
    rooms: InRooms,
    caller: ByCaller,
    action: str,
    prefer: Prefer = None,
    *,
    reveal: Annotated[bool, Query(description="show sensitive values, on record")] = False,
    why: Annotated[str | None, Query(max_length=4096, description="kept as evidence")] = None,
) -> Response:
    """Read an action; with ``Prefer: wait=N``, once its question is settled or N seconds passed."""
    page = await _settled(rooms, caller, named(action), _seconds(prefer, rooms))
    if caller.role is Role.AGENT:
        return await _answer(rooms, page.standing, _action(page))
    view = await _view(rooms, caller, page)
    if not reveal:
        return _json(view)
    revealed = await reveal_values(rooms, caller, page, why)
    return _json(view.model_copy(update={"disclosures": revealed}))


@router.post("/{action}/votes", openapi_extra=takes(Ballot), response_model=VoteAnswer)
async def vote(
    rooms: InRooms,
    caller: ByCaller,
    action: str,
    ballot: Annotated[Ballot, Depends(body(Ballot))],
) -> Response:
    """Answer a held action. A vote that does not count is told why, and recorded."""
    demand(caller, Role.APPROVER)
    reply = await rooms.gate.vote(caller, named(action), ballot)
    rooms.metrics.votes.labels(
        "pending" if reply is None else "counted" if reply.accepted else reply.code
    ).inc()
    return _json(_vote_answer(ballot.vote_id, reply), 202 if reply is None else 200)


@router.post("/{action}/withdrawal", openapi_extra=takes(Withdrawal), response_model=Answer)
async def withdraw(
    rooms: InRooms,
    caller: ByCaller,
    action: str,
    asked: Annotated[Withdrawal, Depends(body(Withdrawal))],
) -> Response:
    """Take a question back, or give an unused grant back."""
    demand(caller, Role.AGENT)
    reply = await rooms.gate.withdraw(caller, named(action), asked)
    if reply is not None and not reply.accepted:
        raise Declined(reply.code, reply.sentence, action_id=action)
    page = await _page(rooms, caller, action)  # what is only taken down may be another agent's
    return await _answer(rooms, page.standing, _action(page), 202 if reply is None else 200)


@router.post("/{action}/redemption", openapi_extra=takes(Redemption), response_model=Redeemed)
async def redeem(
    rooms: InRooms,
    caller: ByCaller,
    action: str,
    asked: Annotated[Redemption, Depends(body(Redemption))],
) -> Response:
    """Use a grant, just before running. The same redemption may be sent again, another may not."""
    demand(caller, Role.AGENT)
    if asked.executor_key is not None and public_key(asked.executor_key) is None:
        # Taken now, it would make every receipt a refused one.
        raise Declined(
            "invalid-request",
            "/executor_key: this is not the base64url spelling of an Ed25519 public key.",
        )
    try:
        used = await rooms.gate.redeem(caller, named(action), asked)
    except Declined as declined:
        rooms.metrics.redemptions.labels(declined.declined_code).inc()
        raise
    rooms.metrics.redemptions.labels("redeemed").inc()
    return _json(
        Redeemed(
            action_id=action,
            redemption_id=used.redemption_id,
            digest=used.digest,
            receipt_due=used.receipt_due,
        )
    )


@router.post("/{action}/receipt", openapi_extra=takes(Receipt), response_model=Answer)
async def report(
    rooms: InRooms,
    caller: ByCaller,
    action: str,
    receipt: Annotated[Receipt, Depends(body(Receipt))],
) -> Response:
    """Say what became of a redeemed action."""
    demand(caller, Role.AGENT)
    if receipt.outcome not in {"SUCCEEDED", "FAILED", "UNKNOWN"}:
        raise Declined(
            "invalid-request",
            f"/outcome: {receipt.outcome} is ours to say; report SUCCEEDED, FAILED or UNKNOWN.",
        )
    now = await rooms.gate.report(caller, named(action), receipt)
    rooms.metrics.receipts.labels(receipt.outcome).inc()
    page = await rooms.gate.page(caller, action)
    return await _answer(rooms, now, _action(page))


def _asked(caller: Caller, proposal: Proposal, key: str | None) -> Action:
    if key is None or not _KEY.match(key):
        raise Declined(
            "idempotency-key-missing",
            "send an Idempotency-Key header of 1 to 255 visible ASCII characters, the same on "
            "every retry, so that asking twice never means acting twice.",
        )
    check(proposal.arguments, ARGUMENTS)
    if has_marker(proposal.arguments):
        raise Declined(
            "reserved-key",
            f"/arguments: the key {MARKER} stands for what policy calls sensitive, and only we "
            "write it; send the values themselves, or name the key otherwise.",
        )
    return Action(
        id=action_id(caller.tenant, caller.subject, key),
        tenant=caller.tenant,
        agent=caller.subject,
        principal=proposal.principal,
        environment=caller.environment,
        session=proposal.session,
        tool=proposal.tool,
        resource=proposal.resource,
        arguments=proposal.arguments,
    )


def _candidate(caller: Caller, proposal: Proposal, action: Action) -> Candidate:
    return Candidate(
        action=action,
        digest=action_digest(action),
        key_id=caller.key_id,
        justification=proposal.justification,
        asserted=proposal.asserted,
    )


async def _settled(rooms: Rooms, caller: Caller, action: str, wait: float) -> Page:
    """Read an action once its question is settled and its grant released, or ``wait`` is over."""
    deadline = asyncio.get_running_loop().time() + wait
    async with rooms.news.of(caller.tenant, action) as changed:
        while True:
            page = await _page(rooms, caller, action)
            left = deadline - asyncio.get_running_loop().time()
            awaited = await rooms.gate.release.awaited(page.standing)
            if left <= 0 or (awaited is None and not is_waiting(page.standing.phase)):
                return page
            # Nobody is told when the log is sealed, and it will be at any moment.
            await changed.wait(min(left, _POLL if awaited is None else _SEAL_POLL))


async def _page(rooms: Rooms, caller: Caller, action: str) -> Page:
    page = await rooms.gate.page(caller, named(action))
    if caller.role is Role.AGENT and page.standing.agent != caller.subject:
        raise no_such_action(action)  # agents read their own actions, and learn of no others
    return page


async def _view(rooms: Rooms, caller: Caller, page: Page) -> ActionView:
    row = await rooms.queries.get_action(caller.tenant, page.stream)
    state = page.state
    if row is None or not isinstance(state, Held | Granted | RedeemedState | Closed):
        raise no_such_action(page.stream)
    return ActionView.model_validate(
        {
            "row": row_json(row, await rooms.seals.seal(caller.tenant)),
            "action": state.request.action,
            "justification": state.request.justification,
            "decision": state.decision.model_dump(mode="json"),
        }
    )


def _action(page: Page) -> Action:
    action = action_of(page.state)
    if action is None:
        raise no_such_action(page.stream)
    return action


def _seconds(prefer: str | None, rooms: Rooms) -> float:
    found = _WAIT.search(prefer or "")
    return min(float(found[1]), rooms.longest_wait) if found else 0.0


def _vote_answer(vote_id: str, reply: Reply | None) -> VoteAnswer:
    if reply is None:
        return VoteAnswer(
            vote_id=vote_id,
            counted=None,
            code="accepted",
            sentence="taken down safely; it will be counted when workers are back. Send the same "
            "vote again to learn what became of it.",
        )
    return VoteAnswer(
        vote_id=vote_id,
        counted=reply.accepted,
        code="counted" if reply.accepted else reply.code,
        sentence=reply.sentence or "counted.",
        phase=reply.standing.phase,
        disposition=reply.standing.disposition,
    )


async def _answer(
    rooms: Rooms, now: Standing, action: Action, status: int | None = None
) -> Response:
    """Tell an agent where its own action stands, with what opens it while that is kept."""
    opened = await rooms.secrecy.disclosures(action)
    level = await rooms.seals.level_of_action(now.tenant, now.action_id)
    return await _told(rooms, now, Covered(action, opened), level, status)


async def _told(
    rooms: Rooms,
    now: Standing,
    covered: Covered,
    level: Level = Level.RECORDED,
    status: int | None = None,
) -> Response:
    awaits = await rooms.gate.release.awaited(now)
    told = answer(now, covered.action, rooms.gate.tokens, rooms.clock(), awaits)
    told = told.model_copy(update={"disclosures": covered.disclosures, "level": level})
    return _json(told, status or (202 if awaits or is_waiting(now.phase) else 200))


def _json(value: BaseModel, status: int = 200) -> Response:
    return Response(
        value.model_dump_json(exclude_none=False), status, media_type="application/json"
    )
