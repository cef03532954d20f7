"""The words of the glossary, as closed sets. The strings are permanent: they are in evidence."""

from enum import StrEnum


class Verdict(StrEnum):
    """What policy says about an action. ``BLOCK`` beats ``STEP_UP`` beats ``ALLOW``."""

    ALLOW = "ALLOW"
    STEP_UP = "STEP_UP"
    BLOCK = "BLOCK"

    @property
    def rank(self) -> int:
        """Order verdicts from open (0) to closed (2)."""
        return _RANKS[self]


_RANKS = {Verdict.ALLOW: 0, Verdict.STEP_UP: 1, Verdict.BLOCK: 2}


def strictest(*verdicts: Verdict) -> Verdict:
    """Combine verdicts: the most closed one wins; of none at all, ``BLOCK`` (silence is no)."""
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.BLOCK)


class Stage(StrEnum):
    """How strongly a rule or an action class acts.

    ``observe`` records what it would have done, ``progressive`` holds where it would block,
    ``enforce`` does what it says.
    """

    OBSERVE = "observe"
    PROGRESSIVE = "progressive"
    ENFORCE = "enforce"

    def weaker(self, other: "Stage") -> "Stage":
        """Combine a rule's stage with its class's: the weaker one acts."""
        order = (Stage.OBSERVE, Stage.PROGRESSIVE, Stage.ENFORCE)
        return min(self, other, key=order.index)

    def applied_to(self, verdict: Verdict) -> Verdict:
        """Turn what a rule says into what it does at this stage."""
        match self:
            case Stage.OBSERVE:
                return Verdict.ALLOW
            case Stage.PROGRESSIVE:
                return min(verdict, Verdict.STEP_UP, key=lambda each: each.rank)
            case Stage.ENFORCE:
                return verdict


class Disposition(StrEnum):
    """How the question ended."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"
    APPROVED = "APPROVED"
    DENIED = "DENIED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"

    @property
    def may_execute(self) -> bool:
        """Say whether a grant follows."""
        return self in {Disposition.ALLOWED, Disposition.APPROVED}


class Outcome(StrEnum):
    """What became of the action itself."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    LAPSED = "LAPSED"
    NOT_RUN = "NOT_RUN"


class Phase(StrEnum):
    """Where an action stands."""

    UNDECIDED = "UNDECIDED"
    HELD = "HELD"
    GRANTED = "GRANTED"
    REDEEMED = "REDEEMED"
    CLOSED = "CLOSED"


class Risk(StrEnum):
    """How much harm an action class can do."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class FailMode(StrEnum):
    """What an action class does when a part of us is down."""

    CLOSED = "closed"
    HOLD = "hold"
    FALLBACK = "fallback"
    OPEN_OBSERVED = "open-observed"


class Role(StrEnum):
    """What an API key may do."""

    AGENT = "agent"
    APPROVER = "approver"
    AUDITOR = "auditor"
    OPERATOR = "operator"


class Level(StrEnum):
    """How far an event's evidence has come: each level includes the ones before it.

    ``recorded``: committed to the ledger. ``sealed``: under a checkpoint that the signer signed.
    ``witnessed``: under one that enough witnesses have cosigned.
    """

    RECORDED = "recorded"
    SEALED = "sealed"
    WITNESSED = "witnessed"

    @property
    def rank(self) -> int:
        """Order levels from 0."""
        return (*Level,).index(self)


def is_at_once(level: object) -> bool:
    """Say whether a level is there as soon as anything is; records leave it out."""
    return level == Level.RECORDED
