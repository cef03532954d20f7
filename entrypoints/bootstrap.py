"""A first tenant, ready to use: roster, policy, and one key per role."""

import json
import os
from pathlib import Path

import yaml
from pydantic import Field

from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.pool import open_pool
from counterseal.core.model import Record
from counterseal.core.words import Role
from counterseal.policy_files import read_bundle
from domain.administration import ROSTER_STREAM
from domain.roster import Roster
from entrypoints.administration import Administration
from entrypoints.tokens import utc_now

TENANT = "main"
ENVIRONMENT = "production"
BY = "bootstrap"


class Keys(Record):
    """One key for the agent, the auditor and the operator, and one for each approver by ID."""

    agent: str
    auditor: str
    operator: str
    approvers: dict[str, str] = Field(default_factory=dict)


async def bootstrap(
    dsn: str, kept: Path, policies: Path, roster: Path, tenant: str = TENANT
) -> Keys:
    """Create ``tenant`` if it is new; hand out keys once and keep them in ``kept``.

    A roster or bundle that operators have changed since is left as it is.
    """
    async with open_pool(dsn, size=2) as pool:
        ledger = PostgresLedger(pool)
        administration = Administration(ledger, utc_now)
        await administration.create_tenant(tenant, BY)
        people = read_roster(roster)
        if not await ledger.read(tenant, ROSTER_STREAM):
            await administration.set_roster(tenant, people, BY)
            await administration.activate(tenant, read_bundle(policies), BY)
        keys = await _keys(administration, tenant, people)
        _write(kept, keys)
        return keys


def read_roster(path: Path) -> Roster:
    """Read a roster file (YAML: ``people`` and ``agents``)."""
    return Roster.model_validate(yaml.safe_load(path.read_text("utf-8")))


def read_keys(kept: Path) -> Keys | None:
    """Read the keys an earlier start handed out."""
    return Keys.model_validate_json(kept.read_text("utf-8")) if kept.exists() else None


async def _keys(administration: Administration, tenant: str, people: Roster) -> Keys:
    async def issue(role: Role, subject: str) -> str:
        secret = await administration.issue_key(tenant, role, subject, ENVIRONMENT, BY)
        return secret.text

    return Keys(
        agent=await issue(Role.AGENT, people.agents[0].id if people.agents else "agent"),
        auditor=await issue(Role.AUDITOR, "auditor"),
        operator=await issue(Role.OPERATOR, "operator"),
        approvers={one.id: await issue(Role.APPROVER, one.id) for one in people.people},
    )


def _write(path: Path, keys: Keys) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(keys.model_dump(), file, indent=2)
