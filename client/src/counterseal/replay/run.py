"""Replaying sessions: in order within each, many at a time, through the real API."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from counterseal import oversight
from counterseal.aio import AsyncCounterseal
from counterseal.core.canonical import digest
from counterseal.core.policy.decision import Decision
from counterseal.core.wire import ActionRow
from counterseal.core.words import Outcome, Verdict
from counterseal.errors import CountersealError, NotAuthorised, RequestRefused, Unreachable
from counterseal.replay.lines import ToolCall
from counterseal.replay.sessions import asserted, session_name
from counterseal.replay.tally import Tally
from counterseal.running import RESULT_DOMAIN
from counterseal.standing import Permit, Standing

MOST_UNREACHABLE = 3
"""So many calls in a row without an answer end the replay."""


class GaveUp(Unreachable):
    """The server stopped answering."""


@dataclass(slots=True)
class Pace:
    """At most ``rate`` calls a second over all sessions; 0 is as fast as answers come."""

    rate: float
    _next: float = 0.0

    async def turn(self) -> None:
        """Wait for one's turn."""
        if self.rate <= 0:
            return
        now = time.monotonic()
        self._next = max(now, self._next + 1 / self.rate)
        await asyncio.sleep(self._next - now)


@dataclass(slots=True)
class Replay:
    """One run of recorded sessions. ``run`` makes its sessions and keys different from others'."""

    seal: AsyncCounterseal
    run: str
    tally: Tally
    pace: Pace
    tell: Callable[[], None] = field(default=lambda: None)
    _silent: int = 0

    async def play(self, grouped: Sequence[Sequence[ToolCall]], concurrency: int) -> None:
        """Play all sessions, ``concurrency`` at a time. Raises ``GaveUp`` or ``NotAuthorised``."""
        waiting = iter(grouped)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency, len(grouped))):
                    group.create_task(self._work(waiting))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _work(self, waiting: Iterable[Sequence[ToolCall]]) -> None:
        for calls in waiting:
            for number, call in enumerate(calls):
                await self.pace.turn()
                await self._call(call, calls[:number], number)
                self.tell()
            self.tally.sessions_done += 1

    async def _call(self, call: ToolCall, earlier: Sequence[ToolCall], number: int) -> None:
        try:
            await self._ask_and_report(call, earlier, number)
        except NotAuthorised:
            raise
        except CountersealError as error:
            self._note(call, error)

    async def _ask_and_report(
        self, call: ToolCall, earlier: Sequence[ToolCall], number: int
    ) -> None:
        began = time.perf_counter()
        now: Standing = await self.seal.propose(
            call.tool,
            call.arguments,
            session=session_name(self.run, call.session),
            asserted=asserted(call, earlier),
            key=f"{self.run}:{call.line}:{number}",
        )
        self.tally.answered(now.answer, time.perf_counter() - began)
        self._silent = 0
        if not isinstance(now, Permit):
            return  # Held ones stay held: nobody approves in a replay.
        go = await self.seal.redeem(now)
        outcome = Outcome.FAILED if call.error else Outcome.SUCCEEDED
        result = None if call.output is None else digest(RESULT_DOMAIN, _clean(call.output))
        try:
            await self.seal.report(go, outcome, detail=call.error, result_digest=result)
        except (Unreachable, RequestRefused):
            self.tally.undelivered += 1
            raise

    def _note(self, call: ToolCall, error: CountersealError) -> None:
        self.tally.failed(call.line, error.code, str(error))
        self._silent = self._silent + 1 if isinstance(error, Unreachable) else 0
        if self._silent >= MOST_UNREACHABLE:
            raise GaveUp(f"{self._silent} calls in a row had no answer; the last: {error}")


async def look_up(seal: AsyncCounterseal, tally: Tally, since: str, *, fired: bool) -> None:
    """Learn from the server what it recorded about our actions: rules, classes, groups."""
    filters = {"since": since, "limit": "200"}
    left = set(tally.actions)
    while left:
        page = await seal.ask(oversight.page(filters))
        ours = [row for row in page.items if row.action_id in left]
        left -= {row.action_id for row in ours}
        for row in ours:
            tally.recorded(row)
        if fired:
            await _look_into(seal, tally, ours)
        if page.next_cursor is None:
            return
        filters["cursor"] = page.next_cursor


async def _look_into(seal: AsyncCounterseal, tally: Tally, rows: Iterable[ActionRow]) -> None:
    # Rules only ever make an answer stricter: where all is allowed, none fired.
    for row in rows:
        if row.verdict is Verdict.ALLOW:
            continue
        view = await seal.ask(oversight.view(row.action_id))
        try:
            tally.judged(Decision.model_validate(view.decision))
        except ValidationError:
            tally.failed(0, "unreadable-decision", f"{row.action_id}: of a newer server")


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
