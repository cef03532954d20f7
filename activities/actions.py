"""What a workflow touches: one candidate judged, one command obeyed, what is overdue swept."""

from collections.abc import Sequence
from datetime import datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.judging import Judging, Uncovered
from activities.orders import ASK, OBEY, SWEEP, Hold, Order, Question, Reply, Sweep, Swept
from activities.recorder import Obeyed, Recorder, find_answer
from counterseal.core.signing import PublicKey
from domain.approvals import is_same_vote
from domain.candidate import is_proposed
from domain.commands import Flaw, Vote, Wake, Withdraw
from domain.events import Event, Refusal, VoteCounted, VoteRefused, WithdrawalRefused
from domain.messages import Opened, VoteMessage, WithdrawalMessage, open_message, vote_command
from domain.ports import FactSource, Overdue, Unavailable, UnknownTenant
from domain.standing import Standing
from domain.states import Held

SWEEP_BATCH = 500

FLAWS = frozenset({"malformed", "forged", "misaddressed", "stale"})
"""What can be wrong with a message before anybody asks what it says."""


class ActionActivities:
    """Touches the ledger on behalf of workflows. Every activity is safe to repeat."""

    def __init__(
        self,
        recorder: Recorder,
        judging: Judging,
        facts: FactSource,
        overdue: Overdue,
        gateways: Sequence[PublicKey],
    ) -> None:
        self._recorder = recorder
        self._judging = judging
        self._facts = facts
        self._overdue = overdue
        self._gateways = tuple(gateways)

    @activity.defn(name=ASK)
    async def ask(self, question: Question) -> Standing:
        """Judge a candidate and record the answer; a repetition returns the first answer."""
        if not is_proposed(question.candidate, question.signature, self._gateways):
            # Nobody we authenticated asked this, so there is nobody to answer or to record.
            raise ApplicationError(
                "no gateway of ours vouches for this candidate", type="Forged", non_retryable=True
            )
        try:
            return (await self._judging.ask(question.candidate, question.at)).standing
        except (UnknownTenant, Uncovered) as final:
            # Waiting will not create a tenant, nor take back what was said in clear.
            raise ApplicationError(
                str(final), type=type(final).__name__, non_retryable=True
            ) from final

    @activity.defn(name=OBEY)
    async def obey(self, order: Order) -> Reply:
        """Obey a message, or the clock, and say what became of it."""
        if order.envelope is None:
            wake = Wake(at=order.at)
            obeyed = await self._recorder.obey(order.tenant, order.action_id, wake)
            return Reply(standing=obeyed.standing)
        command = await self._command(order, self._opened(order))
        obeyed = await self._recorder.obey(order.tenant, order.action_id, command)
        return reply_to(obeyed, command)

    @activity.defn(name=SWEEP)
    async def sweep(self, sweep: Sweep) -> Swept:
        """Let time pass for actions that nobody closed: unused grants, missing receipts."""
        due = await self._overdue.overdue(sweep.before, SWEEP_BATCH)
        moved, holds = 0, []
        for each in due:
            activity.heartbeat()
            try:
                page = await self._recorder.read(each.tenant, each.action_id)
                if isinstance(page.state, Held):
                    holds.append(Hold(tenant=each.tenant, action_id=each.action_id))
                    continue
                wake = Wake(at=sweep.at)
                await self._recorder.obey(each.tenant, each.action_id, wake, known=page)
                moved += 1
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 - see below
                # One story that cannot be read must not keep all others from being closed.
                activity.logger.exception("sweep passed over %s", each.action_id)
        more = moved > 0 and len(due) == SWEEP_BATCH
        return Swept(moved=moved, more=more, holds=tuple(holds))

    def _opened(self, order: Order) -> Opened:
        try:
            return open_message(
                order.envelope, self._gateways, order.tenant, order.action_id, order.at
            )
        except Exception:  # noqa: BLE001 - or one message could stop the action for ever
            unreadable = Flaw(code="malformed", sentence="this message breaks its reader.")
            return Opened(message=None, flaw=unreadable)

    async def _command(self, order: Order, opened: Opened) -> Vote | Withdraw:
        match opened.message:
            case VoteMessage() as vote:
                return await self._vote(order, vote, opened.flaw)
            case WithdrawalMessage() as withdrawal:
                return Withdraw(
                    at=_instant(withdrawal, opened.flaw, order.at),
                    request_id=withdrawal.request_id,
                    by=withdrawal.by,
                    reason=withdrawal.reason,
                    flaw=opened.flaw,
                )
            case None:
                return _unreadable(order, opened.flaw)

    async def _vote(self, order: Order, vote: VoteMessage, flaw: Flaw | None) -> Vote:
        _, roster = await self._facts.roster(order.tenant)
        return vote_command(vote, roster, _instant(vote, flaw, order.at), flaw)


def _instant(message: VoteMessage | WithdrawalMessage, flaw: Flaw | None, at: datetime) -> datetime:
    """Say when something was said: when our gateway heard it, if it was our gateway that did.

    So a click made in time counts although every worker was down when it was made.
    """
    return at if flaw is not None else min(message.heard_at, at)


def _unreadable(order: Order, flaw: Flaw | None) -> Vote:
    return Vote(
        at=order.at,
        vote_id=f"unreadable-{int(order.at.timestamp() * 1e6)}",
        person="unknown",
        approve=False,
        reason="",
        digest="",
        channel="unknown",
        assurance="none",
        flaw=flaw or Flaw(code="malformed", sentence="this message cannot be read."),
    )


def reply_to(obeyed: Obeyed, command: Vote | Withdraw) -> Reply:
    """Say what became of a vote or withdrawal: refused if a refusal answers it, else accepted."""
    found = find_answer(obeyed, lambda event: _answers(event, command))
    if not isinstance(found, Refusal):
        return Reply(standing=obeyed.standing)
    return Reply(standing=obeyed.standing, accepted=False, code=found.code, sentence=found.sentence)


def _answers(event: Event, command: Vote | Withdraw) -> bool:
    """Say whether ``event`` is the answer to ``command``, not to a forgery that used its ID."""
    match event, command:
        case VoteCounted(), Vote():
            return command.flaw is None and is_same_vote(event, command)
        case VoteRefused(), Vote():
            return is_same_vote(event, command) and _is_flawed_alike(event.code, command.flaw)
        case WithdrawalRefused(), Withdraw():
            same = (event.request_id, event.by) == (command.request_id, command.by)
            return same and _is_flawed_alike(event.code, command.flaw)
        case _:
            return False


def _is_flawed_alike(code: str, flaw: Flaw | None) -> bool:
    return code == flaw.code if flaw is not None else code not in FLAWS
