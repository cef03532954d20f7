"""Where a proposed action stands, as a type: ``Permit``, ``Hold`` or ``Refusal``.

A standing only exists after the server's action was compared with what was meant, so its
``digest`` is one we computed.
"""

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from counterseal.core.canonical import Json
from counterseal.core.wire import Answer
from counterseal.core.words import Disposition, Outcome, Phase
from counterseal.errors import (
    AlreadyRun,
    Blocked,
    Denied,
    Expired,
    Lapsed,
    NotPermitted,
    StillHeld,
    Unsendable,
    Withdrawn,
)
from counterseal.meant import Meant

_HANDLE = re.compile(r"(act_[0-9a-f]{32})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class _Proposed:
    meant: Meant = field(repr=False)
    digest: str
    key: str | None
    answer: Answer = field(repr=False)  # It may carry the grant's token.

    @property
    def action_id(self) -> str:
        """The action's ID."""
        return self.answer.action_id

    @property
    def message(self) -> str:
        """What policy says to the agent."""
        return self.answer.message

    @property
    def arguments(self) -> dict[str, Json]:
        """The arguments as they were asked about: fresh values, the caller's to keep."""
        return self.meant.arguments()

    @property
    def handle(self) -> str:
        """A text that names exactly this action; ``resume`` takes it, after a restart too."""
        return f"{self.action_id}.{self.digest.removeprefix('sha256:')}"


@dataclass(frozen=True, slots=True)
class Permit(_Proposed):
    """The action may run once: redeem, run, report."""


@dataclass(frozen=True, slots=True)
class Hold(_Proposed):
    """There is no answer yet: people are asked, or the decision could not be had in time.

    Or the answer is yes, and its evidence has to come further before the action may run.
    """

    @property
    def error(self) -> StillHeld:
        """The hold as an exception."""
        return StillHeld(
            self._sentence, handle=self.handle, action_id=self.action_id, reason=self.message
        )

    @property
    def _sentence(self) -> str:
        if awaits(self.answer):
            level = self.answer.grant.awaits if self.answer.grant else None
            return (
                f"{self.action_id} is permitted, but may not run before its evidence is {level}, "
                "which it is not yet: the log's signer or its witnesses are behind. Wait on."
            )
        until = self.answer.held_until
        limit = f" until {until:%Y-%m-%d %H:%M:%S}Z" if until else ""
        return _sentence(f"{self.action_id} is still held{limit}", self.message)


@dataclass(frozen=True, slots=True)
class Refusal(_Proposed):
    """The action may not run, or not again."""

    @property
    def error(self) -> NotPermitted:
        """The refusal as an exception."""
        kind, said = _KINDS[_ending(self.answer)]
        why = self.message if kind is Blocked else ""  # Policy's words are about policy's answer.
        return kind(
            _sentence(f"{self.action_id} {said}", why),
            action_id=self.action_id,
            reason=self.message,
            disposition=self.answer.disposition,
            outcome=self.answer.outcome,
        )


Standing: TypeAlias = Permit | Hold | Refusal

_KINDS: dict[str, tuple[type[NotPermitted], str]] = {
    "blocked": (Blocked, "is blocked by policy"),
    "denied": (Denied, "was denied"),
    "expired": (Expired, "expired without an answer"),
    "cancelled": (Withdrawn, "was withdrawn"),
    "lapsed": (Lapsed, "was permitted, but its grant lapsed; propose it again"),
    "run": (AlreadyRun, "was run before and does not run twice"),
    "closed": (NotPermitted, "may not run"),
}


def standing(meant: Meant, key: str | None, answer: Answer) -> Standing:
    """Say where the action stands. Raises ``Misunderstood`` if it is not what was meant."""
    digest = meant.digest_of(answer)
    if is_open(answer):
        return Hold(meant, digest, key, answer)
    if _is_permitted(answer):
        return Permit(meant, digest, key, answer)
    return Refusal(meant, digest, key, answer)


def is_open(answer: Answer) -> bool:
    """Say whether there is something to wait for: an answer, or evidence of it."""
    return answer.phase in (Phase.HELD, Phase.UNDECIDED) or awaits(answer)


def awaits(answer: Answer) -> bool:
    """Say whether an action is permitted, and its grant kept back until its evidence is sealed."""
    grant = answer.grant
    return answer.phase is Phase.GRANTED and grant is not None and grant.awaits is not None


def parse_handle(handle: str) -> tuple[str, str]:
    """Read a handle: the action's ID and its digest. Raises ``Unsendable``."""
    found = _HANDLE.fullmatch(handle)
    if found is None:
        raise Unsendable("this is not a handle; use the `handle` of a hold as it was given.")
    return found[1], f"sha256:{found[2]}"


def _is_permitted(answer: Answer) -> bool:
    may = answer.disposition is not None and answer.disposition.may_execute
    return answer.phase is Phase.GRANTED and may and answer.grant is not None


def _ending(answer: Answer) -> str:
    if answer.phase is Phase.REDEEMED:
        return "run"
    if answer.phase is Phase.GRANTED and answer.grant is None:
        return "lapsed"
    match answer.disposition:
        case Disposition.BLOCKED | Disposition.DENIED | Disposition.EXPIRED | Disposition.CANCELLED:
            return answer.disposition.value.lower()
        case Disposition.ALLOWED | Disposition.APPROVED if answer.phase is Phase.CLOSED:
            return "lapsed" if answer.outcome is Outcome.LAPSED else "run"
        case _:
            return "closed"


def _sentence(said: str, message: str) -> str:
    return f"{said}: {message}" if message else f"{said}."
