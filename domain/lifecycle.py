"""The life of an action: ``decide`` says what a command adds, ``evolve`` what an event changes.

Both are pure. Every command is first brought up to date: whatever was due by its instant (an
escalation, an expiry, a lapse) is decided before the command is, so a vote that arrives a moment
after the deadline meets an expired hold even if no timer has fired yet.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import reduce
from typing import assert_never

from counterseal.core.words import Disposition, Outcome, Verdict
from domain import grants
from domain.approvals import count_or_refuse, is_denied, quorum_met
from domain.commands import Ask, Command, Redeem, Report, Vote, Wake, Withdraw
from domain.events import (
    ActionClosed,
    ActionHeld,
    ActionRequested,
    ActionSettled,
    DecisionReached,
    Event,
    HoldEscalated,
    HoldReminded,
    VoteCounted,
    VoteRefused,
)
from domain.evolution import evolve
from domain.refusals import refuse
from domain.states import Asked, Closed, Granted, Held, Judged, Redeemed, Settled, State, Unseen


def replay(story: Iterable[Event]) -> State:
    """Learn the state of an action from everything recorded about it."""
    start: State = Unseen()
    return reduce(evolve, story, start)


def decide(state: State, command: Command) -> tuple[Event, ...]:
    """Answer ``command`` with the facts it adds to the record; none if it was answered before."""
    due = _due(state, command.at)
    if due:
        return (*due, *decide(reduce(evolve, due, state), command))
    match state:
        case Unseen():
            return _ask(command) if isinstance(command, Ask) else ()
        case Held():
            return _when_held(state, command)
        case Granted():
            return _when_granted(state, command)
        case Redeemed():
            return _when_redeemed(state, command)
        case Closed():
            return ()  # Nothing follows in this stream; `refuse` says what to tell the caller.
        case Asked() | Judged() | Settled():
            raise AssertionError(f"{type(state).__name__} is never the end of an append")
        case _:
            assert_never(state)


def _due(state: State, at: datetime) -> tuple[Event, ...]:
    match state:
        case Held() if at >= state.deadline:
            return _expire(state, at)
        case Held() if at >= state.next_deadline:
            return (_climb_or_remind(state, at),)
        case Granted() if at >= state.next_deadline:
            return grants.lapse(state, at, "nobody used it before it expired")
        case Redeemed() if at >= state.next_deadline:
            return grants.give_up(state, at)
        case _:
            return ()  # Nothing else waits for a moment.


def _ask(ask: Ask) -> tuple[Event, ...]:
    requested = _request(ask)
    reached = DecisionReached(at=ask.at, digest=ask.digest, decision=ask.decision)
    why = ", ".join(ask.decision.determining)
    match ask.decision.effective:
        case Verdict.ALLOW:
            settled = Settled(requested, ask.decision, Disposition.ALLOWED)
            return (requested, reached, *_settle(settled, ask.at, f"allowed by {why}", ()))
        case Verdict.BLOCK:
            settled = Settled(requested, ask.decision, Disposition.BLOCKED)
            return (requested, reached, *_settle(settled, ask.at, f"blocked by {why}", ()))
        case Verdict.STEP_UP:
            return (requested, reached, *_hold(ask))
        case _:
            assert_never(ask.decision.effective)


def _hold(ask: Ask) -> tuple[Event, ...]:
    route = ask.decision.route
    if route is None:  # A hold nobody can end is a block, said plainly.
        settled = Settled(_request(ask), ask.decision, Disposition.BLOCKED)
        return _settle(settled, ask.at, "policy asks for people but names none", ())
    asked = tuple(dict.fromkeys(name for need in route.needs for name in need.groups))
    deadline = ask.at + timedelta(seconds=route.timeout)
    return (ActionHeld(at=ask.at, digest=ask.digest, route=route, asked=asked, deadline=deadline),)


def _when_held(held: Held, command: Command) -> tuple[Event, ...]:
    match command:
        case Vote():
            return _vote(held, command)
        case Withdraw() if command.flaw is None and command.by == held.request.action.agent:
            settled = Settled(held.request, held.decision, Disposition.CANCELLED, held.votes)
            return _settle(settled, command.at, command.reason, (command.by,))
        case Wake():
            return ()
        case _:
            return refuse(held, command)


def _when_granted(granted: Granted, command: Command) -> tuple[Event, ...]:
    match command:
        case Redeem():
            return grants.redeem(granted, command)
        case Withdraw() if command.flaw is None and command.by == granted.request.action.agent:
            return grants.lapse(granted, command.at, command.reason, given_back=True)
        case Wake():
            return ()
        case _:
            return refuse(granted, command)


def _when_redeemed(redeemed: Redeemed, command: Command) -> tuple[Event, ...]:
    match command:
        case Redeem():
            return grants.redeem_again(redeemed, command)
        case Report():
            return grants.report(redeemed, command)
        case Wake():
            return ()
        case _:
            return refuse(redeemed, command)


def _vote(held: Held, vote: Vote) -> tuple[Event, ...]:
    taken = count_or_refuse(held, vote)
    match taken:
        case None:
            return ()
        case VoteRefused():
            return (taken,)
        case VoteCounted():
            return (taken, *_tally(held.with_vote(taken), vote.at))
        case _:
            assert_never(taken)


def _tally(held: Held, at: datetime) -> tuple[Event, ...]:
    if is_denied(held):
        settled = Settled(held.request, held.decision, Disposition.DENIED, held.votes)
        said = "; ".join(vote.reason for vote in held.denials)
        return _settle(settled, at, said, tuple(vote.person for vote in held.denials))
    if quorum_met(held):
        settled = Settled(held.request, held.decision, Disposition.APPROVED, held.votes)
        by = tuple(vote.person for vote in held.approvals)
        return _settle(settled, at, f"quorum reached with {len(by)} approvals", by)
    return ()


def _expire(held: Held, at: datetime) -> tuple[Event, ...]:
    # Only silence may be taken for a yes: a person's no is not silence.
    if held.route.on_timeout is Verdict.ALLOW and not held.denials:
        settled = Settled(held.request, held.decision, Disposition.ALLOWED, held.votes)
        why = "too few answered" if held.votes else "nobody answered"
        return _settle(settled, at, f"{why} in time, and policy then says ALLOW", ())
    settled = Settled(held.request, held.decision, Disposition.EXPIRED, held.votes)
    why = "too few answered in time" if held.votes else "nobody answered in time"
    return _settle(settled, at, why, ())


def _climb_or_remind(held: Held, at: datetime) -> Event:
    waited = int((at - held.since).total_seconds())
    if held.next_rung is None or held.next_rung > waited:
        return HoldReminded(at=at, nth=held.reminded + 1, asked=held.asked)
    rung = held.next_rung
    added = tuple(
        name
        for need in held.route.needs
        for step in need.escalation
        if step.after == rung
        for name in step.groups
    )
    asked = tuple(dict.fromkeys([*held.asked, *added]))
    return HoldEscalated(at=at, after=rung, added=tuple(dict.fromkeys(added)), asked=asked)


def _settle(settled: Settled, at: datetime, because: str, by: tuple[str, ...]) -> tuple[Event, ...]:
    event = ActionSettled(
        at=at,
        digest=settled.request.digest,
        disposition=settled.disposition,
        because=because,
        by=by,
    )
    if settled.disposition.may_execute:
        return (event, grants.grant_for(settled, at))
    return (event, _closed_unrun(settled.disposition, at))


def _closed_unrun(disposition: Disposition, at: datetime) -> ActionClosed:
    return ActionClosed(at=at, disposition=disposition, outcome=Outcome.NOT_RUN)


def _request(ask: Ask) -> ActionRequested:
    return ActionRequested(
        at=ask.at,
        action=ask.action,
        digest=ask.digest,
        key_id=ask.key_id,
        agent_owner=ask.agent_owner,
        excluded=ask.excluded,
        justification=ask.justification,
        context_digest=ask.context_digest,
    )
