"""What must be true of every ledger, whatever has happened to the processes around it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

import asyncpg

from counterseal.core.canonical import Json
from counterseal.core.links import flaws, leaf_hash, unseal
from counterseal.core.tlog.tree import Frontier
from domain.events import (
    ActionClosed,
    Event,
    ExecutionReported,
    ExecutionUnknown,
    GrantIssued,
    GrantRedeemed,
    VoteCounted,
    read_event,
)
from domain.evolution import BrokenStory
from domain.lifecycle import replay
from domain.standing import summary

_BESIDE = (":late", ":data")
"""Streams that stand beside an action's own."""


async def broken_promises(admin_dsn: str, tenant: str | None = None) -> list[str]:
    """List what is wrong with everything recorded of one tenant, or of all. Empty is good."""
    db = await asyncpg.connect(admin_dsn)
    try:
        async with db.transaction(isolation="repeatable_read", readonly=True):
            only = "" if tenant is None else "WHERE tenant = $1"
            wanted = () if tenant is None else (tenant,)
            events = await db.fetch(
                f"SELECT * FROM ledger.event {only} ORDER BY tenant, seq",  # noqa: S608 - ours
                *wanted,
            )
            rows = await db.fetch(f"SELECT * FROM ledger.action {only}", *wanted)  # noqa: S608 - ours
            outbox = await db.fetch(f"SELECT * FROM ledger.outbox {only}", *wanted)  # noqa: S608 - ours
            heads = await db.fetch(f"SELECT * FROM ledger.tenant_head {only}", *wanted)  # noqa: S608 - ours
    finally:
        await db.close()
    return [
        *_logs(events, heads),
        *_outbox(events, outbox),
        *_streams(events, {(row["tenant"], row["action_id"]): row for row in rows}),
    ]


def _logs(events: Sequence[asyncpg.Record], heads: Sequence[asyncpg.Record]) -> Iterator[str]:
    logs: defaultdict[str, list[int]] = defaultdict(list)
    trees: defaultdict[str, Frontier] = defaultdict(Frontier)
    for event in events:
        logs[event["tenant"]].append(event["seq"])
        trees[event["tenant"]].append(leaf_hash(event["canonical"]))
        if leaf_hash(event["canonical"]) != event["link"]:
            yield f"{event['tenant']} seq {event['seq']}: its link is not the hash of its bytes"
    for head in heads:
        if logs[head["tenant"]] != list(range(head["next_seq"])):
            yield f"{head['tenant']}: seqs are {logs[head['tenant']]}, next {head['next_seq']}"
        if trees[head["tenant"]].root() != head["root"]:
            yield f"{head['tenant']}: its root is not that of its events"


def _outbox(events: Sequence[asyncpg.Record], outbox: Sequence[asyncpg.Record]) -> Iterator[str]:
    written = {(event["tenant"], event["seq"]) for event in events}
    leaving = {(each["tenant"], each["seq"]) for each in outbox}
    if written != leaving:
        yield f"outbox and events differ: {sorted(written ^ leaving)[:10]}"


def _streams(
    events: Sequence[asyncpg.Record], rows: dict[tuple[str, str], asyncpg.Record]
) -> Iterator[str]:
    streams: defaultdict[tuple[str, str], list[bytes]] = defaultdict(list)
    for event in events:
        streams[event["tenant"], event["stream"]].append(event["canonical"])
    for (tenant, stream), written in streams.items():
        yield from flaws(tenant, stream, written)
        if stream.startswith("act_") and not stream.endswith(_BESIDE):
            story = [read_event(unseal(each)["event"]) for each in written]
            yield from (f"{tenant}/{stream}: {flaw}" for flaw in _story(story))
            yield from _row(tenant, stream, story, rows.get((tenant, stream)))
    for key in rows.keys() - streams.keys():
        yield f"{key}: a row of the read model without a story"


def _story(story: Sequence[Event]) -> Iterator[str]:
    redeemed = [event for event in story if isinstance(event, GrantRedeemed)]
    ran = [event for event in story if isinstance(event, ExecutionReported | ExecutionUnknown)]
    if len(redeemed) > 1:
        yield f"redeemed {len(redeemed)} times"
    if len(ran) > len(redeemed):
        yield f"{len(ran)} executions of {len(redeemed)} redemptions"
    if len({each.grant_id for each in story if isinstance(each, GrantIssued)}) > 1:
        yield "more than one grant"
    counted = [event.person for event in story if isinstance(event, VoteCounted)]
    if len({*counted}) < len(counted):
        yield f"somebody was counted twice: {counted}"
    if sum(isinstance(event, ActionClosed) for event in story) > 1:
        yield "closed twice"
    binding = [event for event in story if not event.kind.endswith(".refused")]
    digests = {event.digest for event in binding if getattr(event, "digest", None)}  # type: ignore[union-attr] # just asked
    if len(digests) != 1:
        yield f"{len(digests)} digests: {digests}"
    times = [event.at for event in story]
    if times != sorted(times):
        yield "time ran backwards"


def _row(
    tenant: str, stream: str, story: Sequence[Event], row: asyncpg.Record | None
) -> Iterator[str]:
    try:
        told = summary(replay(story), len(story) - 1)
    except (BrokenStory, AssertionError) as error:
        yield f"{tenant}/{stream} cannot be replayed: {error}"
        return
    if row is None:
        yield f"{tenant}/{stream}: no row in the read model"
        return
    for name, wanted in told.items():
        if _plain(row[name]) != _plain(wanted):
            yield f"{tenant}/{stream}: {name} is {row[name]!r} in the read model, not {wanted!r}"


def _plain(value: Json) -> Json:
    match value:
        case datetime():
            return value
        case str() if value.endswith("Z") and value[:4].isdigit():
            return datetime.fromisoformat(value)
        case list() | tuple():
            return sorted(map(str, value))
        case None:
            return None
        case int() | float():
            return value
        case _:
            return str(value)
