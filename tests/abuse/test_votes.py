"""Votes and withdrawals that must not count, whoever sends them, however, whenever."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from entrypoints.stack import Stack
from tests.abuse.world import NOBODY, Json, World, declined, fresh
from tests.support.stack import Caller, troupe

OTHER = "sha256:" + "1" * 64


def refused(answer: Any, code: str) -> Json:
    told: Json = answer.json()
    assert answer.status_code == 200, told
    assert (told["counted"], told["code"]) == (False, code), told
    return told


@pytest.fixture(scope="module")
def world(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A tenant of its own: an agent that asks for a hundred refunds an hour is blocked."""
    with troupe(stack, "votes", tmp_path_factory.mktemp("votes") / "keys.json") as cast:
        everyone = World(cast, stack.postgres.dsn)
        yield everyone
        everyone.close()


@pytest.fixture(scope="module")
def people(world: World) -> dict[str, Caller]:
    """Approver keys, also for names that are other names of somebody."""
    return {
        **world.cast.approvers,
        "grace.hopper@example.com": world.with_key("approver", "grace.hopper@example.com"),
        "support-agent": world.with_key("approver", "support-agent"),
        "stranger": world.with_key("approver", "stranger"),
        "Ada": world.with_key("approver", "Ada"),
        "operator": world.with_key("approver", "operator"),
        "support-leads": world.with_key("approver", "support-leads"),
    }


@pytest.mark.parametrize(
    ("person", "principal", "code"),
    [
        ("dorothy", None, "self-approval"),  # owns the agent
        ("support-agent", None, "self-approval"),  # the agent, with a person's key
        ("grace", "grace", "self-approval"),
        ("grace", "grace.hopper@example.com", "self-approval"),
        ("grace.hopper@example.com", "grace", "self-approval"),
        ("grace.hopper@example.com", "grace.hopper@example.com", "self-approval"),
        ("ada", "ada", "self-approval"),
        ("stranger", None, "not-asked"),
        ("Ada", "ada", "self-approval"),
        ("ada", "ADA", "self-approval"),
        ("grace", "Grace.Hopper@EXAMPLE.com", "self-approval"),
        ("operator", None, "not-asked"),
        ("support-leads", None, "not-asked"),  # a group's name is nobody
    ],
)
@pytest.mark.parametrize("approve", [True, False])
def test_who_may_not_answer_does_not(
    world: World,
    people: dict[str, Caller],
    person: str,
    principal: str | None,
    code: str,
    approve: bool,  # noqa: FBT001 - a column of the table
) -> None:
    answer = world.agent.propose(
        "refund_order",
        arguments={"amount": 500, "customer": fresh(), "order_id": "o"},
        principal=principal,
    )
    held = answer.json()
    assert held["phase"] == "HELD"
    with world.adding("vote.refused"):
        refused(people[person].vote(held, approve=approve), code)
    assert world.agent.read(held["action_id"]).json()["phase"] == "HELD"


def test_two_names_of_one_person_are_one_voice(world: World, people: dict[str, Caller]) -> None:
    held = world.held()
    with world.adding("vote.counted", "vote.refused", "vote.refused"):
        assert world.grace.vote(held).json()["counted"]
        refused(people["grace.hopper@example.com"].vote(held), "already-voted")
        refused(people["grace.hopper@example.com"].vote(held, approve=False), "already-voted")
    assert world.agent.read(held["action_id"]).json()["phase"] == "HELD"


@pytest.mark.parametrize("digest", [OTHER, "sha256:" + "0" * 64])
def test_a_vote_for_something_else_does_not_count(world: World, digest: str) -> None:
    held, other = world.held(), world.held()
    for wrong in (digest, other["digest"]):
        with world.adding("vote.refused"):
            refused(world.ada.vote(held, digest=wrong), "stale-digest")


def test_a_vote_is_counted_once_however_often_it_is_sent(world: World) -> None:
    held, vote_id = world.held(), fresh()
    with world.adding("vote.counted"), ThreadPoolExecutor(8) as crowd:
        told = [*crowd.map(lambda _: world.ada.vote(held, vote_id=vote_id).json(), range(16))]
    assert {(each["counted"], each["code"]) for each in told} == {(True, "counted")}


def test_a_person_counts_once_under_any_number_of_ids(world: World) -> None:
    held = world.held()
    with world.adding("vote.counted", *["vote.refused"] * 7), ThreadPoolExecutor(8) as crowd:
        told = [*crowd.map(lambda _: world.ada.vote(held).json(), range(8))]
    assert sum(each["counted"] for each in told) == 1
    assert world.agent.read(held["action_id"]).json()["phase"] == "HELD"


