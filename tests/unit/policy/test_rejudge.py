"""A recorded decision is judged again, and a lie about it is found."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import counterseal_verify as verifier
from counterseal.cli import main
from counterseal.core.action import Action, action_digest
from counterseal.core.canonical import canonical
from counterseal.core.commitments import Disclosure, seal_arguments
from counterseal.core.policy.decision import Decision
from counterseal.core.policy.facts import Facts
from counterseal.core.policy.invariants import decide
from counterseal.core.policy.rejudge import Rejudged, Rejudging
from domain.lifecycle import decide as add
from domain.lifecycle import replay
from tests.support import packages as p
from tests.support import stories as s
from tests.unit.policy.support import NOON, action, judge_of

RULES = """\
  - id: large
    title: Large payments
    owner: olga
    match: {class: [payment]}
    when: [{name: large, cel: attr.amount > 100.0}]
    verdict: STEP_UP
  - id: pinned
    title: No payments with the old PIN
    owner: olga
    match: {tools: [pay_by_pin]}
    when: [{name: old, cel: 'attr.pin == "0000"'}]
    verdict: BLOCK
"""
JUDGE = judge_of(RULES)
BUNDLE = JUDGE.bundle.model_dump(mode="json")
FACTS = Facts(at=NOON, agent_owner="olga")


@dataclass(frozen=True)
class Judged:
    action: Action
    decision: dict[str, Any]
    disclosures: tuple[Disclosure, ...]

    def again(self, *disclosed: Disclosure, bundle: Any = BUNDLE) -> Rejudged:
        judging = Rejudging({JUDGE.name.digest: bundle})
        return judging.judge(self.action.model_dump(mode="json"), self.decision, disclosed)


def judged(tool: str = "pay", /, **arguments: Any) -> Judged:
    """Judge a call as the server does: by its clear values, which it then commits to."""
    asked = action(tool, **arguments)
    decision = decide(JUDGE, asked, FACTS).model_dump(mode="json")
    sealed, disclosures = seal_arguments(asked.arguments, ["/pin"], lambda _: bytes(32))
    return Judged(asked.model_copy(update={"arguments": sealed}), decision, disclosures)


@pytest.mark.parametrize("amount", [20, 2000])
def test_what_was_recorded_comes_out_again(amount: int) -> None:
    one = judged("pay_by_pin", amount=amount, pin="1234")
    assert one.again(*one.disclosures).same is True
    assert judged(amount=amount, pin="1234").again().same is True


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("effective", "ALLOW"),
        ("verdict", "BLOCK"),
        ("risk", "low"),
        ("determining", ["default"]),
        ("fired", []),
        ("route", None),
        ("grant_ttl", 9000),
        ("contributes", {}),
        ("attributes", {"amount": 1.0}),
        ("facts_digest", "sha256:" + "0" * 64),
        ("for_agent", "Go ahead."),
    ],
)
def test_a_record_that_says_otherwise_is_found(field: str, value: Any) -> None:
    one = judged(amount=2000, payee="KNOWN-ACME-1")
    assert one.decision[field] != value
    one.decision[field] = value
    again = one.again()
    assert again.same is False
    assert field in again.sentence


def test_another_engine_or_an_older_record_is_no_lie() -> None:
    one = judged(amount=2000)
    one.decision["engine"] = "another build"
    del one.decision["near_misses"]
    assert one.again().same is True


def test_what_rests_on_a_sealed_value_is_not_judged_again_unless_it_is_disclosed() -> None:
    one = judged("pay_by_pin", amount=20, pin="0000")
    assert one.decision["effective"] == "BLOCK"
    sealed = one.again()
    assert (sealed.same, sealed.sentence) == (None, "Not judged again: it rests on /pin.")
    assert one.again(*one.disclosures).same is True


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("effective", "ALLOW"),
        ("verdict", "STEP_UP"),
        ("risk", "low"),
        ("grant_ttl", 9),
        ("fired", []),
    ],
)
def test_sealed_values_excuse_nothing_that_they_cannot_change(field: str, value: Any) -> None:
    one = judged("pay_by_pin", amount=20, pin="0000")
    one.decision[field] = value
    assert one.again().same is False


def test_a_sealed_value_that_no_rule_read_excuses_nothing() -> None:
    one = judged(amount=2000, pin="1234")
    one.decision.update({"effective": "ALLOW", "verdict": "ALLOW", "route": None})
    assert one.again().same is False


def test_a_wrong_disclosure_judges_nothing() -> None:
    one = judged("pay_by_pin", amount=20, pin="0000")
    wrong = one.disclosures[0].model_copy(update={"value": "1111"})
    assert one.again(wrong).same is False


@pytest.mark.parametrize("bundle", [{}, {**BUNDLE, "rules": 5}, {**BUNDLE, "classes": []}])
def test_a_bundle_that_is_none_is_said_to_be_none(bundle: Any) -> None:
    again = judged(amount=20).again(bundle=bundle)
    assert again.same is False
    assert "cannot be judged again" in again.sentence


def test_a_decision_without_its_bundle_is_said_to_lack_it() -> None:
    one = judged(amount=20)
    told = Rejudging({}).judge(one.action.model_dump(mode="json"), one.decision)
    assert told.same is False


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "trust.txt").write_text(p.TRUST)
    return tmp_path


def package(one: Judged) -> bytes:
    """Record what was judged, and take it along."""
    decision = Decision.model_validate(one.decision)
    ask = s.ask(decision, action=one.action)
    story = [event.model_dump(mode="json") for event in add(replay(()), ask)]
    activation = {**p.activation(), "digest": JUDGE.name.digest, "bundle": BUNDLE}
    log = p.Log()
    log.append("roster", p.roster())
    log.append("bundles", activation)
    log.append(one.action.id, *story)
    made = p.draft(log, one.action.id)
    for name in [each for each in made.files if each.startswith("policy/")]:
        del made.files[name]
    made.files[f"policy/{JUDGE.name.digest[7:]}.json"] = canonical(BUNDLE)
    made.predicate["policies"] = [JUDGE.name.digest]
    assert action_digest(one.action) == story[0]["digest"]
    return made.sealed()


def run(desk: Path, one: Judged, *words: str) -> int:
    (desk / "package.zip").write_bytes(package(one))
    trust = ["--trust", str(desk / "trust.txt")]
    return main(["evidence", "verify", str(desk / "package.zip"), *trust, *words])


def test_the_command_judges_again(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(desk, judged(amount=2000)) == 0
    assert "1 of 1 decisions judged again, and the same" in capsys.readouterr().out


def test_the_command_finds_a_decision_that_policy_never_made(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lie = judged(amount=2000)
    lie.decision.update({"effective": "ALLOW", "verdict": "ALLOW", "route": None})
    assert verifier.verify(package(lie), p.TRUST.encode()).code == 0
    assert run(desk, lie, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    (failed,) = [each for each in told["checks"] if not each["ok"]]
    assert failed["code"] == "rejudged"
    assert "STEP_UP by large" in failed["sentence"]


def test_the_command_says_what_it_could_not_judge(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(desk, judged("pay_by_pin", amount=20, pin="0000")) == 0
    assert "it rests on /pin" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("module", "remedy"),
    [
        ("counterseal_verify", "pip install counterseal-verify"),
        ("counterseal.core.policy.rejudge", "counterseal[policy]"),
    ],
)
def test_what_is_not_installed_is_said_with_how_to_install_it(
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: str,
    remedy: str,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    assert run(desk, judged(amount=20)) == 2
    assert remedy in capsys.readouterr().err


def test_the_command_refuses_what_is_no_package(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "junk.zip").write_bytes(b"junk")
    assert main(["evidence", "verify", str(desk / "junk.zip")]) == 2
    assert "MALFORMED" in capsys.readouterr().out
