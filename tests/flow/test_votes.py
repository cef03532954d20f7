"""Votes and withdrawals by every road: as update, as signal, early, doubled, without a workflow."""

import asyncio

import pytest

from counterseal.core.words import Disposition, Phase
from tests.support.workflows import Scene
from workflows.governed_action import GovernedAction

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_quorum_of_two_is_two_people(scene: Scene) -> None:
    now = await scene.propose("pay")
    first = await scene.vote(now, "ada")
    assert first is not None
    assert first.standing.phase is Phase.HELD
    again = await scene.vote(now, "ada")
    assert again is not None
    assert again.code == "already-voted"
    second = await scene.vote(now, "grace")
    assert second is not None
    assert second.standing.disposition is Disposition.APPROVED


async def test_the_owner_of_the_agent_never_counts(scene: Scene) -> None:
    now = await scene.propose("ask")
    reply = await scene.vote(now, "olga")
    assert reply is not None
    assert (reply.accepted, reply.code) == (False, "self-approval")


async def test_one_no_denies(scene: Scene) -> None:
    now = await scene.propose("pay")
    await scene.vote(now, "ada")
    reply = await scene.vote(now, "grace", approve=False)
    assert reply is not None
    assert reply.standing.disposition is Disposition.DENIED
    assert "grant.issued" not in await scene.kinds(now)


async def test_the_same_vote_as_signal_and_as_update_counts_once(scene: Scene) -> None:
    now = await scene.propose("pay")
    envelope = scene.envelope(now, "ada")
    await scene.signal(now, envelope)
    reply = await scene.handle(now).execute_update(GovernedAction.message_and_wait, envelope)
    assert reply.accepted
    assert (await scene.kinds(now)).count("vote.counted") == 1
    assert "vote.refused" not in await scene.kinds(now)


async def test_three_equal_signals_count_once(scene: Scene) -> None:
    now = await scene.propose("pay")
    envelope = scene.envelope(now, "ada")
    await asyncio.gather(*(scene.signal(now, envelope) for _ in range(3)))
    last = await scene.vote(now, "grace")  # comes after them in the queue
    assert last is not None
    assert (await scene.kinds(now)).count("vote.counted") == 2
    assert "vote.refused" not in await scene.kinds(now)


async def test_messages_that_arrive_before_the_first_task_are_heard_after_the_answer(
    scene: Scene,
) -> None:
    candidate = scene.candidate("pay")
    async with scene.venue.nobody_working():
        now = await scene.start(candidate)
        for person in ("ada", "mallory", "grace"):
            await scene.signal(now, scene.envelope(now, person))
    await scene.until(now, "grant.issued")
    kinds = await scene.kinds(now)
    assert kinds[:3] == ["action.requested", "decision.reached", "action.held"]
    assert kinds[3:] == [
        "vote.counted",
        "vote.refused",
        "vote.counted",
        "action.settled",
        "grant.issued",
    ]


async def test_a_vote_on_an_action_that_was_allowed_at_once_is_refused_on_the_record(
    scene: Scene,
) -> None:
    candidate = scene.candidate("read")
    async with scene.venue.nobody_working():
        now = await scene.start(candidate)
        await scene.signal(now, scene.envelope(now, "ada", approve=False))
    await scene.handle(now).result()
    refused = await scene.until(now, "vote.refused")
    assert refused[0].code == "already-settled"


async def test_the_requester_may_withdraw_while_people_are_asked(scene: Scene) -> None:
    now = await scene.propose("ask")
    reply = await scene.withdraw(now)
    assert reply is not None
    assert reply.standing.disposition is Disposition.CANCELLED
    assert (await scene.handle(now).result()).disposition is Disposition.CANCELLED


async def test_a_grant_that_is_given_back_ends_the_workflow(scene: Scene) -> None:
    now = await scene.propose("ask")
    await scene.vote(now, "ada")
    reply = await scene.withdraw(now)
    assert reply is not None
    assert reply.accepted
    assert (await scene.kinds(now))[-2:] == ["grant.lapsed", "action.closed"]
    await scene.handle(now).result()


async def test_another_answer_under_the_same_vote_id_is_not_told_it_counted(scene: Scene) -> None:
    now = await scene.propose("pay")
    first = await scene.vote(now, "ada", vote_id="ballot-0001")
    assert first is not None
    assert first.accepted
    other = await scene.vote(now, "ada", approve=False, vote_id="ballot-0001")
    assert other is not None
    assert (other.accepted, other.code) == (False, "vote-id-reused")


async def test_the_longest_vote_id_is_taken(scene: Scene) -> None:
    now = await scene.propose("ask")
    reply = await scene.vote(now, "ada", vote_id="v" * 128)
    assert reply is not None
    assert reply.accepted


async def test_people_can_answer_although_the_workflow_was_ended_by_hand(scene: Scene) -> None:
    now = await scene.propose("ask")
    await scene.handle(now).terminate("an operator's mistake")
    reply = await scene.vote(now, "ada")
    assert reply is not None
    assert reply.standing.disposition is Disposition.APPROVED
    redeemed = await scene.redeem(now)
    await scene.report(redeemed, now)
    assert (await scene.kinds(now))[-1] == "action.closed"
