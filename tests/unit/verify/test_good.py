"""What is good passes: every way a story can go, every profile, every kind of package."""

from typing import Any

import pytest

import counterseal_verify as verifier
from counterseal.core.words import Outcome, Verdict
from domain.lifecycle import decide, replay
from tests.support import packages as p
from tests.support import stories as s

STORIES: dict[str, list[dict[str, Any]]] = {
    name: p.events_of(story)
    for name, story in {
        "allowed and run": s.closed(),
        "failed": s.closed(Outcome.FAILED),
        "blocked": decide(replay(()), s.ask(s.decision(Verdict.BLOCK))),
        "blocked for want of people": decide(replay(()), s.ask(s.decision(Verdict.STEP_UP))),
        "held": s.held(),
        "held with a vote": s.Given(s.held(quorum=2)).story_after(s.vote()),
        "granted": s.granted(),
        "redeemed": s.redeemed(),
        "approved by two and run": s.Given(s.held(quorum=2)).story_after(
            s.vote("ada", aliases=("ada@home",)),
            s.vote("paul", seconds=11),
            s.vote("mallory", seconds=12, groups=()),
            s.vote("grace", seconds=20, groups=("treasury", "security")),
            s.redeem(),
            s.report(),
        ),
        "two needs": s.Given(s.held(s.need(s.TREASURY), s.need(s.SECURITY))).story_after(
            s.vote("ada"), s.vote("ken", seconds=20, groups=(s.SECURITY,)), s.redeem()
        ),
        "one person for two needs": s.Given(
            s.held(s.need(s.TREASURY), s.need(s.SECURITY))
        ).story_after(s.vote("grace", groups=(s.TREASURY, s.SECURITY)), s.redeem()),
        "denied": s.Given(s.held(quorum=2)).story_after(s.vote(), s.vote("grace", approve=False)),
        "denied by two": s.Given(s.held(quorum=2, deny_threshold=2)).story_after(
            s.vote(approve=False), s.vote("grace", approve=False, seconds=20)
        ),
        "expired": s.Given(s.held(quorum=2)).story_after(s.vote(), s.wake(3600)),
        "silence allows": s.Given(s.held(on_timeout=Verdict.ALLOW)).story_after(s.wake(3601)),
        "silence is no after a no": s.Given(
            s.held(on_timeout=Verdict.ALLOW, quorum=2, deny_threshold=2)
        ).story_after(s.vote(approve=False), s.wake(3601)),
        "cancelled": s.Given(s.held()).story_after(s.withdraw()),
        "reminded and escalated": s.Given(
            s.held(s.need(s.TREASURY, escalation=[(600, (s.CHIEFS,))]), remind_every=300)
        ).story_after(
            s.wake(700), s.vote("ken", seconds=800, groups=(s.CHIEFS,)), s.redeem(seconds=801)
        ),
        "lapsed": s.Given(s.granted()).story_after(s.wake(901)),
        "given back": s.Given(s.granted()).story_after(s.withdraw()),
        "never reported": s.Given(s.redeemed()).story_after(s.wake(30 + 3600)),
        "refusals in between": s.Given(s.granted()).story_after(
            s.ask_otherwise(),
            s.redeem("agent:mailbot", seconds=5),
            s.redeem(),
            s.redeem(seconds=31),
        ),
    }.items()
}


def verify(package: bytes, trust: str | None = p.TRUST, **more: bytes) -> verifier.Report:
    return verifier.verify(package, trust.encode() if trust else None, **more)


def complaints(report: verifier.Report) -> list[tuple[str, str, str]]:
    return [(each.code, each.sentence, each.where) for each in report.checks if not each.ok]


@pytest.mark.parametrize("name", STORIES)
def test_every_story_that_can_happen_is_good(name: str) -> None:
    report = verify(p.draft(p.log_of(STORIES[name]), p.ACTION).sealed())
    assert (complaints(report), report.code) == ([], 0)
    assert len(report.cases) == 1
    assert report.cases[0].state in verifier.AT_REST


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("profile", ["without-arguments", "counts"])
def test_every_profile_of_every_story_is_good(name: str, profile: str) -> None:
    log = p.log_of(STORIES[name])
    report = verify(p.draft(log, p.ACTION, profile=profile, withhold=p.PROFILES[profile]).sealed())
    assert (complaints(report), report.code) == ([], 0)


def test_a_package_of_several_actions_tells_of_each() -> None:
    log = p.log_of(STORIES["approved by two and run"])
    other = "act_" + "7" * 32
    report = verify(p.draft(log, p.ACTION, other).sealed())
    assert complaints(report) == []
    assert {case.id for case in report.cases} == {p.ACTION, other}


