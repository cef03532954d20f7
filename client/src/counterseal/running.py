"""The go-ahead for one run, and the signed receipt that follows it."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.canonical import Json, digest
from counterseal.core.model import Instant
from counterseal.core.signing import sign
from counterseal.core.wire import Receipt
from counterseal.core.words import Outcome
from counterseal.meant import Meant

RESULT_DOMAIN = "counterseal/result/v1"
LONGEST_DETAIL = 1000


@dataclass(frozen=True, slots=True)
class GoAhead:
    """The redeemed grant of one action: run it now, once, then report with this value."""

    action_id: str
    digest: str
    redemption_id: str
    receipt_due: Instant
    meant: Meant = field(repr=False)
    executor: Ed25519PrivateKey = field(repr=False)

    @property
    def arguments(self) -> dict[str, Json]:
        """The arguments to run with: exactly those that were approved, as fresh values."""
        return self.meant.arguments()


@dataclass(frozen=True, slots=True)
class Ran:
    """What happened. ``result`` is the digest of what came out, if that is known."""

    outcome: Outcome
    detail: str | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A signed receipt on its way."""

    action_id: str
    receipt: Receipt


def receipt(run: GoAhead, ran: Ran, request_id: str) -> Undelivered:
    """Write and sign the receipt of a run."""
    unsigned = Receipt(
        request_id=request_id,
        redemption_id=run.redemption_id,
        digest=run.digest,
        outcome=ran.outcome,
        detail=bounded(ran.detail) if ran.detail else None,
        result_digest=ran.result,
    )
    signature = sign(run.executor, "receipt", unsigned.signed_part())
    return Undelivered(run.action_id, unsigned.model_copy(update={"signature": signature}))


def succeeded(result: object) -> Ran:
    """Report a run that returned ``result``; only its digest is told, and only if it is JSON."""
    try:
        return Ran(Outcome.SUCCEEDED, result=digest(RESULT_DOMAIN, result))
    except Exception:  # noqa: BLE001 - whatever came out, it came out of a run that succeeded
        return Ran(Outcome.SUCCEEDED)


def failed(error: Exception) -> Ran:
    """Report a run that raised."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide that it failed
        said = "(its text cannot be read)"
    return Ran(Outcome.FAILED, f"{type(error).__name__}: {said}")


def bounded(text: str) -> str:
    """Cut a text that is too long for a receipt, and say so."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    if len(clean) <= LONGEST_DETAIL:
        return clean
    return f"{clean[:LONGEST_DETAIL]}… ({len(clean) - LONGEST_DETAIL} more characters)"
