"""What each event changes. Reading a story is folding its events, first to last."""

from dataclasses import replace
from typing import assert_never

from domain.events import (
    ActionClosed,
    ActionHeld,
    ActionRequested,
    ActionSettled,
    DecisionReached,
    Event,
    ExecutionReported,
    ExecutionUnknown,
    GrantIssued,
    GrantLapsed,
    GrantRedeemed,
    GrantRefused,
    HoldEscalated,
    HoldReminded,
    ReceiptRefused,
    RequestRefused,
    VoteCounted,
    VoteRefused,
    WithdrawalRefused,
)
from domain.states import Asked, Closed, Granted, Held, Judged, Redeemed, Settled, State, Unseen


class BrokenStory(Exception):  # noqa: N818 - it reads as what is wrong
    """Events that cannot have happened in this order: the record was damaged."""


def evolve(state: State, event: Event) -> State:  # noqa: C901, PLR0912 - one case per kind
    """Apply one recorded event. Raises ``BrokenStory`` if it cannot follow ``state``."""
    match state, event:
        case _, RequestRefused() | WithdrawalRefused() | GrantRefused() | ReceiptRefused():
            return state
        case Held(), VoteRefused():
            return replace(state, refused=(*state.refused, event))
        case _, VoteRefused():
            return state
        case Unseen(), ActionRequested():
            return Asked(event)
        case Asked(), DecisionReached():
            return Judged(state.request, event.decision)
        case Judged(), ActionHeld():
            return Held(
                state.request, state.decision, event.route, since=event.at, deadline=event.deadline
            )
        case Held(), VoteCounted():
            return state.with_vote(event)
        case Held(), HoldReminded():
            return replace(state, reminded=event.nth, reminded_at=event.at)
        case Held(), HoldEscalated():
            return replace(state, climbed=event.after)
        case Judged(), ActionSettled():
            return Settled(state.request, state.decision, event.disposition)
        case Held(), ActionSettled():
            return Settled(state.request, state.decision, event.disposition, state.votes)
        case Settled(), GrantIssued() if state.disposition.may_execute:
            return Granted(state.request, state.decision, state.disposition, event, state.votes)
        case Granted(), GrantRedeemed():
            return Redeemed(
                state.request,
                state.decision,
                state.disposition,
                state.grant,
                event,
                state.votes,
            )
        case Granted(), GrantLapsed():
            return replace(state, given_back=event.given_back)
        case Redeemed(), ExecutionReported():
            return replace(state, receipt=event)
        case Redeemed(), ExecutionUnknown():
            return state
        case Settled() | Granted() | Redeemed(), ActionClosed():
            return _close(state, event)
        case _:
            raise BrokenStory(f"{event.kind} cannot follow {type(state).__name__}")


def _close(state: Settled | Granted | Redeemed, event: ActionClosed) -> Closed:
    closed = Closed(
        state.request, state.decision, state.disposition, event.outcome, votes=state.votes
    )
    match state:
        case Settled():
            return closed
        case Granted():
            return replace(closed, grant=state.grant, given_back=state.given_back)
        case Redeemed():
            return replace(
                closed, grant=state.grant, redemption=state.redemption, receipt=state.receipt
            )
        case _:
            assert_never(state)
