"""Counterseal: ask before you act. The client of the control plane for AI agents.

Example::

    from counterseal import Counterseal

    seal = Counterseal()

    @seal.guarded("payments.send", wait=300)
    def send_money(recipient: str, amount: float) -> str: ...
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from counterseal.aio import AsyncCounterseal
    from counterseal.client import Counterseal
    from counterseal.core.policy.facts import Asserted, Observation
    from counterseal.core.words import Disposition, Outcome, Phase, Verdict
    from counterseal.errors import (
        AlreadyRun,
        Blocked,
        CountersealError,
        Denied,
        Expired,
        GrantRefused,
        Lapsed,
        Misunderstood,
        NotAuthorised,
        NotFound,
        NotPermitted,
        ReportUndelivered,
        RequestRefused,
        StillHeld,
        Unreachable,
        Unsendable,
        Withdrawn,
    )
    from counterseal.guard import Guarded, Running
    from counterseal.running import GoAhead
    from counterseal.standing import Hold, Permit, Refusal, Standing

__all__ = [
    "AlreadyRun",
    "Asserted",
    "AsyncCounterseal",
    "Blocked",
    "Counterseal",
    "CountersealError",
    "Denied",
    "Disposition",
    "Expired",
    "GoAhead",
    "GrantRefused",
    "Guarded",
    "Hold",
    "Lapsed",
    "Misunderstood",
    "NotAuthorised",
    "NotFound",
    "NotPermitted",
    "Observation",
    "Outcome",
    "Permit",
    "Phase",
    "Refusal",
    "ReportUndelivered",
    "RequestRefused",
    "Running",
    "Standing",
    "StillHeld",
    "Unreachable",
    "Unsendable",
    "Verdict",
    "Withdrawn",
]

# Only what is asked for is loaded: the server and its sandboxed workflows import
# `counterseal.core`, and must not get an HTTP client with it.
_HOMES = {
    "AsyncCounterseal": "counterseal.aio",
    "Counterseal": "counterseal.client",
    "Asserted": "counterseal.core.policy.facts",
    "Observation": "counterseal.core.policy.facts",
    "Disposition": "counterseal.core.words",
    "Outcome": "counterseal.core.words",
    "Phase": "counterseal.core.words",
    "Verdict": "counterseal.core.words",
    "AlreadyRun": "counterseal.errors",
    "Blocked": "counterseal.errors",
    "CountersealError": "counterseal.errors",
    "Denied": "counterseal.errors",
    "Expired": "counterseal.errors",
    "GrantRefused": "counterseal.errors",
    "Lapsed": "counterseal.errors",
    "Misunderstood": "counterseal.errors",
    "NotAuthorised": "counterseal.errors",
    "NotFound": "counterseal.errors",
    "NotPermitted": "counterseal.errors",
    "ReportUndelivered": "counterseal.errors",
    "RequestRefused": "counterseal.errors",
    "StillHeld": "counterseal.errors",
    "Unreachable": "counterseal.errors",
    "Unsendable": "counterseal.errors",
    "Withdrawn": "counterseal.errors",
    "Guarded": "counterseal.guard",
    "Running": "counterseal.guard",
    "GoAhead": "counterseal.running",
    "Hold": "counterseal.standing",
    "Permit": "counterseal.standing",
    "Refusal": "counterseal.standing",
    "Standing": "counterseal.standing",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
