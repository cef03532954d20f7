"""Single-use permissions: issued after the answer, used at most once, exactly as approved."""

from datetime import datetime, timedelta

from counterseal.core.words import Outcome
from domain.commands import Redeem, Report
from domain.events import (
    ActionClosed,
    Event,
    ExecutionReported,
    ExecutionUnknown,
    GrantIssued,
    GrantLapsed,
    GrantRedeemed,
    GrantRefused,
    ReceiptRefused,
)
from domain.states import Granted, Redeemed, Settled


def grant_for(settled: Settled, at: datetime) -> GrantIssued:
    """Issue the one grant an action can have; its ID follows from the action's."""
    action = settled.request.action
    return GrantIssued(
        at=at,
        grant_id=action.id.replace("act_", "grt_", 1),
        digest=settled.request.digest,
        holder=action.agent,
        expires_at=at + timedelta(seconds=settled.decision.grant_ttl),
    )


def redeem(granted: Granted, command: Redeem) -> tuple[Event, ...]:
    """Use the grant, if everything fits."""
    if (flaw := _misfit(granted, command)) is not None:
        return (refuse_redemption(command, *flaw),)
    return (
        GrantRedeemed(
            at=command.at,
            grant_id=command.grant_id,
            redemption_id=command.redemption_id,
            digest=command.digest,
            by=command.by,
            executor_key=command.executor_key,
            receipt_due=command.at + timedelta(seconds=granted.decision.receipt_ttl),
        ),
    )


def redeem_again(state: Redeemed, command: Redeem) -> tuple[Event, ...]:
    """Answer a repeated redemption: nothing new if it is the same one, else a refusal."""
    if command.flaw is not None:
        return (refuse_redemption(command, command.flaw.code, command.flaw.sentence),)
    if is_same_redemption(state.redemption, command):
        return ()
    return (
        refuse_redemption(
            command,
            "already-redeemed",
            f"{command.grant_id} was used at {state.redemption.at:%Y-%m-%d %H:%M:%S}Z; a grant "
            "is used once. Propose the action again if it must run again.",
        ),
    )


def is_same_redemption(redemption: GrantRedeemed, command: Redeem) -> bool:
    """Say whether ``command`` is a retry of the redemption that won."""
    return (
        redemption.redemption_id == command.redemption_id
        and redemption.grant_id == command.grant_id
        and redemption.digest == command.digest
        and redemption.by == command.by
        and redemption.executor_key == command.executor_key
    )


def report(state: Redeemed, command: Report) -> tuple[Event, ...]:
    """Take the executor's report and close the action, or refuse it."""
    if (flaw := _unreliable(state, command)) is not None:
        return (refuse_receipt(command, *flaw),)
    return (
        ExecutionReported(
            at=command.at,
            redemption_id=command.redemption_id,
            digest=command.digest,
            outcome=command.outcome,
            by=command.by,
            detail=command.detail,
            result_digest=command.result_digest,
            signature=command.signature,
            signed=state.redemption.executor_key is not None,  # `_unreliable` has compared them
        ),
        ActionClosed(at=command.at, disposition=state.disposition, outcome=command.outcome),
    )


def is_same_receipt(receipt: ExecutionReported, command: Report) -> bool:
    """Say whether ``command`` says again what was reported."""
    return (
        receipt.redemption_id == command.redemption_id
        and receipt.digest == command.digest
        and receipt.outcome is command.outcome
        and receipt.by == command.by
        and receipt.result_digest == command.result_digest
    )


def lapse(
    granted: Granted, at: datetime, because: str, *, given_back: bool = False
) -> tuple[Event, ...]:
    """End an unused grant."""
    return (
        GrantLapsed(at=at, grant_id=granted.grant.grant_id, because=because, given_back=given_back),
        ActionClosed(at=at, disposition=granted.disposition, outcome=Outcome.LAPSED),
    )


def give_up(state: Redeemed, at: datetime) -> tuple[Event, ...]:
    """Stop waiting for a receipt. What happened is unknown, and recorded as unknown."""
    return (
        ExecutionUnknown(
            at=at,
            redemption_id=state.redemption.redemption_id,
            because=f"no receipt from {state.redemption.by} by the time it was due",
        ),
        ActionClosed(at=at, disposition=state.disposition, outcome=Outcome.UNKNOWN),
    )


def refuse_redemption(command: Redeem, code: str, sentence: str) -> GrantRefused:
    """Record a redemption that was refused."""
    return GrantRefused(
        at=command.at,
        request_id=command.redemption_id,
        by=command.by,
        code=code,
        sentence=sentence,
        digest=command.digest,
    )


def refuse_receipt(command: Report, code: str, sentence: str) -> ReceiptRefused:
    """Record a report that was refused, with what it claimed."""
    return ReceiptRefused(
        at=command.at,
        request_id=command.request_id,
        by=command.by,
        code=code,
        sentence=sentence,
        digest=command.digest,
        outcome=command.outcome,
        redemption_id=command.redemption_id,
        detail=command.detail,
        result_digest=command.result_digest,
        signature=command.signature,
    )


def _misfit(granted: Granted, command: Redeem) -> tuple[str, str] | None:
    grant = granted.grant
    if command.flaw is not None:
        return command.flaw.code, command.flaw.sentence
    if command.by != grant.holder:
        return (
            "not-the-holder",
            f"{command.by} holds no grant for this action; {grant.holder} does.",
        )
    if command.grant_id != grant.grant_id:
        return "other-grant", f"{command.grant_id} is not this action's grant."
    if command.digest != grant.digest:
        return (
            "digest-mismatch",
            f"{command.by} would run {command.digest}, but {grant.digest} was approved; run "
            "exactly what was approved, or propose the changed action.",
        )
    return None


def _unreliable(state: Redeemed, command: Report) -> tuple[str, str] | None:
    redemption = state.redemption
    if command.by != redemption.by:
        return "not-the-executor", f"{redemption.by} redeemed this grant, not {command.by}."
    if command.redemption_id != redemption.redemption_id:
        return "other-redemption", f"{command.redemption_id} is not the redemption on record."
    if command.digest != redemption.digest:
        return (
            "digest-mismatch",
            f"the receipt speaks of {command.digest}, but {redemption.digest} was redeemed.",
        )
    if command.outcome in {Outcome.LAPSED, Outcome.NOT_RUN}:
        # Either would give the action's share of every limit back.
        return (
            "outcome-not-reportable",
            f"a grant that was used cannot have ended as {command.outcome}; report SUCCEEDED, "
            "FAILED or UNKNOWN.",
        )
    if redemption.executor_key is not None and command.signed_by != redemption.executor_key:
        return (
            "bad-signature",
            "the receipt must be signed with the key named at redemption.",
        )
    return None
