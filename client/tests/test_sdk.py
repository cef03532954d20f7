"""The SDK on a real stack: what was approved is what runs, once, whatever the network does."""

import json
import pickle
import secrets
import threading
from collections.abc import Iterator

import pytest

from client.tests.lossy import AsyncLossy, Lossy, Rewriting
from counterseal import (
    AlreadyRun,
    AsyncCounterseal,
    Counterseal,
    Denied,
    GrantRefused,
    Hold,
    Misunderstood,
    NotFound,
    Outcome,
    Permit,
    ReportUndelivered,
    RequestRefused,
    StillHeld,
    Withdrawn,
)
from tests.support.stack import Cast

TOOL = "refund_order"


@pytest.fixture
def seal(cast: Cast) -> Iterator[Counterseal]:
    with Counterseal(cast.stack.url, cast.agent.key) as client:
        yield client


def order(amount: float = 5) -> dict[str, object]:
    """Make a refund to a customer nobody has seen, so that no counter is in the way."""
    return {"amount": amount, "customer": f"cust-{secrets.token_hex(6)}", "order_id": "ord-7"}


def approve(cast: Cast, held: StillHeld) -> None:
    action = cast.agent.read(held.action_id).json()
    for person in ("ada", "grace"):
        assert cast.approvers[person].vote(action).json()["counted"]


def test_an_allowed_call_runs_once_and_is_reported_signed(cast: Cast, seal: Counterseal) -> None:
    ran: list[float] = []

    @seal.guarded(key=lambda call: f"once-{call['customer']}")
    def refund_order(amount: float, customer: str, order_id: str = "ord-7") -> str:
        ran.append(amount)
        return f"{customer} {order_id}"

    asked = order()
    assert refund_order(5, str(asked["customer"])) == f"{asked['customer']} ord-7"
    with pytest.raises(AlreadyRun) as again:
        refund_order(5, str(asked["customer"]))
    assert ran == [5]
    story = cast.agent.story(again.value.action_id)["events"]
    reported = [each for each in story if each["kind"] == "execution.reported"]
    assert json.loads(reported[0]["canonical"])["event"]["signed"] is True


def test_a_held_call_survives_a_restart_and_runs_what_was_approved(cast: Cast) -> None:
    ran: list[object] = []

    def guarded_by(seal: Counterseal) -> object:
        @seal.guarded(TOOL)
        def refund(amount: float, customer: str, tags: list[str], order_id: str) -> None:
            ran.append((amount, customer, tags, order_id))

        return refund

    asked = order(500)
    tags = ["approved"]
    with Counterseal(cast.stack.url, cast.agent.key) as before:
        with pytest.raises(StillHeld) as held:
            guarded_by(before)(500, asked["customer"], tags, "ord-7")  # type: ignore[operator]
        tags.append("changed after it was asked")
    kept = pickle.loads(pickle.dumps(held.value))  # noqa: S301 - our own bytes
    approve(cast, kept)
    with Counterseal(cast.stack.url, cast.agent.key) as after:
        refund = guarded_by(after)
        refund.resume(kept.handle)  # type: ignore[attr-defined]
        with pytest.raises(AlreadyRun):
            refund.resume(kept.handle)  # type: ignore[attr-defined]
    assert ran == [(500, asked["customer"], ["approved"], "ord-7")]


def test_a_call_that_waits_runs_when_people_agree(cast: Cast, seal: Counterseal) -> None:
    now = seal.propose(TOOL, order(500))
    assert isinstance(now, Hold)
    voting = threading.Timer(0.5, approve, (cast, now.error))
    voting.start()
    permitted = seal.wait(now, timeout=20)
    voting.join()
    assert isinstance(permitted, Permit)
    run = seal.redeem(permitted)
    assert seal.report(run, Outcome.SUCCEEDED).outcome is Outcome.SUCCEEDED


def test_lost_answers_never_make_a_second_run(cast: Cast) -> None:
    network = Lossy("actions", "redemption", "receipt")
    ran: list[int] = []
    with Counterseal(cast.stack.url, cast.agent.key, transport=network) as seal:
        with seal.guarding(TOOL, order()) as run:
            ran.append(1)
        assert seal.undelivered == ()
    assert ran == [1]
    assert (network.seen["actions"], network.seen["redemption"], network.seen["receipt"]) == (
        2,
        2,
        2,
    )
    kinds = cast.agent.kinds(run.action_id)
    assert kinds.count("grant.redeemed") == kinds.count("execution.reported") == 1
    assert kinds[-1] == "action.closed"


