"""Packages changed by whoever holds the packager's key, the log's key, or none: each is refused."""

import json
from typing import Any

import pytest
import rfc8785

import counterseal_verify as verifier
from counterseal.core.canonical import canonical
from tests.support import packages as p
from tests.support import stories as s
from tests.support.forgeries import (
    LOG,
    OTHER_HASH,
    Change,
    all_of,
    base,
    body,
    cut_tail,
    double,
    drop,
    events,
    file,
    fork,
    hide,
    later,
    line,
    nth,
    packed_by,
    relabel,
    reorder,
    resized,
    rewrite,
    said,
    scope,
    signed_by,
    stolen_lines,
    stream,
    swap_seqs,
    tree,
    unsaid,
    witnessed_under,
)
from tests.support.lies import failing

ROOT = p.b64(p.tree(LOG.leaves))
SIZE = len(LOG.entries)
STRANGE = "stranger"
STRANGER = p.signer("counterseal.local/packager", secret=STRANGE)
FALSE_LOG = p.signer(p.ORIGIN, secret=STRANGE)
FALSE_WITNESS = p.signer("witness-1", 4, secret=STRANGE)
POLICY = f"policy/{p.BUNDLE_DIGEST[7:]}.json"
CASES: dict[str, tuple[Change, str]] = {
    # The sixteen by name
    "1 event changed, not signed again": (
        later(lambda f: f.update({"events.jsonl": f["events.jsonl"].replace(b"ada", b"bob")})),
        "files",
    ),
    "2 altered actor, signed again": (rewrite("vote.counted", "ada", "bob"), "inclusion"),
    "3 second vote dropped": (drop("vote.counted", 1), "streams"),
    "4 tail dropped": (drop("execution.reported", corrected=False), "streams"),
    "5 tail dropped, count corrected": (
        all_of(drop("action.closed"), drop("execution.reported")),
        "streams",
    ),
    "6 vote doubled": (double("vote.counted"), "streams"),
    "7 events reordered": (reorder, "events"),
    "8 checkpoint size changed": (resized, "checkpoint"),
    "9 forked log without witness": (fork, "witnesses"),
    "10 unknown packager": (packed_by(STRANGER), "packager"),
    "11 extra file": (later(lambda f: f.update({"extra.txt": b"x"})), "files"),
    "12 missing file": (later(lambda f: f.pop("timeline.html")), "files"),
    "13 path traversal": (file("../../etc/passwd", b"x"), "files"),
    "14 another tenant's origin": (
        all_of(
            said(log="counterseal.local/evil"),
            body(LOG.checkpoint(origin="counterseal.local/evil")),
        ),
        "tree",
    ),
    "15 junk behind a signature": (
        lambda made: setattr(made, "note", LOG.note()[:-1] + "AAAA\n"),
        "readable",
    ),
    "16 doubled key": (
        later(
            lambda f: f.update(
                p.resigned_events(
                    f, f["events.jsonl"].replace(b'{"canonical"', b'{"seq":0,"canonical"', 1)
                )
            )
        ),
        "readable",
    ),
    # Omissions and repetitions by the packager
    "request dropped": (drop("action.requested"), "streams"),
    "decision dropped": (drop("decision.reached"), "streams"),
    "hold dropped": (drop("action.held"), "streams"),
    "first vote dropped": (drop("vote.counted"), "streams"),
    "settlement dropped": (drop("action.settled"), "streams"),
    "grant dropped": (drop("grant.issued"), "streams"),
    "redemption dropped": (drop("grant.redeemed"), "streams"),
    "receipt dropped": (drop("execution.reported"), "streams"),
    "close dropped": (drop("action.closed"), "streams"),
    "close dropped, called open": (all_of(drop("action.closed"), stream(state="open")), "order"),
    "from settlement on dropped, called open": (
        all_of(
            *(
                drop(k)
                for k in (
                    "action.closed",
                    "execution.reported",
                    "grant.redeemed",
                    "grant.issued",
                    "action.settled",
                )
            ),
            stream(state="open"),
        ),
        "approvals",
    ),
    "roster dropped": (
        all_of(drop("roster.changed"), lambda made: made.predicate["streams"].pop("roster")),
        "approvals",
    ),
    "activation dropped": (
        all_of(drop("bundle.activated"), lambda made: made.predicate["streams"].pop("bundles")),
        "policies",
    ),
    "vote doubled, not counted": (double("vote.counted", corrected=False), "events"),
    "redemption doubled": (double("grant.redeemed"), "events"),
    "action missing": (
        lambda made: setattr(made, "lines", [e for e in made.lines if e not in events(made)]),
        "streams",
    ),
    "action called an excerpt": (all_of(drop("vote.counted"), stream(state="excerpt")), "streams"),
    "action called something": (stream(state="fine"), "streams"),
    "action called open": (stream(state="open"), "streams"),
    "count too large": (stream(count=11), "streams"),
    "count too small": (stream(count=9), "streams"),
    "count zero": (stream(count=0), "streams"),
    "excerpt count wrong": (stream("roster", count=2), "streams"),
    "roster called closed": (stream("roster", state="closed"), "streams"),
    "stream not listed": (lambda made: made.predicate["streams"].pop(p.ACTION), "streams"),
    "stream listed but absent": (
        lambda made: made.predicate["streams"].update({p.SECOND: {"count": 1, "state": "closed"}}),
        "streams",
    ),
    "late stream listed but absent": (
        lambda made: made.predicate["streams"].update(
            {p.ACTION + ":late": {"count": 1, "state": "open"}}
        ),
        "streams",
    ),
    "about another action too": (scope(action_ids=[p.ACTION, p.SECOND]), "streams"),
    "about another action": (scope(action_ids=[p.SECOND]), "streams"),
    "about nothing": (scope(action_ids=[]), "streams"),
    # Events changed or moved
    "argument changed": (rewrite("action.requested", "1200.00", "9200.00"), "inclusion"),
    "verdict changed": (
        rewrite("decision.reached", '"effective":"STEP_UP"', '"effective":"ALLOW"'),
        "inclusion",
    ),
    "vote turned": (rewrite("vote.counted", '"approve":true', '"approve":false'), "inclusion"),
    "voter changed": (
        rewrite("vote.counted", '"person":"grace"', '"person":"ken"', 1),
        "inclusion",
    ),
    "reason changed": (
        rewrite("vote.counted", "matches the invoice", "matches no invoice!"),
        "inclusion",
    ),
    "time changed": (rewrite("vote.counted", "09:00:10", "09:00:09"), "inclusion"),
    "outcome changed": (rewrite("action.closed", "SUCCEEDED", "FAILED"), "inclusion"),
    "policy digest changed": (
        rewrite("decision.reached", p.BUNDLE_DIGEST, "sha256:" + "1" * 64),
        "inclusion",
    ),
    "bundle text changed": (
        rewrite("bundle.activated", '"stage":"enforce"', '"stage":"observe"'),
        "inclusion",
    ),
    "roster changed": (rewrite("roster.changed", "interns", "treasury"), "inclusion"),
    "tenant changed": (rewrite("vote.counted", '"tenant":"acme"', '"tenant":"evil"'), "readable"),
    "stream changed": (
        rewrite("vote.counted", f'"stream":"{p.ACTION}"', f'"stream":"{p.SECOND}"'),
        "inclusion",
    ),
    "version changed": (rewrite("vote.counted", '"version":3', '"version":7'), "inclusion"),
    "envelope of another version": (rewrite("vote.counted", '"v":1', '"v":2'), "readable"),
    "link changed": (rewrite("vote.counted", '"prev":"', '"prev":"0'), "readable"),
    "link dropped": (
        rewrite("action.requested", '"prev":null', f'"prev":"{"0" * 64}"'),
        "inclusion",
    ),
    "contents swapped": (swap_seqs, "inclusion"),
    "place changed": (line("vote.counted", seq=6), "events"),
    "place beyond the log": (line("action.closed", seq=SIZE), "inclusion"),
    "place far beyond the log": (line("action.closed", seq=2**53 - 1), "inclusion"),
    "proof missing": (lambda made: nth("vote.counted")(made).pop("proof"), "inclusion"),
    "proof null": (line("vote.counted", proof=None), "inclusion"),
    "proof empty": (line("vote.counted", proof=[]), "inclusion"),
    "proof too short": (lambda made: nth("vote.counted")(made)["proof"].pop(), "inclusion"),
    "proof too long": (
        lambda made: nth("vote.counted")(made)["proof"].append(OTHER_HASH),
        "inclusion",
    ),
    "proof of another": (
        lambda made: nth("vote.counted")(made).update(proof=nth("action.held")(made)["proof"]),
        "inclusion",
    ),
    "proof reversed": (lambda made: nth("vote.counted")(made)["proof"].reverse(), "inclusion"),
    "proof of no hash": (line("vote.counted", proof=["AAAA"]), "readable"),
    "proof of no base64": (line("vote.counted", proof=["*"]), "readable"),
    "proof respelt": (
        lambda made: nth("vote.counted")(made).update(
            proof=[
                each[:-2] + chr(ord(each[-2]) + 1) + "="
                for each in nth("vote.counted")(made)["proof"]
            ]
        ),
        "readable",
    ),
    # Withholding
    "withheld from a full package": (hide("vote.counted"), "withheld"),
    "withheld request": (hide("action.requested"), "withheld"),
    "withheld, not counted": (all_of(hide("vote.counted"), said(withheld=0)), "events"),
    "withheld, counted twice": (all_of(hide("vote.counted"), said(withheld=2)), "events"),
    "withheld vote in a profile": (
        all_of(hide("vote.counted"), said(profile="without-arguments")),
        "withheld",
    ),
    "withheld decision": (all_of(hide("decision.reached"), said(profile="counts")), "withheld"),
    "withheld end": (all_of(hide("action.closed"), said(profile="counts")), "streams"),
    "withheld as another's": (relabel, "streams"),
    "withheld with another hash": (
        all_of(hide("vote.counted"), lambda made: made.lines[5].update(leaf="0" * 64)),
        "inclusion",
    ),
    # The statement
    "another log": (said(log="counterseal.local/other"), "tree"),
    "another tenant": (said(tenant="other"), "readable"),
    "another tree size": (said(tree={"size": SIZE + 1, "root": ROOT}), "tree"),
    "another root": (said(tree={"size": SIZE, "root": OTHER_HASH}), "tree"),
    "no root": (said(tree={"size": SIZE, "root": ""}), "readable"),
    "negative size": (said(tree={"size": -1, "root": ROOT}), "readable"),
    "size as text": (said(tree={"size": str(SIZE), "root": ROOT}), "readable"),
    "size as truth": (said(tree={"size": True, "root": ROOT}), "readable"),
    "export beyond the log": (said(export={"seq": SIZE}), "export"),
    "an unknown profile": (said(profile="everything"), "readable"),
    "an unknown field": (said(surprise=1), "readable"),
    "an unknown scope": (scope(kind="all"), "readable"),
    "a scope with more": (scope(surprise=1), "readable"),
    "scope missing": (unsaid("scope"), "readable"),
    "streams missing": (unsaid("streams"), "readable"),
    "tree missing": (unsaid("tree"), "readable"),
    "log missing": (unsaid("log"), "readable"),
    "tenant missing": (unsaid("tenant"), "readable"),
    "withheld missing": (unsaid("withheld"), "readable"),
    "profile missing": (unsaid("profile"), "readable"),
    "purpose missing": (unsaid("purpose"), "readable"),
    "policies missing": (unsaid("policies"), "readable"),
    "shredded missing": (unsaid("shredded"), "readable"),
    "exported at no time": (said(exported_at="yesterday"), "readable"),
    "exported in month 13": (said(exported_at="2026-13-01T00:00:00.000000Z"), "readable"),
    "stream with more": (stream(surprise=1), "readable"),
    "shredded without an event": (said(shredded=[p.ACTION]), "shredded"),
    "shredded another": (said(shredded=[p.SECOND]), "shredded"),
    "export is another event": (said(export={"seq": 8}), "export"),
    "another statement type": (
        lambda made: made.statement.update(_type="https://in-toto.io/Statement/v0.1"),
        "readable",
    ),
    "another predicate type": (
        lambda made: made.statement.update(predicateType="urn:counterseal:evidence-package:v2"),
        "readable",
    ),
    "another payload type": (lambda made: setattr(made, "payload_type", "text/plain"), "readable"),
    "subjects unsorted": (
        lambda made: made.statement.update(subject=p.subjects(made)[::-1]),
        "files",
    ),
    "a subject twice": (
        lambda made: made.statement.update(subject=[*(x := p.subjects(made)), x[-1]]),
        "files",
    ),
    "a subject missing": (
        lambda made: made.statement.update(subject=p.subjects(made)[1:]),
        "files",
    ),
    "no subject": (lambda made: made.statement.update(subject=[]), "files"),
    "a subject too many": (
        lambda made: made.statement.update(
            subject=[*p.subjects(made), {"name": "zzz", "digest": {"sha256": "0" * 64}}]
        ),
        "files",
    ),
    "the statement as subject": (
        lambda made: made.statement.update(
            subject=sorted(
                [
                    *p.subjects(made),
                    {"name": "statement.dsse.json", "digest": {"sha256": "0" * 64}},
                ],
                key=lambda e: str(e["name"]),
            )
        ),
        "files",
    ),
    "a digest in capitals": (
        lambda made: made.statement.update(
            subject=[
                {**e, "digest": {"sha256": e["digest"]["sha256"].upper()}} for e in p.subjects(made)
            ]
        ),
        "readable",
    ),
    "another digest algorithm": (
        lambda made: made.statement.update(
            subject=[{**e, "digest": {"sha1": "0" * 40}} for e in p.subjects(made)]
        ),
        "readable",
    ),
    # Whose signature
    "nobody packed it": (packed_by(), "packager"),
    "packed by the log": (packed_by(p.LOG), "packager"),
    "packed by a stranger of that name": (packed_by(STRANGER), "packager"),
    "signature of another payload": (later(lambda f: f.update(p.swapped_payload(f))), "packager"),
    "signature without base64": (
        later(lambda f: f.update(p.envelope_with(f, sig="*"))),
        "readable",
    ),
    "signature respelt": (
        later(
            lambda f: f.update(
                p.envelope_with(f, sig=lambda x: x[:-3] + chr(ord(x[-3]) + 1) + "==")
            )
        ),
        "readable",
    ),
    "signature empty": (later(lambda f: f.update(p.envelope_with(f, sig=""))), "packager"),
    "key ID of another": (
        later(lambda f: f.update(p.envelope_with(f, keyid="x+00000000"))),
        "packager",
    ),
    "not signed by the log": (signed_by(*p.WITNESSES), "checkpoint"),
    "signed by a stranger as the log": (signed_by(FALSE_LOG, *p.WITNESSES), "checkpoint"),
    "one witness": (signed_by(p.LOG, p.WITNESSES[0]), "witnesses"),
    "one witness twice": (signed_by(p.LOG, p.WITNESSES[0], p.WITNESSES[0]), "witnesses"),
    "one witness and a stranger": (signed_by(p.LOG, p.WITNESSES[0], FALSE_WITNESS), "witnesses"),
    "no witness": (signed_by(p.LOG), "witnesses"),
    "witnesses of another text": (stolen_lines, "checkpoint"),
    "witnesses at another time": (witnessed_under(p.WITNESSED_AT + 1), "checkpoint"),
    "witnesses at time zero": (witnessed_under(0), "checkpoint"),
    "witnesses at the end of time": (witnessed_under(2**64 - 1), "checkpoint"),
    # Trees that are none
    "smaller tree": (tree(SIZE - 1, p.b64(p.tree(LOG.leaves[:-1]))), "inclusion"),
    "empty tree": (tree(0, p.b64(p.tree([]))), "inclusion"),
    "huge tree": (tree(2**53 - 1, ROOT), "inclusion"),
    "another tree of that size": (tree(SIZE, OTHER_HASH), "inclusion"),
    # Files
    "policy changed": (
        file(POLICY, b'{"name":"acme-payments","rules":[],"stage":"observe","version":"7"}'),
        "policies",
    ),
    "policy empty": (file(POLICY, b""), "readable"),
    "policy not canonical": (file(POLICY, b'{"a": 1}'), "readable"),
    "policy missing": (file(POLICY, None), "policies"),
    "policy missing, not listed": (all_of(file(POLICY, None), said(policies=[])), "policies"),
    "policy under another name": (
        file(f"policy/{'0' * 64}.json", canonical(p.BUNDLE)),
        "policies",
    ),
    "policy listed twice": (said(policies=[p.BUNDLE_DIGEST] * 2), "policies"),
    "policy by a wild name": (file("policy/x.json", b"{}"), "files"),
    "policy in a folder": (file(f"policy/a/{'0' * 64}.json", b"{}"), "files"),
    "absolute path": (file("/etc/passwd", b""), "files"),
    "backslashes": (file("..\\x", b""), "files"),
    "a folder": (file("policy/", b""), "files"),
    "README in capitals": (file("readme.txt", b""), "files"),
    "a name with a bell": (file("bell\x07.txt", b""), "files"),
    "a range without a period": (
        file("range.json", b'{"end":1,"left":[],"right":[],"start":0}'),
        "inclusion",
    ),
    "README missing": (file("README.txt", None), "files"),
    "verifier missing": (file("verify.py", None), "files"),
    "keys missing": (file("keys.txt", None), "files"),
    "OCSF missing": (file("ocsf.jsonl", None), "files"),
    "OCSF of another event": (file("ocsf.jsonl", b'{"metadata":{"sequence":999}}\n'), "export"),
    "OCSF without a place": (file("ocsf.jsonl", b'{"metadata":{}}\n'), "export"),
    "OCSF with a strange place": (file("ocsf.jsonl", b'{"metadata":{"sequence":[]}}\n'), "export"),
    "OCSF of no object": (file("ocsf.jsonl", b"[]\n"), "export"),
    "OCSF that is none": (file("ocsf.jsonl", b"\n"), "readable"),
    "no events": (file("events.jsonl", b""), "readable"),
    "one empty event": (file("events.jsonl", b"\n"), "readable"),
    "events without a last newline": (file("events.jsonl", b"{}"), "readable"),
    "events that are numbers": (file("events.jsonl", b"1\n"), "readable"),
    "events that are nothing": (file("events.jsonl", b"{}\n"), "readable"),
    "events that are not text": (file("events.jsonl", b"\xff\n"), "readable"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_package_that_was_changed_is_refused(name: str) -> None:
    edit, code = CASES[name]
    made = base()
    edit(made)
    assert code in failing(made.sealed())


def test_the_sixteen_named_attacks_are_among_them() -> None:
    assert [name.split()[0] for name in CASES][:16] == [str(number) for number in range(1, 17)]


def test_a_tail_that_is_cut_at_rest_is_said_to_be_open() -> None:
    """What the checkpoint covers and the package leaves out, nobody can see: so it is said."""
    made = base()
    cut_tail(made)
    report = verifier.verify(made.sealed(), p.TRUST.encode())
    assert report.code == 0
    assert [each for each in report.warnings if p.ACTION in each and "open as of" in each]
    assert verifier.as_json(report)["actions"][0]["outcome"] is None


LATE: dict[str, tuple[list[tuple[str, p.Event]], str]] = {
    "a vote that counts": ([(":late", p.run_story()[3])], "ends"),
    "a close": ([(":late", p.run_story()[-1])], "ends"),
    "a data event": ([(":late", p.shredded(60))], "ends"),
    "another action's data": ([(":data", {**p.shredded(), "action": p.SECOND})], "ends"),
    "a refusal as data": ([(":data", p.refusal())], "ends"),
}


@pytest.mark.parametrize("name", LATE)
def test_beside_a_story_stands_only_what_belongs_there(name: str) -> None:
    beside, code = LATE[name]
    log = p.log_of(p.run_story(), *((p.ACTION + suffix, [event]) for suffix, event in beside))
    assert code in failing(p.draft(log, p.ACTION).sealed())


def test_refusals_after_the_end_show_that_an_end_was_left_out() -> None:
    log = p.log_of(p.run_story(), (p.ACTION + ":late", [p.refusal()]))
    made = p.draft(log, p.ACTION)
    cut_tail(made)
    assert "ends" in failing(made.sealed())


def test_a_refusal_after_the_end_is_not_older_than_the_end() -> None:
    log = p.Log()
    log.append(p.ACTION + ":late", p.refusal())
    log.append("roster", p.roster())
    log.append("bundles", p.activation())
    log.append(p.ACTION, *p.run_story())
    assert "ends" in failing(p.draft(log, p.ACTION).sealed())


ROSTERS: dict[str, list[p.Event]] = {
    "voter not in it": [{**each, "groups": []} for each in p.PEOPLE],
    "voter in another group": [{**each, "groups": ["chiefs"]} for each in p.PEOPLE],
    "voters are one person": [
        {"id": "ada", "aliases": ["grace"], "groups": ["treasury"]},
    ],
    "voter is the owner's other name": [
        {"id": "olga", "aliases": ["ada"], "groups": ["treasury"]},
        {"id": "grace", "aliases": [], "groups": ["treasury"]},
    ],
    "voter is the principal's other name": [
        {"id": "ada", "aliases": ["Paul"], "groups": ["treasury"]},
        {"id": "grace", "aliases": [], "groups": ["treasury"]},
    ],
    "voter is the agent": [
        {"id": "ada", "aliases": [s.AGENT.upper()], "groups": ["treasury"]},
        {"id": "grace", "aliases": [], "groups": ["treasury"]},
    ],
}


@pytest.mark.parametrize("name", ROSTERS)
def test_votes_are_held_to_the_roster_in_force(name: str) -> None:
    log = p.Log()
    log.append("roster", p.roster(), p.roster(ROSTERS[name], seconds=-45))
    log.append("bundles", p.activation())
    log.append(p.ACTION, *p.run_story())
    assert "approvals" in failing(p.draft(log, p.ACTION).sealed())


def test_a_roster_that_came_after_a_vote_does_not_judge_it() -> None:
    log = p.Log()
    log.append("roster", p.roster())
    log.append("bundles", p.activation())
    log.append(p.ACTION, *p.run_story())
    log.append("roster", p.roster(ROSTERS["voter not in it"], seconds=100))
    assert verifier.verify(p.draft(log, p.ACTION).sealed(), p.TRUST.encode()).code == 0


def test_a_policy_activated_after_the_decision_did_not_judge_it() -> None:
    log = p.Log()
    log.append("roster", p.roster())
    log.append(p.ACTION, *p.run_story())
    log.append("bundles", p.activation())
    assert "policies" in failing(p.draft(log, p.ACTION).sealed())


def test_the_policy_is_the_one_whose_text_was_activated() -> None:
    log = p.Log()
    log.append("roster", p.roster())
    log.append("bundles", {**p.activation(), "bundle": {**p.BUNDLE, "stage": "observe"}})
    log.append(p.ACTION, *p.run_story())
    assert "policies" in failing(p.draft(log, p.ACTION).sealed())


def test_a_foreign_stream_is_no_part_of_an_action() -> None:
    made = base()
    entry = LOG.entries[3]
    line_ = p.line_of(3, entry, lambda *_: False)
    made.lines.insert(0, line_ | {"proof": [p.b64(e) for e in p.path(3, LOG.leaves)]})
    made.lines.sort(key=lambda each: int(each["seq"]))
    made.predicate["streams"][entry[0]] = {"count": 1, "state": "open"}
    assert "streams" in failing(made.sealed())


@pytest.mark.parametrize("value", [1.5, "1", None, [], {}, -1, True])
def test_a_line_of_another_shape_is_malformed(value: Any) -> None:
    made = base()
    made.lines[0]["seq"] = value
    assert failing(made.sealed()) == {"readable"}


def test_every_event_line_is_canonical() -> None:
    made = base()
    content = b"".join(json.dumps(each).encode() + b"\n" for each in made.lines)
    made.files["events.jsonl"] = content
    assert failing(made.sealed()) == {"readable"}
    assert rfc8785.dumps(made.lines[0]) not in content


@pytest.mark.parametrize("prev", [None, "0" * 64])
def test_an_event_names_the_one_before_it(prev: str | None) -> None:
    log = p.log_of(p.run_story())
    place = next(nth for nth, each in enumerate(log.entries) if each[:2] == (p.ACTION, 9))
    envelope = {**json.loads(log.entries[place][2]), "prev": prev}
    log.entries[place] = (p.ACTION, 9, rfc8785.dumps(envelope))
    assert "streams" in failing(p.draft(log, p.ACTION).sealed())


def test_a_policy_is_named_by_its_digest_even_where_its_activation_is_withheld() -> None:
    made = p.draft(LOG, p.ACTION, profile="counts", withhold=p.PROFILES["counts"])
    assert verifier.verify(made.sealed(), p.TRUST.encode()).code == 0
    made.files[POLICY] = canonical({**p.BUNDLE, "stage": "observe"})
    assert "policies" in failing(made.sealed())


def test_more_votes_than_can_be_counted_are_refused_at_once() -> None:
    story = [*p.run_story()[:3]]
    for route in (story[1]["decision"]["route"], story[2]["route"]):
        route["needs"][0]["quorum"] = 10**6
    vote = p.run_story()[3]
    story += [
        {**vote, "person": f"p{number}", "aliases": [], "vote_id": f"v{number}"}
        for number in range(300)
    ]
    report = verifier.verify(p.draft(p.log_of(story), p.ACTION).sealed(), p.TRUST.encode())
    sentences = [each.sentence for each in report.checks if each.code == "approvals"]
    assert any("There is more of this kind" in each for each in sentences)
    assert report.cases[0].votes[200:] != []
    assert len(report.cases[0].votes) == 201
