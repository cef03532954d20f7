"""Decisions and endings that do not follow from what stands beside them."""

from copy import deepcopy

import pytest

import counterseal_verify as verifier
from tests.support import packages as p
from tests.support import stories as s
from tests.support.lies import failing, upto

RUN = p.run_story()
ALLOWED = p.events_of(s.closed())

STAGES: dict[str, tuple[p.Event, bool]] = {
    "a block let through": ({"verdict": "BLOCK", "effective": "ALLOW"}, False),
    "a block by nobody's word": ({"verdict": "ALLOW", "effective": "BLOCK"}, False),
    "a question skipped": ({"verdict": "STEP_UP", "effective": "ALLOW"}, False),
    "a verdict that is none": ({"verdict": "MAYBE"}, False),
    "observed": ({"verdict": "BLOCK", "effective": "ALLOW", "stage": "observe"}, True),
    "a question at the stage observe": ({"verdict": "ALLOW", "effective": "STEP_UP"}, False),
    "a refused principal": ({"facts": {"principal_refused": True}}, False),
    "a rule that only observes": (
        {"verdict": "BLOCK", "effective": "ALLOW", "fired": [{"stage": "observe"}]},
        True,
    ),
    "a rule that acts": (
        {"verdict": "BLOCK", "effective": "ALLOW", "fired": [{"stage": "enforce"}]},
        False,
    ),
}


@pytest.mark.parametrize("name", STAGES)
def test_what_is_done_follows_from_what_policy_said(name: str) -> None:
    fields, right = STAGES[name]
    story = deepcopy(ALLOWED)
    decision = next(each for each in story if each["kind"] == "decision.reached")["decision"]
    decision |= fields | {"facts": decision["facts"] | fields.get("facts", {})}
    package = p.draft(p.log_of(story), p.ACTION).sealed()
    report = verifier.verify(package, p.TRUST.encode())
    assert ("policies" not in {each.code for each in report.checks if not each.ok}) is right


def test_an_end_is_not_left_out_from_under_a_destruction() -> None:
    made = p.log_of(upto("grant.redeemed")(deepcopy(RUN)), (f"{p.ACTION}:data", [p.shredded()]))
    assert "ends" in failing(p.draft(made, p.ACTION).sealed())


@pytest.mark.parametrize(("stream", "code"), [("roster", "approvals"), ("bundles", "policies")])
def test_rosters_and_policies_come_from_their_own_streams(stream: str, code: str) -> None:
    log = p.log_of(RUN)
    moved = p.Log()
    for name, _, text in log.entries:
        event = p.read(text.decode())["event"]
        moved.append(f"{p.ACTION}:data" if name == stream else name, event)
    assert code in failing(p.draft(moved, p.ACTION).sealed())
