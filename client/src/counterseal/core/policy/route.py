"""Whom to ask, how many must agree, and for how long to wait."""

from collections.abc import Iterable

from pydantic import Field

from counterseal.core.action import Name
from counterseal.core.model import Record
from counterseal.core.words import Verdict, strictest

LONGEST_HOLD = 90 * 24 * 3600


class Step(Record):
    """One rung of an escalation ladder: ``groups`` are asked too, ``after`` seconds of holding."""

    after: int = Field(gt=0, le=LONGEST_HOLD)
    groups: tuple[Name, ...] = Field(min_length=1)


class Need(Record):
    """Agreement that must be had: ``quorum`` distinct people out of ``groups``.

    A ladder adds groups as time passes; it never lowers the quorum.
    """

    groups: tuple[Name, ...] = Field(min_length=1)
    quorum: int = Field(default=1, ge=1, le=20)
    escalation: tuple[Step, ...] = Field(default=(), max_length=20)

    def asked(self, waited: float) -> tuple[str, ...]:
        """Name the groups that are asked once ``waited`` seconds have passed."""
        added = [step.groups for step in self.escalation if step.after <= waited]
        return tuple(dict.fromkeys([*self.groups, *(name for names in added for name in names)]))


class Route(Record):
    """The way to an answer. Every need must be met; ``timeout`` and ``remind_every`` in seconds.

    ``on_timeout`` is what silence means: ``BLOCK`` unless the policy says ``ALLOW`` in writing.
    """

    needs: tuple[Need, ...] = Field(min_length=1)
    deny_threshold: int = Field(default=1, ge=1, le=20)
    timeout: int = Field(gt=0, le=LONGEST_HOLD)
    remind_every: int | None = Field(default=None, gt=0, le=LONGEST_HOLD)
    on_timeout: Verdict = Verdict.BLOCK


def merge(routes: Iterable[Route]) -> Route | None:
    """Join the routes of all rules that want people asked: the stricter side of each, None of none.

    Needs add up rather than blend: "two of treasury" and "one of security" stays both.
    """
    every = tuple(routes)
    if not every:
        return None
    reminders = [route.remind_every for route in every if route.remind_every is not None]
    return Route(
        needs=tuple(dict.fromkeys(need for route in every for need in route.needs)),
        deny_threshold=min(route.deny_threshold for route in every),
        timeout=min(route.timeout for route in every),
        remind_every=min(reminders, default=None),
        on_timeout=strictest(*(route.on_timeout for route in every)),
    )
