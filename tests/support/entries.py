"""Entries for ledger tests, as short as they can be said."""

import uuid
from collections.abc import Sequence
from typing import Literal

from counterseal.core.canonical import Json
from counterseal.core.links import seal
from domain.ports import Contribution, Entry, Ledger

AT = "2026-11-22T10:00:00.000000Z"
Table = Literal["action", "api_key", "roster", "bundle", "secret"]
After = tuple[int, bytes | None]
START: After = (-1, None)


def new_action() -> str:
    return f"act_{uuid.uuid4().hex}"


def write(  # noqa: PLR0913 - each is one thing a test may want to say
    tenant: str,
    stream: str,
    *kinds: str,
    after: After = START,
    at: str = AT,
    table: Table | None = None,
    summary: dict[str, Json] | None = None,
    contributions: Sequence[Contribution] = (),
    guards: dict[str, int] | None = None,
    release: bool = False,
    wake: bool = False,
    extra: str = "",
) -> Entry:
    events = [{"kind": kind, "at": at, "extra": extra} for kind in kinds or ("thing.happened",)]
    return Entry(
        tenant=tenant,
        stream=stream,
        expected=after[0],
        events=seal(tenant, stream, after, events),
        table=table,
        summary=summary,
        contributions=tuple(contributions),
        guards=guards or {},
        release=release,
        wake=wake,
    )


def end(entry: Entry) -> After:
    """Where the next entry of this stream goes."""
    last = entry.events[-1]
    return last.version, last.link


async def found_tenant(ledger: Ledger) -> str:
    """Create a tenant nobody else uses."""
    tenant = f"tenant-{uuid.uuid4().hex[:12]}"
    assert await ledger.append(write(tenant, "tenant", "tenant.created")) == 0
    return tenant


def counts(key: str, amount: float = 1.0, *, live: bool = True) -> Contribution:
    return Contribution(key=key, amount=amount, live=live)


def row(action_id: str, **changed: Json) -> dict[str, Json]:
    """Make a read model row as ``domain.standing.summary`` does."""
    return {
        "action_id": action_id,
        "version": 0,
        "digest": "sha256:" + "0" * 64,
        "phase": "HELD",
        "verdict": "STEP_UP",
        "effective": "STEP_UP",
        "stage": "enforce",
        "disposition": None,
        "outcome": None,
        "tool": "payments.transfer",
        "action_class": "payment",
        "risk": "high",
        "agent": "paybot",
        "agent_owner": "olga",
        "principal": "paul",
        "session": "s-1",
        "environment": "prod",
        "bundle": "sha256:" + "1" * 64,
        "rules": ["large-payment"],
        "asked": ["treasury"],
        "approvers": [],
        "approvals": 0,
        "quorum": 1,
        "requested_at": AT,
        "next_deadline": "2026-11-22T11:00:00.000000Z",
        "held_until": "2026-11-22T11:00:00.000000Z",
        **changed,
    }
