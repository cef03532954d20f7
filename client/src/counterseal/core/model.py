"""The two kinds of value we exchange: what we are sent, and what we recorded."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs a time zone, for example 2026-01-31T09:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("an instant lies between the years 1 and 9999, in UTC") from error


def instant_text(value: datetime) -> str:
    """Write ``value`` as RFC 3339 in UTC with microseconds, the only form that is hashed."""
    # A third of the time that strftime takes, and this is written many times per action.
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Instant = Annotated[
    datetime,
    AfterValidator(_in_utc),
    PlainSerializer(instant_text, return_type=str, when_used="json"),
]
"""A point in time, in UTC, to the microsecond."""


class Record(BaseModel):
    """A frozen value; an unknown field is refused, because its sender meant something by it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Kept(BaseModel):
    """A frozen value read back from the ledger; unknown fields are kept whole.

    They were written by a newer version of us, and the digest covers every byte.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
