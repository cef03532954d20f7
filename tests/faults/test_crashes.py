"""Any part can die at any moment: nothing is lost, nothing runs twice."""

import os
import signal
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from entrypoints.stack import Stack
from tests.support.faults import (
    Json,
    approve,
    assert_ran_once,
    heal,
    insist,
    kill,
    promises,
    propose,
    recorded,
    run,
)
from tests.support.stack import Cast

PARTS = ["worker", "api", "temporal", "postgres"]


@pytest.mark.parametrize("part", PARTS)
def test_a_hold_outlives_the_crash_of(victim: Stack, witnesses: Cast, part: str) -> None:
    held = propose(witnesses, "pay")
    approve(witnesses, held, "ada")
    kill(victim, part)
    assert heal(victim) == [part]
    approve(witnesses, held, "grace")
    run(witnesses, held)
    assert_ran_once(witnesses, held)


@pytest.mark.parametrize("part", ["worker", "temporal", "postgres"])
def test_nothing_is_released_and_nothing_breaks_while_there_is_no(
    victim: Stack, witnesses: Cast, part: str
) -> None:
    held, key = propose(witnesses, "ask"), uuid.uuid4().hex
    kill(victim, part)
    asked = witnesses.agent.propose("read", key)
    assert asked.status_code in {202, 503}, asked.text
    assert not asked.json().get("grant")
    vote_id = uuid.uuid4().hex
    voted = witnesses.approvers["ada"].vote(held, vote_id=vote_id)
    assert voted.status_code in {202, 503}, voted.text
    heal(victim)

    def counted() -> Json | None:
        answer: Json = witnesses.approvers["ada"].vote(held, vote_id=vote_id).json()
        return answer if answer.get("counted") else None

    assert insist(counted, "the vote")["disposition"] == "APPROVED"
    answer = propose(witnesses, "read", key)
    assert answer["disposition"] == "ALLOWED"
    assert recorded(victim, answer["action_id"]).count("decision.reached") == 1
    assert recorded(victim, held["action_id"]).count("vote.counted") == 1


def test_a_click_while_no_worker_runs_needs_no_second_click(victim: Stack, witnesses: Cast) -> None:
    held = propose(witnesses, "ask")
    kill(victim, "worker")
    assert witnesses.approvers["ada"].vote(held).status_code == 202
    heal(victim)
    insist(lambda: "action.settled" in recorded(victim, held["action_id"]), "the vote to count")


def test_taking_back_what_another_agent_asked_tells_nothing_while_no_worker_runs(
    victim: Stack, witnesses: Cast
) -> None:
    held = propose(witnesses, "ask")
    body = {"role": "agent", "subject": "another-agent"}
    key = witnesses.operator.http.post("/v1/keys", json=body).json()["secret"]
    kill(victim, "worker")
    back = {"request_id": uuid.uuid4().hex, "reason": "let me see"}
    answer = witnesses.caller(key).http.post(
        f"/v1/actions/{held['action_id']}/withdrawal", json=back
    )
    heal(victim)
    assert answer.status_code == 404, answer.text
    assert "arguments" not in answer.text


@pytest.mark.parametrize("part", ["worker", "temporal", "postgres"])
def test_many_questions_at_once_are_each_decided_once_although_one_part_dies(
    victim: Stack, witnesses: Cast, part: str
) -> None:
    keys = [uuid.uuid4().hex for _ in range(60)]
    some_answered = threading.Event()

    def ask(key: str) -> Json:
        answer = propose(witnesses, "read", key)
        some_answered.set()
        return answer

    with ThreadPoolExecutor(20) as crowd:
        asked = [crowd.submit(ask, key) for key in keys]
        assert some_answered.wait(10)
        kill(victim, part)
        heal(victim)
        answers = [each.result() for each in asked]
    assert {answer["disposition"] for answer in answers} == {"ALLOWED"}
    for answer in answers:
        assert recorded(victim, answer["action_id"]).count("decision.reached") == 1
    assert promises(victim) == []


@contextmanager
def frozen(victim: Stack, part: str) -> Iterator[None]:
    pid = victim.children[part].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_crash_between_redemption_and_answer_costs_a_retry_and_nothing_else(
    victim: Stack, witnesses: Cast
) -> None:
    held = propose(witnesses, "ask")
    approve(witnesses, held, "ada")
    granted = witnesses.agent.read(held["action_id"], wait=5).json()
    redemption = uuid.uuid4().hex
    # The API tells the workflow of a redemption before it answers: without Temporal, that takes a
    # second, in which the redemption is committed and the answer has not left.
    with ThreadPoolExecutor(1) as aside, frozen(victim, "temporal"):
        lost = aside.submit(witnesses.agent.redeem, granted, redemption_id=redemption)
        insist(lambda: "grant.redeemed" in recorded(victim, held["action_id"]), "the commit")
        kill(victim, "api")
        with pytest.raises(httpx.TransportError):
            lost.result()
    heal(victim)
    again = witnesses.agent.redeem(granted, redemption_id=redemption)
    assert again.status_code == 200, again.text
    other = witnesses.agent.redeem(granted)
    assert (other.status_code, other.json()["code"]) == (409, "already-redeemed")
    witnesses.agent.report(granted, redemption)
    assert_ran_once(witnesses, held)


def test_a_frozen_orchestrator_is_an_outage_and_not_a_yes(victim: Stack, witnesses: Cast) -> None:
    key = uuid.uuid4().hex
    with frozen(victim, "temporal"):
        asked = witnesses.agent.propose("read", key)
    assert asked.status_code == 202
    assert asked.json()["phase"] == "UNDECIDED"
    assert propose(witnesses, "read", key)["disposition"] == "ALLOWED"


def test_everything_at_once_may_die(victim: Stack, witnesses: Cast) -> None:
    held = propose(witnesses, "pay")
    approve(witnesses, held, "ada")
    for part in PARTS:
        kill(victim, part)
    assert sorted(heal(victim)) == sorted(PARTS)
    approve(witnesses, held, "grace")
    run(witnesses, held)
    assert_ran_once(witnesses, held)


def test_the_record_is_whole_after_all_that(victim: Stack) -> None:
    assert promises(victim) == []
