"""What guarding a function needs to know, for threads and asyncio alike. No I/O."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, Protocol, TypeAlias, TypedDict, TypeVar, cast

from counterseal.binding import Binding
from counterseal.core.canonical import Json
from counterseal.core.policy.facts import Asserted
from counterseal.core.words import Outcome
from counterseal.errors import Misunderstood
from counterseal.running import GoAhead, Ran, succeeded
from counterseal.standing import Standing
from counterseal.terms import Circumstances

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

Said: TypeAlias = str | None
From: TypeAlias = Callable[[Mapping[str, Json]], Said]
"""Makes a text out of a call's arguments, for example its idempotency key."""


class GuardTerms(TypedDict, total=False):
    """What a guarded function says with every proposal: fixed, or made from its arguments.

    ``wait`` is how many seconds each call waits for people before it raises ``StillHeld``.
    ``outside`` names parameters that are no part of the action (``self``, a connection).
    """

    principal: Said | From
    session: Said | From
    resource: Said | From
    justification: Said | From
    key: Said | From
    asserted: Asserted | Callable[[Mapping[str, Json]], Asserted | None] | None
    wait: float
    outside: Collection[str]


class Guarded(Protocol[P, R_co]):
    """A function that asks before it runs."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Ask, run once if permitted, report."""
        ...

    def resume(self, handle: str, /, **outside: object) -> R_co:
        """Take up a hold, after a restart too, and run what was approved with its arguments."""
        ...


class Running:
    """One permitted run inside a ``with`` block. Set ``result`` to have its digest reported."""

    def __init__(self, go: GoAhead) -> None:
        self.go = go
        self.result: object = _NOTHING

    @property
    def action_id(self) -> str:
        """The action's ID."""
        return self.go.action_id

    @property
    def arguments(self) -> dict[str, Json]:
        """The arguments that were approved: run with these and no others."""
        return self.go.arguments

    @property
    def ran(self) -> Ran:
        """What to report when the block ends well."""
        return Ran(Outcome.SUCCEEDED) if self.result is _NOTHING else succeeded(self.result)


_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Ready:
    """A call as it can be made: positional and named arguments."""

    args: list[Any]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How calls of one function become proposals."""

    tool: str
    binding: Binding
    terms: GuardTerms

    @classmethod
    def of(cls, function: Callable[..., object], tool: str | None, terms: GuardTerms) -> "Plan":
        """Plan for ``function``; its own name is the tool's unless another is given."""
        outside = frozenset(terms.get("outside", ()))
        name = tool or str(getattr(function, "__name__", ""))
        return cls(name, Binding.of(function, outside), terms)

    @property
    def wait(self) -> float:
        """How many seconds each call waits for people."""
        return self.terms.get("wait", 0.0)

    def circumstances(self, arguments: Mapping[str, Json]) -> Circumstances:
        """Say what a call with ``arguments`` says beside them."""
        said = {
            name: value(arguments) if callable(value) else value
            for name, value in self.terms.items()
            if name != "outside"
        }
        return cast("Circumstances", said)

    def ready(self, now: Standing, outside: Mapping[str, object]) -> Ready:
        """Make the call out of what was asked about, not out of what the caller may have changed.

        This comes before redeeming, so that a grant is not spent on a call that cannot be made.
        """
        if now.meant.tool != self.tool:
            raise Misunderstood(f"{now.action_id} is for {now.meant.tool}, not for {self.tool}.")
        args, kwargs = self.binding.put_together(now.arguments, outside)
        return Ready(args, kwargs)
