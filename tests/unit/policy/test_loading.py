# ruff: noqa: E501 - a table of mistakes reads best with one to a line
"""Every mistake that can be made in a bundle is found, named, and pointed at."""

import re

import pytest

from counterseal.core.policy.bundle import Bundle, bundle_digest
from counterseal.core.policy.complaint import BundleRefused, Complaint
from counterseal.core.policy.judge import compile_bundle
from counterseal.core.policy.load import parse_bundle

SOUND = """\
bundle: demo
version: "1"
timezone: UTC
groups: {treasury: Treasury, leads: Heads}
defaults:
  route: {groups: [treasury], quorum: 2, timeout: 2h, escalate: [{after: 1h, groups: [leads]}]}
  grant_ttl: 15m
directories:
  payees: {title: Payees, values: [acme]}
counters:
  per_day:
    title: Payments in a day
    class: [payment]
    by: [agent.id, attr.payee]
    window: 24h
    sum: amount
classes:
  - id: payment
    title: Payments
    tools: ["pay*", send]
    verdict: ALLOW
    risk: high
    attributes:
      amount: {type: number, from: [/amount]}
      payee: {type: string, from: [/payee], known_in: [payees]}
  - id: note
    title: Notes
    tools: [note]
    verdict: ALLOW
    risk: low
    reversible: true
    attributes: {text: {type: string, from: [/text]}}
rules:
  - id: large
    title: Large payments
    owner: grc
    match: {class: [payment]}
    params: {most: 10, names: [a, b]}
    when:
      - {name: large, cel: attr.amount > params.most}
      - name: folded
        cel: >-
          attr.payee != 'x' &&
          !(attr.payee in params.names)
      - name: literal
        cel: |
          session.length >= 0.0 &&
            counters.per_day.count >= 0.0
    verdict: STEP_UP
    message: "'Pay ' + attr.payee"
"""

