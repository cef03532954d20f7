"""Stories as packages tell them: events of several streams, laid out as a log."""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain

from counterseal.core.action import Action, action_digest, action_id
from counterseal.core.canonical import Json
from counterseal.core.links import seal
from counterseal.core.policy.decision import ClauseFinding, Decision, RuleFinding
from counterseal.core.words import Outcome, Risk, Stage, Verdict
from domain.commands import Ask, Command
from domain.events import Event
from domain.evidence.story import PackageStory, StoryEvent
from domain.lifecycle import decide, replay
from domain.refusals import late_stream, refuse
from tests.support.stories import (
    ACTION,
    ADA,
    AGENT,
    CHIEFS,
    FORGED,
    GRACE,
    GRANT_TTL,
    KEN,
    MALLORY,
    OTHER_AGENT,
    OTHER_DIGEST,
    OWNER,
    RECEIPT_TTL,
    TENANT,
    TREASURY,
    Given,
    ask,
    ask_otherwise,
    decision,
    json_of,
    need,
    redeem,
    report,
    route,
    vote,
    wake,
    withdraw,
)

Recorded = Mapping[str, Json]
NINE = "2026-01-01T09:00:00.000000Z"
COMMITTED = "sha256:" + "c" * 64

SYSTEM: dict[str, tuple[Recorded, ...]] = {
    "tenant": ({"kind": "tenant.created", "tenant": TENANT, "by": "root", "rehearsal_of": None},),
    "keys": (
        {
            "kind": "key.issued",
            "key_id": "key_1",
            "role": "agent",
            "subject": AGENT,
            "environment": "production",
            "secret_hash": "5" * 64,
            "by": "root",
        },
        {"kind": "key.revoked", "key_id": "key_0", "by": "root"},
    ),
    "roster": (
        {
            "kind": "roster.changed",
            "roster": {
                "people": [{"id": ADA, "name": "Ada L.", "aliases": [], "groups": [TREASURY]}],
                "agents": [{"id": AGENT, "owner": OWNER, "labels": [], "principals": []}],
            },
            "by": "root",
        },
    ),
    "bundles": (
        {
            "kind": "bundle.activated",
            "name": "acme-payments",
            "version": "7",
            "digest": "sha256:" + "b" * 64,
            "bundle": {"rules": []},
            "by": "root",
            "replaces": None,
        },
    ),
    "exports": (
        {
            "kind": "evidence.exported",
            "by": "auditor:ines",
            "role": "auditor",
            "purpose": "quarterly review",
            "scope": {"kind": "actions"},
            "profile": "full",
            "size": 40,
            "disclosed": [{"action": ACTION.id, "pointer": "/to"}],
        },
    ),
    "ledger": (
        {
            "kind": "ledger.sealed",
            "start": 0,
            "end": 40,
            "kinds": {"action.requested": 9, "action.closed": 8},
            "decisions": {"payments.transfer|high|STEP_UP": 7},
            "closed": {"APPROVED|SUCCEEDED": 1},
        },
    ),
    "checks": (
        {
            "kind": "ledger.verified",
            "size": 40,
            "root": "7" * 64,
            "checkpoints": 3,
            "found": 0,
            "findings": [],
            "by": "schedule",
        },
        {
            "kind": "ledger.verified",
            "size": 40,
            "root": "8" * 64,
            "checkpoints": 3,
            "found": 1,
            "findings": [{"code": "event-changed", "sentence": "Event 7 was changed.", "seq": 7}],
            "by": "schedule",
        },
    ),
}
"""One event of each kind that belongs to no action."""

CUSTODY: tuple[Recorded, ...] = (
    {
        "kind": "data.revealed",
        "action": ACTION.id,
        "by": "auditor:ines",
        "role": "auditor",
        "pointers": ["/to"],
        "why": "review",
    },
    {
        "kind": "data.shredded",
        "action": ACTION.id,
        "by": "root",
        "because": "asked to be forgotten",
        "pointers": ["/to"],
        "request": "DSR-7",
    },
)


def told(streams: Mapping[str, Iterable[Recorded]]) -> tuple[StoryEvent, ...]:
    """Lay streams out as a log, one after the other, each event sealed as the ledger does it."""
    whole = {
        stream: [{"at": NINE, **each} for each in events] for stream, events in streams.items()
    }
    sealed = chain.from_iterable(
        seal(TENANT, stream, (-1, None), events) for stream, events in whole.items()
    )
    bodies = chain.from_iterable(whole.values())
    return tuple(
        StoryEvent(
            seq=seq,
            stream=one.stream,
            version=one.version,
            leaf=one.link.hex(),
            kind=one.kind,
            at=str(body["at"]),
            event=body,
        )
        for seq, (one, body) in enumerate(zip(sealed, bodies, strict=True))
    )


def withheld(one: StoryEvent) -> StoryEvent:
    """Keep only the place and the hash of an event."""
    return StoryEvent(one.seq, one.stream, one.version, one.leaf, None, None, None)


def package(
    events: Iterable[StoryEvent],
    *,
    disclosures: Mapping[tuple[str, str], str] | None = None,
    shredded: Iterable[str] = (),
    purpose: str = "quarterly review",
) -> PackageStory:
    """Write the story of a package that holds ``events``."""
    every = tuple(events)
    return PackageStory(
        log=f"counterseal.local/{TENANT}",
        tenant=TENANT,
        tree_size=len(every),
        root="3q2+7w==",
        level="witnessed",
        witnesses=("witness.example/w1",),
        exported_at="2026-01-02T08:00:00.000000Z",
        requested_by="auditor:ines",
        purpose=purpose,
        profile="full",
        scope="actions of 1 January 2026",
        events=every,
        disclosures=disclosures or {},
        shredded=frozenset(shredded),
    )