@pytest.mark.parametrize("changed", [{"approve": False}, {"digest": OTHER}])
def test_a_changed_vote_under_the_same_id_is_never_told_that_it_counted(
    world: World, changed: Json
) -> None:
    held, vote_id = world.held(), fresh()
    assert world.ada.vote(held, vote_id=vote_id).json()["counted"]
    with world.adding("vote.refused"):
        refused(world.ada.vote(held, vote_id=vote_id, **changed), "vote-id-reused")


def test_a_vote_put_right_is_heard_under_its_old_id(world: World) -> None:
    held, vote_id = world.held(), fresh()
    refused(world.ada.vote(held, vote_id=vote_id, digest=OTHER), "stale-digest")
    with world.adding("vote.counted"):
        assert world.ada.vote(held, vote_id=vote_id).json()["counted"]


def test_two_people_may_draw_the_same_id(world: World) -> None:
    held, vote_id = world.held(), fresh()
    assert world.ada.vote(held, vote_id=vote_id).json()["counted"]
    told = world.grace.vote(held, vote_id=vote_id).json()
    assert (told["counted"], told["disposition"]) == (True, "APPROVED")


@pytest.mark.parametrize("length", [8, 120, 124, 125, 127, 128])
def test_an_id_of_any_allowed_length_carries_a_vote(world: World, length: int) -> None:
    held, vote_id = world.held(), fresh()[:8] + "v" * (length - 8)
    for _ in range(2):
        told = world.ada.vote(held, vote_id=vote_id).json()
        assert (told["counted"], told["vote_id"]) == (True, vote_id)


def test_after_the_answer_votes_are_late_and_kept(world: World) -> None:
    held = world.held()
    world.ada.vote(held, approve=False, reason="no")
    assert world.agent.read(held["action_id"]).json()["disposition"] == "DENIED"
    for _ in range(3):
        with world.adding("vote.refused"):
            refused(world.grace.vote(held), "already-settled")
    story = world.auditor.story(held["action_id"])
    assert [event["kind"] for event in story["late"]] == ["vote.refused"] * 3
    assert story["events"][-1]["kind"] == "action.closed"


@pytest.mark.parametrize("tool", ["get_order", "refund_order"])
def test_what_nobody_asked_about_takes_no_votes(world: World, tool: str) -> None:
    arguments = {"amount": 9000, "customer": "c", "order_id": "o"}  # refunds this large are blocked
    action = world.agent.propose(tool, arguments=arguments).json()
    assert action["disposition"] in {"ALLOWED", "BLOCKED"}
    for approve in (True, False):
        with world.adding("vote.refused"):
            refused(world.ada.vote(action, approve=approve), "already-settled")
    after = world.agent.read(action["action_id"]).json()
    assert after["disposition"] == action["disposition"]


def test_an_unknown_action_takes_no_votes(world: World) -> None:
    with world.adding():
        made_up = {"action_id": NOBODY, "digest": OTHER}
        declined(world.ada.vote(made_up), "no-such-action")


def test_a_withdrawal_is_the_requesters_and_happens_once(world: World) -> None:
    held = world.held()
    path, body = f"/v1/actions/{held['action_id']}/withdrawal", {"reason": "changed my mind"}
    with world.adding("withdrawal.refused"):
        answer = world.rival.http.post(path, json={"request_id": fresh(), **body})
        declined(answer, "not-the-requester")
    request = fresh()
    with world.adding("action.settled", "action.closed"):
        answer = world.agent.http.post(path, json={"request_id": request, **body})
        assert answer.json()["disposition"] == "CANCELLED"
    with world.adding():
        for request_id in (request, fresh()):
            again = world.agent.http.post(path, json={"request_id": request_id, **body})
            assert again.json()["disposition"] == "CANCELLED"
    with world.adding("vote.refused"):
        refused(world.ada.vote(held), "already-settled")


def test_another_agents_refusal_is_not_my_answer(world: World) -> None:
    held, request = world.held(), {"request_id": fresh(), "reason": "changed my mind"}
    path = f"/v1/actions/{held['action_id']}/withdrawal"
    declined(world.rival.http.post(path, json=request), "not-the-requester")
    assert world.agent.http.post(path, json=request).json()["disposition"] == "CANCELLED"


def test_a_grant_given_back_is_gone(world: World) -> None:
    granted = world.granted()
    path = f"/v1/actions/{granted['action_id']}/withdrawal"
    with world.adding("grant.lapsed", "action.closed"):
        answer = world.agent.http.post(path, json={"request_id": fresh(), "reason": "not needed"})
        assert answer.json()["outcome"] == "LAPSED"
    with world.adding("grant.refused"):
        declined(world.agent.redeem(granted), "grant-lapsed")


def test_what_was_used_or_ended_cannot_be_withdrawn(world: World) -> None:
    redeemed, redemption = world.redeemed()
    path = f"/v1/actions/{redeemed['action_id']}/withdrawal"
    with world.adding("withdrawal.refused"):
        answer = world.agent.http.post(path, json={"request_id": fresh(), "reason": "oh"})
        declined(answer, "too-late")
    assert world.agent.report(redeemed, redemption).status_code == 200
    with world.adding("withdrawal.refused"):
        answer = world.agent.http.post(path, json={"request_id": fresh(), "reason": "oh"})
        declined(answer, "too-late")


