"""Requests for evidence that are not what they should be: told so, and nothing is on record."""

import uuid
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest

from tests.abuse.world import NOBODY, Json, World, declined

EVER = "2020-01-01T00:00:00Z"
ACTIONS: Json = {"kind": "actions", "action_ids": [NOBODY]}
PERIOD: Json = {"kind": "period", "since": EVER}
QUERY: Json = {"kind": "query", "filters": {"tool": "get_order"}}
MANY = [f"act_{number:032x}" for number in range(1001)]


def body(**changed: Any) -> Json:
    told = {"scope": ACTIONS, "purpose": "audit", **changed}
    return {name: value for name, value in told.items() if value is not ...}


def actions(**changed: Any) -> Json:
    return body(scope={**ACTIONS, **changed})


def period(**changed: Any) -> Json:
    scope = {**PERIOD, **changed}
    return body(scope={name: value for name, value in scope.items() if value is not ...})


def query(filters: Any) -> Json:
    return body(scope={"kind": "query", "filters": filters})


INVALID: dict[str, Json] = {
    "nothing": {},
    "no scope": body(scope=...),
    "no purpose": body(purpose=...),
    "empty purpose": body(purpose=""),
    "blank purpose": body(purpose=" \n\t "),
    "long purpose": body(purpose="x" * 4097),
    "purpose of another kind": body(purpose=7),
    "unknown field": body(force=True),
    "reason instead of purpose": body(purpose=..., reason="audit"),
    "tenant of another": body(tenant="main"),
    "on behalf of another": body(requested_by="ada"),
    "profile in capitals": body(profile="FULL"),
    "unknown profile": body(profile="everything"),
    "profile that is none": body(profile=None),
    "profile of another kind": body(profile=1),
    "scope as text": body(scope="all"),
    "scope that is none": body(scope=None),
    "scope as list": body(scope=[ACTIONS]),
    "scope without kind": body(scope={"action_ids": [NOBODY]}),
    "unknown scope": body(scope={"kind": "everything"}),
    "scope with more": actions(since=EVER),
    "no ids": actions(action_ids=[]),
    "ids as text": actions(action_ids=NOBODY),
    "id that is none": actions(action_ids=["nope"]),
    "id in capitals": actions(action_ids=["ACT_" + "0" * 32]),
    "id with a stream": actions(action_ids=[f"{NOBODY}:data"]),
    "stream of operators": actions(action_ids=["keys"]),
    "id with a line end": actions(action_ids=[NOBODY + "\n"]),
    "too many ids": actions(action_ids=MANY),
    "one wrong id": actions(action_ids=[NOBODY, ""]),
    "no filters": query({}),
    "filters as list": query([["tool", "x"]]),
    "unknown filter": query({"colour": "red"}),
    "filter of another kind": query({"tool": 7}),
    "filter with NUL": query({"tool": "x\u0000"}),
    "filter that is empty": query({"tool": ""}),
    "too long a filter": query({"tool": "x" * 300}),
    "verdict that is none": query({"verdict": "MAYBE"}),
    "paging": query({"cursor": "x"}),
    "limit": query({"limit": "1000000"}),
    "time that is none": query({"since": "yesterday"}),
    "too many filters": query({f"name-{n}": "x" for n in range(40)}),
    "no since": period(since=...),
    "since that is none": period(since="yesterday"),
    "since without a zone": period(since="2020-01-01T00:00:00"),
    "since as a number": period(since=0),
    "since beyond the calendar": period(since="9999-12-31T23:59:59-23:59"),
    "until before since": period(until="2019-01-01T00:00:00Z"),
    "until at since": period(until=EVER),
    "until to come": period(until="2999-01-01T00:00:00Z"),
    "since to come": period(since="2999-01-01T00:00:00Z"),
    "range by hand": period(start=0, end=5),
    "period filter as text": period(filters={"risk": "high"}),
    "risk that is none": period(filters={"risk": ["severe"]}),
    "unknown period filter": period(filters={"tool": ["x"]}),
    "empty class": period(filters={"action_class": [""]}),
    "class with NUL": period(filters={"action_class": ["x\u0000"]}),
    "disclose in a period": {**period(), "disclose": ["/pin"]},
    "disclose without arguments": body(disclose=["/pin"], profile="counts"),
    "disclose everything": body(disclose=True),
    "disclose a wildcard as all": body(disclose="/*"),
    "pointer without slash": body(disclose=["pin"]),
    "empty pointer": body(disclose=[""]),
    "pointer with a bad escape": body(disclose=["/a~2b"]),
    "pointer with NUL": body(disclose=["/a\u0000"]),
    "long pointer": body(disclose=["/" + "x" * 600]),
    "too many pointers": body(disclose=[f"/{n}" for n in range(65)]),
    "since as object": body(since={"size": 1}),
    "long since": body(since="x" * 70_000),
}


