"""Fill a tenant with a past: real stories, through the append function, in large batches.

A few hundred stories are told by the domain and then told again and again: other IDs, digests and
instants put into their canonical text. So every event is in the log and its tree, every link and
digest holds, and every row of the read model is made as it always is. A story comes in one append,
or in two if people were asked, where it really comes in up to five.

Example: python -m bench.history_data postgresql://… --tenant history --events 1000000 --days 90
"""

import argparse
import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce

from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.pool import open_pool
from counterseal.core.action import Action, action_digest, action_id
from counterseal.core.canonical import Json, canonical
from counterseal.core.links import Sealed, leaf_hash, seal
from counterseal.core.model import instant_text
from counterseal.core.policy.decision import BundleName, Decision, facts_digest
from counterseal.core.policy.facts import Facts
from counterseal.core.policy.route import Need, Route
from counterseal.core.words import FailMode, Outcome, Risk, Stage, Verdict
from domain.administration import TENANT_STREAM, TenantCreated
from domain.commands import Ask, Command, Redeem, Report, Vote, Wake
from domain.events import Event
from domain.evolution import evolve
from domain.lifecycle import decide
from domain.ports import Entry, Ledger, StreamMoved
from domain.refusals import late_stream, refuse
from domain.standing import summary
from domain.states import Closed, State, Unseen

TOLD_AT = datetime(2001, 1, 1, tzinfo=UTC)
TOLD_ID = "act_" + "e" * 32
AGENTS = 24
AT_ONCE = 1024
CLASSES = {  # class: its tools, its risk, its share
    "reading": (("get_order", "search_orders", "get_customer"), Risk.LOW, 45),
    "mailing": (("send_email", "send_message"), Risk.MEDIUM, 20),
    "refunding": (("refund_order",), Risk.HIGH, 22),
    "paying": (("pay_invoice", "transfer"), Risk.CRITICAL, 10),
    "deleting": (("delete_customer",), Risk.HIGH, 3),
}
_INSTANTS = ("requested_at", "next_deadline", "held_until")
PEOPLE = tuple(f"person-{number}" for number in range(8))


Texts = tuple[tuple[str, str], ...]
"""Events: kind and canonical text."""

Row = dict[str, Json]


@dataclass(frozen=True)
class Told:
    """A story as text that can be told again of another action, and its row of the read model."""

    action: Action
    facts: Facts
    parts: tuple[tuple[Texts, Row], ...]
    late: Texts
    moments: frozenset[datetime]

    @property
    def size(self) -> int:
        """Count its events."""
        return sum(len(events) for events, _ in self.parts) + len(self.late)


def stories(chance: random.Random, count: int) -> list[Told]:
    """Have the domain tell some stories."""
    shares = [share for _, _, share in CLASSES.values()]
    return [_told(chance, each) for each in chance.choices([*CLASSES], shares, k=count)]


async def fill(
    ledger: Ledger, tenant: str, events: int, days: int, until: datetime, seed: int = 7
) -> int:
    """Record at least so many events of the ``days`` before ``until``; answers how many actions."""
    chance = random.Random(seed)  # noqa: S311 - the same past each time
    await _found(ledger, tenant)
    known, written, actions = stories(chance, 400), 0, 0
    mean = sum(each.size for each in known) / len(known)
    apart = timedelta(days=days) / (events / mean)
    at = until - timedelta(days=days)
    while written < events:
        batch: list[Entry] = []
        for _ in range(AT_ONCE):
            at = min(at + apart, until)
            batch += _again(chance.choice(known), tenant, actions, at)
            actions += 1
        # The late ones follow the stories they are beside.
        await asyncio.gather(*(ledger.append(each) for each in batch))
        written += sum(len(each.events) for each in batch)
    return actions


async def _found(ledger: Ledger, tenant: str) -> None:
    event = TenantCreated(at=TOLD_AT, tenant=tenant, by="bench").model_dump(mode="json")
    sealed = seal(tenant, TENANT_STREAM, (-1, None), [event])
    with suppress(StreamMoved):  # it was there before
        await ledger.append(Entry(tenant=tenant, stream=TENANT_STREAM, expected=-1, events=sealed))