def test_a_no_and_a_yes_at_once_end_one_way_only(world: World) -> None:
    for _ in range(3):
        held = world.held()
        before = world.seq()
        with ThreadPoolExecutor(4) as crowd:
            sent = [
                crowd.submit(world.ada.vote, held, approve=True),
                crowd.submit(world.grace.vote, held, approve=True),
                crowd.submit(world.cast.approvers["mary"].vote, held, approve=False),
                crowd.submit(world.cast.approvers["alan"].vote, held, approve=False),
            ]
            answers = [each.result().json() for each in sent]
        kinds = world.kinds_since(before, world.cast.tenant)
        assert kinds.count("action.settled") == 1
        assert kinds.count("vote.counted") == sum(bool(each["counted"]) for each in answers)
        assert kinds.count("vote.counted") + kinds.count("vote.refused") == 4


REUSES: list[Json] = [
    {"arguments": {"amount": 501, "customer": "c", "order_id": "o"}},
    {"arguments": {"amount": True, "customer": "c", "order_id": "o"}},
    {"arguments": {"amount": "500", "customer": "c", "order_id": "o"}},
    {"arguments": {"amount": 500, "customer": "c", "order_id": "o", "note": None}},
    {"arguments": {"amount": 500, "customer": "c\u0301", "order_id": "o"}},
    {"arguments": {"amount": 500, "customer": "c\u200b", "order_id": "o"}},
    {"arguments": {"amount": 500.0000000001, "customer": "c", "order_id": "o"}},
    {"tool": "refund_order2"},
    {"resource": "order/1"},
    {"principal": "ada"},
    {"session": "s-1"},
]


@pytest.mark.parametrize("changed", REUSES, ids=range(len(REUSES)))
def test_a_key_stands_for_one_content(world: World, changed: Json) -> None:
    key = fresh()
    body: Json = {"arguments": {"amount": 500, "customer": "c", "order_id": "o"}}
    first = world.agent.propose("refund_order", key, **body).json()
    with world.adding("request.refused"):
        tool = changed.get("tool", "refund_order")
        rest = {name: value for name, value in (body | changed).items() if name != "tool"}
        again = declined(world.agent.propose(tool, key, **rest), "idempotency-key-reused")
    assert again["action_id"] == first["action_id"]
    assert world.agent.read(first["action_id"]).json()["digest"] == first["digest"]


@pytest.mark.parametrize(
    "same",
    [
        b'{"tool":"refund_order","arguments":{"order_id":"o","customer":"c","amount":500.0}}',
        b'{ "arguments" : {"amount":5e2,"customer":"\\u0063","order_id":"o"},'
        b'"tool":"refund_order"}',
    ],
    ids=range(2),
)
def test_another_spelling_is_the_same_content(world: World, same: bytes) -> None:
    key = fresh()
    body = {"amount": 500, "customer": "c", "order_id": "o"}
    first = world.agent.propose("refund_order", key, arguments=body).json()
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    with world.adding():
        again = world.agent.http.post("/v1/actions", content=same, headers=headers)
    assert again.json()["digest"] == first["digest"]


def test_asking_at_once_is_asking_once(world: World) -> None:
    key, before = fresh(), world.seq()
    body = {"amount": 3, "customer": fresh(), "order_id": "o"}
    with ThreadPoolExecutor(8) as crowd:
        told = [
            *crowd.map(
                lambda _: world.agent.propose("refund_order", key, arguments=body).json(), range(16)
            )
        ]
    assert len({(each["action_id"], each["digest"], each["disposition"]) for each in told}) == 1
    assert world.kinds_since(before, world.cast.tenant).count("action.requested") == 1


def test_another_agents_key_is_another_action(world: World) -> None:
    key = fresh()
    one, other = world.agent.propose("get_order", key), world.rival.propose("get_order", key)
    strange = world.stranger.propose("free", key)
    assert len({each.json()["action_id"] for each in (one, other, strange)}) == 3


BAD_KEYS = [None, b"", b" ", b"a b", b"x" * 256, "schlüssel".encode(), b"\xff", b"a\tb"]


@pytest.mark.parametrize("key", BAD_KEYS, ids=range(len(BAD_KEYS)))
def test_nothing_is_asked_without_a_usable_key(world: World, key: bytes | None) -> None:
    headers = [] if key is None else [(b"Idempotency-Key", key)]
    if key == b" ":
        headers = [(b"Idempotency-Key", b"")]
    with world.adding():
        answer = world.agent.http.post("/v1/actions", json={"tool": "get_order"}, headers=headers)
        declined(answer, "idempotency-key-missing")
