"""A tenant on a real ledger whose log is signed within the test; packages that are verified."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import counterseal_verify as verifier
from activities.action_packages import ActionPackages, Taker
from activities.counting import Counting
from activities.custody import Custody
from activities.exporting import Exporter
from activities.period_packages import PeriodPackages
from activities.proving import Patience, Prover
from activities.recorder import Recorder
from adapters.postgres.evidence import PostgresEvidence
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.seals import PostgresSeals
from adapters.postgres.secrets import PostgresSecrets
from adapters.postgres.tree import PostgresTree
from counterseal.core.action import action_digest
from counterseal.core.packages import ActionsScope, NewPackage, PeriodScope, Profile
from counterseal.core.policy.bundle import Bundle, bundle_digest
from counterseal.core.policy.decision import BundleName, Decision
from counterseal.core.policy.load import parse_bundle
from counterseal.core.tlog.checkpoint import Checkpoint
from counterseal.core.words import Role, Verdict
from domain.commands import Ask, Command
from domain.evidence.contents import Contents
from domain.evidence.package import write_package
from domain.evidence.statement import packager
from domain.roster import Person, Roster
from entrypoints.administration import Administration
from tests.support import stories
from tests.support.notary import Signer, b64, signer
from tests.support.postgres import Database
from tests.support.roles import administering

SERVER = "counterseal.local"
SWIFT = Patience(seal=0.2, witness=0.2)
POLICY = """
bundle: payments
version: "7"
groups: {treasury: Treasury, security: Security}
defaults: {route: {groups: [treasury], timeout: 1h}}
classes:
  - {id: payments.transfer, title: Transfers, tools: ["payments.*"], verdict: STEP_UP, risk: high}
