"""What the rules need of those who keep secrets: where values lie, and who holds the keys.

Adapters fit by shape.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from counterseal.core.commitments import Disclosure
from counterseal.core.model import Instant, Record
from domain.ports import Unavailable


class KeyUnknown(Exception):  # noqa: N818 - it reads as what happened
    """What is kept cannot be opened with any key there is here; waiting will not change that."""


class KeysUnavailable(Unavailable):
    """Whoever holds the keys does not answer; ask again."""


class Wrapped(NamedTuple):
    """A data key as it may be stored: ``key`` names what opens it."""

    key: str
    text: bytes


class KeyCustody(Protocol):
    """Whoever holds the keys that data keys are wrapped with. They never leave it.

    ``context`` is bound to what is wrapped: another one opens nothing.
    """

    async def wrap(self, data_key: bytes, context: Mapping[str, str]) -> Wrapped:
        """Encrypt a data key with the newest key. Raises ``KeysUnavailable``."""
        ...

    async def unwrap(self, wrapped: Wrapped, context: Mapping[str, str]) -> bytes:
        """Decrypt a data key. Raises ``KeyUnknown`` or ``KeysUnavailable``."""
        ...


class Shredded(Record):
    """Nothing is left: the values were shredded. The event says by whom and why."""

    at: Instant


class Expired(Record):
    """A closed action whose values were to be kept for ``keep_for`` seconds, and were."""

    tenant: str
    action_id: str
    keep_for: int


class Secrets(Protocol):
    """Keeps the sensitive values of actions encrypted."""

    async def keep(
        self,
        tenant: str,
        action_id: str,
        disclosures: Sequence[Disclosure],
        keep_for: timedelta | None,
    ) -> tuple[Disclosure, ...] | Shredded:
        """Keep what opens an action's commitments, and return what is kept: the first stays.

        Raises ``KeyUnknown`` if no key is at hand, or ``Unavailable``.
        """
        ...

    async def disclosures(
        self, tenant: str, action_id: str
    ) -> tuple[Disclosure, ...] | Shredded | None:
        """Open what is kept for an action; None if nothing ever was.

        Raises ``KeyUnknown`` if it is kept and cannot be opened here, or ``Unavailable``.
        """
        ...

    async def expired(self, at: datetime, limit: int) -> Sequence[Expired]:
        """Find closed actions whose values were kept long enough by ``at``."""
        ...

    async def forget(self, at: datetime, limit: int) -> int:
        """Forget what was kept a day before ``at`` for proposals that never became actions.

        Returns how many there were, at most ``limit``.
        """
        ...
