"""Stories that cannot have happened, told by whoever holds log, packager and witnesses."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from counterseal.core.words import Verdict
from domain.lifecycle import decide, replay
from tests.support import packages as p
from tests.support import stories as s
from tests.support.lies import (
    Edit,
    Story,
    after,
    again,
    both,
    change,
    failing,
    onward,
    upto,
    voted,
    within,
    without,
)

RUN = p.run_story()
SIGNED = p.signed_receipt()
ONE = p.events_of(s.Given(s.held()).story_after(s.vote(), s.redeem(), s.report()))
DENIED = p.events_of(s.Given(s.held(quorum=2)).story_after(s.vote(approve=False)))
EXPIRED = p.events_of(s.Given(s.held(quorum=2)).story_after(s.vote(), s.wake(3600)))
CANCELLED = p.events_of(s.Given(s.held()).story_after(s.withdraw()))
ALLOWED = p.events_of(s.closed())
BLOCKED = p.events_of(decide(replay(()), s.ask(s.decision(Verdict.BLOCK))))
LAPSED = p.events_of(s.Given(s.granted()).story_after(s.wake(901)))
UNKNOWN = p.events_of(s.Given(s.redeemed()).story_after(s.wake(30 + 3600)))
SILENT = p.events_of(s.Given(s.held(on_timeout=Verdict.ALLOW)).story_after(s.wake(3601)))
TWO_NEEDS = p.events_of(
    s.Given(s.held(s.need(s.TREASURY), s.need(s.SECURITY))).story_after(
        s.vote("ada"), s.vote("ken", seconds=20, groups=(s.SECURITY,)), s.redeem(), s.report()
    )
)
CLIMBED = p.events_of(
    s.Given(s.held(s.need(s.TREASURY, escalation=[(600, (s.CHIEFS,))]))).story_after(
        s.wake(700), s.vote("ken", seconds=800, groups=(s.CHIEFS,)), s.redeem(seconds=801)
    )
)
OTHER = "sha256:" + "0" * 64

LIES: dict[str, tuple[Story, Edit, str]] = {
    # Digests, one by one along the way
    "request digest": (RUN, change("action.requested", digest=OTHER), "digest"),
    "argument changed": (
        RUN,
        within("action.requested", "action", "arguments", "amount", to="9"),
        "digest",
    ),
    "argument added": (
        RUN,
        within("action.requested", "action", "arguments", "fee", to=1),
        "digest",
    ),
    "tool changed": (
        RUN,
        within("action.requested", "action", "tool", to="payments.refund"),
        "digest",
    ),
    "agent changed": (RUN, within("action.requested", "action", "agent", to="agent:x"), "digest"),
    "principal changed": (
        RUN,
        within("action.requested", "action", "principal", to=None),
        "digest",
    ),
    "environment changed": (
        RUN,
        within("action.requested", "action", "environment", to="dev"),
        "digest",
    ),
    "resource changed": (RUN, within("action.requested", "action", "resource", to="r"), "digest"),
    "session changed": (RUN, within("action.requested", "action", "session", to="s"), "digest"),
    "field added to action": (RUN, within("action.requested", "action", "x", to=1), "digest"),
    "decision digest": (RUN, change("decision.reached", digest=OTHER), "digest"),
    "hold digest": (RUN, change("action.held", digest=OTHER), "digest"),
    "first vote digest": (RUN, change("vote.counted", digest=OTHER), "digest"),
    "second vote digest": (RUN, change("vote.counted", 1, digest=OTHER), "digest"),
    "settlement digest": (RUN, change("action.settled", digest=OTHER), "digest"),
    "grant digest": (RUN, change("grant.issued", digest=OTHER), "digest"),
    "redemption digest": (RUN, change("grant.redeemed", digest=OTHER), "digest"),
    "receipt digest": (RUN, change("execution.reported", digest=OTHER), "digest"),
    "facts changed": (
        RUN,
        within("decision.reached", "decision", "facts", "agent_owner", to="x"),
        "digest",
    ),
    "facts digest": (
        RUN,
        within("decision.reached", "decision", "facts_digest", to=OTHER),
        "digest",
    ),
    # Quorum
    "first vote missing": (RUN, without("vote.counted"), "approvals"),
    "second vote missing": (RUN, without("vote.counted", 1), "approvals"),
    "no vote at all": (RUN, both(without("vote.counted"), without("vote.counted")), "approvals"),
    "no vote on one": (ONE, without("vote.counted"), "approvals"),
    "second vote a no": (RUN, change("vote.counted", 1, approve=False), "approvals"),
    "first vote a no": (RUN, change("vote.counted", approve=False), "approvals"),
    "vote in another group": (RUN, change("vote.counted", 1, groups=["security"]), "approvals"),
    "vote in no group": (RUN, change("vote.counted", 1, groups=[]), "approvals"),
    "vote in an unasked group too": (
        RUN,
        change("vote.counted", 1, groups=["treasury", "security"]),
        "approvals",
    ),
    "need unmet": (TWO_NEEDS, without("vote.counted", 1), "approvals"),
    "other need unmet": (TWO_NEEDS, without("vote.counted"), "approvals"),
    "need met by the wrong group": (
        TWO_NEEDS,
        change("vote.counted", 1, groups=["treasury"]),
        "approvals",
    ),
    "left open after a quorum": (ONE, after("vote.counted", voted("grace")), "approvals"),
    "left open after a no": (DENIED, after("vote.counted", voted("grace")), "approvals"),
    "quorum lowered in the hold": (
        RUN,
        within("action.held", "route", "needs", 0, "quorum", to=1),
        "approvals",
    ),
    "needs dropped in the hold": (
        TWO_NEEDS,
        change("action.held", route=lambda r: {**r, "needs": r["needs"][:1]}),
        "approvals",
    ),
    "needs emptied": (
        RUN,
        change("action.held", route=lambda r: {**r, "needs": []}, asked=[]),
        "approvals",
    ),
    "hold asks others": (RUN, change("action.held", asked=["interns"]), "approvals"),
    "hold asks nobody": (RUN, change("action.held", asked=[]), "approvals"),
    "hold asks more": (RUN, change("action.held", asked=["treasury", "interns"]), "approvals"),
    "deny threshold raised": (
        DENIED,
        within("action.held", "route", "deny_threshold", to=2),
        "approvals",
    ),
    "silence made a yes": (
        EXPIRED,
        within("action.held", "route", "on_timeout", to="ALLOW"),
        "approvals",
    ),
    "held though allowed": (
        RUN,
        within("decision.reached", "decision", "effective", to="ALLOW"),
        "approvals",
    ),
    "held though blocked": (
        RUN,
        within("decision.reached", "decision", "effective", to="BLOCK"),
        "approvals",
    ),
    "an unknown verdict": (
        ALLOWED,
        within("decision.reached", "decision", "effective", to="MAYBE"),
        "order",
    ),
    "names others as deciders": (RUN, change("action.settled", by=["ada", "ken"]), "approvals"),
    "names fewer as deciders": (RUN, change("action.settled", by=["ada"]), "approvals"),
    "names nobody as decider": (RUN, change("action.settled", by=[]), "approvals"),
    "names another who denied": (DENIED, change("action.settled", by=["grace"]), "approvals"),
    # Separation of duties
    "owner votes": (RUN, change("vote.counted", person="olga", aliases=[]), "approvals"),
    "owner votes in capitals": (
        RUN,
        change("vote.counted", person="OLGA", aliases=[]),
        "approvals",
    ),
    "owner votes by another name": (
        RUN,
        change("vote.counted", person="olga@home", aliases=[]),
        "approvals",
    ),
    "owner as an alias": (RUN, change("vote.counted", aliases=["Olga"]), "approvals"),
    "principal votes": (RUN, change("vote.counted", person="paul", aliases=[]), "approvals"),
    "principal votes by another name": (
        RUN,
        change("vote.counted", person="paul@home", aliases=[]),
        "approvals",
    ),
    "principal as an alias": (RUN, change("vote.counted", aliases=["PAUL@HOME"]), "approvals"),
    "agent votes": (RUN, change("vote.counted", person=s.AGENT, aliases=[]), "approvals"),
    "excluded list emptied, owner votes": (
        RUN,
        both(
            change("action.requested", excluded=[]),
            change("vote.counted", person="olga", aliases=[]),
        ),
        "approvals",
    ),
    "excluded list emptied, alias votes": (
        RUN,
        both(
            change("action.requested", excluded=[]),
            change("vote.counted", person="olga@home", aliases=[]),
        ),
        "approvals",
    ),
    "owner forgotten, excluded votes": (
        RUN,
        both(
            change("action.requested", agent_owner=None),
            change("vote.counted", person="olga", aliases=[]),
        ),
        "approvals",
    ),
    "same person twice": (
        RUN,
        change("vote.counted", 1, person="ada", groups=["treasury"]),
        "approvals",
    ),
    "same person in capitals": (RUN, change("vote.counted", 1, person="ADA"), "approvals"),
    "same person by the alias told": (
        RUN,
        change("vote.counted", 1, person="ada@home"),
        "approvals",
    ),
    "same person by the roster's alias": (
        RUN,
        both(change("vote.counted", aliases=[]), change("vote.counted", 1, person="ada@home")),
        "approvals",
    ),
    "alias shared by two voters": (
        RUN,
        change("vote.counted", 1, aliases=["ada@home"]),
        "approvals",
    ),
    "vote ID used twice": (RUN, change("vote.counted", 1, vote_id="vote-ada"), "approvals"),
    "not in the group by the roster": (RUN, change("vote.counted", 1, person="ken"), "approvals"),
    "not in the roster": (RUN, change("vote.counted", 1, person="nobody"), "approvals"),
    "intern in treasury": (RUN, change("vote.counted", 1, person="mallory"), "approvals"),
    # Settlements
    "approved without a hold": (
        ALLOWED,
        change("action.settled", disposition="APPROVED"),
        "approvals",
    ),
    "blocked, settled as allowed": (
        BLOCKED,
        change("action.settled", disposition="ALLOWED"),
        "approvals",
    ),
    "allowed, settled as blocked": (
        ALLOWED,
        change("action.settled", disposition="BLOCKED"),
        "approvals",
    ),
    "denied, settled as approved": (
        DENIED,
        change("action.settled", disposition="APPROVED"),
        "approvals",
    ),
    "denied, settled as expired": (
        DENIED,
        change("action.settled", disposition="EXPIRED"),
        "approvals",
    ),
    "expired, settled as approved": (
        EXPIRED,
        change("action.settled", disposition="APPROVED"),
        "approvals",
    ),
    "expired, settled as allowed": (
        EXPIRED,
        change("action.settled", disposition="ALLOWED"),
        "approvals",
    ),
    "expired, settled as denied": (
        EXPIRED,
        change("action.settled", disposition="DENIED"),
        "approvals",
    ),
    "expired before the deadline": (
        EXPIRED,
        change("action.settled", at=p.moment(3599)),
        "approvals",
    ),
    "silent yes before the deadline": (
        SILENT,
        change("action.settled", at=p.moment(3599)),
        "approvals",
    ),
    "cancelled by somebody": (CANCELLED, change("action.settled", by=["mallory"]), "approvals"),
    "cancelled by nobody": (CANCELLED, change("action.settled", by=[]), "approvals"),
    "cancelled, settled as approved": (
        CANCELLED,
        change("action.settled", disposition="APPROVED"),
        "approvals",
    ),
    "quorum, settled as expired": (
        RUN,
        change("action.settled", disposition="EXPIRED"),
        "approvals",
    ),
    "quorum, settled as denied": (RUN, change("action.settled", disposition="DENIED"), "approvals"),
    "quorum, settled as cancelled": (
        RUN,
        change("action.settled", disposition="CANCELLED", by=[s.AGENT]),
        "approvals",
    ),
    "settled as a new word": (RUN, change("action.settled", disposition="FINE"), "approvals"),
    # Escalation
    "escalates too early": (CLIMBED, change("hold.escalated", at=p.moment(599)), "times"),
    "escalates to others": (CLIMBED, change("hold.escalated", added=["interns"]), "approvals"),
    "escalates to nobody": (CLIMBED, change("hold.escalated", added=[]), "approvals"),
    "escalates to a rung that is none": (CLIMBED, change("hold.escalated", after=300), "approvals"),
    "escalates twice": (CLIMBED, again("hold.escalated"), "approvals"),
    "rung votes before the escalation": (CLIMBED, without("hold.escalated"), "approvals"),
    # Deadlines
    "vote at the deadline": (ONE, change("vote.counted", at=p.moment(3600)), "times"),
    "vote after the deadline": (ONE, change("vote.counted", at=p.moment(7200)), "times"),
    "all of it after the deadline": (
        ONE,
        both(
            onward("vote.counted", 3600),
            change("grant.issued", expires_at=p.moment(4500)),
            change("grant.redeemed", receipt_due=p.moment(7200)),
        ),
        "times",
    ),
    "vote before the hold": (ONE, change("vote.counted", at=p.moment(-1)), "times"),
    "deadline moved out": (RUN, change("action.held", deadline=p.moment(7200)), "times"),
    "deadline moved in": (RUN, change("action.held", deadline=p.moment(60)), "times"),
    "timeout moved out": (RUN, within("action.held", "route", "timeout", to=7200), "approvals"),
    "grant lives longer": (RUN, change("grant.issued", expires_at=p.moment(9999)), "times"),
    "grant lives shorter": (RUN, change("grant.issued", expires_at=p.moment(25)), "times"),
    "grant used at its end": (
        ALLOWED,
        both(onward("grant.redeemed", 900), change("grant.redeemed", receipt_due=p.moment(4500))),
        "times",
    ),
    "grant used after its end": (
        ALLOWED,
        both(onward("grant.redeemed", 901), change("grant.redeemed", receipt_due=p.moment(4501))),
        "times",
    ),
    "receipt due later": (RUN, change("grant.redeemed", receipt_due=p.moment(99999)), "times"),
    "receipt due earlier": (RUN, change("grant.redeemed", receipt_due=p.moment(35)), "times"),
    "receipt after it was due": (
        RUN,
        both(
            change("execution.reported", at=p.moment(3630)),
            change("action.closed", at=p.moment(3630)),
        ),
        "times",
    ),
    "given up before it was due": (
        UNKNOWN,
        change("execution.unknown", at=p.moment(3629)),
        "times",
    ),
    "lapsed too early": (LAPSED, change("grant.lapsed", at=p.moment(899)), "times"),
    "back-dated decision": (RUN, change("decision.reached", at=p.moment(-5)), "times"),
    "back-dated settlement": (RUN, change("action.settled", at=p.moment(19)), "times"),
    "back-dated redemption": (
        RUN,
        change("grant.redeemed", at=p.moment(19), receipt_due=p.moment(3619)),
        "times",
    ),
    "back-dated close": (RUN, change("action.closed", at=p.moment(39)), "times"),
    "back-dated by a microsecond": (RUN, change("action.closed", at=p.moment(39.999999)), "times"),
    # Grants
    "grant after a denial": (DENIED, after("action.settled", ONE[5]), "grants"),
    "grant after a block": (BLOCKED, after("action.settled", ALLOWED[3]), "grants"),
    "grant after an expiry": (EXPIRED, after("action.settled", ONE[5]), "grants"),
    "grant after a cancellation": (CANCELLED, after("action.settled", ONE[5]), "grants"),
    "grant before the settlement": (ONE, lambda x: [*x[:4], x[5], x[4], *x[6:]], "order"),
    "grant without a settlement": (ONE, without("action.settled"), "order"),
    "grant without a decision": (ALLOWED, without("decision.reached"), "order"),
    "two grants": (RUN, again("grant.issued"), "order"),
    "two redemptions": (RUN, again("grant.redeemed"), "order"),
    "second redemption after the receipt": (RUN, after("execution.reported", RUN[7]), "order"),
    "redemption without a grant": (RUN, without("grant.issued"), "order"),
    "redeemed by another": (RUN, change("grant.redeemed", by="agent:x"), "grants"),
    "issued to another": (RUN, change("grant.issued", holder="agent:x"), "grants"),
    "issued to and used by another": (
        RUN,
        both(change("grant.issued", holder="x"), change("grant.redeemed", by="x")),
        "grants",
    ),
    "another grant used": (RUN, change("grant.redeemed", grant_id="grt_x"), "grants"),
    "another grant lapsed": (LAPSED, change("grant.lapsed", grant_id="grt_x"), "grants"),
    "used after it lapsed": (LAPSED, after("grant.lapsed", ALLOWED[4]), "order"),
    "lapsed after it was used": (RUN, after("grant.redeemed", LAPSED[4]), "order"),
    # Receipts and ends
    "receipt for another redemption": (
        RUN,
        change("execution.reported", redemption_id="other"),
        "receipts",
    ),
    "receipt of another": (RUN, change("execution.reported", by="agent:x"), "receipts"),
    "receipt says signed": (RUN, change("execution.reported", signed=True), "receipts"),
    "two receipts": (RUN, again("execution.reported"), "order"),
    "receipt without redemption": (RUN, without("grant.redeemed"), "order"),
    "ran but lapsed": (RUN, change("execution.reported", outcome="LAPSED"), "receipts"),
    "ran but not run": (RUN, change("execution.reported", outcome="NOT_RUN"), "receipts"),
    "failed, closed as succeeded": (
        RUN,
        change("execution.reported", outcome="FAILED"),
        "receipts",
    ),
    "closed as failed": (RUN, change("action.closed", outcome="FAILED"), "receipts"),
    "closed as not run": (RUN, change("action.closed", outcome="NOT_RUN"), "receipts"),
    "closed as a new word": (RUN, change("action.closed", outcome="OK"), "receipts"),
    "unknown closed as succeeded": (
        UNKNOWN,
        change("action.closed", outcome="SUCCEEDED"),
        "receipts",
    ),
    "lapsed closed as succeeded": (
        LAPSED,
        change("action.closed", outcome="SUCCEEDED"),
        "receipts",
    ),
    "denied closed as succeeded": (
        DENIED,
        change("action.closed", outcome="SUCCEEDED"),
        "receipts",
    ),
    "closed as denied": (RUN, change("action.closed", disposition="DENIED"), "order"),
    "closed as allowed": (DENIED, change("action.closed", disposition="ALLOWED"), "order"),
    "unknown for another redemption": (
        UNKNOWN,
        change("execution.unknown", redemption_id="x"),
        "receipts",
    ),
    "signature missing": (SIGNED, change("execution.reported", signature=None), "receipts"),
    "signature said to be none": (SIGNED, change("execution.reported", signed=False), "receipts"),
    "signature of nothing": (SIGNED, change("execution.reported", signature="A" * 86), "receipts"),
    "signature respelt": (
        SIGNED,
        change("execution.reported", signature=lambda x: x[:-1] + ("x" if x[-1] != "x" else "y")),
        "receipts",
    ),
    "signature padded": (
        SIGNED,
        change("execution.reported", signature=lambda x: x + "=="),
        "receipts",
    ),
    "signature in other base64": (
        SIGNED,
        change("execution.reported", signature="+" * 86),
        "receipts",
    ),
    "signed outcome changed": (
        SIGNED,
        both(
            change("execution.reported", outcome="FAILED"),
            change("action.closed", outcome="FAILED"),
        ),
        "receipts",
    ),
    "signed detail changed": (
        SIGNED,
        change("execution.reported", detail="transfer 78"),
        "receipts",
    ),
    "signed detail dropped": (SIGNED, change("execution.reported", detail=None), "receipts"),
    "signed result changed": (
        SIGNED,
        change("execution.reported", result_digest=OTHER),
        "receipts",
    ),
    "another executor's key": (
        SIGNED,
        change("grant.redeemed", executor_key=p.b64url(p.LOG.public)),
        "receipts",
    ),
    "a key of small order": (
        SIGNED,
        both(
            change("grant.redeemed", executor_key=p.b64url(b"\x01" + bytes(31))),
            change("execution.reported", signature=p.b64url(b"\x01" + bytes(63))),
        ),
        "receipts",
    ),
    "a key that is none": (SIGNED, change("grant.redeemed", executor_key="short"), "receipts"),
    # Order
    "nothing requested": (RUN, without("action.requested"), "order"),
    "requested twice": (RUN, again("action.requested"), "order"),
    "decided twice": (RUN, again("decision.reached"), "order"),
    "held twice": (RUN, again("action.held"), "order"),
    "settled twice": (RUN, again("action.settled"), "order"),
    "closed twice": (RUN, again("action.closed"), "ends"),
    "vote after the settlement": (RUN, after("action.settled", voted("ken", 25)), "order"),
    "vote after the close": (RUN, after("action.closed", voted("ken", 50)), "ends"),
    "refusal after the close": (RUN, after("action.closed", p.refusal()), "ends"),
    "vote without a hold": (RUN, without("action.held"), "order"),
    "not held though policy asked": (RUN, lambda x: [*x[:2], *x[5:]], "approvals"),
    "a kind nobody knows": (
        RUN,
        after("action.held", {"kind": "vote.imagined", "at": p.moment(5)}),
        "order",
    ),
    "a tenant's event": (RUN, after("action.held", p.created()), "order"),
    "no close after the receipt": (RUN, without("action.closed"), "order"),
    "no close after a lapse": (LAPSED, without("action.closed"), "order"),
    "no close after a denial": (DENIED, without("action.closed"), "order"),
    "no grant after an approval": (ONE, lambda x: [*x[:5], x[-1]], "order"),
    "stops at the request": (RUN, upto("action.requested"), "order"),
    "stops at the decision": (RUN, upto("decision.reached"), "order"),
    "stops at the settlement": (RUN, upto("action.settled"), "order"),
    "stops at a quorum": (ONE, upto("vote.counted"), "approvals"),
    "another action's ID": (RUN, within("action.requested", "action", "id", to=p.SECOND), "order"),
    "another tenant's action": (
        RUN,
        within("action.requested", "action", "tenant", to="evil"),
        "order",
    ),
    # Policies
    "judged by an absent policy": (
        RUN,
        within("decision.reached", "decision", "bundle", "digest", to=OTHER),
        "policies",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_story_that_cannot_have_happened_is_refused(lie: str) -> None:
    story, edit, code = LIES[lie]
    assert code in failing(
        p.draft(p.log_of(edit(deepcopy(story))), p.ACTION).sealed(), p.BRIEF_TRUST
    )


def everywhere() -> Iterator[tuple[str, int, str]]:
    for nth, event in enumerate(RUN):
        yield "drop", nth, event["kind"]
        yield "double", nth, event["kind"]
        if nth + 1 < len(RUN):
            yield "swap", nth, event["kind"]
        if nth:
            yield "back-date", nth, event["kind"]
        if "digest" in event:
            yield "swap digest", nth, event["kind"]


@pytest.mark.parametrize(("how", "nth", "kind"), [*everywhere()])
def test_no_event_of_a_story_can_be_dropped_doubled_or_moved(how: str, nth: int, kind: str) -> None:
    story = deepcopy(RUN)
    match how:
        case "drop":
            del story[nth]
        case "double":
            story.insert(nth, deepcopy(story[nth]))
        case "swap":
            story[nth], story[nth + 1] = story[nth + 1], story[nth]
        case "back-date":
            story[nth]["at"] = p.moment(-1)
        case _:
            story[nth]["digest"] = OTHER
    assert story[nth : nth + 1] == [] or kind
    assert failing(p.draft(p.log_of(story), p.ACTION).sealed(), p.BRIEF_TRUST)


FIELDS = [
    (nth, name)
    for nth, event in enumerate(SIGNED)
    for name in event
    if (event["kind"], name)
    not in {
        ("action.requested", "key_id"),
        ("action.requested", "justification"),
        ("action.requested", "context_digest"),
        ("action.requested", "agent_owner"),
        ("execution.reported", "detail"),
        ("execution.reported", "result_digest"),
        ("action.settled", "because"),
        ("action.requested", "excluded"),
        ("action.settled", "by"),
    }
]


@pytest.mark.parametrize(("nth", "name"), FIELDS)
@pytest.mark.parametrize("value", [None, 5, "x", [], True], ids=repr)
def test_no_field_of_an_event_can_be_anything(nth: int, name: str, value: Any) -> None:
    story = deepcopy(SIGNED)
    story[nth][name] = value
    if value == SIGNED[nth][name]:
        return
    assert failing(p.draft(p.log_of(story), p.ACTION).sealed(), p.BRIEF_TRUST)
