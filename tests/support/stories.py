"""Builders for stories: what is given, what is commanded, what is added.

``Given(held(quorum=2), approved(GRACE)).when(vote(ADA))`` reads as it runs. Times are seconds after
``START``; a builder's defaults make the story that nobody objects to.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce

from counterseal.core.action import Action, action_digest, action_id
from counterseal.core.canonical import Json
from counterseal.core.policy.decision import BundleName, Decision, facts_digest
from counterseal.core.policy.facts import Facts
from counterseal.core.policy.route import Need, Route, Step
from counterseal.core.words import FailMode, Outcome, Risk, Stage, Verdict
from domain.commands import (
    Ask,
    AskOtherwise,
    Command,
    Flaw,
    Redeem,
    Report,
    Vote,
    Wake,
    Withdraw,
)
from domain.events import Event, Fact, VoteCounted
from domain.evolution import evolve
from domain.lifecycle import decide, replay
from domain.states import State

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)

TENANT = "acme"
AGENT = "agent:paybot"
OTHER_AGENT = "agent:mailbot"
OWNER = "olga"
PRINCIPAL = "paul"
ADA = "ada"
GRACE = "grace"
KEN = "ken"
MALLORY = "mallory"
TREASURY = "treasury"
SECURITY = "security"
CHIEFS = "chiefs"

EXCLUDED = (AGENT, OWNER, "olga@home", PRINCIPAL, "paul@home")

ACTION = Action(
    id=action_id(TENANT, AGENT, "order-4411"),
    tenant=TENANT,
    agent=AGENT,
    principal=PRINCIPAL,
    environment="production",
    tool="payments.transfer",
    arguments={"amount": "1200.00", "to": "DE02120300000000202051"},
)
DIGEST = action_digest(ACTION)
OTHER_DIGEST = "sha256:" + "0" * 64
GRANT = ACTION.id.replace("act_", "grt_", 1)
FORGED = Flaw(code="forged", sentence="no gateway of ours signed this message.")

GRANT_TTL = 900
RECEIPT_TTL = 3600

Story = Event | Iterable[Event]


def at(seconds: float = 0) -> datetime:
    """Tell the time ``seconds`` after the action was asked for."""
    return START + timedelta(seconds=seconds)


def need(
    *groups: str, quorum: int = 1, escalation: Iterable[tuple[int, tuple[str, ...]]] = ()
) -> Need:
    """Write one need; ``escalation`` as (seconds, groups)."""
    return Need(
        groups=groups,
        quorum=quorum,
        escalation=tuple(Step(after=after, groups=names) for after, names in escalation),
    )


def route(
    *needs: Need,
    quorum: int = 1,
    timeout: int = 3600,
    remind_every: int | None = None,
    deny_threshold: int = 1,
    on_timeout: Verdict = Verdict.BLOCK,
) -> Route:
    """Write a route: ``quorum`` of treasury, unless ``needs`` say otherwise."""
    return Route(
        needs=needs or (need(TREASURY, quorum=quorum),),
        timeout=timeout,
        remind_every=remind_every,
        deny_threshold=deny_threshold,
        on_timeout=on_timeout,
    )


def decision(
    effective: Verdict = Verdict.STEP_UP,
    *,
    by: Route | None = None,
    verdict: Verdict | None = None,
    contributes: dict[str, float] | None = None,
) -> Decision:
    """Write what policy said: ``effective`` by the rule ``large-transfer``."""
    facts = Facts(at=START, agent_owner=OWNER)
    return Decision(
        verdict=verdict or effective,
        effective=effective,
        action_class="payments.transfer",
        risk=Risk.HIGH,
        stage=Stage.ENFORCE,
        fail_mode=FailMode.CLOSED,
        determining=("large-transfer",),
        route=by,
        for_agent="A person has to agree.",
        grant_ttl=GRANT_TTL,
        receipt_ttl=RECEIPT_TTL,
        contributes=contributes or {},
        facts=facts,
        facts_digest=facts_digest(facts),
        bundle=BundleName(name="acme-payments", version="7", digest="sha256:" + "b" * 64),
        engine="cel-expr-python",
    )


def ask(
    judged: Decision | None = None,
    *,
    seconds: float = 0,
    action: Action = ACTION,
    excluded: tuple[str, ...] = EXCLUDED,
    **judged_by: object,
) -> Ask:
    """Ask, as judged, or held by the route that ``judged_by`` describes."""
    return Ask(
        at=at(seconds),
        action=action,
        digest=action_digest(action),
        key_id="key_1",
        agent_owner=OWNER,
        excluded=excluded,
        justification="invoice 4411 is due",
        decision=judged or decision(by=route(**judged_by)),  # type: ignore[arg-type]
    )


def ask_otherwise(
    digest: str = OTHER_DIGEST, *, seconds: float = 1, request_id: str = "request-1"
) -> AskOtherwise:
    """Ask again under the same ID, with other content."""
    return AskOtherwise(at=at(seconds), request_id=request_id, by=AGENT, digest=digest)


def vote(  # noqa: PLR0913 - a builder has as many words as its command
    person: str = ADA,
    *,
    seconds: float = 10,
    approve: bool = True,
    groups: tuple[str, ...] = (TREASURY,),
    aliases: tuple[str, ...] = (),
    vote_id: str | None = None,
    digest: str = DIGEST,
    flaw: Flaw | None = None,
    reason: str = "matches the invoice",
) -> Vote:
    """Answer as ``person`` of treasury."""
    return Vote(
        at=at(seconds),
        vote_id=vote_id or f"vote-{person}",
        person=person,
        aliases=aliases,
        groups=groups,
        approve=approve,
        reason=reason,
        digest=digest,
        channel="web",
        assurance="web_sso",
        flaw=flaw,
    )


def wake(seconds: float) -> Wake:
    """Let time pass."""
    return Wake(at=at(seconds))


def withdraw(
    by: str = AGENT,
    *,
    seconds: float = 20,
    request_id: str = "withdrawal-1",
    flaw: Flaw | None = None,
) -> Withdraw:
    """Take the question back."""
    return Withdraw(at=at(seconds), request_id=request_id, by=by, reason="paid by hand", flaw=flaw)


def redeem(
    by: str = AGENT,
    *,
    seconds: float = 30,
    redemption_id: str = "redemption-1",
    grant_id: str = GRANT,
    digest: str = DIGEST,
    executor_key: str | None = None,
    flaw: Flaw | None = None,
) -> Redeem:
    """Use the grant."""
    return Redeem(
        at=at(seconds),
        redemption_id=redemption_id,
        by=by,
        grant_id=grant_id,
        digest=digest,
        executor_key=executor_key,
        flaw=flaw,
    )


def report(
    outcome: Outcome = Outcome.SUCCEEDED,
    *,
    by: str = AGENT,
    seconds: float = 40,
    request_id: str = "receipt-1",
    redemption_id: str = "redemption-1",
    digest: str = DIGEST,
    signed_by: str | None = None,
) -> Report:
    """Say what happened."""
    return Report(
        at=at(seconds),
        request_id=request_id,
        by=by,
        redemption_id=redemption_id,
        digest=digest,
        outcome=outcome,
        detail="transfer 77",
        signature="c2ln" if signed_by else None,
        signed_by=signed_by,
    )


def held(*needs: Need, **judged_by: object) -> tuple[Event, ...]:
    """Tell the story of an action that waits for people."""
    judged = decision(by=route(*needs, **judged_by))  # type: ignore[arg-type]
    return decide(replay(()), ask(judged))


def granted(effective: Verdict = Verdict.ALLOW) -> tuple[Event, ...]:
    """Tell the story of an action that was allowed at once."""
    return decide(replay(()), ask(decision(effective)))


def redeemed(*, executor_key: str | None = None) -> tuple[Event, ...]:
    """Tell the story of an action whose grant was used."""
    return Given(granted()).story_after(redeem(executor_key=executor_key))


def closed(outcome: Outcome = Outcome.SUCCEEDED) -> tuple[Event, ...]:
    """Tell the story of an action that was run and reported."""
    return Given(redeemed()).story_after(report(outcome))


def approved(
    person: str,
    *,
    seconds: float = 5,
    groups: tuple[str, ...] = (TREASURY,),
    approve: bool = True,
    aliases: tuple[str, ...] = (),
) -> VoteCounted:
    """Record that ``person`` agreed."""
    return VoteCounted(
        at=at(seconds),
        vote_id=f"vote-{person}",
        person=person,
        aliases=aliases,
        groups=groups,
        approve=approve,
        reason="matches the invoice",
        digest=DIGEST,
        channel="web",
        assurance="web_sso",
    )


def json_of(story: Iterable[Event]) -> list[dict[str, Json]]:
    """Write a story as the ledger is given it."""
    return [event.model_dump(mode="json") for event in story]


def kinds(story: Iterable[Event]) -> list[str]:
    """Name what happened, in order."""
    return [event.kind for event in story]


class Given:
    """Everything recorded so far."""

    def __init__(self, *story: Story) -> None:
        self.story: tuple[Event, ...] = ()
        for part in story:
            self.story += (part,) if isinstance(part, Fact) else tuple(part)

    @property
    def state(self) -> State:
        """Where the action stands."""
        return replay(self.story)

    def when(self, *commands: Command) -> tuple[Event, ...]:
        """Obey ``commands`` one after the other and return what they add."""
        added: tuple[Event, ...] = ()
        state = self.state
        for command in commands:
            news = decide(state, command)
            state = reduce(evolve, news, state)
            added += news
        return added

    def story_after(self, *commands: Command) -> tuple[Event, ...]:
        """Tell the whole story, commands included."""
        return (*self.story, *self.when(*commands))

    def after(self, *commands: Command) -> "Given":
        """Go on from there."""
        return Given(self.story_after(*commands))