async def test_lost_answers_never_make_a_second_run_under_asyncio(cast: Cast) -> None:
    network = AsyncLossy("actions", "redemption", "receipt")
    ran: list[str] = []
    async with AsyncCounterseal(cast.stack.url, cast.agent.key, transport=network) as seal:

        @seal.guarded(TOOL)
        async def refund(amount: float, customer: str, order_id: str) -> str:
            ran.append(f"{amount} {order_id}")
            return customer

        asked = order()
        assert await refund(5, str(asked["customer"]), "ord-7") == asked["customer"]
    assert ran == ["5 ord-7"]
    assert network.seen["redemption"] == 2


def test_a_receipt_that_cannot_be_delivered_does_not_lose_the_result(cast: Cast) -> None:
    network = Lossy("receipt", every=True)
    with Counterseal(cast.stack.url, cast.agent.key, patience=1, transport=network) as seal:

        @seal.guarded(TOOL)
        def refund(amount: float, customer: str, order_id: str) -> str:
            return f"paid {amount} {customer} {order_id}"

        with pytest.warns(ReportUndelivered):
            assert refund(**order()).startswith("paid")  # type: ignore[arg-type]
        assert len(seal.undelivered) == 1
        network.heal()
        assert seal.redeliver() == 0


def test_a_crash_while_running_never_runs_again(cast: Cast, seal: Counterseal) -> None:
    ran: list[int] = []

    @seal.guarded(TOOL, key=lambda call: f"crash-{call['customer']}")
    def refund(amount: float, customer: str, order_id: str) -> None:
        ran.append(1)
        raise SystemExit(f"power cut: {amount} {customer} {order_id}")

    asked = order()
    with pytest.raises(SystemExit):
        refund(**asked)  # type: ignore[arg-type]
    with pytest.raises(AlreadyRun) as again:
        refund(**asked)  # type: ignore[arg-type]
    assert ran == [1]
    assert "execution.reported" not in cast.agent.kinds(again.value.action_id)


def test_a_run_that_raises_is_reported_as_failed(cast: Cast, seal: Counterseal) -> None:
    with (
        pytest.raises(ValueError, match="no such order"),
        seal.guarding(TOOL, order()) as run,
    ):
        raise ValueError("no such order")
    closed = cast.agent.read(run.action_id).json()
    assert closed["outcome"] == "FAILED"
    events = cast.agent.story(run.action_id)["events"]
    assert any("ValueError: no such order" in each["canonical"] for each in events)


def test_many_threads_with_one_key_run_once(cast: Cast, seal: Counterseal) -> None:
    ran: list[int] = []
    refused: list[str] = []

    @seal.guarded(TOOL, key=lambda call: f"race-{call['customer']}")
    def refund(amount: float, customer: str, order_id: str) -> None:
        ran.append(len(f"{amount} {customer} {order_id}"))

    asked = order()

    def attempt() -> None:
        try:
            refund(**asked)  # type: ignore[arg-type]
        except AlreadyRun as error:
            refused.append(error.action_id)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(ran) == 1
    assert len(refused) == 7
    assert cast.agent.kinds(refused[0]).count("grant.redeemed") == 1


def test_a_server_that_understood_something_else_gets_no_redemption(cast: Cast) -> None:
    asked = order()
    customer = str(asked["customer"]).encode()
    network = Rewriting(lambda body: body.replace(customer, b"mallory"))
    with (
        Counterseal(cast.stack.url, cast.agent.key, transport=network) as seal,
        pytest.raises(Misunderstood),
        seal.guarding(TOOL, asked),
    ):
        raise AssertionError("it ran")
    assert not [path for path in network.paths if path.endswith("/redemption")]


def test_a_denied_and_a_withdrawn_call_say_so(cast: Cast, seal: Counterseal) -> None:
    now = seal.propose(TOOL, order(500))
    cast.approvers["ada"].vote(cast.agent.read(now.action_id).json(), approve=False)
    with pytest.raises(Denied):
        seal.redeem(seal.wait(now, timeout=10))
    other = seal.propose(TOOL, order(500))
    seal.withdraw(other.action_id, "asked by mistake")
    with pytest.raises(Withdrawn):
        seal.redeem(seal.resume(other.handle))


def test_one_key_for_two_actions_is_refused(seal: Counterseal) -> None:
    key = secrets.token_hex(8)
    seal.propose(TOOL, order(), key=key)
    with pytest.raises(RequestRefused) as refused:
        seal.propose(TOOL, order(), key=key)
    assert refused.value.code == "idempotency-key-reused"


def test_a_grant_is_of_no_use_to_another_agent(cast: Cast, seal: Counterseal) -> None:
    permit = seal.propose(TOOL, order())
    issued = cast.operator.http.post("/v1/keys", json={"role": "agent", "subject": "agent:thief"})
    with Counterseal(cast.stack.url, issued.json()["secret"]) as thief:
        with pytest.raises(NotFound):
            thief.resume(permit.handle)
        with pytest.raises(GrantRefused):
            thief.redeem(permit)
    assert seal.redeem(permit).digest == permit.digest
