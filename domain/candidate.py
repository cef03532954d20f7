"""What enters: an action with its requester, as the door that authenticated them understood it."""

from counterseal.core.action import Action, Digest
from counterseal.core.model import Record
from counterseal.core.policy.facts import Asserted


class Candidate(Record):
    """A candidate action. ``key_id`` names the credential; ``asserted`` is the caller's word."""

    action: Action
    digest: Digest
    key_id: str
    justification: str | None = None
    asserted: Asserted = Asserted()