@pytest.fixture
def untouched(world: World) -> Iterator[None]:
    """See that nothing was taken along, and nobody's values were opened."""
    before = world.seq()
    yield
    assert not {"evidence.exported", "data.revealed"} & {*world.kinds_since(before, "main")}


def asked(world: World, what: Json) -> Any:
    return world.auditor.http.post("/v1/evidence", json=what)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("what", INVALID.values(), ids=INVALID)
def test_what_cannot_be_asked_is_refused(world: World, what: Json) -> None:
    declined(asked(world, what), "invalid-request")


def _resized(note: str) -> str:
    origin, size, *rest = note.split("\n")
    return "\n".join([origin, str(int(size) + 1), *rest])


def _without_the_log(note: str) -> str:
    text, _, signatures = note.partition("\n\n")
    others = [line for line in signatures.splitlines() if "/witness" in line]
    return f"{text}\n\n" + "".join(f"{line}\n" for line in others or ["\u2014 x AAAAAAAA"])


ABSENT: dict[str, Json] = {
    "one": body(),
    "a thousand": actions(action_ids=[NOBODY, *MANY[1:1000]]),
    "none that fits": query({"session": uuid.uuid4().hex}),
}
CHECKPOINTS: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "text": lambda _: "hello",
    "lines": lambda _: "\u2014 " * 100,
    "of another log": lambda note: note.replace("/main\n", "/other\n"),
    "of another text": lambda note: note.replace("\n\n", "\nmore\n\n"),
    "of another size": _resized,
    "unsigned": lambda note: note.split("\n\n")[0] + "\n",
    "signed by nobody": lambda note: note.split("\n\n")[0] + "\n\n",
    "signed by witnesses only": _without_the_log,
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("what", ABSENT.values(), ids=ABSENT)
def test_what_is_not_there_is_told(world: World, what: Json) -> None:
    declined(asked(world, what), "no-such-action")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("spoilt", CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_only_a_checkpoint_of_this_log_can_be_continued(
    world: World, spoilt: Callable[[str], str]
) -> None:
    note = world.auditor.http.get("/v1/log/checkpoint").text
    action = world.held()["action_id"]
    what = actions(action_ids=[action])
    declined(asked(world, what | {"since": spoilt(note)}), "checkpoint-refused")


@pytest.mark.usefixtures("untouched")
def test_nothing_that_is_not_sensitive_is_disclosed(world: World) -> None:
    action = world.held()["action_id"]
    for pointer in ("/amount", "/customer", "/nothing/here", "/"):
        what = actions(action_ids=[action]) | {"disclose": [pointer]}
        declined(asked(world, what), "nothing-to-disclose")


@pytest.mark.usefixtures("untouched")
def test_only_auditors_and_operators_take_evidence_along(world: World) -> None:
    action = world.held()["action_id"]
    what = actions(action_ids=[action])
    for who in (world.agent, world.rival, world.ada):
        declined(who.http.post("/v1/evidence", json=what), "role-forbids")
        declined(who.http.post("/v1/evidence", json=body(scope=PERIOD)), "role-forbids")
        declined(who.http.get("/v1/evidence/trust"), "role-forbids")
    for stranger in (world.strange_auditor, world.strange_operator):
        declined(stranger.http.post("/v1/evidence", json=what), "no-such-action")
    bare = {"Authorization": "Bearer csk_none"}
    declined(world.auditor.http.post("/v1/evidence", json=what, headers=bare), "unauthenticated")


def test_a_strangers_period_holds_nothing_of_ours(world: World) -> None:
    action = world.held()["action_id"]
    answer = world.strange_auditor.http.post("/v1/evidence", json=body(scope=PERIOD))
    assert answer.status_code == 200
    assert action.encode() not in answer.content


def test_a_purpose_is_data_wherever_it_is_shown(world: World) -> None:
    action = world.held()["action_id"]
    hostile = "<script>alert(1)</script>\n=cmd|' /C calc'!A0 \u202efdp"
    what = actions(action_ids=[action]) | {"purpose": hostile}
    answer = asked(world, what)
    assert answer.status_code == 200
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        page, readme = archive.read("timeline.html"), archive.read("README.txt")
    assert b"&lt;script&gt;" in page
    assert b"<script" not in page + readme
    assert "\u202e".encode() not in page + readme