MISTAKES: dict[str, tuple[str, str, str, str]] = {
    # what: (old, new, code, the text that is pointed at, in the changed document)
    "syntax": ("version: ", "version: [", "yaml-syntax", "timezone"),
    "tab": ("  grant_ttl", "\tgrant_ttl", "yaml-syntax", "\tgrant_ttl"),
    "twice": ("timezone: UTC", "version: '2'", "duplicate-key", "version: '2'"),
    "alias": ('["pay*", send]', "[*pay, send]", "yaml-alias", "*pay"),
    "unquoted star": ('["pay*", send]', "[*pay*, send]", "yaml-alias", "*, send"),
    "anchor": ("groups: {", "groups: &g {", "yaml-anchor", "&g"),
    "tag": ("timezone: UTC", "timezone: !!binary VVRD", "yaml-tag", "!!binary"),
    "own tag": ("timezone: UTC", "timezone: !zone UTC", "yaml-tag", "!zone"),
    "second document": ("groups: {", "---\ngroups: {", "yaml-documents", "---"),
    "on": ("title: Notes", "title: on", "yaml-boolean", "on\n"),
    "no": ("[a, b]", "[a, no]", "yaml-boolean", "no]"),
    "yes": ("reversible: true", "reversible: yes", "yaml-boolean", "yes"),
    "on as a key": ("timezone: UTC", "on: UTC", "yaml-key", "on: UTC"),
    "minutes of an hour": ("window: 24h", "window: 1:30", "yaml-number", "1:30"),
    "octal": ("most: 10", "most: 010", "yaml-number", "010"),
    "underscores": ("most: 10", "most: 10_000", "yaml-number", "10_000"),
    "not a number": ("most: 10", "most: .nan", "yaml-number", ".nan"),
    "infinity": ("most: 10", "most: .inf", "yaml-number", ".inf"),
    "date": ("title: Notes", "title: 2026-01-31", "yaml-date", "2026-01-31"),
    "unknown field": ("    owner: grc", "    ownr: grc", "unknown-field", "ownr"),
    "unknown field of a class": ("risk: low", "rsik: low", "unknown-field", "rsik"),
    "unknown field of a route": ("quorum: 2", "qourum: 2", "unknown-field", "qourum"),
    "unknown section": ("timezone: UTC", "timezon: UTC", "unknown-field", "timezon"),
    "no owner": ("    owner: grc\n", "", "missing-field", "id: large"),
    "version as a number": ('version: "1"', "version: 1.0", "wrong-type", "1.0"),
    "list wanted": ("[note]", "note", "wrong-type", "note\n    verdict"),
    "rules are a list": ("rules:\n  - id: large", "rules:\n    id: large", "wrong-type", "id: large"),
    "nested param": ("most: 10", "most: {a: 1}", "wrong-type", "{a: 1}"),
    "mixed param": ("[a, b]", "[a, 1]", "wrong-type", "[a, 1]"),
    "no such verdict": ("verdict: STEP_UP", "verdict: MAYBE", "unknown-word", "MAYBE"),
    "no such type": ("type: number", "type: money", "unknown-word", "money"),
    "no such risk": ("risk: low", "risk: tiny", "unknown-word", "tiny"),
    "bad id": ("id: large", "id: Large Rule", "malformed", "Large Rule"),
    "bad pointer": ("from: [/text]", "from: [text]", "malformed", "text]}}"),
    "duration without unit": ("timeout: 2h", "timeout: 120", "duration-malformed", "120"),
    "odd duration": ("window: 24h", "window: a day", "duration-malformed", "a day"),
    "too long a hold": ("timeout: 2h", "timeout: 91d", "out-of-range", "91d"),
    "no time at all": ("grant_ttl: 15m", "grant_ttl: 0s", "out-of-range", "0s"),
    "quorum of nobody": ("quorum: 2", "quorum: 0", "out-of-range", "0, timeout"),
    "asking nobody": ("groups: [treasury],", "groups: [],", "empty", "[], quorum"),
    "no tools": ("[note]", "[]", "empty", "[]\n"),
    "no condition": ("when:", "when: []\n    unless:", "empty", "[]\n    unless"),
    "escalating too late": ("after: 1h", "after: 2h", "escalation-too-late", "2h, groups"),
    "same rule id": ("rules:\n", "rules:\n{large}", "duplicate-id", "large\n    title: Large"),
    "same class id": ("id: note", "id: payment", "duplicate-id", "payment\n    title: Notes"),
    "same clause name": ("name: folded", "name: large", "duplicate-clause", "large\n        cel"),
    "no such class": ("match: {class: [payment]}", "match: {class: [paymint]}", "unknown-class", "paymint"),
    "no such class of a counter": ("class: [payment]\n    by", "class: [x]\n    by", "unknown-class", "x]"),
    "no such group": ("after: 1h, groups: [leads]", "after: 1h, groups: [lead]", "unknown-group", "lead]"),
    "no such directory": ("known_in: [payees]", "known_in: [people]", "unknown-directory", "people"),
    "no such zone": ("timezone: UTC", "timezone: Mars/Base", "unknown-timezone", "Mars"),
    "no such key": ("[agent.id, attr.payee]", "[agent.id, attr.x]", "counter-key", "attr.x"),
    "a sum of strings": ("sum: amount", "sum: payee", "counter-sum", "payee\nclasses"),
    "a sum that tells secrets": ("    risk: high", "    risk: high\n    sensitive: [/amount]", "counter-sensitive", "amount\nclasses"),
    "a key that tells secrets": ("    risk: high", "    risk: high\n    sensitive: [/*]", "counter-sensitive", "attr.payee]"),
    "kept for no time": ("    risk: high", "    risk: high\n    retention: 0d", "out-of-range", "0d"),
    "two types": ("{text: {type: string", "{amount: {type: string", "attribute-type", "string, from: [/text]"),
    "a tool claimed twice": ("[note]", '["pay*"]', "tool-claimed-twice", '"pay*"]'),
    "patterns that tie": ("[note]", '["pay?"]', "tool-claimed-twice", '"pay?"]'),
    "reserved word": ("{text: {", "{package: {", "reserved-word", "{type: string, from: [/text]"),
    "nobody to ask": ("  route: {groups: [treasury], quorum: 2, timeout: 2h, escalate: [{after: 1h, groups: [leads]}]}\n", "", "no-route", "id: large"),
    "a rule that allows": ("verdict: STEP_UP", "verdict: ALLOW", "rule-allows", "ALLOW\n    message"),
    "open on error": ("verdict: STEP_UP", "verdict: STEP_UP\n    on_error: ALLOW", "open-on-error", "ALLOW\n    message"),
    "open on timeout": ("quorum: 2", "on_timeout: ALLOW", "open-on-timeout", "ALLOW, timeout"),
    "held on timeout": ("quorum: 2", "on_timeout: STEP_UP", "on-timeout-step-up", "STEP_UP, timeout"),
    "cel syntax": ("attr.amount > params.most", "attr.amount >", "cel-syntax", ">}"),
    "cel unknown input": ("attr.amount > params.most", "attr.amout > params.most", "cel-unknown-input", "attr.amout"),
    "cel unknown param": ("attr.amount > params.most", "attr.amount > params.mots", "cel-unknown-input", "params.mots"),
    "cel type": ("attr.amount > params.most", "attr.amount > 'x'", "cel-type", "> 'x'"),
    "cel integers": ("attr.amount > params.most", "attr.amount > 10", "cel-type", "> 10"),
    "cel not boolean": ("attr.amount > params.most", "params.most", "cel-not-boolean", "params.most"),
    "cel folded": ("!(attr.payee in", "!(attr.paye in", "cel-unknown-input", "attr.paye in"),
    "cel literal": ("counters.per_day.count >=", "counters.per_dax.count >=", "cel-unknown-input", "counters.per_dax"),
    "cel quoted": ("+ attr.payee", "+ attr.paye", "cel-unknown-input", "attr.paye"),
    "cel not a string": ("\"'Pay ' + attr.payee\"", "attr.amount", "cel-not-string", "attr.amount\n"),
    "cel loop hides inputs": ("attr.amount > params.most", "'[params.most].exists(time, time > 1.0)'", "cel-shadow", "'[params"),
    "attribute of another class": ("match: {class: [payment]}", "match: {class: [payment, note]}", "attribute-not-in-class", "attr.amount > params"),
    "param that nobody reads": ("most: 10,", "most: 10, least: 1,", "unused-param", "1, names"),
    "no condition at all": ("attr.amount > params.most", '""', "empty", '""'),
}  # fmt: skip


