"""What the API does with an action, apart from HTTP: submit, vote, withdraw, redeem, report.

Submitting, voting and withdrawing go through the action's workflow, which waits; redeeming and
reporting go straight to the ledger, which decides. Where the workflow has ended, or never was,
the ledger answers alone, by the same rules.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    Priority,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.actions import reply_to
from activities.orders import Reply
from activities.recorder import Obeyed, Page, Recorder
from counterseal.core.action import Action
from counterseal.core.canonical import digest
from counterseal.core.signing import PrivateKey, is_signed, public_key
from counterseal.core.wire import Ballot, Receipt, Redemption, Withdrawal
from counterseal.core.words import Phase
from domain.candidate import Candidate, sign_candidate
from domain.commands import AskOtherwise, Flaw, Redeem, Report, Withdraw
from domain.events import GrantRedeemed, Refusal
from domain.grants import is_same_redemption
from domain.lifecycle import decide
from domain.messages import (
    Message,
    VoteMessage,
    WithdrawalMessage,
    sign_message,
    vote_command,
)
from domain.ports import FactSource
from domain.standing import Standing
from domain.states import Closed, Redeemed, Unseen, action_of
from entrypoints.credentials import Caller
from entrypoints.problems import Declined
from entrypoints.release import Release
from entrypoints.settings import DECISION_QUEUE
from entrypoints.tokens import GrantTokens
from workflows.governed_action import GovernedAction, Opening, workflow_id

CHANNEL, ASSURANCE = "api", "api_key"
LONGEST_ID = 128
"""Characters of a vote's ID that a message carries."""
_ACTION = re.compile(r"act_[0-9a-f]{32}\Z")
_PASSING = {RPCStatusCode.ABORTED, RPCStatusCode.UNAVAILABLE, RPCStatusCode.RESOURCE_EXHAUSTED}

Comparison = Callable[[Action], Awaitable[bool]]
"""Says whether a recorded action is what is asked now, if its digest says otherwise."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long callers are made to wait for the orchestrator, in seconds."""

    answer: float = 5.0
    vote: float = 3.0
    news: float = 1.0


