"""Where an action stands, in one small value: what a workflow waits by and a caller is told."""

from typing import assert_never

from pydantic import Field

from counterseal.core.canonical import Json
from counterseal.core.model import Instant, Record, instant_text
from counterseal.core.words import Disposition, Level, Outcome, Phase, Risk, Verdict, is_at_once
from domain.states import Asked, Closed, Granted, Held, Judged, Redeemed, Settled, State, Unseen


class Standing(Record):
    """An action's present. ``next_deadline`` is when time alone will change it next.

    ``grant_*`` are set once a grant was issued; ``held_until`` and ``asked`` while people are
    asked; ``because`` is for people, ``message`` the only text meant for the agent. ``evidence`` is
    the level that the evidence of a grant must reach before the grant is released.
    """

    tenant: str
    action_id: str
    digest: str
    version: int
    phase: Phase
    verdict: Verdict
    effective: Verdict
    action_class: str | None
    risk: Risk
    message: str
    agent: str
    was_held: bool
    asked_at: Instant
    next_deadline: Instant | None = None
    held_until: Instant | None = None
    asked: tuple[str, ...] = ()
    disposition: Disposition | None = None
    outcome: Outcome | None = None
    grant_id: str | None = None
    grant_expires: Instant | None = None
    redemption_id: str | None = None
    receipt_due: Instant | None = None
    evidence: Level = Field(default=Level.RECORDED, exclude_if=is_at_once)


def standing(state: State, version: int) -> Standing:
    """Sum up ``state``, which a story of ``version`` + 1 events has led to."""
    match state:
        case Unseen() | Asked() | Judged() | Settled():
            raise AssertionError(f"{type(state).__name__} is never the end of an append")
        case Held() | Granted() | Redeemed() | Closed():
            action, decision = state.request.action, state.decision
            return Standing.model_validate(
                {
                    "tenant": action.tenant,
                    "action_id": action.id,
                    "digest": state.request.digest,
                    "version": version,
                    "verdict": decision.verdict,
                    "effective": decision.effective,
                    "action_class": decision.action_class,
                    "risk": decision.risk,
                    "message": decision.for_agent,
                    "agent": action.agent,
                    "was_held": decision.route is not None,
                    "asked_at": state.request.at,
                    "evidence": decision.evidence,
                    **_present(state),
                }
            )
        case _:
            assert_never(state)


def _present(state: Held | Granted | Redeemed | Closed) -> dict[str, object]:
    match state:
        case Held():
            return {
                "phase": Phase.HELD,
                "next_deadline": state.next_deadline,
                "held_until": state.deadline,
                "asked": state.asked,
            }
        case Granted():
            return {
                "phase": Phase.GRANTED,
                "disposition": state.disposition,
                "next_deadline": state.next_deadline,
                "grant_id": state.grant.grant_id,
                "grant_expires": state.grant.expires_at,
            }
        case Redeemed():
            return {
                "phase": Phase.REDEEMED,
                "disposition": state.disposition,
                "next_deadline": state.next_deadline,
                "grant_id": state.grant.grant_id,
                "grant_expires": state.grant.expires_at,
                "redemption_id": state.redemption.redemption_id,
                "receipt_due": state.redemption.receipt_due,
            }
        case Closed():
            return {
                "phase": Phase.CLOSED,
                "disposition": state.disposition,
                "outcome": state.outcome,
                "grant_id": state.grant.grant_id if state.grant else None,
                "redemption_id": state.redemption.redemption_id if state.redemption else None,
            }
        case _:
            assert_never(state)


def summary(state: State, version: int) -> dict[str, Json]:
    """Make the action's row of the read model: names and states, never arguments."""
    if not isinstance(state, Held | Granted | Redeemed | Closed):
        raise AssertionError(f"{type(state).__name__} is never the end of an append")  # noqa: TRY004 - unreachable, not a type question
    now = standing(state, version)
    request, decision = state.request, state.decision
    asked_groups = state.asked if isinstance(state, Held) else _asked_in_the_end(state)
    return {
        "action_id": now.action_id,
        "version": version,
        "digest": now.digest,
        "phase": now.phase,
        "verdict": now.verdict,
        "effective": now.effective,
        "stage": decision.stage,
        "disposition": now.disposition,
        "outcome": now.outcome,
        "tool": request.action.tool,
        "action_class": decision.action_class,
        "risk": decision.risk,
        "agent": request.action.agent,
        "agent_owner": request.agent_owner,
        "principal": request.action.principal,
        "session": request.action.session,
        "environment": request.action.environment,
        "bundle": decision.bundle.digest,
        "rules": [*decision.determining],
        "asked": [*asked_groups],
        "approvers": [vote.person for vote in state.votes],
        "approvals": sum(vote.approve for vote in state.votes),
        "quorum": sum(need.quorum for need in decision.route.needs) if decision.route else 0,
        "requested_at": instant_text(request.at),
        "next_deadline": instant_text(now.next_deadline) if now.next_deadline else None,
        "held_until": instant_text(now.held_until) if now.held_until else None,
    }


def _asked_in_the_end(state: Granted | Redeemed | Closed) -> tuple[str, ...]:
    if state.decision.route is None:
        return ()
    return tuple(dict.fromkeys(name for need in state.decision.route.needs for name in need.groups))
