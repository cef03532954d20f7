"""``Counterseal``: ask before you act, from ordinary (threaded) code."""

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, Unpack, cast

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
from counterseal.transport import Line

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Counterseal:
    """An agent's way to the control plane. Use it as a context manager, or ``close`` it.

    URL and API key come from ``COUNTERSEAL_URL`` and ``COUNTERSEAL_API_KEY`` unless given. Every
    call ends within ``patience`` seconds beyond what it was asked to wait. If no answer can be had,
    ``Unreachable`` is raised and nothing may run: there is no way to fail open.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        patience: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._chance = Chance()
        self._agent = Agent(patience, self._chance)
        self._line = Line(Access.found(url, api_key, os.environ), transport)
        self._outbox = Outbox()

    def propose(
        self,
        tool: str,
        arguments: Mapping[str, Json] | None = None,
        **terms: Unpack[Circumstances],
    ) -> Standing:
        """Ask whether a tool call may be made: a ``Permit``, a ``Hold`` or a ``Refusal``."""
        return self._line.carry(self._agent.propose(tool, arguments or {}, terms))

    def wait(self, now: Standing | str, timeout: float) -> Standing:
        """Wait for the answer to a hold (or its handle); tell where it stands when time is up."""
        if isinstance(now, str):
            return self.resume(now, wait=timeout)
        return self._line.carry(self._agent.wait(now, timeout))

    def resume(self, handle: str, *, wait: float = 0.0) -> Standing:
        """Take up an action by its handle, after a restart too."""
        return self._line.carry(self._agent.resume(handle, wait))

    def redeem(self, now: Standing) -> GoAhead:
        """Use the grant of a ``Permit``, just before running; of anything else, raise its error."""
        return self._line.carry(self._agent.admit(now))

    def report(
        self,
        run: GoAhead,
        outcome: Outcome,
        *,
        detail: str | None = None,
        result_digest: str | None = None,
    ) -> Answer:
        """Say what happened, signed with the key named at redemption."""
        parcel = receipt(run, Ran(outcome, detail, result_digest), self._chance.name())
        return self._line.carry(self._agent.deliver(parcel))

    def withdraw(self, action_id: str, reason: str) -> Answer:
        """Take a question back."""
        return self._line.carry(self._agent.withdraw(action_id, reason))

    def guarded(
        self, tool: str | None = None, **terms: Unpack[GuardTerms]
    ) -> Callable[[Callable[P, R]], Guarded[P, R]]:
        """Decorate a function so that each call is proposed, waited for, run once and reported.

        The function gets its arguments as they were approved: read back from JSON.
        """

        def decorate(function: Callable[P, R]) -> Guarded[P, R]:
            _check_plain(function)
            return self._wrapped(function, Plan.of(function, tool, terms))

        return decorate

    @contextmanager
    def guarding(
        self, tool: str, arguments: Mapping[str, Json], **terms: Unpack[Circumstances]
    ) -> Iterator[Running]:
        """Ask, and run the ``with`` block once if permitted; report how it ended."""
        running = Running(self.redeem(self.propose(tool, arguments, **terms)))
        go = running.go
        try:
            yield running
        except Exception as error:
            self._conclude(go, failed(error))
            raise
        self._conclude(go, running.ran)

    @property
    def undelivered(self) -> tuple[Undelivered, ...]:
        """Receipts of runs that could not be delivered yet."""
        return self._outbox.waiting

    def redeliver(self) -> int:
        """Try to deliver them again; say how many are left."""
        for parcel in self._outbox.waiting:
            self._deliver(parcel)
        return len(self._outbox.waiting)

    def ask(self, call: Call[T]) -> T:
        """Make any call of ``counterseal.calls`` or ``counterseal.oversight``."""
        return self._line.carry(self._agent.ask(call))

    def close(self) -> None:
        """Close all connections."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _wrapped(self, function: Callable[P, R], plan: Plan) -> Guarded[P, R]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = plan.binding.take_apart(args, kwargs)
            terms = plan.circumstances(bound.arguments)
            now = self.propose(plan.tool, bound.arguments, **terms)
            return self._run(function, now, plan.ready(now, bound.outside))

        def resume(handle: str, /, **outside: object) -> R:
            now = self.resume(handle, wait=plan.wait)
            return self._run(function, now, plan.ready(now, outside))

        run.resume = resume  # type: ignore[attr-defined] # functions may carry attributes
        return cast("Guarded[P, R]", run)

    def _run(self, function: Callable[..., R], now: Standing, ready: Ready) -> R:
        go = self.redeem(now)
        try:
            result = function(*ready.args, **ready.kwargs)
        except Exception as error:
            self._conclude(go, failed(error))
            raise
        self._conclude(go, succeeded(result))
        return result

    def _conclude(self, go: GoAhead, ran: Ran) -> None:
        parcel = receipt(go, ran, self._chance.name())
        self._outbox.add(parcel)
        self._deliver(parcel)

    def _deliver(self, parcel: Undelivered) -> None:
        try:
            self._line.carry(self._agent.deliver(parcel))
        except CountersealError as error:
            self._outbox.failed(parcel, error)
        else:
            self._outbox.done(parcel)


def _check_plain(function: Callable[..., object]) -> None:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError("an `async def` is guarded with AsyncCounterseal.")
    if inspect.isgeneratorfunction(function):
        raise TypeError("a generator would run after its receipt; guard a function that returns.")