def test_an_open_story_is_good_and_said_to_be_open() -> None:
    report = verify(p.draft(p.log_of(STORIES["held"]), p.ACTION).sealed())
    assert report.code == 0
    assert [each for each in report.warnings if "open as of" in each] != []


def test_a_signed_receipt_is_checked_with_the_key_named_at_redemption() -> None:
    report = verify(p.draft(p.log_of(p.signed_receipt()), p.ACTION).sealed())
    assert complaints(report) == []


def test_refusals_after_the_end_stand_beside_it() -> None:
    story = STORIES["denied"]
    late = s.Given(s.closed()).when(s.vote())  # nothing follows a close here
    refused = p.refusal()
    log = p.log_of(story, (f"{p.ACTION}:late", [refused]))
    assert late == ()
    assert complaints(verify(p.draft(log, p.ACTION).sealed())) == []


def test_values_taken_along_open_their_commitments() -> None:
    made = p.disclosed_draft()
    report = verify(made.sealed())
    assert complaints(report) == []
    assert [each["value"] for each in report.values] == ["DE02120300000000202051"]


def test_destroyed_values_are_told_of() -> None:
    log = p.log_of(STORIES["denied"], (f"{p.ACTION}:data", [p.shredded()]))
    report = verify(p.draft(log, p.ACTION).sealed())
    assert complaints(report) == []
    assert report.statement["shredded"] == [p.ACTION]


def test_a_period_holds_everything_in_it() -> None:
    report = verify(p.good_period().sealed())
    assert complaints(report) == []
    assert {case.id for case in report.cases} == {p.ACTION, p.SECOND, p.THIRD}


def test_a_period_from_the_beginning_of_the_log() -> None:
    log = p.period_log()
    assert complaints(verify(p.period(log, 0, len(log.entries) - 1, until=290).sealed())) == []


@pytest.mark.parametrize("profile", ["without-arguments", "counts"])
def test_a_period_with_bodies_withheld_is_good(profile: str) -> None:
    report = verify(p.good_period(profile=profile, withhold=p.PROFILES[profile]).sealed())
    assert complaints(report) == []


@pytest.mark.parametrize(
    "filters",
    [
        {"effective": "STEP_UP"},
        {"effective": ["STEP_UP"], "risk": ["high"]},
        {"action_class": "payments.transfer", "effective": ["STEP_UP"]},
    ],
)
def test_a_filtered_period_withholds_what_does_not_fit(filters: dict[str, Any]) -> None:
    report = verify(p.filtered_period(filters).sealed())
    assert complaints(report) == []
    assert {case.id for case in report.cases} == {p.ACTION, p.THIRD}
    assert report.statement["withheld"] > 0


@pytest.mark.parametrize("old", [0, 1, 2, 5, 8, 13])
def test_growth_since_a_kept_checkpoint_is_proven(old: int) -> None:
    log = p.log_of(STORIES["denied"])
    made = p.draft(log, p.ACTION)
    if 0 < old < len(log.entries):
        p.add_growth(made, log, old)
    report = verify(made.sealed(), since=log.note(old).encode())
    assert complaints(report) == []
    assert [each.code for each in report.checks].count("since") == 1


def test_a_checkpoint_of_the_same_tree_needs_no_proof() -> None:
    log = p.log_of(STORIES["denied"])
    assert verify(p.draft(log, p.ACTION).sealed(), since=log.note().encode()).code == 0


def test_without_trust_it_is_said_that_nothing_says_who_signed() -> None:
    report = verify(p.draft(p.log_of(STORIES["denied"]), p.ACTION).sealed(), trust=None)
    assert [code for code, _, _ in complaints(report)] == ["trust"]
    assert report.code == 1
    assert verifier.level(report) is None


def test_the_level_is_what_the_trust_file_tells() -> None:
    made = p.draft(p.log_of(STORIES["denied"]), p.ACTION).sealed()
    without = p.TRUST.replace("quorum any-two", "quorum none")
    assert verifier.level(verify(made)) == "witnessed"
    assert verifier.level(verify(made, without)) == "sealed"


def test_every_check_that_the_readme_lists_is_made() -> None:
    reports = [
        verify(p.draft(p.log_of(STORIES["denied"]), p.ACTION).sealed()),
        verify(p.filtered_period({"effective": "STEP_UP"}).sealed()),
        verify(p.draft(p.log_of(STORIES["denied"]), p.ACTION).sealed(), trust=None),
        verify(
            p.draft(log := p.log_of(STORIES["held"]), p.ACTION).sealed(), since=log.note().encode()
        ),
        verify(b"nothing"),
    ]
    assert {each.code for report in reports for each in report.checks} == p.listed_codes()