def complaints(*texts: str, **files: str) -> tuple[Complaint, ...]:
    with pytest.raises(BundleRefused) as refused:
        parse_bundle({"bundle.yaml": "".join(texts), **files})
    return refused.value.complaints


SECOND = """\
  - id: large
    title: Again
    owner: grc
    when: [{name: c, cel: "true"}]
    verdict: BLOCK
"""


@pytest.mark.parametrize("what", list(MISTAKES))
def test_a_mistake_is_found_named_and_pointed_at(what: str) -> None:
    old, new, code, spot = MISTAKES[what]
    assert SOUND.count(old) == 1, "the change has to be unambiguous"
    text = SOUND.replace(old, new.replace("{large}", SECOND))
    found = [each for each in complaints(text) if each.code == code]
    assert found, "\n".join(map(str, complaints(text)))
    line, column = where(text, spot)
    assert (line, column) in {(each.line, each.column) for each in found}, str(found)
    assert all(len(each.sentence) > 20 for each in found)


def where(text: str, spot: str) -> tuple[int, int]:
    assert spot in text
    # The last occurrence: changes are described by what follows them, too.
    index = text.rindex(spot)
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def test_the_sound_bundle_is_sound() -> None:
    assert compile_bundle(parse_bundle({"bundle.yaml": SOUND})).name.name == "demo"


@pytest.mark.parametrize(
    ("risk", "refused"), [("low", False), ("medium", True), ("high", True), ("critical", True)]
)
def test_only_low_risk_may_be_open_on_error(risk: str, refused: bool) -> None:  # noqa: FBT001
    text = SOUND.replace("verdict: STEP_UP", "verdict: STEP_UP\n    on_error: ALLOW")
    text = text.replace("risk: high", f"risk: {risk}")
    if refused:
        assert [each.code for each in complaints(text)] == ["open-on-error"]
    else:
        parse_bundle({"bundle.yaml": text})


def test_every_mistake_is_told_at_once() -> None:
    text = SOUND.replace("quorum: 2", "quorum: 0").replace("attr.amount >", "attr.amout >")
    text = text.replace("title: Notes", "titel: Notes").replace("[leads]", "[lead]")
    codes = {each.code for each in complaints(text)}
    assert {"out-of-range", "unknown-field", "missing-field"} <= codes


def test_a_broken_rule_does_not_hide_what_is_wrong_with_the_others() -> None:
    broken = SECOND.replace("id: large", "id: other").replace("verdict: BLOCK", "verdict: NO_WAY")
    text = SOUND.replace("attr.amount >", "attr.amout >") + broken
    found = {(each.code, each.line) for each in complaints(text)}
    lines = text.splitlines()
    assert found == {
        ("cel-unknown-input", next(n for n, t in enumerate(lines, 1) if "amout" in t)),
        ("unknown-word", next(n for n, t in enumerate(lines, 1) if "NO_WAY" in t)),
    }


def test_a_misspelt_name_is_answered_with_the_likely_one() -> None:
    sentences = " ".join(
        each.sentence
        for each in complaints(
            SOUND.replace("attr.amount >", "attr.amout >").replace("    owner", "    ownr")
        )
        + complaints(SOUND.replace("attr.amount >", "attr.amout >"))
    )
    assert "did you mean attr.amount?" in sentences
    assert "did you mean `owner`?" in sentences


