"""What operators send: mistakes are placed, bombs do not go off, nothing half changes."""

import time
from typing import Any

import pytest

from tests.abuse.world import BUNDLE, Json, World, declined, fresh

RULE = """
rules:
  - id: r
    title: A rule
    owner: me
    when: [{name: big, cel: %s}]
    verdict: BLOCK
"""


def bundle(world: World, text: str, **files: str) -> Any:
    body = {"files": {"bundle.yaml": text, **files}}
    return world.operator.http.post("/v1/bundles", json=body)


def with_rule(cel: str) -> str:
    return BUNDLE.replace("rules: []", RULE % cel)


MISTAKES: dict[str, str] = {
    "empty": "",
    "word": "hello",
    "number": "1",
    "list": "- a\n- b",
    "only-a-comment": "# nothing",
    "tab": "bundle:\tx\n\trules: []",
    "unclosed": "bundle: [",
    "nul": "bundle: \x00",
    "control": "bundle: \x07",
    "two-documents": "bundle: a\n---\nbundle: b\n",
    "alias-bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
    "merge-key": "a: &a {x: 1}\nb: {<<: *a}\n",
    "self-reference": "a: &a [*a]\n",
    "python-object": "bundle: !!python/object/apply:os.system ['id']\n",
    "python-name": "bundle: !!python/name:os.system\n",
    "binary": "bundle: !!binary aGVsbG8=\n",
    "set": "bundle: !!set {a, b}\n",
    "own-tag": "bundle: !include /etc/passwd\n",
    "duplicate-key": BUNDLE + "\nbundle: twice\n",
    "unknown-field": BUNDLE + "\nverdicts: ALLOW\n",
    "norway": BUNDLE.replace("hasty", "no"),
    "octal": BUNDLE.replace('"1"', "017"),
    "date": BUNDLE.replace('"1"', "2026-01-31"),
    "sexagesimal": BUNDLE.replace('"1"', "1:30"),
    "infinity": BUNDLE.replace("grant_ttl: 1s", "grant_ttl: .inf"),
    "negative-ttl": BUNDLE.replace("grant_ttl: 1s", "grant_ttl: -1s"),
    "endless-ttl": BUNDLE.replace("grant_ttl: 1s", "grant_ttl: 99999d"),
    "wrong-verdict": BUNDLE.replace("verdict: ALLOW", "verdict: MAYBE"),
    "lower-verdict": BUNDLE.replace("verdict: ALLOW", "verdict: allow"),
    "wrong-timezone": BUNDLE + "\ntimezone: ../../etc/passwd\n",
    "unknown-group": BUNDLE.replace("groups: [people]", "groups: [nobody]"),
    "no-groups": BUNDLE.replace("groups: [people]", "groups: []"),
    "no-quorum": BUNDLE.replace("groups: [people],", "groups: [people], quorum: 0,"),
    "no-classes": BUNDLE.split("classes:", maxsplit=1)[0],
    "same-class-twice": BUNDLE.replace("id: free", "id: quick"),
    "same-tool-twice": BUNDLE.replace("tools: [free]", "tools: [quick]"),
    "cel-syntax": with_rule("'attr.x >'"),
    "cel-unknown": with_rule("'attr.nothing > 1.0'"),
    "cel-type": with_rule("'1 + \"a\" == 2'"),
    "cel-not-a-boolean": with_rule("'1 + 1'"),
    "cel-deep": with_rule("'" + "(" * 1900 + "true" + ")" * 1900 + "'"),
    "cel-long": with_rule("'" + "true && " * 600 + "true'"),
    "deep-flow": "a: " + "[" * 5000,
    "deep-block": "".join(" " * n + "a:\n" for n in range(200)),
    "bidi": BUNDLE.replace("id: quick", "id: qu\u202eick"),
    "look-alike": BUNDLE.replace("id: quick", "id: qu\u0456ck"),
}


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("route", ["bundles", "rehearsals"])
def test_a_mistake_is_placed_and_changes_nothing(world: World, name: str, route: str) -> None:
    before = world.operator.http.get("/v1/bundles").json()
    with world.adding():
        body = {"files": {"bundle.yaml": MISTAKES[name]}}
        answer = world.operator.http.post(f"/v1/{route}", json=body)
        told = declined(answer, "bundle-refused", "root:x:")
    assert told["errors"]
    for each in told["errors"]:
        assert each["line"] >= 1
        assert each["column"] >= 1
        assert each["file"] == "bundle.yaml"
        assert each["sentence"]
    assert world.operator.http.get("/v1/bundles").json() == before


@pytest.mark.parametrize(
    "name",
    ["../bundle.yaml", "/etc/passwd", "C:\\x.yaml", "a\x00.yaml", "", "x" * 5000, "rules.yaml"],
    ids=range(7),
)
def test_a_files_name_leads_nowhere(world: World, name: str) -> None:
    with world.adding():
        declined(bundle(world, BUNDLE, **{name: "nonsense: 1"}), "bundle-refused", "root:x:")
        declined(
            world.operator.http.post("/v1/bundles", json={"files": {name: BUNDLE}}),
            "bundle-refused",
        )


