"""Hold one action until it is settled, and stay with it until it has run or cannot run any more.

The workflow owns the waiting, the ledger owns the facts. Handlers take notes; one loop sends the
notes, one at a time, to an activity that lets the domain decide and commits the events. What comes
back is where the action stands, with the one moment at which time alone will change it.
"""

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.orders import ASK, OBEY, Order, Question, Reply
    from counterseal.core.canonical import Json
    from counterseal.core.model import Record
    from counterseal.core.words import Phase
    from domain.candidate import Candidate
    from domain.standing import Standing

TENANT = SearchAttributeKey.for_keyword("CountersealTenant")
STATE = SearchAttributeKey.for_keyword("CountersealState")
ACTION_CLASS = SearchAttributeKey.for_keyword("CountersealClass")
DEADLINE = SearchAttributeKey.for_datetime("CountersealDeadline")

MESSAGES_PER_RUN = 400
"""How many messages one run takes before it hands over to a fresh one with a short history.

Holds that are pending while it changes are replayed with the new number: go by a patch.
"""

_SWIFT = RetryPolicy(
    initial_interval=timedelta(milliseconds=50),
    maximum_interval=timedelta(seconds=1),
    maximum_attempts=6,  # schedule_to_close does not end a local activity between its tries
)
_PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10)
)


Answered = TypeVar("Answered", bound=Record)


class Opening(Record):
    """How a run begins: with a candidate, and what the run before it had not obeyed yet.

    Where the action stands is not among it: whoever can start a workflow could make that up, so
    every run learns it from the ledger.
    """

    candidate: Candidate
    signature: str = ""
    inbox: tuple[Json, ...] = ()


@dataclass(slots=True, eq=False)
class Note:
    """A message as it was taken down; ``reply`` is filled in once it was obeyed."""

    envelope: Json
    reply: Reply | None = None


def workflow_id(tenant: str, action_id: str) -> str:
    """Name an action's workflow."""
    return f"{tenant}/{action_id}"


