"""Talking to the server without touching the network: one core for asyncio and for threads.

A conversation is a generator. It says what it wants done next (``Send`` or ``Pause``) and is told
what came of it and when (``Heard``). The shells in ``transport`` do the sending and the waiting;
everything that could be got wrong twice is here once.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from counterseal.calls import Call
from counterseal.core.wire import Problem
from counterseal.errors import CountersealError, Unreachable, refusal

T = TypeVar("T")

SHORTEST_TRY = 0.05
LONGEST_TRY = 10.0
"""Seconds that one try may take beyond what the server was asked to wait; then it is repeated."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send ``call`` and read its whole answer within ``seconds``."""

    call: Call[object]
    seconds: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Let ``seconds`` pass; 0 asks for the time only."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing came back. ``sent`` is False if the request surely did not arrive."""

    why: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a step, at ``at`` seconds of a clock that only goes forward."""

    at: float
    said: Reply | Lost | None = None


Conversation: TypeAlias = Generator[Send | Pause, Heard, T]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next try: doubling, bounded, spread out by ``draw`` (0 to 1)."""

    draw: Callable[[], float]
    first: float = 0.1
    longest: float = 5.0

    def before(self, retry: int) -> float:
        """Say how long to wait before retry number ``retry``, counting from 0."""
        return float(min(self.longest, self.first * 2**retry) * (0.5 + self.draw() / 2))


def clock() -> Conversation[float]:
    """Ask for the time."""
    return (yield Pause(0.0)).at


def exchange(call: Call[T], deadline: float, backoff: Backoff) -> Conversation[T]:
    """Send ``call`` until it is answered. Raises ``Unreachable`` at ``deadline``, else refusals."""
    now = yield from clock()
    why = "there was no time left to ask"
    for tries in count():
        if deadline - now < SHORTEST_TRY:
            break
        seconds = min(deadline - now, call.wait + LONGEST_TRY)
        heard = yield Send(call, seconds)  # type: ignore[arg-type] # its answer is read here
        if isinstance(heard.said, Reply) and not _is_passing(heard.said):
            return understand(call, heard.said)
        why, pause = _trouble(heard.said, backoff.before(tries))
        if not _may_repeat(call, heard.said) or heard.at + pause >= deadline:
            break
        now = (yield Pause(pause)).at
    raise Unreachable(f"{call.method} {call.path} had no answer: {why}.")


def understand(call: Call[T], reply: Reply) -> T:
    """Read a reply, or raise what it refuses with."""
    if not 200 <= reply.status < 300:  # noqa: PLR2004 - success
        raise _refusal(reply)
    try:
        if call.media != "application/json":
            return call.answer.validate_python(reply.body)
        return call.answer.validate_json(reply.body or b"null")
    except ValidationError as error:
        raise Unreachable(
            f"{call.method} {call.path} was answered by something that does not speak "
            f"Counterseal's contract ({error.error_count()} mistakes); check the URL."
        ) from None


_PROBLEM: TypeAdapter[Problem] = TypeAdapter(Problem)


def _refusal(reply: Reply) -> CountersealError:
    try:
        return refusal(_PROBLEM.validate_json(reply.body))
    except ValidationError:
        return Unreachable(
            f"the answer was HTTP {reply.status} without an explanation, so it was not "
            "Counterseal that answered; check the URL and any proxy."
        )


_PASSING = (b'"still-moving"', b'"evidence-not-sealed"')
"""Conflicts that go away by themselves, by their codes."""


def _is_passing(reply: Reply) -> bool:
    return reply.status in (429, 500, 502, 503, 504) or (
        reply.status == 409 and any(code in reply.body for code in _PASSING)  # noqa: PLR2004 - Conflict
    )


def _may_repeat(call: Call[T], said: Reply | Lost | None) -> bool:
    # A call without an identity of its own is only repeated if it surely did not arrive.
    return call.repeatable or (isinstance(said, Lost) and not said.sent)


def _trouble(said: Reply | Lost | None, pause: float) -> tuple[str, float]:
    match said:
        case Reply():
            return _described(said), max(pause, _retry_after(said))
        case Lost():
            return said.why, pause
        case None:
            return "nothing was heard", pause


def _described(reply: Reply) -> str:
    try:
        problem = _PROBLEM.validate_json(reply.body)
    except ValidationError:
        return f"HTTP {reply.status}"
    return f"HTTP {reply.status} {problem.code}, {problem.detail}".rstrip(".")


def _retry_after(reply: Reply) -> float:
    # RFC 9110 §10.2.3, seconds; the date form is not used by our server.
    text = reply.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0  # noqa: PLR2004 - five digits: a day