def test_numbers_without_a_point_are_explained() -> None:
    (complaint,) = complaints(SOUND.replace("'x' &&", "'x' && attr.amount > 10 &&"))
    assert "write 10.0 for 10" in complaint.sentence


def test_rules_may_be_spread_over_files_and_the_place_is_told() -> None:
    rules = SOUND[SOUND.index("rules:") :]
    rest = SOUND[: SOUND.index("rules:")]
    whole = parse_bundle({"bundle.yaml": SOUND})
    assert parse_bundle({"bundle.yaml": rest, "rules.yaml": rules}) == whole
    (found,) = complaints(rest, **{"rules.yaml": rules.replace("attr.amount", "attr.amout")})
    assert (found.file, found.line) == ("rules.yaml", 8)


def test_the_same_id_in_two_files_is_refused() -> None:
    (found,) = complaints(SOUND, **{"more.yaml": "rules:\n" + SECOND})
    assert (found.code, found.file, found.line, found.column) == ("duplicate-id", "more.yaml", 2, 9)


def test_a_header_outside_its_file_is_refused() -> None:
    (found,) = complaints(SOUND, **{"more.yaml": "stage: observe\n"})
    assert (found.code, found.file, found.line) == ("header-elsewhere", "more.yaml", 1)


def test_the_header_of_an_included_bundle_does_not_count() -> None:
    files = {"bundle.yaml": SOUND, "../other/bundle.yaml": "bundle: other\nversion: '9'\n"}
    assert parse_bundle(files).name == "demo"


def test_without_a_chief_file_there_is_no_bundle() -> None:
    with pytest.raises(BundleRefused) as refused:
        parse_bundle({"rules.yaml": "rules: []"})
    assert [each.code for each in refused.value.complaints] == ["no-bundle-file"]


@pytest.mark.parametrize("text", ["", "[]", "just text", "\x00", "a: " + "[" * 100])
def test_whatever_is_no_bundle_is_refused_and_nothing_breaks(text: str) -> None:
    assert complaints(text)


def test_a_file_that_is_too_large_is_not_read() -> None:
    (found,) = complaints("#" * 1_000_001)
    assert found.code == "file-too-large"


def test_the_digest_survives_being_stored() -> None:
    bundle = parse_bundle({"bundle.yaml": SOUND})
    again = Bundle.model_validate_json(bundle.model_dump_json())
    assert again == bundle
    assert bundle_digest(again) == bundle_digest(bundle)
    compile_bundle(again)


def test_the_digest_does_not_change_between_releases() -> None:
    bundle = parse_bundle({"bundle.yaml": SOUND})
    assert bundle_digest(bundle) == PINNED


PINNED = "sha256:dfe2cfd3b3828171e057405ade3a79acb144f2679115237b1dcff3dbc6724fe8"


def test_layout_and_comments_do_not_change_the_digest() -> None:
    moved = re.sub(r"(?m)^rules:", "# rules\nrules:", SOUND).replace("most: 10,", "most: 10.0,")
    same = parse_bundle({"bundle.yaml": moved})
    assert bundle_digest(same) == bundle_digest(parse_bundle({"bundle.yaml": SOUND}))


def test_a_threshold_changes_the_digest() -> None:
    other = parse_bundle({"bundle.yaml": SOUND.replace("most: 10", "most: 11")})
    assert bundle_digest(other) != bundle_digest(parse_bundle({"bundle.yaml": SOUND}))


def test_a_stored_bundle_that_makes_no_sense_is_refused_as_well() -> None:
    stored = parse_bundle({"bundle.yaml": SOUND}).model_dump_json()
    bent = Bundle.model_validate_json(stored.replace("attr.amount >", "attr.amout >"))
    with pytest.raises(BundleRefused) as refused:
        compile_bundle(bent)
    assert "rules[0].when[0].cel" in str(refused.value)


def test_a_class_without_retention_leaves_the_digest_as_it_was_before_there_was_one() -> None:
    plain = parse_bundle({"bundle.yaml": SOUND})
    kept = parse_bundle(
        {"bundle.yaml": SOUND.replace("risk: high", "risk: high\n    retention: 90d")}
    )
    assert "retention" not in plain.model_dump_json()
    assert kept.classes[1].retention == 90 * 86_400
    assert bundle_digest(kept) != bundle_digest(plain)
    assert Bundle.model_validate_json(kept.model_dump_json()) == kept
