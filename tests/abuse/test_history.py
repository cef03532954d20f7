"""Looking back: filters, cursors, waiting and methods that are not what they should be."""

import base64
import json
import time
from typing import Any

import httpx
import pytest

from tests.abuse.world import NOBODY, World, declined
from tests.support.stack import Caller

BAD_PARAMETERS: list[dict[str, Any]] = [
    {"limit": 0},
    {"limit": 501},
    {"limit": -1},
    {"limit": "many"},
    {"limit": "1e2"},
    {"limit": 10**30},
    {"limit": ""},
    {"since": "2026-01-31T09:00:00"},
    {"since": "2026-01-31"},
    {"since": "yesterday"},
    {"since": ""},
    {"since": "0001-01-01T00:00:00+14:00"},
    {"since": "10000-01-01T00:00:00Z"},
    {"since": "2026-02-30T00:00:00Z"},
    {"since": 10**20},
    {"until": "9999-12-31T23:59:59-14:00"},
    {"until": "2026-01-31T09:00:00+99:00"},
    {"until": "nan"},
    {"until": "inf"},
    {"state": "held"},
    {"state": "HELD' OR 1=1"},
    {"verdict": "MAYBE"},
    {"effective": "1"},
    {"disposition": "approved"},
    {"outcome": "DONE"},
    *({field: "\x00"} for field in ("tool", "agent", "session", "rule", "approver", "asked")),
    *({field: "x" * 129} for field in ("tool", "principal", "action_class", "rule")),
    {"tenant": "main"},
    {"order": "asc"},
    {"offset": "1"},
    {"cursor": "x" * 513},
    {"agent": ["a", "b"], "nonsense": "1"},
]


@pytest.mark.parametrize("wrong", BAD_PARAMETERS, ids=range(len(BAD_PARAMETERS)))
def test_a_filter_that_cannot_be_meant_is_refused(world: World, wrong: dict[str, Any]) -> None:
    told = declined(world.auditor.http.get("/v1/actions", params=wrong), "invalid-parameter")
    assert any(field in str(told["errors"]) for field in wrong)


