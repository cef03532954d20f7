"""Sensitive values are read where an action is judged; what cannot be read does not run."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError

import worker
from adapters.keys.file import FileCustody
from adapters.payload_keys import make_payload_keys
from adapters.postgres.pool import open_pool
from adapters.postgres.secrets import PostgresSecrets
from counterseal.core.action import Action, action_digest, action_id
from counterseal.core.canonical import Json
from counterseal.core.commitments import committed_places
from counterseal.core.policy.load import parse_bundle
from domain.candidate import Candidate
from domain.events import ActionRequested, DecisionReached
from domain.vault import Shredded
from entrypoints.administration import Administration
from entrypoints.secrecy import Secrecy
from entrypoints.settings import DECISION_QUEUE
from entrypoints.tokens import utc_now
from tests.support.discreet import POLICY
from tests.support.workflows import AGENT, Scene, Venue, until
from workflows.retention import Retention

pytestmark = pytest.mark.asyncio(loop_scope="session")

PIN: dict[str, Json] = {"pin": "geheim-4711", "open": 1}


@dataclass
class Discreet:
    """A scene whose policy calls things sensitive, and whose worker may have the keys."""

    scene: Scene
    secrets: PostgresSecrets
    secrecy: Secrecy

    def action(self, tool: str, arguments: dict[str, Json], key: str | None = None) -> Action:
        return Action(
            id=action_id(self.scene.tenant, AGENT, key or uuid.uuid4().hex),
            tenant=self.scene.tenant,
            agent=AGENT,
            environment="test",
            tool=tool,
            arguments=arguments,
        )

    async def covered(self, tool: str, **arguments: Json) -> Candidate:
        return self.candidate((await self.secrecy.cover(self.action(tool, arguments))).action)

    def candidate(self, action: Action) -> Candidate:
        made = Candidate(action=action, digest=action_digest(action), key_id="key-1")
        self.scene.asked[action.id] = made
        return made


@pytest_asyncio.fixture(loop_scope="session")
async def keyless(scene: Scene, venue: Venue, tmp_path: Path) -> AsyncIterator[Discreet]:
    """Have keys at the door, and none at the worker."""
    make_payload_keys(tmp_path / "data.keys")
    office = Administration(venue.ledger, utc_now)
    await office.activate(scene.tenant, parse_bundle({"bundle.yaml": POLICY}), "test")
    async with open_pool(venue.database.dsn) as pool:
        secrets = PostgresSecrets(pool, FileCustody(tmp_path / "data.keys"))
        yield Discreet(scene, secrets, Secrecy(venue.facts, secrets))


@pytest_asyncio.fixture(loop_scope="session")
async def discreet(keyless: Discreet, venue: Venue, tmp_path: Path) -> AsyncIterator[Discreet]:
    """Have keys on both sides."""
    settings = venue.settings.model_copy(update={"data_keys": f"file:{tmp_path / 'data.keys'}"})
    async with (
        worker.activities(settings) as touched,
        worker.upkeep(settings) as aside,
        venue.replaced_by(lambda: worker.build(venue.client, touched, settings, aside)),
    ):
        yield keyless


async def decided(scene: Scene, candidate: Candidate) -> DecisionReached:
    now = await scene.gate.submit(candidate)
    assert now is not None
    story = await scene.story(now)
    requested = next(each for each in story if isinstance(each, ActionRequested))
    assert requested.action == candidate.action  # whatever it was judged by
    return next(each for each in story if isinstance(each, DecisionReached))


async def test_rules_judge_what_the_agent_meant(discreet: Discreet) -> None:
    candidate = await discreet.covered("ruled", pin="4711", amount=2, env={"KEY": "1"})
    assert committed_places(candidate.action.arguments) == ("/amount", "/env", "/pin")
    reached = await decided(discreet.scene, candidate)
    assert {each.rule for each in reached.decision.fired} == {"odd-pin"}
    assert reached.decision.attributes["pin"] == {"sensitive": True}
    assert "4711" not in reached.model_dump_json()
    assert not reached.decision.facts.unrevealed


async def test_what_a_worker_cannot_read_does_not_run(keyless: Discreet) -> None:
    for tool in ("free", "asked", "ruled"):
        reached = await decided(keyless.scene, await keyless.covered(tool, **PIN))
        assert reached.decision.effective == "BLOCK"
        assert reached.decision.determining == ("unrevealed",)
        assert reached.decision.facts.unrevealed


async def test_commitments_to_nothing_that_is_kept_do_not_run(discreet: Discreet) -> None:
    covered = await discreet.covered("free", **PIN)
    stranger = covered.action.model_copy(update={"id": discreet.action("free", {}).id})
    reached = await decided(discreet.scene, discreet.candidate(stranger))
    assert reached.decision.determining == ("unrevealed",)


async def test_what_policy_calls_sensitive_by_now_is_not_recorded_in_clear(
    discreet: Discreet,
) -> None:
    """As if another bundle had come into force while the question was on its way."""
    key = uuid.uuid4().hex
    asked = discreet.action("free", PIN, key)
    clear = Candidate(action=asked, digest=action_digest(asked), key_id="key-1")
    with pytest.raises(WorkflowFailureError):
        await discreet.scene.handle(await discreet.scene.start(clear)).result()
    assert await discreet.scene.venue.ledger.read(asked.tenant, asked.id) == []
    again = discreet.candidate((await discreet.secrecy.cover(asked)).action)
    assert (await decided(discreet.scene, again)).decision.effective == "ALLOW"


async def test_what_was_recorded_before_policy_called_it_sensitive_keeps_its_answer(
    discreet: Discreet, venue: Venue
) -> None:
    plain = "\n".join(line for line in POLICY.splitlines() if "sensitive:" not in line)
    office = Administration(venue.ledger, utc_now)
    await office.activate(discreet.scene.tenant, parse_bundle({"bundle.yaml": plain}), "test")
    candidate = discreet.candidate(discreet.action("asked", PIN))
    first = await discreet.scene.gate.submit(candidate)
    assert first is not None
    await office.activate(discreet.scene.tenant, parse_bundle({"bundle.yaml": POLICY}), "test")
    # Orchestrators forget: what starts the same question anew finds its answer.
    await discreet.scene.handle(first).terminate()
    assert await discreet.scene.gate.submit(candidate) == first


async def test_retention_ends_by_itself_and_says_so(discreet: Discreet, venue: Venue) -> None:
    scene = discreet.scene
    fleeting, lasting = [await discreet.covered(tool, **PIN) for tool in ("fleeting", "free")]
    for candidate in (fleeting, lasting):
        now = await scene.gate.submit(candidate)
        assert now is not None
        await scene.report(await scene.redeem(now), now)
    action = fleeting.action

    async def is_gone() -> bool:
        named = f"retention-{uuid.uuid4().hex}"
        await venue.client.execute_workflow(Retention.run, id=named, task_queue=DECISION_QUEUE)
        return isinstance(await discreet.secrets.disclosures(action.tenant, action.id), Shredded)

    await until(is_gone, "the end of a retention of one second")
    kept = await discreet.secrets.disclosures(scene.tenant, lasting.action.id)
    assert isinstance(kept, tuple)
    stream = f"{fleeting.action.id}:data"
    (recorded,) = await venue.ledger.read(scene.tenant, stream)
    assert b'"because":"retention of 1 second (class fleeting) ended"' in recorded.canonical
    assert b'"by":"counterseal"' in recorded.canonical
