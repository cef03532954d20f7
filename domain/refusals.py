"""What to say to a command that comes at the wrong time, or from the wrong hand.

While an action is open its refusals stand in its own stream. Nothing follows ``action.closed``,
so refusals after it stand in a stream beside it, ``<action id>:late``.
"""

from typing import assert_never

from counterseal.core.words import Disposition
from domain import grants
from domain.approvals import is_same_vote
from domain.approvals import refusal as refuse_vote
from domain.commands import Ask, AskOtherwise, Command, Redeem, Report, Vote, Wake, Withdraw
from domain.events import Refusal, RequestRefused, WithdrawalRefused
from domain.states import Closed, Granted, Held, Redeemed

Standing = Held | Granted | Redeemed | Closed


def late_stream(action_id: str) -> str:
    """Name the stream that keeps what was refused after an action closed."""
    return f"{action_id}:late"


def refuse(state: Standing, command: Command) -> tuple[Refusal, ...]:
    """Refuse ``command``; nothing if it only repeats what was answered already."""
    match command:
        case Wake():
            return ()
        case Ask():
            return _other_content(state, command.at, command.key_id, command.digest, "again")
        case AskOtherwise():
            return _other_content(state, command.at, command.by, command.digest, command.request_id)
        case Vote():
            return _late_vote(state, command)
        case Withdraw():
            return _withdrawal(state, command)
        case Redeem():
            return _redemption(state, command)
        case Report():
            return _receipt(state, command)
        case _:
            assert_never(command)


def _other_content(
    state: Standing, at: object, by: str, digest: str, request_id: str
) -> tuple[Refusal, ...]:
    if digest == state.request.digest:
        return ()
    return (
        RequestRefused.model_validate(
            {
                "at": at,
                "request_id": request_id,
                "by": by,
                "code": "idempotency-key-reused",
                "sentence": f"{state.request.action.id} was asked with this key before, with "
                "other content; use a new key for a new action.",
                "digest": digest,
            }
        ),
    )


def _late_vote(state: Standing, vote: Vote) -> tuple[Refusal, ...]:
    if vote.flaw is not None:
        return (refuse_vote(vote, vote.flaw.code, vote.flaw.sentence),)
    if any(is_same_vote(past, vote) for past in state.votes):
        return ()
    action = state.request.action.id
    ended = "" if isinstance(state, Held) else f" ({state.disposition})"
    return (
        refuse_vote(
            vote, "already-settled", f"{action} is settled{ended}; {vote.person} is too late."
        ),
    )


def _withdrawal(state: Standing, command: Withdraw) -> tuple[Refusal, ...]:
    agent = state.request.action.agent
    mine = command.flaw is None and command.by == agent
    if mine and isinstance(state, Closed) and _was_withdrawn(state):
        return ()
    if command.flaw is not None:
        code, sentence = command.flaw.code, command.flaw.sentence
    elif not mine:
        code, sentence = "not-the-requester", f"only {agent}, who asked, can withdraw this action."
    else:
        code = "too-late"
        sentence = f"{state.request.action.id} is beyond withdrawing: its grant was used or ended."
    return (
        WithdrawalRefused(
            at=command.at,
            request_id=command.request_id,
            by=command.by,
            code=code,
            sentence=sentence,
        ),
    )


def _was_withdrawn(closed: Closed) -> bool:
    return closed.disposition is Disposition.CANCELLED or closed.given_back


def _redemption(state: Standing, command: Redeem) -> tuple[Refusal, ...]:
    if command.flaw is not None:
        return (grants.refuse_redemption(command, command.flaw.code, command.flaw.sentence),)
    if isinstance(state, Closed) and state.redemption is not None:
        # Not even to a retry of the redemption that won: its go-ahead ended with the story.
        code, why = "already-redeemed", "its grant was used; propose the action again"
    elif isinstance(state, Closed) and state.grant is not None:
        code, why = "grant-lapsed", "its grant lapsed unused; propose the action again"
    elif isinstance(state, Held):
        code, why = "not-granted", "it waits for approval; wait for the answer"
    else:
        code, why = "not-granted", "it has no grant, because it was not allowed"
    action = state.request.action.id
    return (grants.refuse_redemption(command, code, f"{action} cannot run: {why}."),)


def _receipt(state: Standing, command: Report) -> tuple[Refusal, ...]:
    action = state.request.action.id
    if not isinstance(state, Closed) or state.redemption is None:
        return (
            grants.refuse_receipt(
                command, "not-redeemed", f"nothing was redeemed for {action}; redeem, then run."
            ),
        )
    if state.receipt is not None and grants.is_same_receipt(state.receipt, command):
        return ()
    return (
        grants.refuse_receipt(
            command,
            "already-closed",
            f"{action} was closed as {state.outcome}; this report is kept beside its story.",
        ),
    )
