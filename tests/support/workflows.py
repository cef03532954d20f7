"""Temporal, Postgres, worker and gate within the test: production's code, on a clock of our own."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, Self, TypeVar

import psutil
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, WorkflowEnvironment
from temporalio.worker import Worker

import worker
from activities.orders import Reply
from activities.recorder import Recorder
from adapters.embedded_postgres import EmbeddedPostgres
from adapters.payload_keys import PayloadKeys, make_payload_keys
from adapters.postgres.facts import PostgresFacts
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.pool import open_pool
from adapters.postgres.seals import PostgresSeals
from counterseal.core.action import Action, action_digest, action_id
from counterseal.core.links import unseal
from counterseal.core.policy.bundle import Bundle
from counterseal.core.policy.load import parse_bundle
from counterseal.core.signing import public_text
from counterseal.core.wire import Ballot, Receipt, Redemption, Withdrawal
from counterseal.core.words import Outcome, Role
from domain.candidate import Candidate, sign_candidate
from domain.events import Event, GrantRedeemed, read_event
from domain.lifecycle import replay
from domain.messages import VoteMessage, sign_message
from domain.roster import Agent, Person, Roster
from domain.standing import Standing, standing
from entrypoints.administration import Administration
from entrypoints.credentials import Caller
from entrypoints.gate import Deadlines, Gate
from entrypoints.release import Release
from entrypoints.settings import DECISION_QUEUE, Settings
from entrypoints.stack import ROOT
from entrypoints.temporal import data_converter
from entrypoints.tokens import GrantTokens, utc_now
from tests.support.invariants import broken_promises
from tests.support.postgres import Database, make_database
from workflows.governed_action import GovernedAction, Opening, workflow_id

__all__ = ["scene", "venue"]

TEMPORAL = ROOT / ".venv" / "bin" / "temporal"
AGENT = "bot"
PEOPLE = {
    "ada": "treasury",
    "grace": "treasury",
    "alan": "chiefs",
    "mary": "security",
    "olga": "treasury",
    "mallory": "nobody",
}
ROSTER = Roster(
    people=tuple(Person(id=name, groups=(group,)) for name, group in PEOPLE.items()),
    agents=(Agent(id=AGENT, owner="olga"),),
)
POLICY = """\
bundle: flow
version: "1"
groups: {treasury: Treasury, chiefs: Heads of treasury, security: Security, nobody: Nobody}
defaults: {route: {groups: [treasury], timeout: 3d}, grant_ttl: 15m, receipt_ttl: 1h}
unknown_tools: {route: {groups: [security], timeout: 1h}}
classes:
  - {id: reading, title: Reading, tools: [read], verdict: ALLOW, risk: low}
  - {id: wiping, title: Wiping, tools: [wipe], verdict: BLOCK, risk: critical}
  - {id: asking, title: One of treasury, tools: [ask], verdict: STEP_UP, risk: high}
  - id: paying
    title: Two of treasury
    tools: [pay]
    verdict: STEP_UP
    risk: high
    route: {groups: [treasury], quorum: 2, timeout: 3d}
  - id: climbing
    title: Treasury, then its heads, then security
    tools: [climb]
    verdict: STEP_UP
    risk: high
    route:
      groups: [treasury]
      timeout: 3d
      remind_every: 8h
      escalate: [{after: 1d, groups: [chiefs]}, {after: 2d, groups: [security]}]
  - id: deploying
    title: Silence is consent here, in writing
    tools: [deploy]
    verdict: STEP_UP
    risk: low
    route: {groups: [treasury], timeout: 2h, on_timeout: ALLOW}
"""

PATIENCE = 15.0
Found = TypeVar("Found")


def flow_bundle() -> Bundle:
    return parse_bundle({"bundle.yaml": POLICY})


class Named(Protocol):
    """An action, answered or not."""

    @property
    def action_id(self) -> str: ...

    @property
    def digest(self) -> str: ...


@dataclass(frozen=True)
class Unanswered:
    """An action whose answer nobody has waited for."""

    action_id: str
    digest: str


class Clock:
    """The real time, and how far a test is ahead of it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


