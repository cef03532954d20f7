"""Which run of the log a period package holds, and whose events in it are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from counterseal.core.canonical import Json
from counterseal.core.model import instant_text
from counterseal.core.packages import PeriodFilters, PeriodScope
from domain.evidence.refusals import PeriodRefused


@dataclass(frozen=True, slots=True)
class Total:
    """Where a control total stands, when it was taken, and up to where it counts."""

    version: int
    seq: int
    at: datetime
    end: int


def check_period(since: datetime, until: datetime, now: datetime) -> None:
    """Refuse a period that is none, or that is not over. Raises ``PeriodRefused``."""
    if since >= until:
        raise PeriodRefused(
            f"/scope: nothing lies between {instant_text(since)} and {instant_text(until)}; name a "
            "later end."
        )
    if until > now:
        raise PeriodRefused(
            f"/scope/until: {instant_text(until)} is still to come; leave it out to end now."
        )


def last_total(totals: Sequence[Total], until: datetime, *, filtered: bool) -> Total | None:
    """Choose the total that a range ends with; None if it is yet to be taken.

    Everything recorded until then lies before it. If events may be withheld because of a filter,
    it must be counted what they are: then it is the first total that counts all of them.
    """
    late = [each for each in totals if each.at >= until]
    if not late or not filtered:
        return late[0] if late else None
    return next((each for each in late if each.end > late[0].seq), None)


def fits(filters: PeriodFilters, event: Mapping[str, Json]) -> bool:
    """Say whether a decision is of an action that was asked for."""
    found = event.get("decision")
    decision = found if isinstance(found, dict) else {}
    return all(
        not wanted or decision.get(name) in wanted
        for name, wanted in filters.model_dump(mode="json").items()
    )


def filters_said(filters: PeriodFilters) -> dict[str, Json]:
    """Write the filters for the statement: those that are given."""
    return {name: wanted for name, wanted in filters.model_dump(mode="json").items() if wanted}


def period_said(scope: PeriodScope, until: datetime, start: int, end: int) -> dict[str, Json]:
    """Write the scope for the statement."""
    return {
        "kind": "period",
        "since": instant_text(scope.since),
        "until": instant_text(until),
        "start": start,
        "end": end,
        "filters": filters_said(scope.filters),
    }