def recorded(story: Iterable[Event]) -> tuple[Recorded, ...]:
    """Write events of the domain as they are kept."""
    return tuple(json_of(story))


def one_action(
    asked: Ask, *commands: Command, late: Iterable[Command] = ()
) -> dict[str, tuple[Recorded, ...]]:
    """Tell an action by its commands, and beside it what came too late."""
    story = Given(decide(replay(()), asked)).story_after(*commands)
    action = asked.action.id
    streams = {action: recorded(story)}
    state = replay(story)
    refused = [each for command in late for each in refuse(state, command)]  # type: ignore[arg-type] # closed by now
    return {**streams, late_stream(action): recorded(refused)} if refused else streams


def numbered(number: int, **changed: Json) -> Action:
    """Make another action like ``ACTION``."""
    fields = {**ACTION.model_dump(), "id": action_id(TENANT, AGENT, f"order-{number}"), **changed}
    return Action.model_validate(fields)


def explained(effective: Verdict = Verdict.STEP_UP, **judged_by: object) -> Decision:
    """Write a decision with a rule that fired and one that just missed."""
    clause = ClauseFinding(
        name="amount over the limit",
        section="when",
        holds=True,
        readings={"args.amount": "1200.00"},
        thresholds={"limit": 1000},
    )
    unread = ClauseFinding(name="payee is known", section="unless", holds=None, error="no such key")
    fired = RuleFinding(
        rule="large-transfer",
        title="Large transfers need two people",
        owner="treasury",
        controls=("SOX-4",),
        verdict=Verdict.BLOCK if effective is Verdict.STEP_UP else effective,
        effective=effective,
        stage=Stage.PROGRESSIVE,
        message="Somebody of treasury has to agree.",
        clauses=(clause, unread),
    )
    missed = fired.model_copy(update={"rule": "night-transfer", "title": "Nothing at night"})
    by = route(**judged_by) if effective is Verdict.STEP_UP else None  # type: ignore[arg-type]
    return decision(effective, by=by, verdict=fired.verdict).model_copy(
        update={"fired": (fired,), "near_misses": (missed,), "risk": Risk.HIGH}
    )


def every_ending() -> dict[str, tuple[Recorded, ...]]:
    """Tell actions of every disposition and outcome, with refusals, reminders and an escalation."""
    held = route(
        need(TREASURY, quorum=2, escalation=[(1800, (CHIEFS,))]), remind_every=900, timeout=7200
    )
    sealed_up = {"amount": "1200.00", "to": {"$committed": COMMITTED}}
    first = ACTION.model_copy(update={"arguments": sealed_up, "session": "session-9"})
    digest = action_digest(first)
    yes = vote(ADA, digest=digest, seconds=1)
    endings = [
        one_action(
            ask(explained().model_copy(update={"route": held}), action=first),
            yes,
            vote(OWNER, digest=digest, seconds=60),
            vote(ADA, digest=digest, seconds=70, vote_id="again"),
            vote(KEN, digest=OTHER_DIGEST, seconds=80),
            vote(MALLORY, digest=digest, seconds=90, flaw=FORGED),
            ask_otherwise(seconds=100),
            withdraw(OTHER_AGENT, seconds=110),
            wake(901),
            wake(1801),
            vote(GRACE, digest=digest, seconds=2000, groups=(CHIEFS,)),
            redeem(OTHER_AGENT, digest=digest, seconds=2010, redemption_id="stolen"),
            redeem(digest=OTHER_DIGEST, seconds=2020, redemption_id="changed"),
            redeem(digest=digest, seconds=2030),
            redeem(digest=digest, seconds=2040, redemption_id="second"),
            report(digest=OTHER_DIGEST, seconds=2050, request_id="receipt-0"),
            report(digest=digest, seconds=2060),
            late=(
                vote(KEN, digest=digest, seconds=9000),
                redeem(digest=digest, seconds=9010, redemption_id="late"),
                report(Outcome.FAILED, digest=digest, seconds=9020, request_id="receipt-9"),
            ),
        ),
        _other(1, Verdict.ALLOW, redeem, report),
        _other(2, Verdict.ALLOW, redeem, lambda **of: report(Outcome.FAILED, **of)),
        _other(3, Verdict.ALLOW, redeem, late=wake(30 + RECEIPT_TTL)),
        _other(4, Verdict.ALLOW, late=wake(GRANT_TTL)),
        _other(5, Verdict.BLOCK),
        _other(6, Verdict.STEP_UP, lambda **of: vote(approve=False, reason="not ours", **of)),
        _other(7, Verdict.STEP_UP, late=wake(3600)),
        _other(8, Verdict.STEP_UP, late=withdraw()),
        _other(9, Verdict.STEP_UP),
    ]
    return {stream: events for each in endings for stream, events in each.items()}


def whole_log() -> dict[str, tuple[Recorded, ...]]:
    """Tell everything: the system's events, every ending, who saw sealed values and their end."""
    return {**SYSTEM, **every_ending(), f"{ACTION.id}:data": CUSTODY}


def _other(
    number: int,
    effective: Verdict,
    *answers: Callable[..., Command],
    late: Command | None = None,
) -> dict[str, tuple[Recorded, ...]]:
    action = numbered(number)
    mine = {"digest": action_digest(action)}
    commands = [_fitting(answer, action, mine) for answer in answers]
    return one_action(
        ask(explained(effective), action=action), *commands, *([late] if late else [])
    )


def _fitting(answer: Callable[..., Command], action: Action, mine: dict[str, str]) -> Command:
    if answer is redeem:
        return redeem(grant_id=action.id.replace("act_", "grt_", 1), **mine)  # type: ignore[arg-type] # texts all
    return answer(**mine)