async def until(look: Callable[[], Awaitable[Found | None]], wanted: str) -> Found:
    """Look until something is found."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := await look():
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"waited in vain: {wanted}")


class Venue:
    """A Temporal dev server, a database and a worker that can be sent away."""

    def __init__(self, client: Client, database: Database, server: EmbeddedPostgres) -> None:
        self.client = client
        self.database = database
        self.postgres = server
        self.skipper = TimeSkipper(client)
        self.key = Ed25519PrivateKey.generate()
        self.settings = Settings(
            database_url=database.dsn, gateway_keys=(public_text(self.key.public_key()),)
        )
        self._open = AsyncExitStack()
        self._working: tuple[Worker, asyncio.Task[None]] | None = None

    async def __aenter__(self) -> Self:
        self.touched = await self._open.enter_async_context(worker.activities(self.settings))
        pool = await self._open.enter_async_context(open_pool(self.database.dsn))
        self.ledger = PostgresLedger(pool)
        self.seals = PostgresSeals(pool)
        self.facts = PostgresFacts(pool)
        await self.work()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.rest()
        await self._open.aclose()

    async def work(self, **changed: Any) -> None:
        """Start a worker."""
        settings = self.settings.model_copy(update=changed)
        self.run(worker.build(self.client, self.touched, settings))

    def run(self, working: Worker) -> None:
        """Run a worker of the test's own making."""
        self._working = (working, asyncio.create_task(working.run()))

    async def rest(self) -> None:
        """Stop the worker."""
        if self._working is not None:
            working, running = self._working
            self._working = None
            await working.shutdown()
            await running

    @asynccontextmanager
    async def nobody_working(self) -> AsyncIterator[None]:
        """Send the worker away for a while."""
        await self.rest()
        try:
            yield
        finally:
            await self.work()

    @asynccontextmanager
    async def replaced_by(self, make: Callable[[], Worker]) -> AsyncIterator[None]:
        """Let another worker do the work for a while; it is made when the first has gone."""
        await self.rest()
        self.run(make())
        try:
            yield
        finally:
            await self.rest()
            await self.work()

    @asynccontextmanager
    async def database_down(self) -> AsyncIterator[None]:
        """Stop Postgres for a while."""
        await asyncio.to_thread(self.postgres.stop)
        try:
            yield
        finally:
            await asyncio.to_thread(self.postgres.start)

    @asynccontextmanager
    async def database_frozen(self) -> AsyncIterator[None]:
        """Let Postgres neither answer nor hang up for a while."""
        postmaster = psutil.Process(self.postgres.pid)
        everyone = [postmaster, *postmaster.children()]
        for process in everyone:
            process.suspend()
        try:
            yield
        finally:
            for process in everyone:
                process.resume()


