"""Double clicks, retries and races: everything happens once."""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from entrypoints.stack import Stack
from tests.support.faults import approve, promises, propose, recorded
from tests.support.stack import Cast


def test_the_same_vote_five_times_at_once_is_one_vote(victim: Stack, witnesses: Cast) -> None:
    held, vote_id = propose(witnesses, "pay"), uuid.uuid4().hex
    ada = witnesses.approvers["ada"]
    with ThreadPoolExecutor(5) as clicks:
        answers = [*clicks.map(lambda _: ada.vote(held, vote_id=vote_id).json(), range(5))]
    assert [answer["counted"] for answer in answers] == [True] * 5
    assert recorded(victim, held["action_id"]).count("vote.counted") == 1
    assert "vote.refused" not in recorded(victim, held["action_id"])


def test_five_votes_of_one_person_at_once_are_one_vote(victim: Stack, witnesses: Cast) -> None:
    held = propose(witnesses, "pay")
    ada = witnesses.approvers["ada"]
    with ThreadPoolExecutor(5) as clicks:
        answers = [*clicks.map(lambda _: ada.vote(held).json(), range(5))]
    assert Counter(answer["code"] for answer in answers) == {"counted": 1, "already-voted": 4}
    assert recorded(victim, held["action_id"]).count("vote.refused") == 4


def test_the_same_question_ten_times_at_once_is_one_story(victim: Stack, witnesses: Cast) -> None:
    key = uuid.uuid4().hex
    with ThreadPoolExecutor(10) as crowd:
        answers = [*crowd.map(lambda _: propose(witnesses, "ask", key), range(10))]
    assert len({answer["action_id"] for answer in answers}) == 1
    kinds = recorded(victim, answers[0]["action_id"])
    assert kinds == ["action.requested", "decision.reached", "action.held"]


def test_yes_and_no_at_the_same_moment_are_one_answer(victim: Stack, witnesses: Cast) -> None:
    held = propose(witnesses, "ask")
    people = [witnesses.approvers["ada"], witnesses.approvers["grace"]]
    with ThreadPoolExecutor(2) as both:
        [
            *both.map(
                lambda pair: pair[0].vote(held, approve=pair[1]),
                zip(people, (True, False), strict=True),
            )
        ]
    kinds = recorded(victim, held["action_id"])
    assert kinds.count("action.settled") == 1
    assert kinds.count("vote.counted") == 1


def test_of_fifty_redemptions_one_wins_and_all_are_answered(victim: Stack, witnesses: Cast) -> None:
    action = propose(witnesses, "read")
    with ThreadPoolExecutor(50) as crowd:
        answers = [*crowd.map(lambda _: witnesses.agent.redeem(action), range(50))]
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 49}
    assert {answer.json().get("code") for answer in answers} == {None, "already-redeemed"}
    kinds = Counter(recorded(victim, action["action_id"]))
    assert kinds["grant.redeemed"] == 1
    assert kinds["grant.refused"] == 49


def test_one_redemption_fifty_times_is_one_redemption(victim: Stack, witnesses: Cast) -> None:
    action, redemption = propose(witnesses, "read"), uuid.uuid4().hex
    with ThreadPoolExecutor(20) as crowd:
        answers = [
            *crowd.map(
                lambda _: witnesses.agent.redeem(action, redemption_id=redemption), range(50)
            )
        ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert recorded(victim, action["action_id"]).count("grant.redeemed") == 1


def test_withdrawing_and_redeeming_at_the_same_moment_leave_one_winner(
    victim: Stack, witnesses: Cast
) -> None:
    held = propose(witnesses, "ask")
    approve(witnesses, held, "ada")
    granted = witnesses.agent.read(held["action_id"], wait=5).json()
    withdrawal = {"request_id": uuid.uuid4().hex, "reason": "changed my mind"}
    path = f"/v1/actions/{held['action_id']}/withdrawal"
    with ThreadPoolExecutor(2) as both:
        taken = both.submit(witnesses.agent.http.post, path, json=withdrawal)
        used = both.submit(witnesses.agent.redeem, granted)
    won = [taken.result().status_code == 200, used.result().status_code == 200]
    assert won.count(True) == 1
    kinds = recorded(victim, held["action_id"])
    assert ("grant.lapsed" in kinds) is won[0]
    assert ("grant.redeemed" in kinds) is won[1]


def test_the_record_is_whole_after_all_that(victim: Stack) -> None:
    assert promises(victim) == []
