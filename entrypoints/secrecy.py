"""Keeps sensitive values at the door: what goes on to anybody else holds commitments to them."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Protocol

from counterseal.core.action import Action, action_digest
from counterseal.core.canonical import ARGUMENTS, canonical, check
from counterseal.core.commitments import (
    SALT_BYTES,
    Disclosure,
    commit_at,
    disclose,
    has_marker,
    places,
)
from counterseal.core.policy.bundle import ActionClass, Bundle
from counterseal.core.signing import decode
from domain.vault import KeysUnavailable, KeyUnknown, Secrets, Shredded
from entrypoints.problems import Declined

BUNDLES_KEPT = 64

ClassOf = Callable[[str], ActionClass | None]


class Policies(Protocol):
    """Where the policies in force are found."""

    async def active_bundle(self, tenant: str) -> str | None:
        """Name a tenant's active bundle by its digest."""
        ...

    async def bundle(self, tenant: str, digest: str) -> bytes:
        """Fetch a bundle's canonical bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Covered:
    """An action as it may be passed on, and what opens it to whoever asked.

    ``is_kept`` is False if other values are kept for it: the same key asked something else before.
    """

    action: Action
    disclosures: tuple[Disclosure, ...] = ()
    is_kept: bool = True


class Secrecy:
    """Covers what is sensitive in actions, as the active bundle says, and opens it again."""

    def __init__(self, policies: Policies, kept: Secrets) -> None:
        self._policies = policies
        self._secrets = kept
        self._classes: OrderedDict[str, ClassOf] = OrderedDict()

    async def cover(self, action: Action) -> Covered:
        """Keep an action's sensitive values, encrypted, and put commitments in their places.

        Asking again with the same values gives the same commitments. Raises ``Declined`` if the
        values cannot be kept, or were shredded, and ``Unreadable`` if there are too many.
        """
        described = await self._class_of(action)
        found = places(action.arguments, described.sensitive) if described else ()
        if described is None or not found:
            return Covered(action)
        covered = _committed(action, {each: secrets.token_bytes(SALT_BYTES) for each in found})
        keep_for = timedelta(seconds=described.retention) if described.retention else None
        try:
            kept = await self._secrets.keep(action.tenant, action.id, covered.disclosures, keep_for)
        except KeysUnavailable as error:
            raise keys_away(action.id) from error
        except KeyUnknown as error:
            raise no_keys(action.id) from error
        if isinstance(kept, Shredded):
            raise Declined(
                "data-shredded",
                f"what {action.id} was asked with has been shredded since, so it cannot be told "
                "whether this is the same; use a new Idempotency-Key.",
                action_id=action.id,
            )
        if _values(kept) != _values(covered.disclosures):
            return Covered(covered.action, covered.disclosures, is_kept=False)
        return _committed(action, {each.pointer: decode(each.salt) or b"" for each in kept})

    async def disclosures(self, action: Action) -> tuple[Disclosure, ...]:
        """Open an action to the agent that asked; nothing if nothing is there to be opened."""
        if not has_marker(action.arguments):
            return ()
        try:
            kept = await self._secrets.disclosures(action.tenant, action.id)
        except KeysUnavailable as error:
            raise keys_away(action.id) from error
        except KeyUnknown:
            return ()
        return kept if isinstance(kept, tuple) else ()

    async def is_same(self, asked: Action, recorded: Action) -> bool:
        """Say whether ``asked`` is the recorded question, whatever was sensitive at the time."""
        arguments = recorded.arguments
        if has_marker(arguments):
            arguments = disclose(arguments, await self.disclosures(recorded))
        clear = recorded.model_copy(update={"arguments": arguments})
        return action_digest(clear) == action_digest(asked)

    async def _class_of(self, action: Action) -> ActionClass | None:
        if not action.arguments:
            return None
        digest = await self._policies.active_bundle(action.tenant)
        if digest is None:
            return None
        if digest not in self._classes:
            written = await self._policies.bundle(action.tenant, digest)
            bundle = Bundle.model_validate_json(written)
            self._classes[digest] = lru_cache(4096)(bundle.class_of)  # agents choose names
            if len(self._classes) > BUNDLES_KEPT:
                self._classes.popitem(last=False)
        return self._classes[digest](action.tool)


def _committed(action: Action, salts: dict[str, bytes]) -> Covered:
    committed, disclosures = commit_at(action.arguments, salts)
    check(committed, ARGUMENTS)  # commitments may be longer than what they stand for
    return Covered(action.model_copy(update={"arguments": committed}), disclosures)


def _values(disclosures: tuple[Disclosure, ...]) -> dict[str, bytes]:
    return {each.pointer: canonical(each.value) for each in disclosures}


def no_keys(action_id: str) -> Declined:
    """Decline what takes a key that is not here."""
    return Declined(
        "data-keys-missing",
        "policy calls some of these values sensitive, and the key to keep or to open them with is "
        "not here; ask an operator to see to COUNTERSEAL_DATA_KEYS.",
        action_id=action_id,
    )


def keys_away(action_id: str) -> Declined:
    """Decline what takes a key that cannot be asked for now."""
    return Declined(
        "data-keys-unavailable",
        "the keys of sensitive values cannot be reached now; send the same request again.",
        action_id=action_id,
    )