"""
ROSTER = Roster(
    people=(
        Person(id="ada", groups=("treasury",)),
        Person(id="grace", groups=("treasury", "security")),
    )
)


def bundle() -> Bundle:
    return parse_bundle({"bundle.yaml": POLICY})


def judged(made: Decision, by: Bundle) -> Decision:
    """Let a decision name the bundle that is in force."""
    named = BundleName(name=by.name, version=by.version, digest=bundle_digest(by))
    return made.model_copy(update={"bundle": named})


@dataclass(slots=True)
class Clock:
    """Tells the time that a test says it is."""

    at: datetime = field(default_factory=lambda: stories.START + timedelta(days=1))

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


class Key:
    """The packager's key."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(b"p" * 32)

    @property
    def public(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def sign(self, signed: bytes) -> bytes:
        return self._key.sign(signed)


class Office:
    """One tenant's evidence: recorded, sealed when the test says so, exported, verified."""

    def __init__(self, database: Database, pool: asyncpg.Pool, clock: Clock) -> None:
        self.tenant = f"t-{uuid.uuid4().hex[:12]}"
        self.clock = clock
        self.ledger = PostgresLedger(pool)
        self.log = PostgresEvidence(pool)
        self.tree = PostgresTree(pool)
        self.seals = PostgresSeals(pool)
        self.key = Key()
        self.signer: Signer = signer(f"{SERVER}/{self.tenant}")
        self.witness: Signer = signer("witness-1", 4)
        self.bundle = bundle()
        self.counting = Counting(self.ledger, self.log, clock)
        self._database = database
        self._pool = pool

    def exporter(self, patience: Patience = SWIFT) -> Exporter:
        prover = Prover(self.log, self.seals, SERVER, patience)
        custody = Custody(self.ledger, PostgresSecrets(self._pool, None))
        return Exporter(
            ledger=self.ledger,
            log=self.log,
            prover=prover,
            actions=ActionPackages(self.log, prover, custody, self.clock),
            periods=PeriodPackages(self.ledger, self.log, self.counting, self.clock),
            clock=self.clock,
        )

    async def open(self) -> None:
        """Begin the tenant as operators do, a day before anything is asked."""
        then = stories.START - timedelta(days=1)
        administration = Administration(self.ledger, lambda: then)
        await administration.create_tenant(self.tenant, "op")
        await administration.set_roster(self.tenant, ROSTER, "op")
        await administration.activate(self.tenant, self.bundle, "op")

    async def run(self, made: Decision, *more: Callable[[str], Command]) -> str:
        """Record an action that was decided so, and what was said to it; return its ID."""
        action_id = f"act_{uuid.uuid4().hex}"
        action = stories.ACTION.model_copy(update={"id": action_id, "tenant": self.tenant})
        ask: Ask = stories.ask(judged(made, self.bundle), action=action)
        digest = action_digest(action)
        recorder = Recorder(self.ledger)
        for command in (ask, *(each(digest) for each in more)):
            await recorder.obey(self.tenant, action_id, command)
        return action_id

    async def allowed(self) -> str:
        return await self.run(stories.decision(Verdict.ALLOW))

    async def blocked(self) -> str:
        return await self.run(stories.decision(Verdict.BLOCK))

    async def approved(self) -> str:
        """Record an action that two people agreed to."""
        return await self.run(
            stories.decision(by=stories.route(quorum=2)),
            lambda digest: stories.vote("ada", digest=digest),
            lambda digest: stories.vote(
                "grace", seconds=20, groups=("treasury", "security"), digest=digest
            ),
        )

    async def denied(self) -> str:
        """Record an action that one person was enough to deny."""
        return await self.run(
            stories.decision(by=stories.route()),
            lambda digest: stories.vote("ada", approve=False, digest=digest),
        )

    async def late(self, action_id: str) -> None:
        """Have somebody answer who is too late."""
        vote = stories.vote("grace", seconds=90, vote_id=uuid.uuid4().hex)
        await Recorder(self.ledger).obey(self.tenant, action_id, vote)

    async def seal(self, size: int | None = None, *, witnessed: bool = False) -> str:
        """Publish a checkpoint of the log as it is, or was, and return it."""
        head = await self.tree.head(self.tenant)
        assert size is None or size == head.size, "only what is there can be signed here"
        text = f"{self.signer.name}\n{head.size}\n{b64(head.root)}\n"
        note = f"{text}\n{self.signer.line(text)}"
        if witnessed:
            note += self.witness.line(text)
        async with administering(self._database) as db:
            refused = await db.fetchval(
                "SELECT ledger.publish_checkpoint($1, $2, $3, $4, $5)",
                *(self.tenant, head.size, head.root, note, witnessed),
            )
        assert refused is None
        return note

    async def take(
        self, *ids: str, old: Checkpoint | None = None, patience: Patience = SWIFT, **how: object
    ) -> Contents:
        """Gather packages about actions, as an auditor."""
        new = NewPackage.model_validate(
            {"scope": ActionsScope(action_ids=ids), "purpose": "audit 14", **how}
        )
        return await self.exporter(patience).take_actions(self.taker, new, ids, {}, old)

    async def take_period(
        self, scope: PeriodScope, profile: Profile = Profile.FULL, old: Checkpoint | None = None
    ) -> Contents:
        new = NewPackage(scope=scope, purpose="audit 14", profile=profile)
        return await self.exporter(Patience(seal=5)).take_period(self.taker, new, scope, old)

    @property
    def taker(self) -> Taker:
        return Taker(self.tenant, "ann", Role.AUDITOR)

    @property
    def trust(self) -> bytes:
        return (
            f"log {self.signer}\nwitness w1 {self.witness}\n"
            f"packager {packager(SERVER, self.key.public)}\n"
        ).encode()

    def check(self, contents: Contents, since: str | None = None) -> "verifier.Report":
        """Write the package and have it verified; fail with whatever is wrong with it."""
        package = write_package(contents, self.key, SERVER)
        report = verifier.verify(package, self.trust, since.encode() if since else None)
        assert [each for each in report.checks if not each.ok] == []
        return report


def kinds(contents: Contents, stream: str) -> list[str]:
    return [leaf.kind for leaf in contents.gathered.leaves if leaf.stream == stream]


def hidden(contents: Contents) -> set[str]:
    """Name the streams of which events are withheld."""
    return {leaf.stream for leaf in contents.gathered.leaves if leaf.canonical is None}


def ids_of(streams: Iterable[str]) -> set[str]:
    return {stream.partition(":")[0] for stream in streams}
