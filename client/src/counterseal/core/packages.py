"""What an evidence package is asked for: which actions or which time, how much of it, and why."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from counterseal.core.action import ActionId
from counterseal.core.model import Instant, Record
from counterseal.core.words import Risk, Verdict

MOST_ACTIONS = 1000
"""How many actions one package tells of, unless it is about a period."""

LARGEST_PACKAGE = 200 << 20
"""Bytes. Packages stay small enough for any machine to check."""

Purpose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096)]
Pointer = Annotated[str, StringConstraints(pattern=r"^(/([^~/\x00]|~[01])*)+$", max_length=512)]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]{1,256}$")]


class Profile(StrEnum):
    """How much of the events is shown; what is withheld is still proven to be there."""

    FULL = "full"
    WITHOUT_ARGUMENTS = "without-arguments"
    COUNTS = "counts"


class ActionsScope(Record):
    """These actions, by their IDs."""

    kind: Literal["actions"] = "actions"
    action_ids: tuple[ActionId, ...] = Field(min_length=1, max_length=MOST_ACTIONS)


class QueryScope(Record):
    """The actions that fit; the same filters as ``GET /v1/actions``, as text."""

    kind: Literal["query"] = "query"
    filters: dict[Text, Text] = Field(min_length=1, max_length=32)


class PeriodFilters(Record):
    """Whose events are shown in a period package; of each list, one word must fit."""

    risk: tuple[Risk, ...] = Field(default=(), max_length=16)
    action_class: tuple[Text, ...] = Field(default=(), max_length=64)
    effective: tuple[Verdict, ...] = Field(default=(), max_length=16)

    @property
    def is_any(self) -> bool:
        """Say whether anything is withheld because of them."""
        return bool(self.risk or self.action_class or self.effective)


class PeriodScope(Record):
    """Everything recorded from ``since`` until ``until``, or until now."""

    kind: Literal["period"] = "period"
    since: Instant
    until: Instant | None = None
    filters: PeriodFilters = PeriodFilters()


Scope = Annotated[ActionsScope | QueryScope | PeriodScope, Field(discriminator="kind")]


class NewPackage(Record):
    """``POST /v1/evidence``: take evidence along. That this was done, and why, is evidence, too.

    ``disclose`` names sensitive values to take along in clear. ``since`` is a checkpoint of this
    log that the auditor kept: the package then proves that the log has only grown since.
    """

    scope: Scope
    purpose: Purpose
    profile: Profile = Profile.FULL
    disclose: tuple[Pointer, ...] = Field(default=(), max_length=64)
    since: Annotated[str, StringConstraints(max_length=65536)] | None = None

    @model_validator(mode="after")
    def _discloses_what_can_be_checked(self) -> "NewPackage":
        if self.disclose and self.profile is not Profile.FULL:
            raise ValueError("disclose takes the profile full: else nothing shows what was sealed")
        if self.disclose and isinstance(self.scope, PeriodScope):
            raise ValueError("disclose goes with single actions, not with a period")
        return self
