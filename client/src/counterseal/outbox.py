"""Receipts on their way. An action has run by now, so its result must not be lost to a receipt."""

import contextlib
import logging
import warnings

from counterseal.errors import CountersealError, ReportUndelivered, Unreachable
from counterseal.running import Undelivered

MOST_KEPT = 1000

_log = logging.getLogger("counterseal")


class Outbox:
    """Keeps receipts until they are delivered or refused, the newest ``MOST_KEPT`` of them."""

    def __init__(self) -> None:
        self._waiting: dict[str, Undelivered] = {}

    @property
    def waiting(self) -> tuple[Undelivered, ...]:
        """What is not delivered yet, oldest first."""
        return tuple(self._waiting.copy().values())

    def add(self, parcel: Undelivered) -> None:
        """Keep a receipt until something becomes of it."""
        self._waiting[parcel.receipt.request_id] = parcel
        while len(self._waiting) > MOST_KEPT:
            self._waiting.pop(next(iter(self._waiting)), None)

    def done(self, parcel: Undelivered) -> None:
        """Forget a receipt that was delivered."""
        self._waiting.pop(parcel.receipt.request_id, None)

    def failed(self, parcel: Undelivered, error: CountersealError) -> None:
        """Say that a receipt did not arrive; keep it if bringing it again can help."""
        if not isinstance(error, Unreachable):
            self.done(parcel)
        said = (
            f"{parcel.action_id} ran ({parcel.receipt.outcome}), but its receipt was not taken: "
            f"{error}"
        )
        _log.warning("%s", said)
        # Where warnings are errors, the caller still gets the result of what has run.
        with contextlib.suppress(ReportUndelivered):
            warnings.warn(said, ReportUndelivered, stacklevel=4)