class Scene:
    """One tenant's stage: everything a test says about an action is one word here."""

    def __init__(self, venue: Venue, tenant: str) -> None:
        self.venue = venue
        self.tenant = tenant
        self.clock = Clock()
        self.gate = self.gate_with()
        self.asked: dict[str, Candidate] = {}

    def gate_with(self, **deadlines: float) -> Gate:
        return Gate(
            temporal=self.venue.client,
            recorder=Recorder(self.venue.ledger),
            facts=self.venue.facts,
            key=self.venue.key,
            tokens=GrantTokens(self.venue.key),
            release=Release(self.venue.seals),
            clock=self.clock,
            deadlines=Deadlines(**deadlines),
        )

    async def furnish(self) -> None:
        office = Administration(self.venue.ledger, utc_now)
        await office.create_tenant(self.tenant, "test")
        await office.set_roster(self.tenant, ROSTER, "test")
        await office.activate(self.tenant, flow_bundle(), "test")

    # -- what callers do

    def candidate(self, tool: str, key: str | None = None, **arguments: Any) -> Candidate:
        action = Action(
            id=action_id(self.tenant, AGENT, key or uuid.uuid4().hex),
            tenant=self.tenant,
            agent=AGENT,
            environment="test",
            tool=tool,
            arguments=arguments,
        )
        made = Candidate(action=action, digest=action_digest(action), key_id="key-1")
        self.asked[action.id] = made
        return made

    async def propose(self, tool: str, key: str | None = None, **arguments: Any) -> Standing:
        answer = await self.gate.submit(self.candidate(tool, key, **arguments))
        assert answer is not None, "no answer in time"
        return answer

    async def ask_again(self, now: Named) -> Standing | None:
        return await self.gate.submit(self.asked[now.action_id])

    async def vote(
        self, now: Named, person: str, *, approve: bool = True, **changed: str
    ) -> Reply | None:
        ballot = {"vote_id": uuid.uuid4().hex, "reason": "as ordered", "digest": now.digest}
        return await self.gate.vote(
            self.caller(person, Role.APPROVER),
            now.action_id,
            Ballot.model_validate({**ballot, "approve": approve, **changed}),
        )

    async def withdraw(self, now: Named) -> Reply | None:
        asked = Withdrawal(request_id=uuid.uuid4().hex, reason="no longer needed")
        return await self.gate.withdraw(self.caller(AGENT, Role.AGENT), now.action_id, asked)

    async def redeem(self, now: Named) -> GrantRedeemed:
        granted = (await self.gate.page(self.caller(AGENT, Role.AGENT), now.action_id)).standing
        asked = Redemption(
            redemption_id=uuid.uuid4().hex,
            grant=self.gate.tokens.issue(granted),
            digest=now.digest,
        )
        return await self.gate.redeem(self.caller(AGENT, Role.AGENT), now.action_id, asked)

    async def report(self, redeemed: GrantRedeemed, now: Named) -> Standing:
        receipt = Receipt(
            request_id=uuid.uuid4().hex,
            redemption_id=redeemed.redemption_id,
            digest=now.digest,
            outcome=Outcome.SUCCEEDED,
        )
        return await self.gate.report(self.caller(AGENT, Role.AGENT), now.action_id, receipt)

    def caller(self, subject: str, role: Role) -> Caller:
        return Caller(
            tenant=self.tenant, role=role, subject=subject, environment="test", key_id="key-1"
        )

    # -- what goes straight into Temporal

    def envelope(
        self,
        now: Named,
        person: str,
        *,
        key: Ed25519PrivateKey | None = None,
        **changed: Any,
    ) -> dict[str, Any]:
        """Sign a vote as the gateway does, or as somebody else with a ``key``."""
        said = {
            "tenant": self.tenant,
            "action_id": now.action_id,
            "vote_id": f"{person}/{uuid.uuid4().hex}",
            "person": person,
            "approve": True,
            "reason": "as ordered",
            "digest": now.digest,
            "channel": "api",
            "assurance": "api_key",
            "heard_at": self.clock(),
        }
        message = VoteMessage.model_validate(said | changed)
        return sign_message(key or self.venue.key, message).model_dump(mode="json")

    def handle(self, now: Named) -> WorkflowHandle[GovernedAction, Standing]:
        return self.venue.client.get_workflow_handle_for(
            GovernedAction.run, workflow_id(self.tenant, now.action_id)
        )

    async def signal(self, now: Named, envelope: object) -> None:
        await self.handle(now).signal(GovernedAction.message, envelope)

    async def start(self, candidate: Candidate, **options: Any) -> Unanswered:
        """Start an action's workflow without waiting for its answer."""
        action = candidate.action
        self.asked[action.id] = candidate
        await self.venue.client.start_workflow(
            GovernedAction.run,
            Opening(candidate=candidate, signature=sign_candidate(self.venue.key, candidate)),
            id=workflow_id(action.tenant, action.id),
            task_queue=DECISION_QUEUE,
            **options,
        )
        return unanswered(candidate)

    # -- time, and what is on record

    async def forward(self, now: Named, by: timedelta) -> None:
        """Let time pass for an action and for the gate."""
        self.clock.ahead += by
        await self.venue.skipper.fast_forward(self.handle(now), by)

    async def happened(self, now: Named, attributes: Any) -> bool:
        """Say whether Temporal's history of an action has an event with such attributes."""
        history = await self.handle(now).fetch_history()
        return any(each.HasField(attributes) for each in history.events)

    @asynccontextmanager
    async def overdue(self, now: Named, by: timedelta) -> AsyncIterator[None]:
        """Let time pass while nobody works, until the action's own timer has fired in vain."""
        async with self.venue.nobody_working():
            passing = asyncio.create_task(self.forward(now, by))

            await until(
                lambda: self.happened(now, "timer_fired_event_attributes"),
                f"the timer of {now.action_id}",
            )
            yield
        await passing

    async def story(self, now: Named, *, late: bool = False) -> tuple[Event, ...]:
        stream = f"{now.action_id}:late" if late else now.action_id
        recorded = await self.venue.ledger.read(self.tenant, stream)
        return tuple(read_event(unseal(each.canonical)["event"]) for each in recorded)

    async def kinds(self, now: Named) -> list[str]:
        return [event.kind for event in await self.story(now)]

    async def until(self, now: Named, kind: str, times: int = 1) -> list[Any]:
        """Wait until an action's story has ``times`` events of ``kind``; return them."""

        async def look() -> list[Any] | None:
            found = [event for event in await self.story(now) if event.kind == kind]
            return found if len(found) >= times else None

        return await until(look, f"{times} x {kind} of {now.action_id}")

    async def standing(self, now: Named) -> Standing | None:
        return await self.handle(now).query(GovernedAction.standing)

    async def agrees(self) -> None:
        """Assert that workflows, ledger and read model tell the same of every action."""
        for candidate in self.asked.values():
            now = unanswered(candidate)
            if await self.story(now):
                await self._agrees(now)
        assert await broken_promises(self.venue.database.admin_dsn, self.tenant) == []

    async def _agrees(self, now: Named) -> None:
        try:
            described = await self.handle(now).describe()
        except RPCError:
            return  # its workflow was deleted
        if described.status is WorkflowExecutionStatus.COMPLETED:
            told: Standing | None = await self.handle(now).result()
            assert told is not None
            story = await self.story(now)
            assert standing(replay(story[: told.version + 1]), told.version) == told
        elif described.status is WorkflowExecutionStatus.RUNNING:

            async def look() -> bool:
                story = await self.story(now)
                told = await self.standing(now)
                # refusals may follow that change nothing, and that nobody tells the workflow of
                return told is not None and standing(replay(story), told.version) == told

            await until(look, f"the workflow of {now.action_id} to tell what the ledger tells")


