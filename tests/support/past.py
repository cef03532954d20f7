"""A past made up at random, played through the real rules, and a second opinion on it.

The second opinion knows nothing of tables: it reads every event there is, and thinks in lists.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from hypothesis import strategies as st

from activities.recorder import Recorder
from counterseal.core.action import Action, action_id
from counterseal.core.canonical import Json
from counterseal.core.links import unseal
from counterseal.core.policy.decision import Decision
from counterseal.core.words import Risk, Verdict
from domain.commands import Ask, Command
from domain.ports import Ledger
from domain.refusals import late_stream
from tests.support import stories
from tests.support.stories import CHIEFS, OWNER, TREASURY, ask, decision, need, route

HOURS = 26
"""Between two actions, so that a past of a dozen takes a fortnight."""

ESCALATES_AFTER = 60
STRANGE = "ma\x00llory \\u0000"
STEPS = (
    *("approve ada", "approve grace", "approve ada", "approve grace", "deny grace"),
    *("approve ada", "approve grace", "deny ada", "approve olga", "approve lin", "stale ada"),
    *("forged", "escalate", "redeem", "redeem otherwise", "redeem again", "report", "report again"),
    *("withdraw", "withdraw by another", "ask otherwise"),
)
GROUPS = {"ada": (TREASURY,), "grace": (TREASURY, CHIEFS), "lin": (CHIEFS,), OWNER: (TREASURY,)}


@dataclass(frozen=True)
class Deed:
    """One action to be, and what is done about it, each step so many seconds after the last."""

    agent: str
    tool: str
    action_class: str
    risk: Risk
    verdict: Verdict
    effective: Verdict
    rules: tuple[str, ...]
    principal: str | None
    session: str | None
    environment: str
    steps: tuple[tuple[str, float], ...]


deeds = st.builds(
    Deed,
    agent=st.sampled_from(["agent:paybot", "agent:mailbot"]),
    tool=st.sampled_from(["pay", "mail", "read"]),
    action_class=st.sampled_from(["paying", "mailing"]),
    risk=st.sampled_from(Risk),
    verdict=st.sampled_from(Verdict),
    effective=st.sampled_from([*Verdict, Verdict.STEP_UP, Verdict.STEP_UP]),
    rules=st.lists(st.sampled_from(["large", "new-payee", "late"]), max_size=3, unique=True).map(
        tuple
    ),
    principal=st.sampled_from([None, "paul", "petra"]),
    session=st.sampled_from([None, "s-1", "s-2"]),
    environment=st.sampled_from(["production", "staging"]),
    steps=st.lists(
        st.tuples(st.sampled_from(STEPS), st.sampled_from([0.5, 2.999, 3.0, 30.0, 4000.0])),
        max_size=7,
    ).map(tuple),
)


async def play(ledger: Ledger, tenant: str, past: Sequence[Deed]) -> None:
    """Make it happen, as the application would record it."""
    recorder = Recorder(ledger)
    for nth, deed in enumerate(past):
        seconds = nth * HOURS * 3600.0
        asked = _asked(tenant, deed, seconds)
        await recorder.obey(tenant, asked.action.id, asked)
        for number, (step, after) in enumerate(deed.steps):
            seconds += after
            command = _command(asked, step, number, seconds)
            await recorder.obey(tenant, asked.action.id, command)


def _asked(tenant: str, deed: Deed, seconds: float) -> Ask:
    action = Action(
        id=action_id(tenant, deed.agent, uuid.uuid4().hex),
        tenant=tenant,
        agent=deed.agent,
        principal=deed.principal,
        session=deed.session,
        environment=deed.environment,
        tool=deed.tool,
    )
    treasury = need(TREASURY, quorum=2, escalation=[(ESCALATES_AFTER, (CHIEFS,))])
    held = deed.effective is Verdict.STEP_UP
    judged = decision(deed.effective, verdict=deed.verdict, by=route(treasury) if held else None)
    said = {"action_class": deed.action_class, "risk": deed.risk, "determining": deed.rules}
    return ask(judged.model_copy(update=said), seconds=seconds, action=action)


def _command(asked: Ask, step: str, number: int, seconds: float) -> Command:
    verb, _, who = step.partition(" ")
    named, digest, agent = f"{verb}-{number}", asked.digest, asked.action.agent
    grant = asked.action.id.replace("act_", "grt_", 1)
    match verb:
        case "approve" | "deny" | "stale":
            return stories.vote(
                who,
                seconds=seconds,
                approve=verb != "deny",
                groups=GROUPS[who],
                vote_id=named,
                digest=stories.OTHER_DIGEST if verb == "stale" else digest,
                reason="=1+1\x00",
            )
        case "forged":
            return stories.vote(
                STRANGE, seconds=seconds, vote_id=named, digest=digest, flaw=stories.FORGED
            )
        case "escalate":
            return stories.wake(seconds)
        case "redeem":
            other = stories.OTHER_DIGEST if who == "otherwise" else digest
            again = "redemption-2" if who == "again" else "redemption-1"
            return stories.redeem(
                agent, seconds=seconds, digest=other, redemption_id=again, grant_id=grant
            )
        case "report":
            return stories.report(by=agent, seconds=seconds, digest=digest, request_id=named)
        case "withdraw":
            by = "agent:other" if who else agent
            return stories.withdraw(by, seconds=seconds, request_id=named)
        case _:
            return stories.ask_otherwise(seconds=seconds, request_id=named)


@dataclass
class Known:
    """Everything there is to know of a past, as three lists of plain values, latest first."""

    actions: list[dict[str, Any]] = field(default_factory=list)
    votes: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)


async def known(ledger: Ledger, tenant: str, streams: Iterable[str]) -> Known:
    """Read every event, and think."""
    found = Known()
    for stream in streams:
        story = [_event(each) for each in await ledger.read(tenant, stream)]
        late = [_event(each) for each in await ledger.read(tenant, late_stream(stream))]
        action = _action(story)
        found.actions.append(action)
        for seq, event in story:
            if event["kind"] == "vote.counted":
                found.votes.append({**action, **_vote(seq, event, story)})
        for is_late, events in ((False, story), (True, late)):
            for seq, event in events:
                if event["kind"].endswith(".refused"):
                    found.refusals.append({**action, **_refusal(seq, event), "late": is_late})
    found.actions.sort(key=lambda each: (each["at"], each["action_id"]), reverse=True)
    found.votes.sort(key=lambda each: (each["at"], each["seq"]), reverse=True)
    found.refusals.sort(key=lambda each: (each["at"], each["seq"]), reverse=True)
    return found


def _event(recorded: Any) -> tuple[int, dict[str, Any]]:
    event: Any = unseal(recorded.canonical)["event"]
    return recorded.seq, {**event, "at": datetime.fromisoformat(event["at"])}


def _action(story: list[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    events = {event["kind"]: event for _, event in story}
    action = events["action.requested"]["action"]
    judged = Decision.model_validate(events["decision.reached"]["decision"])
    votes = [event["person"] for _, event in story if event["kind"] == "vote.counted"]
    asked = [
        group
        for _, event in story
        if event["kind"] in {"action.held", "hold.escalated"}
        for group in event["asked"]
    ]
    ends = ("action.closed", "CLOSED"), ("grant.redeemed", "REDEEMED"), ("grant.issued", "GRANTED")
    return {
        **{name: action[name] for name in ("tool", "agent", "principal", "session", "environment")},
        "action_id": action["id"],
        "at": events["action.requested"]["at"],
        "state": next((phase for kind, phase in ends if kind in events), "HELD"),
        "verdict": judged.verdict,
        "effective": judged.effective,
        "disposition": events.get("action.settled", {}).get("disposition"),
        "outcome": events.get("action.closed", {}).get("outcome"),
        "action_class": judged.action_class,
        "risk": judged.risk,
        "rule": {*judged.determining},
        "approver": {*votes},
        "asked": {*asked},
        "requested_at": events["action.requested"]["at"],
    }


def _vote(
    seq: int, event: dict[str, Any], story: list[tuple[int, dict[str, Any]]]
) -> dict[str, Any]:
    holds = [each for _, each in story if each["kind"] in {"action.held", "hold.escalated"}]
    asked = [each["at"] for each in holds if {*each["asked"]} & {*event["groups"]}]
    hasty = event["approve"] and event["at"] - min(asked) < timedelta(seconds=3)
    return {
        **{name: event[name] for name in ("at", "vote_id", "approve", "digest", "channel")},
        "seq": seq,
        "approver": {event["person"]},
        "assurance": event["assurance"],
        "reason": event["reason"].replace("\x00", "\u2400"),
        "hasty": hasty,
        "after_hold": (event["at"] - holds[0]["at"]).total_seconds(),
        "after_asked": (event["at"] - min(asked)).total_seconds(),
    }


def _refusal(seq: int, event: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: event[name] for name in ("at", "kind", "code", "digest")},
        "seq": seq,
        "sender": str(event.get("person", event.get("by"))).replace("\x00", "\u2400"),
        "request_id": event.get("vote_id", event.get("request_id")),
        "channel": event.get("channel"),
    }


def fits(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Say whether something is meant by filters."""
    for word, value in wanted.items():
        match word:
            case "since":
                good = row["at"] >= value
            case "until":
                good = row["at"] < value
            case "min_risk":
                good = [*Risk].index(Risk(row["risk"])) >= [*Risk].index(value)
            case _:
                has = row[word]
                good = value in has if isinstance(has, set) else has == value
        if not good:
            return False
    return True


def counted(rows: Iterable[dict[str, Any]], by: Sequence[str]) -> Counter[tuple[Json, ...]]:
    """Count what is alike."""
    counts: Counter[tuple[Json, ...]] = Counter()
    for row in rows:
        each = [_values(row, word) for word in by]
        counts.update(product(*each))
    return counts


def _values(row: dict[str, Any], word: str) -> list[Any]:
    if word == "day":
        return [row["at"].date().isoformat()]
    has = row[word]
    return (sorted(has) or [None]) if isinstance(has, set) else [has]