def _told(chance: random.Random, action_class: str) -> Told:
    tools, risk, _ = CLASSES[action_class]
    agent = f"agent:{action_class}-{chance.randrange(AGENTS // len(CLASSES))}"
    action = Action(
        id=TOLD_ID,
        tenant="told",
        agent=agent,
        principal=f"customer-{chance.randrange(200)}",
        environment=chance.choice(["production"] * 9 + ["staging"]),
        session=f"session-{chance.randrange(1000)}",
        tool=chance.choice(tools),
        arguments={"order_id": "order-4411", "amount": "129.90", "reason": "arrived broken"},
    )
    decision = _decision(chance, action_class, risk)
    ask = Ask(
        at=TOLD_AT,
        action=action,
        digest=action_digest(action),
        key_id="bench",
        agent_owner="owner",
        excluded=(agent, "owner"),
        decision=decision,
    )
    state: State = Unseen()
    asked = decide(state, ask)
    state = reduce(evolve, asked, state)
    parts = [(asked, state)]
    answered: tuple[Event, ...] = ()
    for command in _commands(chance, ask):
        added = decide(state, command)
        state = reduce(evolve, added, state)
        answered += added
    if decision.route is None:
        parts = [((*asked, *answered), state)]
    elif answered:
        parts.append((answered, state))
    late: tuple[Event, ...] = ()
    if isinstance(state, Closed) and chance.random() < 0.02:  # noqa: PLR2004 - one in fifty
        late = refuse(state, _vote(ask, "person-9", timedelta(hours=9)))
    texts = [*(_texts(events) for events, _ in parts), _texts(late)]
    return Told(
        action,
        decision.facts,
        tuple((_texts(events), summary(stands, 0)) for events, stands in parts),
        _texts(late),
        _moments(*(each for few in texts for each in few)),
    )


def _decision(chance: random.Random, action_class: str, risk: Risk) -> Decision:
    verdict = {
        Risk.LOW: Verdict.ALLOW,
        Risk.MEDIUM: chance.choices([*Verdict], [90, 8, 2])[0],
        Risk.HIGH: chance.choices([*Verdict], [40, 50, 10])[0],
        Risk.CRITICAL: chance.choices([*Verdict], [5, 80, 15])[0],
    }[risk]
    rules = {
        Verdict.ALLOW: ("default",),
        Verdict.STEP_UP: (f"{action_class}-large", f"{action_class}-unknown-payee"),
        Verdict.BLOCK: (f"{action_class}-tainted", f"{action_class}-forbidden"),
    }[verdict]
    facts = Facts(at=TOLD_AT, agent_owner="owner")
    need = Need(groups=("support-leads",), quorum=chance.choice([1, 2, 2]))
    return Decision(
        verdict=verdict,
        effective=verdict,
        action_class=action_class,
        risk=risk,
        stage=Stage.ENFORCE,
        fail_mode=FailMode.CLOSED,
        determining=tuple(chance.sample(rules, k=chance.randint(1, len(rules)))),
        route=Route(needs=(need,), timeout=14_400) if verdict is Verdict.STEP_UP else None,
        for_agent="A person has to agree.",
        grant_ttl=900,
        receipt_ttl=3600,
        facts=facts,
        facts_digest=facts_digest(facts),
        bundle=BundleName(name="bench", version="1", digest="sha256:" + "b" * 64),
        engine="bench",
    )


def _commands(chance: random.Random, ask: Ask) -> Iterator[Command]:
    after = timedelta(seconds=chance.choice([1.5, 4, 12, 45, 200, 1800]))
    people = chance.sample(PEOPLE, k=3) if ask.decision.route else []
    if people and chance.random() < 0.1:  # noqa: PLR2004 - one in ten votes for themselves
        yield _vote(ask, "owner", after)
    for nth, person in enumerate(people[: chance.choice([2, 2, 2, 3])], 1):
        yield _vote(ask, person, after * nth, approve=chance.random() < 0.93)  # noqa: PLR2004 - most agree
    at = TOLD_AT + after * 4
    redeem = Redeem(
        at=at,
        redemption_id="redemption-1",
        by=ask.action.agent,
        grant_id=TOLD_ID.replace("act_", "grt_"),
        digest=ask.digest,
    )
    if chance.random() < 0.95:  # noqa: PLR2004 - few never run
        yield redeem
        if chance.random() < 0.02:  # noqa: PLR2004 - some try twice
            yield redeem.model_copy(update={"redemption_id": "redemption-2"})
        yield Report(
            at=at + timedelta(seconds=1),
            request_id="receipt-1",
            by=ask.action.agent,
            redemption_id="redemption-1",
            digest=ask.digest,
            outcome=chance.choice([Outcome.SUCCEEDED] * 9 + [Outcome.FAILED]),
        )
    yield Wake(at=TOLD_AT + timedelta(hours=8))


