"""However many messages a hold gets, its workflow's history stays short and forgets nothing."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from counterseal.core.words import Disposition
from domain.standing import Standing
from tests.support.workflows import Scene, until
from workflows import governed_action
from workflows.governed_action import GovernedAction

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(autouse=True)
def _few_messages_per_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(governed_action, "MESSAGES_PER_RUN", 3)


async def run_id(scene: Scene, now: Standing) -> str:
    return (await scene.handle(now).describe()).run_id


async def test_many_signals_lead_to_a_fresh_run_that_knows_the_votes(scene: Scene) -> None:
    now = await scene.propose("pay")
    first = await run_id(scene, now)
    counted = scene.envelope(now, "ada")
    mallory = Ed25519PrivateKey.generate()
    await scene.signal(now, counted)
    for _ in range(4):
        await scene.signal(now, scene.envelope(now, "grace", key=mallory))
    await scene.until(now, "vote.refused", times=4)
    await scene.signal(now, counted)
    reply = await scene.vote(now, "grace")
    assert reply is not None
    assert reply.standing.disposition is Disposition.APPROVED
    assert await run_id(scene, now) != first
    assert (await scene.kinds(now)).count("vote.counted") == 2


async def test_votes_that_wait_for_an_answer_lead_to_a_fresh_run_too(scene: Scene) -> None:
    now = await scene.propose("pay")
    first = await run_id(scene, now)
    for _ in range(4):
        reply = await scene.vote(now, "mallory")
        assert reply is not None
        assert reply.code == "not-asked"
    assert await run_id(scene, now) != first


async def test_messages_that_arrive_while_a_run_ends_are_carried_over(scene: Scene) -> None:
    now = await scene.propose("pay")
    first = await run_id(scene, now)
    mallory = Ed25519PrivateKey.generate()
    noise = [scene.envelope(now, "grace", key=mallory) for _ in range(25)]
    await asyncio.gather(*(scene.signal(now, each) for each in noise))
    await asyncio.gather(*(scene.vote(now, person) for person in ("ada", "grace")))
    await scene.until(now, "vote.refused", times=25)
    settled = await scene.until(now, "action.settled")
    assert settled[0].disposition is Disposition.APPROVED
    assert await run_id(scene, now) != first


async def test_asking_again_in_a_later_run_starts_nothing(scene: Scene) -> None:
    now = await scene.propose("pay")
    for _ in range(5):
        await scene.signal(now, scene.envelope(now, "mallory"))
    await scene.until(now, "vote.refused", times=5)
    again = await scene.ask_again(now)
    assert again is not None
    assert again.asked_at == now.asked_at
    assert (await scene.kinds(now)).count("action.requested") == 1


async def test_the_deadline_survives_the_handing_over(scene: Scene) -> None:
    now = await scene.propose("pay")
    for _ in range(5):
        await scene.handle(now).signal(GovernedAction.news)
    for _ in range(4):
        await scene.signal(now, scene.envelope(now, "mallory"))
    await scene.until(now, "vote.refused", times=4)
    # A fresh run knows nothing until the ledger has told it.
    later = await until(lambda: scene.standing(now), "the fresh run's first answer")
    assert later.next_deadline == now.next_deadline
