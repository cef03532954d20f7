"""Sensitive values: the agent works with them, people see commitments, every look is recorded."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from counterseal.core.action import Action, action_digest
from counterseal.core.commitments import Disclosure, disclose
from counterseal.errors import Misunderstood
from counterseal.standing import Hold, Permit
from tests.abuse.world import declined
from tests.support.discreet import POLICY, Discreet, every_value, secrets
from tests.support.stack import Cast

Json = dict[str, Any]


@pytest.fixture(scope="module")
def discreet(cast: Cast) -> Discreet:
    return Discreet(cast)


def opened(told: Json) -> Json:
    """Put what an answer discloses back into its action."""
    disclosures = [Disclosure.model_validate(each) for each in told["disclosures"]]
    return disclose(told["action"]["arguments"], disclosures)


def hidden(arguments: Json) -> list[str]:
    """List what nobody but the agent may be told, as it would be written."""
    sensitive = {name: arguments[name] for name in arguments if name != "open"}
    sensitive["cards"] = [each["number"] for each in arguments["cards"]]
    return [json.dumps(each, ensure_ascii=False) for each in every_value(sensitive)]


def tells(text: str, arguments: Json) -> bool:
    """Say whether ``text``, a JSON document, has any of the hidden values."""
    plain = json.dumps(json.loads(text), ensure_ascii=False)
    return any(each in plain for each in hidden(arguments))


def data_events(discreet: Discreet, action: str) -> list[Json]:
    """Read the stream beside an action."""
    told = discreet.auditor.story(action)["data"]
    assert discreet.agent.story(action)["data"] == []
    return [json.loads(each["canonical"])["event"] for each in told]


def withdrawn(discreet: Discreet, arguments: Json, key: str | None = None) -> Json:
    """Have something held, and taken back."""
    held: Json = discreet.agent.propose("asked", key, arguments=arguments).json()
    asked = {"request_id": uuid.uuid4().hex, "reason": "no longer"}
    path = f"/v1/actions/{held['action_id']}/withdrawal"
    assert discreet.agent.http.post(path, json=asked).json()["disposition"] == "CANCELLED"
    return held


def test_the_agent_works_with_values_that_nobody_else_is_shown(discreet: Discreet) -> None:
    arguments = secrets()
    held = discreet.agent.propose("asked", arguments=arguments).json()
    assert held["phase"] == "HELD"
    assert held["digest"] == action_digest(Action.model_validate(held["action"]))
    assert not tells(json.dumps(held["action"]), arguments)
    assert held["action"]["arguments"]["open"] == "for all to see"
    assert opened(held) == arguments == opened(discreet.agent.read(held["action_id"]).json())
    for who in (discreet.approver, discreet.auditor, discreet.operator):
        seen = who.read(held["action_id"])
        assert seen.json()["action"] == held["action"]
        assert seen.json()["disclosures"] == []
        assert not tells(seen.text, arguments)
    assert discreet.approver.vote(held).json()["disposition"] == "APPROVED"
    granted = discreet.agent.read(held["action_id"]).json()
    redeemed = discreet.agent.redeem(granted).json()
    done = discreet.agent.report(granted, redeemed["redemption_id"])
    assert done.json()["outcome"] == "SUCCEEDED"
    story = discreet.auditor.story(held["action_id"])
    assert not tells(json.dumps(story), arguments)
    assert data_events(discreet, held["action_id"]) == []


def test_an_agent_of_the_sdk_notices_nothing(discreet: Discreet) -> None:
    arguments, ran = secrets(), []
    with discreet.sdk() as agent:
        now = agent.propose("free", arguments)
        assert isinstance(now, Permit)
        assert now.arguments == arguments
        assert agent.redeem(now).arguments == arguments

        @agent.guarded("free")
        def call(**given: Any) -> int:
            ran.append(given)
            return 1

        assert call(**arguments) == 1
    assert ran == [arguments]


def test_a_hold_is_taken_up_again_with_its_values(discreet: Discreet) -> None:
    arguments = secrets()
    with discreet.sdk() as before:
        held = before.propose("asked", arguments)
    assert isinstance(held, Hold)
    vote = {"digest": held.digest, "action_id": held.action_id}
    assert discreet.approver.vote(vote).json()["counted"]
    with discreet.sdk() as after:
        now = after.resume(held.handle)
        assert isinstance(now, Permit)
        assert after.redeem(now).arguments == arguments


def test_asking_again_gives_the_same_commitments(discreet: Discreet) -> None:
    arguments, key = secrets(), uuid.uuid4().hex
    with ThreadPoolExecutor(8) as crowd:
        asked = [crowd.submit(discreet.agent.propose, "free", key, arguments=arguments)] * 4
        asked += [crowd.submit(discreet.agent.propose, "free", key, arguments=arguments)] * 4
        told = [each.result() for each in asked]
    assert {each.status_code for each in told} == {200}
    assert len({each.json()["digest"] for each in told}) == 1
    assert all(opened(each.json()) == arguments for each in told)


@pytest.mark.parametrize("changed", [{"pin": "other"}, {"open": "other"}, {"cards": []}])
def test_a_key_that_stands_for_other_values_is_refused_on_record(
    discreet: Discreet, changed: Json
) -> None:
    arguments, key = secrets(), uuid.uuid4().hex
    held = discreet.agent.propose("asked", key, arguments=arguments).json()
    told = discreet.agent.propose("asked", key, arguments=arguments | changed)
    declined(told, "idempotency-key-reused", *hidden(arguments))
    assert discreet.auditor.kinds(held["action_id"])[-1] == "request.refused"
    again = discreet.agent.propose("asked", key, arguments=arguments).json()
    assert (again["digest"], again["phase"]) == (held["digest"], "HELD")


@pytest.mark.parametrize("first", ["sensitive", "plain"])
def test_a_question_stays_the_same_when_policy_calls_more_or_less_of_it_sensitive(
    cast: Cast, first: str
) -> None:
    discreet, arguments, key = Discreet(cast), secrets(), uuid.uuid4().hex
    plain = "\n".join(line for line in POLICY.splitlines() if "sensitive:" not in line)
    policies = (POLICY, plain) if first == "sensitive" else (plain, POLICY)
    discreet.activate(policies[0])
    before = discreet.agent.propose("asked", key, arguments=arguments).json()
    discreet.activate(policies[1].replace('version: "1"', 'version: "2"'))
    after = discreet.agent.propose("asked", key, arguments=arguments).json()
    assert (after["digest"], after["action"]) == (before["digest"], before["action"])
    assert opened(after) == arguments
    other = discreet.agent.propose("asked", key, arguments=arguments | {"pin": "other"})
    declined(other, "idempotency-key-reused")


@pytest.mark.parametrize(
    "arguments",
    [
        {"$committed": "sha256:" + "0" * 64},
        {"pin": {"$committed": "sha256:" + "0" * 64}},
        {"a": [{"b": [{"$committed": None}]}]},
    ],
)
@pytest.mark.parametrize("tool", ["free", "plain"])
def test_nobody_but_us_writes_the_reserved_key(
    discreet: Discreet, tool: str, arguments: Json
) -> None:
    declined(discreet.agent.propose(tool, arguments=arguments), "reserved-key")


def test_more_values_than_can_be_committed_to_are_refused(discreet: Discreet) -> None:
    told = discreet.agent.propose("free", arguments={"notes": ["x"] * 5000})
    declined(told, "json-too-many-keys")


def test_rules_read_values_that_no_decision_repeats(discreet: Discreet) -> None:
    arguments = secrets()
    held = discreet.agent.propose("ruled", arguments=arguments).json()
    assert held["phase"] == "HELD"
    seen = discreet.auditor.read(held["action_id"])
    fired = {each["rule"]: each for each in seen.json()["decision"]["fired"]}
    assert fired["long-pin"]["clauses"][0]["holds"] is True
    assert fired["odd-pin"]["erred"] is True
    assert [each["rule"] for each in seen.json()["decision"]["near_misses"]] == ["near"]
    assert not tells(seen.text, arguments)
    short = secrets() | {"pin": "1234"}
    assert discreet.agent.propose("ruled", arguments=short).json()["phase"] in {"HELD", "GRANTED"}


def test_those_who_are_asked_may_look_once_that_is_recorded(discreet: Discreet) -> None:
    arguments = secrets()
    held = discreet.agent.propose("asked", arguments=arguments).json()
    action = held["action_id"]
    declined(discreet.reveal(discreet.outsider, action), "may-not-reveal", *hidden(arguments))
    assert data_events(discreet, action) == []
    looks = [("approver", discreet.approver), ("auditor", discreet.auditor)]
    looks.append(("operator", discreet.operator))
    for role, who in looks:
        seen = discreet.reveal(who, action, why="case 7").json()
        assert opened(seen) == arguments
        last = data_events(discreet, action)[-1]
        assert (last["kind"], last["role"], last["why"]) == ("data.revealed", role, "case 7")
        assert last["pointers"] == [each["pointer"] for each in held["disclosures"]]
    assert not tells(json.dumps(data_events(discreet, action)), arguments)
    discreet.approver.vote(held)
    declined(discreet.reveal(discreet.approver, action), "may-not-reveal")
    assert len(data_events(discreet, action)) == 3


def test_an_agent_sees_no_more_for_asking(discreet: Discreet) -> None:
    held = discreet.agent.propose("asked", arguments=secrets()).json()
    told = discreet.reveal(discreet.agent, held["action_id"]).json()
    assert told["disclosures"] == held["disclosures"]
    assert data_events(discreet, held["action_id"]) == []
    rival = discreet.with_key("agent", "rival")
    declined(discreet.reveal(rival, held["action_id"]), "no-such-action")


def test_there_is_nothing_to_reveal_where_nothing_is_hidden(discreet: Discreet) -> None:
    told = discreet.agent.propose("plain", arguments={"pin": "1"}).json()
    seen = discreet.reveal(discreet.outsider, told["action_id"]).json()
    assert (seen["disclosures"], seen["action"]["arguments"]) == ([], {"pin": "1"})
    assert data_events(discreet, told["action_id"]) == []


def test_what_was_shredded_is_gone_for_everybody(discreet: Discreet) -> None:
    arguments, key = secrets(), uuid.uuid4().hex
    held = withdrawn(discreet, arguments, key)
    action = held["action_id"]
    for who in (discreet.agent, discreet.approver, discreet.auditor):
        declined(discreet.shred(who, action), "role-forbids")
    gone = discreet.shred(discreet.operator, action, request="erasure-17")
    assert gone.status_code == 200, gone.text
    assert gone.json()["pointers"] == [each["pointer"] for each in held["disclosures"]]
    assert gone.json()["request"] == "erasure-17"
    again = discreet.shred(discreet.operator, action, reason="once more")
    assert again.json() == gone.json()
    (event,) = data_events(discreet, action)
    assert (event["kind"], event["because"]) == ("data.shredded", "asked to be forgotten")
    declined(discreet.reveal(discreet.operator, action), "data-shredded")
    declined(discreet.agent.propose("asked", key, arguments=arguments), "data-shredded")
    told = discreet.agent.read(action).json()
    assert (told["disclosures"], told["action"]) == ([], held["action"])
    with discreet.sdk() as agent, pytest.raises(Misunderstood, match="shredded"):
        agent.resume(f"{action}.{held['digest'].removeprefix('sha256:')}")


def test_an_action_that_is_still_open_is_not_shredded(discreet: Discreet) -> None:
    arguments = secrets()
    held = discreet.agent.propose("asked", arguments=arguments).json()
    declined(discreet.shred(discreet.operator, held["action_id"]), "still-open")
    granted = discreet.agent.propose("free", arguments=arguments).json()
    declined(discreet.shred(discreet.operator, granted["action_id"]), "still-open")
    discreet.agent.redeem(granted)
    declined(discreet.shred(discreet.operator, granted["action_id"]), "still-open")
    assert opened(discreet.agent.read(granted["action_id"]).json()) == arguments


def test_an_action_without_sensitive_values_has_nothing_to_shred(discreet: Discreet) -> None:
    blocked = discreet.agent.propose("wipe", arguments={"open": 1}).json()
    assert blocked["phase"] == "CLOSED"
    declined(discreet.shred(discreet.operator, blocked["action_id"]), "nothing-to-shred")
    declined(discreet.shred(discreet.operator, "act_" + "0" * 32), "no-such-action")


def test_shredding_at_once_from_all_sides_is_recorded_once(discreet: Discreet) -> None:
    action = withdrawn(discreet, secrets())["action_id"]
    with ThreadPoolExecutor(6) as crowd:
        told = [*crowd.map(lambda _: discreet.shred(discreet.operator, action), range(6))]
    assert {each.status_code for each in told} == {200}
    assert len({each.text for each in told}) == 1
    assert len(data_events(discreet, action)) == 1