def test_a_bundle_is_whole_or_refused(world: World) -> None:
    body = {"files": {"bundle.yaml": BUNDLE + "\ninclude: [../payments]\n"}}
    for route in ("bundles", "rehearsals"):
        with world.adding():
            declined(world.operator.http.post(f"/v1/{route}", json=body), "bundle-refused")


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../etc/passwd", "http://127.0.0.1/"])
def test_the_server_opens_no_file_for_an_include(world: World, path: str) -> None:
    body = {"files": {"bundle.yaml": BUNDLE + f"\ninclude: [{path}]\n"}}
    answer = world.operator.http.post("/v1/rehearsals", json=body)
    assert answer.status_code in {201, 422}
    assert "root:x:" not in answer.text


def test_a_bundle_of_many_mistakes_is_answered_shortly_and_others_are_served(world: World) -> None:
    began = time.monotonic()
    answer = bundle(world, "rules:\n" + "- {id: x}\n" * 3_000)
    declined(answer, "bundle-refused")
    assert len(answer.json()["errors"]) <= 100
    assert len(answer.content) < 64 * 1024
    assert time.monotonic() - began < 20


ROSTERS: dict[str, Json] = {
    "same-person-twice": {"people": [{"id": "a"}, {"id": "a"}]},
    "same-in-another-case": {"people": [{"id": "a"}, {"id": "A"}]},
    "alias-of-another": {"people": [{"id": "a", "aliases": ["b"]}, {"id": "b"}]},
    "same-alias": {"people": [{"id": "a", "aliases": ["x"]}, {"id": "b", "aliases": ["X"]}]},
    "own-alias": {"people": [{"id": "a", "aliases": ["a"]}]},
    "same-agent-twice": {"agents": [{"id": "a"}, {"id": "a"}]},
    "no-id": {"people": [{"name": "Ada"}]},
    "empty-id": {"people": [{"id": ""}]},
    "spaced-id": {"people": [{"id": "a b"}]},
    "look-alike-id": {"people": [{"id": "\u0430da"}]},
    "hidden-character": {"people": [{"id": "ada\u200b"}]},
    "newline-in-id": {"people": [{"id": "ada\n"}]},
    "number-id": {"people": [{"id": 1}]},
    "long-name": {"people": [{"id": "a", "name": "x" * 201}]},
    "nul-in-name": {"people": [{"id": "a", "name": "A\x00da"}]},
    "nul-in-an-unknown-field": {"people": [{"id": "a", "note": {"x": ["\x00"]}}]},
    "nul-in-a-key": {"people": [{"id": "a", "\x00": 1}]},
    "groups-as-text": {"people": [{"id": "a", "groups": "treasury"}]},
    "group-with-space": {"people": [{"id": "a", "groups": ["support leads"]}]},
    "groups-as-object": {"people": [{"id": "a", "groups": {"treasury": True}}]},
    "aliases-null": {"people": [{"id": "a", "aliases": None}]},
    "misspelt-people": {"poeple": [{"id": "a"}]},
    "misspelt-aliases": {"people": [{"id": "a", "alias": ["b"]}]},
    "misspelt-owner": {"agents": [{"id": "a", "owners": "ada"}]},
    "agent-owner-number": {"agents": [{"id": "a", "owner": 1}]},
    "agent-as-text": {"agents": [{"id": "a", "principals": "ada"}]},
}


@pytest.mark.parametrize("name", ROSTERS)
def test_a_roster_in_which_somebody_is_two_is_refused(world: World, name: str) -> None:
    before = world.operator.http.get("/v1/roster").json()
    with world.adding():
        declined(world.operator.http.put("/v1/roster", json=ROSTERS[name]), "roster-refused")
    assert world.operator.http.get("/v1/roster").json() == before


def test_rehearsals_of_rehearsals_keep_short_names_and_stay_apart(world: World) -> None:
    operator, tenants = world.strange_operator, {world.elsewhere}
    for _ in range(4):
        made = operator.http.post("/v1/rehearsals", json={"files": {"bundle.yaml": BUNDLE}})
        assert made.status_code == 201, made.text
        told = made.json()
        operator = world.cast.caller(told["operator_key"])
        agent = world.cast.caller(told["agent_key"])
        assert agent.propose("free").json()["disposition"] == "ALLOWED"
        assert len(told["tenant"]) <= 64
        tenants.add(told["tenant"])
    assert len(tenants) == 5
    for listed in (operator.http.get("/v1/keys").json(), operator.http.get("/v1/roster").json()):
        assert "support-agent" not in str(listed)


def test_a_handed_out_key_is_told_once(world: World) -> None:
    with world.adding("key.issued"):
        body = {"role": "auditor", "subject": fresh()}
        secret = world.operator.http.post("/v1/keys", json=body).json()["secret"]
    listed = world.operator.http.get("/v1/keys").text
    assert secret.split("_")[1] in listed
    assert secret.split("_", 2)[2] not in listed
    assert "secret_hash" not in listed
