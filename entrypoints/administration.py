"""What operators change, written as events of a tenant's own system streams."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from counterseal.core.canonical import Json
from counterseal.core.links import seal, unseal
from counterseal.core.model import instant_text
from counterseal.core.policy.bundle import Bundle, bundle_digest
from counterseal.core.words import Role
from domain.administration import (
    BUNDLE_STREAM,
    KEY_STREAM,
    ROSTER_STREAM,
    TENANT_STREAM,
    BundleActivated,
    KeyIssued,
    KeyRevoked,
    RosterChanged,
    SystemEvent,
    TenantCreated,
)
from domain.ports import Entry, Ledger, Recorded, StreamMoved
from domain.roster import Agent, Person, Roster
from entrypoints.credentials import NewSecret, new_secret

Table = Literal["api_key", "roster", "bundle"]
TRIES = 32
REHEARSAL_AGENT = "rehearsal-agent"
REHEARSAL_STAFF = 3
"""People per group of a rehearsal: enough for any quorum of three."""


@dataclass(frozen=True, slots=True)
class Why:
    """Why policy changes, for whoever reviews it later: a reason, and an incident's name."""

    because: str | None = None
    incident: str | None = None


@dataclass(frozen=True, slots=True)
class Administration:
    """Changes tenants, keys, rosters and bundles. Every change is recorded before it is told."""

    ledger: Ledger
    clock: Callable[[], datetime]

    async def create_tenant(self, tenant: str, by: str, rehearsal_of: str | None = None) -> None:
        """Begin a tenant; nothing happens if it has begun."""
        if await self.ledger.read(tenant, TENANT_STREAM):
            return
        event = TenantCreated(at=self.clock(), tenant=tenant, by=by, rehearsal_of=rehearsal_of)
        await self._append(tenant, TENANT_STREAM, lambda _: event, None, {})

    async def issue_key(
        self, tenant: str, role: Role, subject: str, environment: str, by: str
    ) -> NewSecret:
        """Hand out a key. Its text is in the answer and nowhere else."""
        secret = new_secret()
        at = self.clock()
        event = KeyIssued(
            at=at,
            key_id=secret.key_id,
            role=role,
            subject=subject,
            environment=environment,
            secret_hash=secret.secret_hash,
            by=by,
        )
        row: dict[str, Json] = {
            "key_id": secret.key_id,
            "role": role,
            "subject": subject,
            "environment": environment,
            "secret_hash": secret.secret_hash,
            "issued_at": instant_text(at),
            "revoked_at": None,
        }
        await self._append(tenant, KEY_STREAM, lambda _: event, "api_key", row)
        return secret

    async def revoke_key(self, tenant: str, row: dict[str, Json], by: str) -> None:
        """Stop a key from working. ``row`` is the key as the read model has it."""
        at = self.clock()
        event = KeyRevoked(at=at, key_id=str(row["key_id"]), by=by)
        changed = {**row, "revoked_at": instant_text(at)}
        await self._append(tenant, KEY_STREAM, lambda _: event, "api_key", changed)

    async def set_roster(self, tenant: str, roster: Roster, by: str) -> int:
        """Replace the roster; return its version."""
        event = RosterChanged(at=self.clock(), roster=roster, by=by)
        body = roster.model_dump(mode="json")
        return await self._append(tenant, ROSTER_STREAM, lambda _: event, "roster", {"body": body})

    async def activate(self, tenant: str, bundle: Bundle, by: str, why: Why | None = None) -> str:
        """Bring a bundle into force; return its digest. Nothing is added if it is in force."""
        named = bundle_digest(bundle)
        at = self.clock()
        body = bundle.model_dump(mode="json")
        past = await self.ledger.read(tenant, BUNDLE_STREAM)
        if _latest_digest(past) == named:
            return named

        def event(story: Sequence[Recorded]) -> BundleActivated:
            return BundleActivated(
                at=at,
                name=bundle.name,
                version=bundle.version,
                digest=named,
                bundle=body,
                by=by,
                replaces=_latest_digest(story),
                because=why.because if why else None,
                incident=why.incident if why else None,
            )

        row: dict[str, Json] = {
            "digest": named,
            "name": bundle.name,
            "version": bundle.version,
            "body": bundle.model_dump_json(),
            "activated_at": instant_text(at),
        }
        await self._append(tenant, BUNDLE_STREAM, event, "bundle", row)
        return named

    async def rehearse(self, tenant: str, bundle: Bundle, by: str) -> str:
        """Make a tenant of its own for trying ``bundle``, staffed with made-up people."""
        # Named after where it all began: rehearsals of rehearsals must not have ever longer names.
        apart = f"{tenant.partition('.rehearsal.')[0]}.rehearsal.{secrets.token_hex(8)}"
        await self.create_tenant(apart, by, rehearsal_of=tenant)
        await self.set_roster(apart, staff(bundle), by)
        await self.activate(apart, bundle, by)
        return apart

    async def _append(
        self,
        tenant: str,
        stream: str,
        event: Callable[[Sequence[Recorded]], SystemEvent],
        table: Table | None,
        row: dict[str, Json],
    ) -> int:
        for _ in range(TRIES):
            story = await self.ledger.read(tenant, stream)
            version = story[-1].version if story else -1
            sealed = seal(
                tenant,
                stream,
                (version, story[-1].link if story else None),
                [event(story).model_dump(mode="json")],
            )
            try:
                await self.ledger.append(
                    Entry(
                        tenant=tenant,
                        stream=stream,
                        expected=version,
                        events=sealed,
                        table=table,
                        summary={**row, "version": version + 1} if table == "roster" else row,
                    )
                )
            except StreamMoved:
                continue
            return version + 1
        raise StreamMoved(stream, -1)


def staff(bundle: Bundle) -> Roster:
    """Make up people for every group that a bundle may ask."""
    people = tuple(
        Person(id=f"{group}-{number}", name=f"{group} {number}", groups=(group,))
        for group in sorted(bundle.groups)
        for number in range(1, REHEARSAL_STAFF + 1)
    )
    return Roster(people=people, agents=(Agent(id=REHEARSAL_AGENT, owner="rehearsal-owner"),))


def _latest_digest(story: Sequence[Recorded]) -> str | None:
    if not story:
        return None
    event = unseal(story[-1].canonical)["event"]
    return str(event["digest"]) if isinstance(event, dict) else None
