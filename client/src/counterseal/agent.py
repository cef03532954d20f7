"""The conversations of an agent: propose, wait, resume, redeem, report. No I/O, no clock.

Chance is an argument; the time comes with every answer. The shells ``Counterseal`` and
``AsyncCounterseal`` only carry these conversations to the server and back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from counterseal import calls
from counterseal.calls import Call, made
from counterseal.conversation import Backoff, Conversation, Pause, clock, exchange
from counterseal.core.canonical import Json
from counterseal.core.signing import public_text
from counterseal.core.wire import Answer, Redeemed, Redemption, Withdrawal
from counterseal.core.words import Phase
from counterseal.errors import AlreadyRun, GrantRefused, Misunderstood, Unreachable
from counterseal.meant import Meant
from counterseal.running import GoAhead, Undelivered
from counterseal.standing import (
    Hold,
    Permit,
    Refusal,
    Standing,
    is_open,
    parse_handle,
    standing,
)
from counterseal.terms import Chance, Circumstances, Question, question

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Agent:
    """Starts conversations. ``patience`` is the seconds a call may take beyond its waiting."""

    patience: float
    chance: Chance

    def ask(self, call: Call[T]) -> Conversation[T]:
        """Make any call, with a total deadline."""
        start = yield from clock()
        return (yield from self._exchange(call, start + call.wait))

    def propose(
        self, tool: str, arguments: Mapping[str, Json], terms: Circumstances
    ) -> Conversation[Standing]:
        """Ask whether a tool call may be made, and wait for the answer for a while."""
        asked = question(tool, arguments, terms, self.chance)
        end = (yield from clock()) + asked.wait
        now = yield from self._put(asked, asked.wait, end)
        while _is_undecided(now) and (left := end - (yield from clock())) > 0:
            # Perhaps nothing is recorded yet, so there is nothing to look at: ask again.
            now = yield from self._put(asked, left, end)
        return (yield from self._until(now, end))

    def wait(self, now: Standing, seconds: float) -> Conversation[Standing]:
        """Wait for the answer to a hold; tell where it stands when time is up."""
        return (yield from self._until(now, (yield from clock()) + seconds))

    def resume(self, handle: str, seconds: float) -> Conversation[Standing]:
        """Take up an action by its handle, and wait for its answer for a while."""
        action_id, digest = parse_handle(handle)
        end = (yield from clock()) + seconds
        answer = yield from self.ask(calls.look(action_id))
        if answer.action is None or (answer.action_id, answer.digest) != (action_id, digest):
            raise Misunderstood(f"{action_id} is not the action of this handle; do not run it.")
        now = standing(Meant.of(answer.action, answer.disclosures), None, answer)
        return (yield from self._until(now, end))

    def admit(self, now: Standing) -> Conversation[GoAhead]:
        """Get the go-ahead, or raise why there is none."""
        match now:
            case Permit():
                return (yield from self.redeem(now))
            case Hold() | Refusal():
                raise now.error

    def redeem(self, permit: Permit) -> Conversation[GoAhead]:
        """Use the grant for exactly what was meant. Raises ``GrantRefused``."""
        grant = permit.answer.grant
        if grant is None or grant.token is None:
            raise GrantRefused(f"{permit.action_id}: its grant is not ours to use.")
        executor = self.chance.key()
        redemption = Redemption(
            redemption_id=self.chance.name(),
            grant=grant.token,
            digest=permit.meant.digest_of(permit.answer),
            executor_key=public_text(executor.public_key()),
        )
        told = yield from self._use(permit, redemption)
        if (told.action_id, told.digest) != (permit.action_id, redemption.digest) or (
            told.redemption_id != redemption.redemption_id
        ):
            raise Misunderstood(f"{permit.action_id}: something else was redeemed; do not run it.")
        return GoAhead(
            permit.action_id,
            redemption.digest,
            redemption.redemption_id,
            told.receipt_due,
            permit.meant,
            executor,
        )

    def deliver(self, waiting: Undelivered) -> Conversation[Answer]:
        """Bring a receipt to the server; bringing it twice changes nothing."""
        return (yield from self.ask(calls.report(waiting.action_id, waiting.receipt)))

    def withdraw(self, action_id: str, reason: str) -> Conversation[Answer]:
        """Take a question back."""
        content = {"request_id": self.chance.name(), "reason": reason}
        return (yield from self.ask(calls.withdraw(action_id, made(Withdrawal, content))))

    def _put(self, asked: Question, wait: float, end: float) -> Conversation[Standing]:
        call = calls.propose(asked.proposal, asked.key).waiting(wait)
        try:
            answer = yield from self._polled(call, end)
        except Unreachable as error:
            raise Unreachable(str(error), key=asked.key) from error
        return standing(asked.meant, asked.key, answer)

    def _until(self, now: Standing, end: float) -> Conversation[Standing]:
        while isinstance(now, Hold) and (left := end - (yield from clock())) > 0:
            try:
                answer = yield from self._polled(calls.look(now.action_id).waiting(left), end)
            except Unreachable as error:
                raise Unreachable(str(error), handle=now.handle) from error
            now = standing(now.meant, now.key, answer)
        return now

    def _polled(self, call: Call[Answer], end: float) -> Conversation[Answer]:
        before = yield from clock()
        answer = yield from self._exchange(call, end)
        after = yield from clock()
        if is_open(answer) and after - before < call.wait / 2:
            # A server that does not wait as asked must not be asked in a busy loop.
            yield Pause(min(1.0, max(0.0, end - after)))
        return answer

    def _use(self, permit: Permit, redemption: Redemption) -> Conversation[Redeemed]:
        try:
            return (yield from self.ask(calls.redeem(permit.action_id, redemption)))
        except Unreachable as error:
            raise Unreachable(str(error), handle=permit.handle) from error
        except GrantRefused as error:
            if error.code == "already-redeemed":
                raise AlreadyRun(str(error), action_id=permit.action_id) from error
            raise

    def _exchange(self, call: Call[T], end: float) -> Conversation[T]:
        return (yield from exchange(call, end + self.patience, Backoff(self.chance.draw)))


def _is_undecided(now: Standing) -> bool:
    return isinstance(now, Hold) and now.answer.phase is Phase.UNDECIDED