def _vote(ask: Ask, person: str, after: timedelta, *, approve: bool = True) -> Vote:
    return Vote(
        at=ask.at + after,
        vote_id=f"vote-{person}",
        person=person,
        groups=("support-leads",),
        approve=approve,
        reason="matches the order and the photos",
        digest=ask.digest,
        channel="api",
        assurance="api_key",
    )


def _texts(events: tuple[Event, ...]) -> Texts:
    return tuple((each.kind, canonical(each.model_dump(mode="json")).decode()) for each in events)


def _again(told: Told, tenant: str, number: int, at: datetime) -> Iterator[Entry]:
    """Tell a story again, of another action at another time."""
    named = action_id(tenant, told.action.agent, str(number))
    action = told.action.model_copy(update={"id": named, "tenant": tenant})
    digest = action_digest(action)
    changes = {
        TOLD_ID: named,
        TOLD_ID.replace("act_", "grt_"): named.replace("act_", "grt_"),
        action_digest(told.action): digest,
        facts_digest(told.facts): facts_digest(told.facts.model_copy(update={"at": at})),
        '"tenant":"told"': f'"tenant":"{tenant}"',
    }
    shift = at - TOLD_AT
    for moment in told.moments:
        changes[instant_text(moment)] = instant_text(moment + shift)
    after: tuple[int, bytes | None] = (-1, None)
    for events, row in told.parts:
        entry = _entry(tenant, named, after, _changed(events, changes))
        moved = {
            name: instant_text(datetime.fromisoformat(str(row[name])) + shift)
            for name in _INSTANTS
            if row[name]
        }
        own = {"action_id": named, "digest": digest, "version": entry.events[-1].version}
        yield entry.model_copy(update={"table": "action", "summary": {**row, **moved, **own}})
        after = entry.events[-1].version, entry.events[-1].link
    if told.late:
        yield _entry(tenant, late_stream(named), (-1, None), _changed(told.late, changes))


def _moments(*told: tuple[str, str]) -> frozenset[datetime]:
    """Find every instant that is written: deadlines move with what they follow from."""
    return frozenset(
        datetime.fromisoformat(part)
        for _, text in told
        for part in text.split('"')
        if part.startswith("2001-") and part.endswith("Z")
    )


def _changed(events: Texts, changes: dict[str, str]) -> Texts:
    told = events
    for old, new in changes.items():
        told = tuple((kind, text.replace(old, new)) for kind, text in told)
    return told


def _entry(tenant: str, stream: str, after: tuple[int, bytes | None], events: Texts) -> Entry:
    """Write events as ``seal`` does, without reading their text."""
    sealed: list[Sealed] = []
    version, previous = after
    for kind, text in events:
        version += 1
        before = f'"{previous.hex()}"' if previous else "null"
        written = (
            f'{{"event":{text},"prev":{before},"stream":"{stream}","tenant":"{tenant}",'
            f'"v":1,"version":{version}}}'
        ).encode()
        sealed.append(Sealed(tenant, stream, version, kind, written, previous))
        previous = leaf_hash(written)
    return Entry(tenant=tenant, stream=stream, expected=after[0], events=tuple(sealed))


async def _main(options: argparse.Namespace) -> None:
    began = time.perf_counter()
    async with open_pool(options.dsn, patience=60) as pool:
        ledger = PostgresLedger(pool, patience=60)
        now = datetime.now(UTC)
        actions = await fill(ledger, options.tenant, options.events, options.days, now)
        if options.admin:
            async with open_pool(options.admin, size=1, patience=600) as admin:
                await admin.execute("VACUUM ANALYZE")
    spent = time.perf_counter() - began
    print(f"{actions} actions, at least {options.events} events in {spent:.0f} s")


def main() -> None:
    """Fill a tenant from the command line."""
    given = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    given.add_argument("dsn", help="where the application connects")
    given.add_argument("--admin", help="where an administrator connects, to VACUUM ANALYZE after")
    given.add_argument("--tenant", default="history")
    given.add_argument("--events", type=int, default=1_000_000)
    given.add_argument("--days", type=int, default=90)
    asyncio.run(_main(given.parse_args()))


if __name__ == "__main__":
    main()
