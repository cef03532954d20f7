"""What enters: an action with its requester, as the door that authenticated them understood it."""

from collections.abc import Sequence

from counterseal.core.action import Action, Digest, action_digest
from counterseal.core.canonical import Json, digest
from counterseal.core.model import Record
from counterseal.core.policy.facts import Asserted
from counterseal.core.signing import PrivateKey, PublicKey, is_signed, sign

CONTEXT_DOMAIN = "counterseal/context/v1"
PURPOSE = "candidate"


class Candidate(Record):
    """A candidate action. ``key_id`` names the credential; ``asserted`` is the caller's word."""

    action: Action
    digest: Digest
    key_id: str
    justification: str | None = None
    asserted: Asserted = Asserted()

    @property
    def context_digest(self) -> str | None:
        """Name what the caller says led to this; None if it says nothing."""
        if self.asserted.user_request is None and not self.asserted.observations:
            return None
        return digest(CONTEXT_DOMAIN, self.asserted.model_dump(mode="json"))


def sign_candidate(key: PrivateKey, candidate: Candidate) -> str:
    """Vouch for who asked for what: whoever reaches Temporal past the gateway cannot."""
    return sign(key, PURPOSE, _signed_part(candidate))


def is_proposed(candidate: Candidate, signature: str, keys: Sequence[PublicKey]) -> bool:
    """Say whether a gateway vouched for ``candidate``, and its digest is that of its action."""
    if candidate.digest != action_digest(candidate.action):
        return False
    return any(is_signed(key, PURPOSE, _signed_part(candidate), signature) for key in keys)


def _signed_part(candidate: Candidate) -> Json:
    return [
        candidate.digest,
        candidate.key_id,
        candidate.justification,
        candidate.context_digest,
    ]