def unanswered(candidate: Candidate) -> Unanswered:
    """Name an action nobody has answered yet."""
    return Unanswered(candidate.action.id, candidate.digest)


def server_flags() -> list[str]:
    lines = (ROOT / "temporal" / "dev-server.flags").read_text("utf-8").splitlines()
    kept = [line for line in lines if line.strip() and not line.startswith("#")]
    # only a server with a file takes pragmas; the test environment sets the level itself
    kept = [line for line in kept if not line.startswith(("--sqlite", "--log-level"))]
    return [
        *kept,
        "--dynamic-config-value=frontend.WorkflowTimeSkippingEnabled=true",
        # a closed workflow can be deleted at once, as if its retention were over
        "--dynamic-config-value=history.transferProcessorEnsureCloseBeforeDelete=false",
        "--dynamic-config-value=history.visibilityProcessorEnsureCloseBeforeDelete=false",
    ]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def venue(
    postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Venue]:
    """Open the doors once for all flow tests; payloads are encrypted, as in production."""
    keys = tmp_path_factory.mktemp("keys") / "payload.keys"
    make_payload_keys(keys)
    temporal = await WorkflowEnvironment.start_local(
        data_converter=data_converter(PayloadKeys(keys)),
        dev_server_existing_path=str(TEMPORAL),
        dev_server_log_level="error",
        dev_server_extra_args=server_flags(),
    )
    database = await asyncio.to_thread(make_database, postgres_server)
    async with temporal, Venue(temporal.client, database, postgres_server) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def scene(venue: Venue) -> AsyncIterator[Scene]:
    """Set the stage for a tenant nobody else uses, and look at its record when the test is over."""
    stage = Scene(venue, f"tenant-{uuid.uuid4().hex[:12]}")
    await stage.furnish()
    yield stage
    await stage.agrees()