@workflow.defn(name="GovernedAction")
class GovernedAction:
    """One candidate action, from the question to its end."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        self._candidate = opening.candidate
        self._signature = opening.signature
        self._standing: Standing | None = None
        self._inbox = deque(Note(envelope) for envelope in opening.inbox)
        self._taken = 0

    @workflow.run
    async def run(self, opening: Opening) -> Standing:
        """Have the action judged, then wait for as long as people or its executor take."""
        del opening  # taken in before any handler could run
        self._standing = await self._ask()
        if self._standing.phase is Phase.HELD:
            self._show(self._standing)
        while self._waits():
            if self._taken >= MESSAGES_PER_RUN:
                await self._hand_over_between_messages()
            await self._next()
        while self._inbox:  # Whoever came too late is told so, on the record.
            await self._obey(self._inbox.popleft())
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._standing

    @workflow.update
    async def submit(self) -> Standing:
        """Wait for the first answer. Never decides anything itself, so asking again is safe."""
        await workflow.wait_condition(lambda: self._standing is not None)
        return self._known()

    @submit.validator
    def _submit_takes_nothing(self) -> None:
        """Turn away calls with arguments; in the handler they would stop the whole workflow."""

    @workflow.signal
    def message(self, *envelopes: Json) -> None:
        """Take down a signed vote or withdrawal; what it is worth is decided in the loop.

        Whoever reaches Temporal can send any number of anything: a handler that fails on it would
        stop the whole workflow, so it takes everything down.
        """
        self._inbox.append(Note(_readable(*envelopes)))

    @workflow.update
    async def message_and_wait(self, envelope: Json) -> Reply:
        """Take down a signed message, and say what became of it."""
        note = Note(_readable(envelope))
        self._inbox.append(note)
        await workflow.wait_condition(lambda: note.reply is not None)
        if note.reply is None:
            raise AssertionError("a wait ended before its condition held")
        return note.reply

    @message_and_wait.validator
    def _message_takes_one(self, envelope: Json) -> None:
        """Turn away calls with no argument or several, as above."""

    @workflow.signal
    def news(self, *_: Json) -> None:
        """Take notice that the ledger has moved on without us (a redemption, a receipt)."""
        self._inbox.append(Note(None))

    @workflow.query
    def standing(self) -> Standing | None:
        """Tell where the action stands."""
        return self._standing

    def _known(self) -> Standing:
        if self._standing is None:
            raise AssertionError("the first answer comes before everything else")
        return self._standing

    def _waits(self) -> bool:
        """Stay with actions that people were asked about; allowed ones end with their answer."""
        now = self._known()
        return now.next_deadline is not None and (now.phase is Phase.HELD or bool(now.was_held))

    async def _next(self) -> None:
        """Obey the next message; if none comes before the deadline, the clock."""
        deadline = self._known().next_deadline
        if deadline is not None and not self._inbox:
            patience = max(deadline - workflow.now(), timedelta())
            try:
                await workflow.wait_condition(lambda: bool(self._inbox), timeout=patience)
            except TimeoutError:
                self._inbox.append(Note(None))
        await self._obey(self._inbox.popleft())

    async def _obey(self, note: Note) -> None:
        now = self._known()
        order = Order(
            tenant=now.tenant,
            action_id=now.action_id,
            at=workflow.now(),
            envelope=note.envelope,
        )
        reply = await self._touch(OBEY, order, Reply)
        self._taken += 1
        self._standing = reply.standing
        if reply.standing.phase is not now.phase:
            self._show(reply.standing)
        note.reply = reply

    async def _ask(self) -> Standing:
        """Have the action judged and recorded; what was recorded before is found again.

        Nothing is released until then: whoever asked waits, or asks again with the same IDs.
        """
        question = Question(candidate=self._candidate, signature=self._signature, at=workflow.now())
        return await self._touch(ASK, question, Standing)

    async def _touch(self, activity: str, given: Record, answered: type[Answered]) -> Answered:
        """Do it in a local activity, which is swift; if that fails, in one that never gives up."""
        found: Answered
        try:
            found = await workflow.execute_local_activity(
                activity,
                given,
                result_type=answered,
                start_to_close_timeout=timedelta(seconds=2),
                schedule_to_close_timeout=timedelta(seconds=4),
                retry_policy=_SWIFT,
            )
        except FailureError as failure:
            if _is_final(failure):
                raise
            found = await workflow.execute_activity(
                activity,
                given,
                result_type=answered,
                start_to_close_timeout=timedelta(seconds=10),
                retry_policy=_PATIENT,
            )
        return found

    async def _hand_over_between_messages(self) -> None:
        """Hand over as soon as nobody waits for a reply, unless there is more to obey first."""
        await workflow.wait_condition(lambda: bool(self._inbox) or workflow.all_handlers_finished())
        if workflow.all_handlers_finished():
            self._hand_over()

    def _hand_over(self) -> NoReturn:
        """Go on in a fresh run, so that no number of messages can fill the history."""
        inbox = tuple(note.envelope for note in self._inbox)
        workflow.continue_as_new(
            Opening(candidate=self._candidate, signature=self._signature, inbox=inbox)
        )

    def _show(self, now: Standing) -> None:
        """Let operators find holds by state, class and deadline in Temporal's own UI."""
        shown: list[SearchAttributeUpdate[Any]] = [STATE.value_set(now.disposition or now.phase)]
        if now.phase is Phase.HELD and now.held_until is not None:
            shown += [
                TENANT.value_set(now.tenant),
                ACTION_CLASS.value_set(now.action_class or "unknown"),
                DEADLINE.value_set(now.held_until),
            ]
        workflow.upsert_search_attributes(shown)


def _is_final(failure: FailureError) -> bool:
    """Say whether trying on is of no use.

    A local activity does not wrap the error of its last try, as others do.
    """
    refused = isinstance(failure, ApplicationError) and failure.non_retryable
    return refused or is_cancelled_exception(failure)


def _readable(*envelopes: Json) -> Json:
    """Keep an envelope for the record, or a stand-in for what cannot even be written down."""
    match envelopes:
        case (dict() as envelope,):
            return envelope
        case _:
            return "unreadable"
