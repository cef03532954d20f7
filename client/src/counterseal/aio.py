"""``AsyncCounterseal``: ask before you act, from asyncio."""

import functools
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, cast

import httpx

from counterseal.access import Access
from counterseal.agent import Agent
from counterseal.calls import Call
from counterseal.core.canonical import Json
from counterseal.core.wire import Answer
from counterseal.core.words import Outcome
from counterseal.errors import CountersealError
from counterseal.guard import Guarded, GuardTerms, Plan, Ready, Running
from counterseal.outbox import Outbox
from counterseal.running import GoAhead, Ran, Undelivered, failed, receipt, succeeded
from counterseal.standing import Standing
from counterseal.terms import Chance, Circumstances
from counterseal.transport import AsyncLine

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class AsyncCounterseal:
    """``Counterseal`` for asyncio: the same promises, the same names.

    A task that is cancelled while its action runs leaves no receipt, because nobody knows how far
    it came; the ledger then says that the outcome is unknown.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        patience: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._chance = Chance()
        self._agent = Agent(patience, self._chance)
        self._line = AsyncLine(Access.found(url, api_key, os.environ), transport)
        self._outbox = Outbox()

    async def propose(
        self,
        tool: str,
        arguments: Mapping[str, Json] | None = None,
        **terms: Unpack[Circumstances],
    ) -> Standing:
        """Ask whether a tool call may be made: a ``Permit``, a ``Hold`` or a ``Refusal``."""
        return await self._line.carry(self._agent.propose(tool, arguments or {}, terms))

    async def wait(self, now: Standing | str, timeout: float) -> Standing:  # noqa: ASYNC109 - it limits the hold, not the call
        """Wait for the answer to a hold (or its handle); tell where it stands when time is up."""
        if isinstance(now, str):
            return await self.resume(now, wait=timeout)
        return await self._line.carry(self._agent.wait(now, timeout))

    async def resume(self, handle: str, *, wait: float = 0.0) -> Standing:
        """Take up an action by its handle, after a restart too."""
        return await self._line.carry(self._agent.resume(handle, wait))

    async def redeem(self, now: Standing) -> GoAhead:
        """Use the grant of a ``Permit``, just before running; of anything else, raise its error."""
        return await self._line.carry(self._agent.admit(now))

    async def report(
        self,
        run: GoAhead,
        outcome: Outcome,
        *,
        detail: str | None = None,
        result_digest: str | None = None,
    ) -> Answer:
        """Say what happened, signed with the key named at redemption."""
        parcel = receipt(run, Ran(outcome, detail, result_digest), self._chance.name())
        return await self._line.carry(self._agent.deliver(parcel))

    async def withdraw(self, action_id: str, reason: str) -> Answer:
        """Take a question back."""
        return await self._line.carry(self._agent.withdraw(action_id, reason))

    def guarded(
        self, tool: str | None = None, **terms: Unpack[GuardTerms]
    ) -> Callable[[Callable[P, Awaitable[R]]], Guarded[P, Coroutine[Any, Any, R]]]:
        """Decorate an ``async def`` so that each call is proposed, waited for, run and reported.

        The function gets its arguments as they were approved: read back from JSON.
        """

        def decorate(function: Callable[P, Awaitable[R]]) -> Guarded[P, Coroutine[Any, Any, R]]:
            if not inspect.iscoroutinefunction(function):
                raise TypeError("AsyncCounterseal guards an `async def`; use Counterseal for def.")
            return self._wrapped(function, Plan.of(function, tool, terms))

        return decorate

    @asynccontextmanager
    async def guarding(
        self, tool: str, arguments: Mapping[str, Json], **terms: Unpack[Circumstances]
    ) -> AsyncIterator[Running]:
        """Ask, and run the ``async with`` block once if permitted; report how it ended."""
        running = Running(await self.redeem(await self.propose(tool, arguments, **terms)))
        go = running.go
        try:
            yield running
        except Exception as error:
            await self._conclude(go, failed(error))
            raise
        await self._conclude(go, running.ran)

    @property
    def undelivered(self) -> tuple[Undelivered, ...]:
        """Receipts of runs that could not be delivered yet."""
        return self._outbox.waiting

    async def redeliver(self) -> int:
        """Try to deliver them again; say how many are left."""
        for parcel in self._outbox.waiting:
            await self._deliver(parcel)
        return len(self._outbox.waiting)

    async def ask(self, call: Call[T]) -> T:
        """Make any call of ``counterseal.calls`` or ``counterseal.oversight``."""
        return await self._line.carry(self._agent.ask(call))

    async def close(self) -> None:
        """Close all connections."""
        await self._line.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _wrapped(
        self, function: Callable[P, Awaitable[R]], plan: Plan
    ) -> Guarded[P, Coroutine[Any, Any, R]]:
        @functools.wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = plan.binding.take_apart(args, kwargs)
            terms = plan.circumstances(bound.arguments)
            now = await self.propose(plan.tool, bound.arguments, **terms)
            return await self._run(function, now, plan.ready(now, bound.outside))

        async def resume(handle: str, /, **outside: object) -> R:
            now = await self.resume(handle, wait=plan.wait)
            return await self._run(function, now, plan.ready(now, outside))

        run.resume = resume  # type: ignore[attr-defined] # functions may carry attributes
        return cast("Guarded[P, Coroutine[Any, Any, R]]", run)

    async def _run(self, function: Callable[..., Awaitable[R]], now: Standing, ready: Ready) -> R:
        go = await self.redeem(now)
        try:
            result = await function(*ready.args, **ready.kwargs)
        except Exception as error:
            await self._conclude(go, failed(error))
            raise
        await self._conclude(go, succeeded(result))
        return result

    async def _conclude(self, go: GoAhead, ran: Ran) -> None:
        parcel = receipt(go, ran, self._chance.name())
        self._outbox.add(parcel)  # First of all: a cancellation now must not lose it.
        await self._deliver(parcel)

    async def _deliver(self, parcel: Undelivered) -> None:
        try:
            await self._line.carry(self._agent.deliver(parcel))
        except CountersealError as error:
            self._outbox.failed(parcel, error)
        else:
            self._outbox.done(parcel)
