"""How far a grant's evidence must have come: said by a class, carried by its decisions."""

import pytest

from counterseal.core.canonical import digest
from counterseal.core.policy.bundle import BUNDLE_DOMAIN, bundle_digest
from counterseal.core.policy.complaint import BundleRefused
from counterseal.core.policy.decision import Decision
from counterseal.core.policy.facts import Facts
from counterseal.core.policy.load import parse_bundle
from counterseal.core.words import Level
from tests.unit.policy.support import HEADER, NOON, action, judge_of

DEMANDING = HEADER.replace("    risk: high\n", "    risk: high\n    evidence: witnessed\n", 1)


def decide(tool: str, header: str = HEADER) -> Decision:
    return judge_of(header=header).decide(action(tool), Facts(at=NOON))


def test_a_class_says_it_and_its_decisions_carry_it() -> None:
    assert decide("pay", DEMANDING).evidence is Level.WITNESSED
    assert decide("read_mail", DEMANDING).evidence is Level.RECORDED
    assert decide("unheard_of", DEMANDING).evidence is Level.RECORDED


def test_what_does_not_say_it_is_written_as_it_always_was() -> None:
    bundle = parse_bundle({"bundle.yaml": HEADER})
    assert "evidence" not in bundle.model_dump_json()
    assert bundle_digest(bundle) == digest(BUNDLE_DOMAIN, bundle.model_dump(mode="json"))
    assert bundle_digest(bundle) != bundle_digest(parse_bundle({"bundle.yaml": DEMANDING}))
    decision = decide("pay")
    assert "evidence" not in decision.model_dump(mode="json")
    assert Decision.model_validate(decision.model_dump(mode="json")) == decision


def test_recorded_is_what_holds_anyway() -> None:
    plain = HEADER.replace("    risk: high\n", "    risk: high\n    evidence: recorded\n", 1)
    said = bundle_digest(parse_bundle({"bundle.yaml": plain}))
    assert said == bundle_digest(parse_bundle({"bundle.yaml": HEADER}))


@pytest.mark.parametrize("level", ["anchored", "SEALED", "1", "[sealed]", '""'])
def test_a_level_that_does_not_exist_is_refused(level: str) -> None:
    wrong = DEMANDING.replace("evidence: witnessed", f"evidence: {level}")
    with pytest.raises(BundleRefused, match=r"none of .recorded., .sealed. or .witnessed."):
        parse_bundle({"bundle.yaml": wrong})
