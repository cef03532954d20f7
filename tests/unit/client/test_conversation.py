"""Asking again, and knowing when to stop: the core that both shells share."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from counterseal import calls, oversight
from counterseal.agent import Agent
from counterseal.calls import Call
from counterseal.conversation import Backoff, Lost, Reply, exchange
from counterseal.core.wire import Answer, NewKey, Redeemed
from counterseal.core.words import Disposition, Phase, Role
from counterseal.errors import (
    AlreadyRun,
    Blocked,
    GrantRefused,
    Misunderstood,
    NotAuthorised,
    StillHeld,
    Unreachable,
    Unsendable,
)
from counterseal.standing import Hold, Permit
from counterseal.terms import Chance
from tests.unit.client.support import ARGUMENTS, Carried, action, answer

ANYTHING: Call[Any] = Call("GET", "/v1/whoami", TypeAdapter(Any))
AGENT = Agent(10.0, Chance(draw=lambda: 1.0))
BACKOFF = Backoff(lambda: 1.0)
OK = Reply(200, {}, b'{"fine": true}')
BAD_GATEWAY = Reply(502, {}, b"<html>")
GONE = Lost("ReadError", sent=True)
NEVER_LEFT = Lost("ConnectError", sent=False)
GRANTED = answer(Phase.GRANTED, Disposition.ALLOWED, granted=True)


def said(value: Answer | Redeemed) -> Reply:
    return Reply(200, {}, value.model_dump_json().encode())


def problem(status: int, code: str) -> Reply:
    text = f'{{"title": "t", "status": {status}, "code": "{code}", "detail": "why not"}}'
    return Reply(status, {}, text.encode())


@pytest.mark.parametrize("trouble", [BAD_GATEWAY, GONE, NEVER_LEFT, problem(503, "x")])
def test_passing_trouble_is_asked_through_with_the_same_bytes(trouble: Reply | Lost) -> None:
    carried: Carried[Any] = Carried([trouble, trouble, OK])
    assert carried.carry(exchange(ANYTHING, 1010.0, BACKOFF)) == {"fine": True}
    assert len({id(sent.call) for sent in carried.sent}) == 1
    assert carried.pauses == [0.1, 0.2]


@pytest.mark.parametrize("takes", [0.01, 3.0, 100.0])
def test_every_call_ends_by_its_deadline(takes: float) -> None:
    carried: Carried[Any] = Carried([GONE] * 1000, takes=takes)
    with pytest.raises(Unreachable, match="ReadError"):
        carried.carry(exchange(ANYTHING, 1010.0, BACKOFF))
    assert carried.now <= 1010.0
    assert all(sent.seconds <= 10.0 for sent in carried.sent)


def test_a_server_that_asks_for_time_gets_it() -> None:
    carried: Carried[Any] = Carried([Reply(429, {"retry-after": "3"}, b""), OK])
    carried.carry(exchange(ANYTHING, 1010.0, BACKOFF))
    assert carried.pauses == [3.0]


def test_a_call_without_identity_is_not_repeated_once_it_may_have_arrived() -> None:
    call = oversight.issue_key(NewKey(role=Role.AGENT, subject="a"))
    for trouble in (GONE, BAD_GATEWAY):
        carried: Carried[Any] = Carried([trouble, OK])
        with pytest.raises(Unreachable):
            carried.carry(exchange(call, 1010.0, BACKOFF))
        assert len(carried.sent) == 1


def test_a_call_that_surely_did_not_arrive_is_repeated() -> None:
    call = oversight.issue_key(NewKey(role=Role.AGENT, subject="a"))
    carried: Carried[Any] = Carried([NEVER_LEFT, problem(403, "role-forbids")])
    with pytest.raises(NotAuthorised):
        carried.carry(exchange(call, 1010.0, BACKOFF))


def test_an_answer_from_something_else_is_no_answer() -> None:
    for reply in (Reply(200, {}, b"<html>hi</html>"), Reply(302, {}, b""), Reply(404, {}, b"no")):
        with pytest.raises(Unreachable, match="check the URL"):
            Carried[Any]([reply]).carry(AGENT.ask(calls.look("act_1")))


def test_refusals_are_not_asked_again() -> None:
    carried: Carried[Any] = Carried([problem(409, "idempotency-key-reused"), OK])
    with pytest.raises(Exception, match="why not") as refused:
        carried.carry(AGENT.propose("pay", ARGUMENTS, {}))
    assert getattr(refused.value, "code", "") == "idempotency-key-reused"
    assert len(carried.sent) == 1


def test_undecided_is_asked_again_with_the_same_key_and_ends_in_time() -> None:
    undecided = answer(Phase.UNDECIDED)
    carried: Carried[Any] = Carried([said(undecided), said(undecided), said(GRANTED)])
    now = carried.carry(AGENT.propose("pay", ARGUMENTS, {"wait": 5.0}))
    assert isinstance(now, Permit)
    assert [sent.call.method for sent in carried.sent] == ["POST"] * 3
    assert len({sent.call.headers["Idempotency-Key"] for sent in carried.sent}) == 1


def test_a_hold_is_looked_at_until_time_is_up_and_not_in_a_busy_loop() -> None:
    carried: Carried[Any] = Carried([said(answer())] * 1000)
    now = carried.carry(AGENT.propose("pay", ARGUMENTS, {"wait": 30.0}))
    assert isinstance(now, Hold)
    assert carried.now <= 1030.5
    assert len(carried.sent) < 40


def test_a_wait_that_loses_the_server_says_how_to_resume() -> None:
    carried: Carried[Any] = Carried([said(answer()), *[GONE] * 1000])
    with pytest.raises(Unreachable) as lost:
        carried.carry(AGENT.propose("pay", ARGUMENTS, {"wait": 30.0}))
    assert lost.value.handle is not None
    assert lost.value.handle.startswith(action().id)


def test_a_proposal_that_was_never_answered_tells_its_key() -> None:
    with pytest.raises(Unreachable) as lost:
        Carried[Any]([GONE] * 1000).carry(AGENT.propose("pay", ARGUMENTS, {}))
    assert lost.value.key


@pytest.mark.parametrize(
    ("told", "error"),
    [(answer(), StillHeld), (answer(Phase.CLOSED, Disposition.BLOCKED), Blocked)],
)
def test_nothing_is_redeemed_that_is_not_permitted(told: Answer, error: type[Exception]) -> None:
    carried: Carried[Any] = Carried([said(told)])
    now = carried.carry(AGENT.propose("pay", ARGUMENTS, {}))
    with pytest.raises(error):
        carried.carry(AGENT.admit(now))
    assert len(carried.sent) == 1


def test_a_redemption_is_repeated_with_the_same_id_and_key() -> None:
    now = Carried[Any]([said(GRANTED)]).carry(AGENT.propose("pay", ARGUMENTS, {}))
    carried: Carried[Any] = Carried([GONE, problem(409, "already-redeemed")])
    with pytest.raises(AlreadyRun):
        carried.carry(AGENT.admit(now))
    assert carried.sent[0].call.body == carried.sent[1].call.body


def test_a_go_ahead_for_something_else_is_refused() -> None:
    now = Carried[Any]([said(GRANTED)]).carry(AGENT.propose("pay", ARGUMENTS, {}))
    other = Redeemed(
        action_id=now.action_id,
        redemption_id="another-one",
        digest=now.digest,
        receipt_due=GRANTED.grant.expires_at if GRANTED.grant else None,  # type: ignore[arg-type]
    )
    with pytest.raises(Misunderstood):
        Carried[Any]([said(other)]).carry(AGENT.admit(now))


def test_a_grant_without_its_token_cannot_be_used() -> None:
    grant = GRANTED.grant.model_copy(update={"token": None}) if GRANTED.grant else None
    tokenless = GRANTED.model_copy(update={"grant": grant})
    now = Carried[Any]([said(tokenless)]).carry(AGENT.propose("pay", ARGUMENTS, {}))
    with pytest.raises(GrantRefused):
        Carried[Any]([]).carry(AGENT.admit(now))


def test_a_resumed_action_must_be_the_one_of_the_handle() -> None:
    now = Carried[Any]([said(answer())]).carry(AGENT.propose("pay", ARGUMENTS, {}))
    changed = answer(of=action(arguments={"amount": 9999, "to": "XX"}))
    with pytest.raises(Misunderstood):
        Carried[Any]([said(changed)]).carry(AGENT.resume(now.handle, 0.0))


@pytest.mark.parametrize(
    "terms", [{"key": "has space"}, {"key": "x" * 256}, {"principal": "no good"}]
)
def test_what_the_server_would_not_read_is_not_sent(terms: Any) -> None:
    carried: Carried[Any] = Carried([])
    with pytest.raises(Unsendable) as refused:
        carried.carry(AGENT.propose("pay", ARGUMENTS, terms))
    assert "no good" not in str(refused.value)


def test_what_a_person_typed_stays_one_path_segment() -> None:
    for typed in ("../keys", "a/b?c", "..", "", "%2e%2e"):
        path = oversight.view(typed).path
        assert path.startswith("/v1/actions/")
        assert path.count("/") == 3
        assert "?" not in path
        assert ".." not in path
