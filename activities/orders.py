"""What workflows ask of activities, and what they get back: names and values, no machinery.

Workflows import this and nothing that does the work, so that neither an engine nor a driver gets
into their sandbox, and a change of either cannot change a replay.
"""

from counterseal.core.canonical import Json
from counterseal.core.model import Instant, Kept, Record
from domain.candidate import Candidate
from domain.standing import Standing

ASK = "action.ask"
OBEY = "action.obey"
SWEEP = "actions.sweep"


class Question(Record):
    """A candidate with its gateway's signature, and when its workflow took it up."""

    candidate: Candidate
    signature: str
    at: Instant


class Order(Record):
    """Something to obey. ``envelope`` is a message to the action, or None to let time pass."""

    tenant: str
    action_id: str
    at: Instant
    envelope: Json = None


class Reply(Record):
    """Where an action stands after an order, and what became of the message in it."""

    standing: Standing
    accepted: bool = True
    code: str = "ok"
    sentence: str = ""


class Sweep(Record):
    """Close what was due before ``before``, as of ``at``."""

    at: Instant
    before: Instant


class Hold(Record):
    """An overdue hold: its workflow's to move on, if there is one."""

    tenant: str
    action_id: str


class Swept(Record):
    """How many overdue actions a sweep moved on, and whether more are waiting.

    ``holds`` were left alone: votes that were made in time may be on their way to their workflows.
    """

    moved: int
    more: bool
    holds: tuple[Hold, ...] = ()


END_RETENTION = "data.end-retention"


class Retention(Record):
    """Shred what was to be kept until ``at`` at most, and forget what nobody will ask for."""

    at: Instant


class Retained(Record):
    """How many actions' values were shredded, how many forgotten, and whether more are waiting."""

    shredded: int
    forgotten: int
    more: bool


COUNT = "ledger.count"

LIST_TENANTS = "ledger.tenants"
AUDIT = "ledger.audit"
PREPARE = "ledger.prepare"


class Audit(Kept):
    """Check one tenant's whole log. ``by`` says at whose wish."""

    tenant: str
    by: str = "schedule"


class Audited(Kept):
    """How many events a check read, and how much it found."""

    tenant: str
    size: int
    findings: int
