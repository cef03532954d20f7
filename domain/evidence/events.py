"""What the log says of itself: what was counted, and who took evidence along."""

from typing import Literal

from pydantic import Field

from counterseal.core.canonical import Json
from counterseal.core.model import Kept
from counterseal.core.packages import Profile
from counterseal.core.words import Role
from domain.events import Fact

EXPORT_STREAM = "exports"
LEDGER_STREAM = "ledger"


class Taken(Kept):
    """Where a sensitive value stood that was taken along in clear."""

    action: str
    pointer: str


class EvidenceExported(Fact):
    """An evidence package was about to be handed out: recorded before it was, each time anew.

    ``size`` is that of the log it is as of. ``since`` is the size of the checkpoint that the
    requester had kept.
    """

    kind: Literal["evidence.exported"] = "evidence.exported"
    export_id: str
    by: str
    role: Role
    purpose: str
    scope: dict[str, Json]
    profile: Profile
    size: int
    disclosed: tuple[Taken, ...] = ()
    since: int | None = None


class LedgerSealed(Fact):
    """Control totals: how many events of which kind stand at [``start``, ``end``) of the log.

    ``decisions`` counts by class, risk and effective verdict, ``closed`` by disposition and
    outcome. Each total begins where the one before it ended.
    """

    kind: Literal["ledger.sealed"] = "ledger.sealed"
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    kinds: dict[str, int]
    decisions: dict[str, int]
    closed: dict[str, int]