def write(**cursor: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode().rstrip("=")


AT = "2026-01-31T09:00:00.000000Z"
BAD_CURSORS = [
    *("", "x", "====", "e30", "bnVsbA", "W10", "é", "../..", "' OR 1=1", "a" * 511),
    write(),
    write(requested_at=AT),
    write(action_id=NOBODY),
    write(requested_at=AT, action_id=NOBODY, tenant="main"),
    write(requested_at=AT, action_id=1),
    write(requested_at=AT, action_id=""),
    write(requested_at=AT, action_id="\x00"),
    write(requested_at=AT, action_id="' OR '1'='1"),
    write(requested_at=AT, action_id=NOBODY + "\n"),
    write(requested_at="0001-01-01T00:00:00+14:00", action_id=NOBODY),
    write(requested_at="9999-12-31T23:59:59-14:00", action_id=NOBODY),
    write(requested_at="2026-01-31T09:00:00", action_id=NOBODY),
    write(requested_at=0, action_id=NOBODY),
    write(requested_at=1e300, action_id=NOBODY),
    write(requested_at=[], action_id=NOBODY),
]


@pytest.mark.parametrize("cursor", BAD_CURSORS, ids=range(len(BAD_CURSORS)))
def test_a_cursor_is_one_of_ours_or_none(world: World, cursor: str) -> None:
    answer = world.auditor.http.get("/v1/actions", params={"cursor": cursor})
    declined(answer, "bad-cursor")


@pytest.fixture(scope="module")
def page(world: World) -> dict[str, Any]:
    world.granted()
    world.granted()
    found: dict[str, Any] = world.auditor.http.get("/v1/actions", params={"limit": 1}).json()
    return found


def test_every_changed_letter_spoils_a_cursor_or_moves_within_the_tenant(
    world: World, page: dict[str, Any]
) -> None:
    cursor = page["next_cursor"]
    for place in range(0, len(cursor), 5):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        answer = world.strange_auditor.http.get("/v1/actions", params={"cursor": changed})
        assert answer.status_code in {200, 422}
        if answer.status_code == 200:
            assert all(row["agent"] == "rehearsal-agent" for row in answer.json()["items"])


def test_a_strangers_cursor_shows_nothing_strange(world: World, page: dict[str, Any]) -> None:
    answer = world.strange_auditor.http.get("/v1/actions", params={"cursor": page["next_cursor"]})
    assert all(row["agent"] == "rehearsal-agent" for row in answer.json()["items"])


HARMLESS = [
    *("' OR '1'='1", "%' --", "x'; DROP TABLE ledger.event; --", "$1", "\\", "%", "_", "*"),
    *("rule:x", "{}", "${jndi:ldap://x}", "\u202e", "\r\nX: y", "é", "null", "🦭", "a:b"),
]


@pytest.mark.parametrize("text", HARMLESS, ids=range(len(HARMLESS)))
def test_a_filter_is_a_value_whatever_it_looks_like(world: World, text: str) -> None:
    for field in ("tool", "agent", "principal", "session", "rule", "approver", "asked"):
        answer = world.auditor.http.get("/v1/actions", params={field: text})
        assert (answer.status_code, answer.json()["items"]) == (200, [])


PREFERENCES = [
    *("", "wait", "wait=", "wait=-5", "wait=1.5", "wait=1e9", "wait=999999", "wait=abc"),
    *("respond-async", "wait=0", "wait=00000", "wait=\u0665", "WAIT=30", "wait = 30", ",,,"),
    *("wait=0, wait=9", "x" * 8000, "return=minimal; wait=30", "xwait=30"),
]


@pytest.mark.parametrize("prefer", PREFERENCES, ids=range(len(PREFERENCES)))
def test_a_preference_that_makes_no_sense_is_ignored(world: World, prefer: str) -> None:
    answer = world.agent.http.request(
        "GET", "/v1/actions", headers=[(b"Prefer", prefer.encode("utf-8"))]
    )
    assert answer.status_code == 200
    began = time.monotonic()
    held = world.cast.agent.http.get(
        f"/v1/actions/{HELD['id']}", headers=[(b"Prefer", prefer.encode("utf-8"))]
    )
    assert held.json()["phase"] == "HELD"
    assert time.monotonic() - began < 1


HELD: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def _held(world: World) -> None:
    HELD["id"] = world.held()["action_id"]


PATHS = [
    "/v1/actions",
    f"/v1/actions/{NOBODY}",
    f"/v1/actions/{NOBODY}/events",
    f"/v1/actions/{NOBODY}/votes",
    f"/v1/actions/{NOBODY}/redemption",
    "/v1/whoami",
    "/v1/keys",
    "/v1/roster",
    "/v1/bundles",
    "/v1/rehearsals",
    "/healthz",
]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "OPTIONS", "HEAD", "PROPFIND"])
def test_only_the_methods_there_are(world: World, method: str) -> None:
    for path in PATHS:
        if (method, path) == ("PUT", "/v1/roster"):
            continue
        with world.adding():
            answer = send(world.operator, method, path)
        assert answer.status_code == 405, (method, path, answer.status_code)
        if method != "HEAD":
            declined(answer, "method-not-allowed")


def send(speaker: Caller, method: str, path: str) -> httpx.Response:
    url = str(speaker.http.base_url).rstrip("/") + path
    request = httpx.Request(method, url, headers={"Authorization": f"Bearer {speaker.key}"})
    request.method = method  # httpx would put it into capitals
    return speaker.http.send(request)


@pytest.mark.parametrize(
    "header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"]
)
def test_a_method_is_not_overridden(world: World, header: str) -> None:
    with world.adding():
        answer = world.operator.http.get("/v1/keys", headers={header: "POST"})
        assert answer.status_code == 200
        key_id = world.agent.key.split("_")[1]
        answer = world.operator.http.post(f"/v1/keys/{key_id}", headers={header: "DELETE"})
        declined(answer, "method-not-allowed")


ODD_PATHS = [
    *(
        "/",
        "/v1",
        "/v1/",
        "/v1/actions/",
        "//v1/whoami",
        "/v1//whoami",
        "/v1/whoami/",
        "/V1/whoami",
    ),
    *("/v1/%2e%2e/keys", "/v1/whoami%00", "/v1/whoami;x=1", "/.git/config"),
    *("/docs", "/redoc", "/admin", "/v2/whoami", "/v1/tenants", "/server-status", "/%0d%0aX:%20y"),
    *("/v1/whoami.json", "/" + "a" * 20_000, "/%ff%fe", "/~root"),
]


@pytest.mark.parametrize("path", ODD_PATHS, ids=range(len(ODD_PATHS)))
def test_a_path_that_is_not_there_is_not_there(world: World, path: str) -> None:
    url = httpx.URL(str(world.operator.http.base_url).rstrip("/"), raw_path=path.encode())
    headers = {"Authorization": f"Bearer {world.operator.key}", "Host": "evil.example"}
    answer = world.operator.http.send(httpx.Request("GET", url, headers=headers))
    told = declined(answer, "not-found")
    assert "evil.example" not in str(answer.headers) + str(told)
    assert len(answer.content) < 2_000
