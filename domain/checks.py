"""What standing checks of the log found, on the record. Stream ``checks``."""

from typing import Literal

from counterseal.core.model import Kept
from domain.events import Fact

CHECK_STREAM = "checks"
MOST_KEPT = 20
"""How many findings an event repeats; their number is always told."""


class Found(Kept):
    """Something that cannot be so in a log that was only appended to."""

    code: str
    sentence: str
    seq: int | None = None


class LedgerVerified(Fact):
    """The log's first ``size`` events were read and compared; ``root`` is theirs, in hex.

    ``checkpoints`` tells with how many signed checkpoints they were compared, ``found`` how many
    findings there were; ``findings`` holds the first of them.
    """

    kind: Literal["ledger.verified"] = "ledger.verified"
    size: int
    root: str
    checkpoints: int
    found: int
    findings: tuple[Found, ...] = ()
    by: str


def is_news(last: LedgerVerified | None, now: LedgerVerified) -> bool:
    """Say whether a check is worth an event: an idle log must not grow by being checked."""
    if last is None or now.found or last.found:
        return True
    return now.size > last.size + 1
