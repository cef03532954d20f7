"""What operators change: tenants, keys, the roster, the active bundle. Each change is an event.

These streams are short and have no lifecycle of their own; the latest event tells the present.
"""

from typing import Literal

from counterseal.core.action import Digest, Name
from counterseal.core.canonical import Json
from counterseal.core.words import Role
from domain.events import Fact
from domain.roster import Roster

TENANT_STREAM = "tenant"
KEY_STREAM = "keys"
ROSTER_STREAM = "roster"
BUNDLE_STREAM = "bundles"


class TenantCreated(Fact):
    """A tenant began. Always the first event of its log."""

    kind: Literal["tenant.created"] = "tenant.created"
    tenant: Name
    by: str
    rehearsal_of: str | None = None


class KeyIssued(Fact):
    """A key was handed out. Only the SHA-256 of its secret is kept."""

    kind: Literal["key.issued"] = "key.issued"
    key_id: str
    role: Role
    subject: Name
    environment: Name
    secret_hash: str
    by: str


class KeyRevoked(Fact):
    """A key stopped working."""

    kind: Literal["key.revoked"] = "key.revoked"
    key_id: str
    by: str


class RosterChanged(Fact):
    """Who is who changed; the whole roster as it now is."""

    kind: Literal["roster.changed"] = "roster.changed"
    roster: Roster
    by: str


class BundleActivated(Fact):
    """A policy bundle came into force, with its whole text, so that it can be judged by again."""

    kind: Literal["bundle.activated"] = "bundle.activated"
    name: str
    version: str
    digest: Digest
    bundle: dict[str, Json]
    by: str
    replaces: Digest | None = None
    because: str | None = None
    incident: str | None = None


SystemEvent = TenantCreated | KeyIssued | KeyRevoked | RosterChanged | BundleActivated