@dataclass(frozen=True, slots=True)
class Gate:
    """The application behind the HTTP door."""

    temporal: Client
    recorder: Recorder
    facts: FactSource
    key: PrivateKey
    tokens: GrantTokens
    release: Release
    clock: Callable[[], datetime]
    deadlines: Deadlines = Deadlines()

    async def submit(
        self, candidate: Candidate, is_same: Comparison | None = None
    ) -> Standing | None:
        """Have a candidate judged, or find the answer it had before; None if none came in time.

        Raises ``Declined`` if its ID stands for other content already.
        """
        now = await self._first_answer(candidate)
        if now is not None and now.digest != candidate.digest:
            return await self.recall(candidate, is_same)
        return now

    async def recall(self, candidate: Candidate, is_same: Comparison | None) -> Standing:
        """Find the answer to a question that was asked before, however it was written then.

        Raises ``Declined`` if its ID stands for other content already.
        """
        action = candidate.action
        page = await self.recorder.read(action.tenant, action.id)
        recorded = action_of(page.state)
        if recorded is not None and is_same is not None and await is_same(recorded):
            return page.standing
        await self._record_reuse(candidate)
        raise Declined(
            "idempotency-key-reused",
            f"{action.id} was asked with this key before, with other content; "
            "use a new Idempotency-Key for a new action.",
            action_id=action.id,
        )

    async def page(self, caller: Caller, action_id: str) -> Page:
        """Read an action of the caller's tenant. Raises ``Declined``: ``no-such-action``."""
        page = await self.recorder.read(caller.tenant, action_id)
        if isinstance(page.state, Unseen):
            raise no_such_action(action_id)
        return page

    async def vote(self, caller: Caller, action_id: str, ballot: Ballot) -> Reply | None:
        """Deliver a vote; None if it was accepted but its worth is not known yet."""
        message = VoteMessage(
            tenant=caller.tenant,
            action_id=action_id,
            vote_id=_within(f"{caller.subject}/{ballot.vote_id}", LONGEST_ID),
            person=caller.subject,
            approve=ballot.approve,
            reason=ballot.reason,
            digest=ballot.digest,
            channel=CHANNEL,
            assurance=ASSURANCE,
            heard_at=self.clock(),
        )
        try:
            return await self._deliver(message, _update_id(message))
        except LookupError:
            page = await self.page(caller, action_id)
            return await self._vote_without_workflow(message, page)

    async def withdraw(self, caller: Caller, action_id: str, asked: Withdrawal) -> Reply | None:
        """Deliver a withdrawal; None if it was accepted but not carried out yet."""
        message = WithdrawalMessage(
            tenant=caller.tenant,
            action_id=action_id,
            request_id=asked.request_id,
            by=caller.subject,
            reason=asked.reason,
            heard_at=self.clock(),
        )
        try:
            return await self._deliver(message, _update_id(message))
        except LookupError:
            page = await self.page(caller, action_id)
            return await self._withdraw_without_workflow(message, page)

    async def redeem(self, caller: Caller, action_id: str, asked: Redemption) -> GrantRedeemed:
        """Use a grant, once. Raises ``Declined`` with the code of the recorded refusal."""
        claims = self.tokens.read(asked.grant)
        genuine = claims is not None and (claims.tenant, claims.action_id) == (
            caller.tenant,
            action_id,
        )
        page = await self.page(caller, action_id)
        await self.release.demand(page.standing)
        command = Redeem(
            at=self.clock(),
            redemption_id=asked.redemption_id,
            by=caller.subject,
            grant_id=claims.grant_id if claims and genuine else "unknown",
            digest=asked.digest,
            executor_key=asked.executor_key,
            flaw=None
            if genuine
            else Flaw(
                code="bad-grant",
                sentence="this is not a grant of ours for this action; read the action again.",
            ),
        )
        obeyed = await self.recorder.obey(caller.tenant, action_id, command, known=page)
        refusal, state = _refusal(obeyed, command), obeyed.page.state
        used = state.redemption if isinstance(state, Redeemed | Closed) else None
        # Nothing refused is not enough for a go-ahead: the redemption on record must be this one.
        if refusal is not None or used is None or not is_same_redemption(used, command):
            raise _declined(refusal, action_id, "not-granted")
        await self._tell(obeyed)
        return used

    async def report(self, caller: Caller, action_id: str, receipt: Receipt) -> Standing:
        """Take a receipt. Raises ``Declined`` with the code of the recorded refusal."""
        page = await self.page(caller, action_id)
        command = Report(
            at=self.clock(),
            request_id=receipt.request_id,
            by=caller.subject,
            redemption_id=receipt.redemption_id,
            digest=receipt.digest,
            outcome=receipt.outcome,
            detail=receipt.detail,
            result_digest=receipt.result_digest,
            signature=receipt.signature,
            signed_by=_signed_by(page, receipt),
        )
        obeyed = await self.recorder.obey(caller.tenant, action_id, command, known=page)
        if (refusal := _refusal(obeyed, command)) is not None:
            raise _declined(refusal, action_id, "not-redeemed")
        await self._tell(obeyed)
        return obeyed.standing

    async def _first_answer(self, candidate: Candidate) -> Standing | None:
        try:
            async with asyncio.timeout(self.deadlines.answer):
                while True:
                    try:
                        return await self._update_with_start(candidate)
                    except RPCError as error:
                        if error.status not in _PASSING:
                            raise
                        await asyncio.sleep(0.05)  # asked again with the same IDs, so safe
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            log.warning("submit.undecided", action=candidate.action.id)
            return None
        except WorkflowAlreadyStartedError:
            # Closed, and its first answer forgotten by the orchestrator: the ledger remembers.
            page = await self.recorder.read(candidate.action.tenant, candidate.action.id)
            return None if isinstance(page.state, Unseen) else page.standing
        except (RPCError, WorkflowUpdateFailedError) as error:
            raise Declined(
                "orchestrator-unavailable",
                "no answer could be had; ask again with the same Idempotency-Key.",
                action_id=candidate.action.id,
            ) from error

    async def _update_with_start(self, candidate: Candidate) -> Standing:
        action = candidate.action
        start = WithStartWorkflowOperation(
            GovernedAction.run,
            Opening(candidate=candidate, signature=sign_candidate(self.key, candidate)),
            id=workflow_id(action.tenant, action.id),
            task_queue=DECISION_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            # One that failed or was terminated may be started again: the ledger knows what it did.
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            task_timeout=timedelta(seconds=5),
            priority=Priority(priority_key=2, fairness_key=action.tenant),
        )
        try:
            return await self.temporal.execute_update_with_start_workflow(
                GovernedAction.submit, start_workflow_operation=start, id="submit"
            )
        finally:
            # Otherwise a failed call leaves "Future exception was never retrieved" behind.
            started = getattr(start, "_workflow_handle", None)
            if started is not None and started.done() and not started.cancelled():
                started.exception()

    async def _record_reuse(self, candidate: Candidate) -> None:
        action = candidate.action
        command = AskOtherwise(
            at=self.clock(),
            request_id=f"ask/{candidate.digest.removeprefix('sha256:')[:16]}",
            by=action.agent,
            digest=candidate.digest,
        )
        await self.recorder.obey(action.tenant, action.id, command)

    async def _deliver(self, message: Message, update_id: str) -> Reply | None:
        """Send a signed message as an update; as a signal if no worker takes it in time.

        Raises ``LookupError`` if there is no open workflow to send it to.
        """
        envelope = sign_message(self.key, message).model_dump(mode="json")
        handle = self.temporal.get_workflow_handle(workflow_id(message.tenant, message.action_id))
        try:
            try:
                async with asyncio.timeout(self.deadlines.vote):
                    return await handle.execute_update(
                        GovernedAction.message_and_wait, envelope, id=update_id
                    )
            except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
                async with asyncio.timeout(self.deadlines.vote):
                    await handle.signal(GovernedAction.message, envelope)
                return None
        except WorkflowUpdateFailedError as error:  # it closed while the update was on its way
            raise LookupError(message.action_id) from error
        except (RPCError, TimeoutError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                raise LookupError(message.action_id) from error
            raise Declined(
                "orchestrator-unavailable",
                "this could not be delivered now; send it again with the same ID.",
                action_id=message.action_id,
            ) from error

    async def _vote_without_workflow(self, message: VoteMessage, page: Page) -> Reply:
        _, roster = await self.facts.roster(message.tenant)
        command = vote_command(message, roster, message.heard_at, None)
        obeyed = await self.recorder.obey(message.tenant, message.action_id, command, known=page)
        return reply_to(obeyed, command)

    async def _withdraw_without_workflow(self, message: WithdrawalMessage, page: Page) -> Reply:
        command = Withdraw(
            at=message.heard_at,
            request_id=message.request_id,
            by=message.by,
            reason=message.reason,
        )
        obeyed = await self.recorder.obey(message.tenant, message.action_id, command, known=page)
        await self._tell(obeyed)
        return reply_to(obeyed, command)

    async def _tell(self, obeyed: Obeyed) -> None:
        """Let a workflow that is still open know; its own deadline would find out in any case."""
        now = obeyed.standing
        if not now.was_held or not obeyed.added:
            return
        handle = self.temporal.get_workflow_handle(workflow_id(now.tenant, now.action_id))
        try:
            async with asyncio.timeout(self.deadlines.news):
                await handle.signal(GovernedAction.news)
        except (RPCError, TimeoutError):
            log.info("news.undelivered", action=now.action_id)


def no_such_action(action_id: str) -> Declined:
    """Decline to speak of an action the caller's tenant does not have."""
    return Declined("no-such-action", f"there is no action {action_id[:64]} here.")


def is_action_id(text: str) -> bool:
    """Say whether ``text`` has the form of our action IDs."""
    return _ACTION.match(text) is not None


def named(action_id: str) -> str:
    """Let through what can be an action's name: other streams are nobody's to ask for."""
    if not is_action_id(action_id):
        raise no_such_action(action_id)
    return action_id


def _update_id(message: Message) -> str:
    """Name a message by all that it says, so that only a true retry gets the first one's answer.

    Otherwise a second vote under the same ID would be told what became of the first.
    """
    said = message.model_dump(mode="json", exclude={"heard_at"})
    return f"{message.kind}/{digest('counterseal/update-id/v1', said)}"


def _within(text: str, longest: int) -> str:
    """Shorten an ID that is too long to be carried, so that it still names one thing only."""
    if len(text) <= longest:
        return text
    named = digest("counterseal/long-id/v1", text)
    return f"{text[: longest - len(named) - 1]}/{named}"


def _refusal(obeyed: Obeyed, command: Redeem | Report) -> Refusal | None:
    """Find how this very command was refused, if it was.

    A refusal under the same ID may answer something else that was sent under it. And one that was
    recorded before is not recorded again: then the rules say once more what they said.
    """
    said = (*obeyed.added, *obeyed.late) or decide(obeyed.page.state, command)
    return next((one for one in said if isinstance(one, Refusal)), None)


def _signed_by(page: Page, receipt: Receipt) -> str | None:
    """Name the executor's key if the receipt is signed with the one named at redemption."""
    state = page.state
    redemption = state.redemption if isinstance(state, Redeemed | Closed) else None
    if redemption is None or redemption.executor_key is None or receipt.signature is None:
        return None
    key = public_key(redemption.executor_key)
    if key is None or not is_signed(key, "receipt", receipt.signed_part(), receipt.signature):
        return None
    return redemption.executor_key


def _declined(refusal: Refusal | None, action_id: str, otherwise: str) -> Declined:
    if refusal is not None:
        return Declined(refusal.code, refusal.sentence, action_id=action_id)
    return Declined(otherwise, f"{action_id} cannot be used this way now.", action_id=action_id)


def is_waiting(phase: Phase) -> bool:
    """Say whether an action's question is still open."""
    return phase in {Phase.UNDECIDED, Phase.HELD}
