"""Bodies that are not what they should be: told so, never guessed at, and nothing happens."""

import json
import time
from typing import Any

import pytest

from tests.abuse.world import NOBODY, Json, World, declined, fresh

DIGEST = "sha256:" + "0" * 64
KEY = "B" * 42 + "A"
ROUTES: dict[str, tuple[str, str, Json]] = {
    "propose": ("agent", "POST /v1/actions", {"tool": "get_order", "arguments": {}}),
    "vote": (
        "ada",
        f"POST /v1/actions/{NOBODY}/votes",
        {"vote_id": "vote-0001", "approve": True, "reason": "fits", "digest": DIGEST},
    ),
    "withdraw": (
        "agent",
        f"POST /v1/actions/{NOBODY}/withdrawal",
        {"request_id": "request-1", "reason": "no longer needed"},
    ),
    "redeem": (
        "agent",
        f"POST /v1/actions/{NOBODY}/redemption",
        {"redemption_id": "redeem-01", "grant": "x", "digest": DIGEST, "executor_key": KEY},
    ),
    "report": (
        "agent",
        f"POST /v1/actions/{NOBODY}/receipt",
        {
            "request_id": "request-1",
            "redemption_id": "redeem-01",
            "digest": DIGEST,
            "outcome": "SUCCEEDED",
        },
    ),
    "key": ("operator", "POST /v1/keys", {"role": "agent", "subject": "somebody"}),
    "roster": ("operator", "PUT /v1/roster", {"people": [], "agents": []}),
    "bundle": ("operator", "POST /v1/bundles", {"files": {}}),
    "rehearsal": ("operator", "POST /v1/rehearsals", {"files": {}}),
}


def nest(levels: int, inner: str = "1") -> bytes:
    return ('{"tool":"x","a":' + "[" * levels + inner + "]" * levels + "}").encode()


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "json-malformed"),
    "spaces": (b" \r\n\t", "json-malformed"),
    "array": (b"[]", "invalid-request"),
    "array-of-bodies": (b'[{"tool":"get_order"}]', "invalid-request"),
    "null": (b"null", "invalid-request"),
    "number": (b"1", "invalid-request"),
    "string": (b'"get_order"', "invalid-request"),
    "truncated": (b'{"tool":"get_or', "json-malformed"),
    "truncated-object": (b'{"tool":"get_order"', "json-malformed"),
    "truncated-escape": (b'{"tool":"\\u00', "json-malformed"),
    "ends-in-backslash": (b'{"tool":"\\', "json-malformed"),
    "two-documents": (b'{"tool":"x"}{"tool":"y"}', "json-malformed"),
    "trailing-junk": (b'{"tool":"x"} x', "json-malformed"),
    "trailing-nul": (b'{"tool":"x"}\x00', "json-malformed"),
    "trailing-comma": (b'{"tool":"x",}', "json-malformed"),
    "comment": (b'{"tool":"x"/* so */}', "json-malformed"),
    "single-quotes": (b"{'tool':'x'}", "json-malformed"),
    "bare-key": (b'{tool:"x"}', "json-malformed"),
    "raw-newline": (b'{"tool":"x\ny"}', "json-malformed"),
    "raw-nul": (b'{"tool":"x\x00y"}', "json-malformed"),
    "bad-escape": (b'{"tool":"\\x41"}', "json-malformed"),
    "leading-zero": (b'{"tool":"x","n":01}', "json-malformed"),
    "plus": (b'{"tool":"x","n":+1}', "json-malformed"),
    "hex": (b'{"tool":"x","n":0x10}', "json-malformed"),
    "no-fraction": (b'{"tool":"x","n":1.}', "json-malformed"),
    "python": (b"{'tool': True}", "json-malformed"),
    "xml": (b'<?xml version="1.0"?><tool/>', "json-malformed"),
    "form": (b"tool=x&arguments=1", "json-malformed"),
    "unbalanced": (b'{"tool":"x"]', "json-malformed"),
    "closing-only": (b"}" * 50, "json-malformed"),
    "bom": (b'\xef\xbb\xbf{"tool":"x"}', "json-malformed"),
    "latin-1": ('{"tool":"é"}'.encode("latin-1"), "json-not-unicode"),
    "overlong-utf-8": (b'{"tool":"\xc0\xaf"}', "json-not-unicode"),
    "utf-8-surrogate": (b'{"tool":"\xed\xa0\x80"}', "json-not-unicode"),
    "beyond-unicode": (b'{"tool":"\xf4\x90\x80\x80"}', "json-not-unicode"),
    "cut-utf-8": (b'{"tool":"\xe2\x82"}', "json-not-unicode"),
    "utf-16": ('{"tool":"x"}'.encode("utf-16"), "json-not-unicode"),
    "lone-surrogate": (b'{"tool":"\\ud800"}', "json-not-unicode"),
    "lone-low-surrogate": (b'{"tool":"\\udc00"}', "json-not-unicode"),
    "swapped-surrogates": (b'{"tool":"\\udc00\\ud800"}', "json-not-unicode"),
    "surrogate-in-a-key": (b'{"\\ud800":1}', "json-not-unicode"),
    "same-key-twice": (b'{"tool":"x","tool":"x"}', "json-duplicate-key"),
    "escaped-duplicate": (b'{"a":1,"\\u0061":2}', "json-duplicate-key"),
    "escaped-slash-duplicate": (b'{"/":1,"\\/":2}', "json-duplicate-key"),
    "nested-duplicate": (b'{"tool":"x","a":{"b":[{"c":1,"c":1}]}}', "json-duplicate-key"),
    "empty-key-twice": (b'{"":1,"":1}', "json-duplicate-key"),
    "nan": (b'{"tool":"x","n":NaN}', "json-number-out-of-range"),
    "infinity": (b'{"tool":"x","n":Infinity}', "json-number-out-of-range"),
    "minus-infinity": (b'{"tool":"x","n":[-Infinity]}', "json-number-out-of-range"),
    "1e400": (b'{"tool":"x","n":1e400}', "json-number-out-of-range"),
    "-1e400": (b'{"tool":"x","n":-1e400}', "json-number-out-of-range"),
    "2^53": (b'{"tool":"x","n":9007199254740992}', "json-number-out-of-range"),
    "2^53+1": (b'{"tool":"x","n":9007199254740993}', "json-number-out-of-range"),
    "-2^53": (b'{"tool":"x","n":-9007199254740992}', "json-number-out-of-range"),
    "2^53-as-a-float": (b'{"tool":"x","n":9007199254740993.0}', "json-number-out-of-range"),
    "1e308": (b'{"tool":"x","n":1e308}', "json-number-out-of-range"),
    "2^64": (b'{"tool":"x","n":18446744073709551616}', "json-number-out-of-range"),
    "ten-thousand-digits": (
        b'{"tool":"x","n":' + b"9" * 10_000 + b"}",
        "json-number-out-of-range",
    ),
    "half-a-megabyte-of-digits": (
        b'{"tool":"x","n":' + b"9" * 500_000 + b"}",
        "json-number-out-of-range",
    ),
    "long-fraction": (b'{"tool":"x","n":0.' + b"1" * 500 + b"}", "json-number-out-of-range"),
    "41-levels": (nest(41), "json-too-deep"),
    "10000-levels": (nest(10_000), "json-too-deep"),
    "300000-opened": (b"[" * 300_000, "json-too-deep"),
    "objects-too-deep": (b'{"a":' * 50_000, "json-too-deep"),
    "too-many-keys": (
        json.dumps({"tool": "x", "a": dict.fromkeys(map(str, range(9000)), 0)}).encode(),
        "json-too-many-keys",
    ),
    "too-large": (b'{"tool":"' + b"x" * (640 * 1024) + b'"}', "json-too-large"),
    "two-megabytes": (b" " * 2_000_000, "json-too-large"),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "json-not-unicode"),
}


def send(world: World, route: str, content: bytes, **headers: str) -> Any:
    who, line, _ = ROUTES[route]
    method, path = line.split()
    usual = {"Content-Type": "application/json", "Idempotency-Key": fresh()}
    speaker = getattr(world, who)
    return speaker.http.request(method, path, content=content, headers={**usual, **headers})


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_one_way_only_is_refused_everywhere(world: World, name: str) -> None:
    content, code = UNREADABLE[name]
    routes = [*ROUTES] if len(content) < 20_000 else ["propose", "bundle"]
    for route in routes:
        with world.adding():
            declined(send(world, route, content), code)


@pytest.mark.parametrize("kilobytes", [20, 300, 600])
@pytest.mark.parametrize("unit", [b'\\"', b'\\\\"', b'""\\'], ids=range(3))
def test_broken_strings_cost_no_more_than_others(world: World, kilobytes: int, unit: bytes) -> None:
    began = time.monotonic()
    content = b'"' + unit * (kilobytes * 1024 // len(unit))
    declined(send(world, "propose", content), "json-malformed")
    assert time.monotonic() - began < 2


def each(route: str, field: str, bad: list[Any]) -> list[tuple[str, Json]]:
    return [(route, {field: value}) for value in bad]


UNFIT: list[tuple[str, Json]] = [
    *each("propose", "tool", [None, 1, True, [], {}, "", "x" * 129, "a b", "é"]),
    *each("propose", "tool", ["get_order\n", "get\u200border", "g\u0435t_order", "-x"]),
    *each("propose", "arguments", [None, [], "x", 1, True]),
    *each("propose", "session", [1, "", "a\x00b", "a b", "s" * 129, "s\n", "\u0430da"]),
    *each("propose", "principal", [1, "", "a\x00b", "ada ", "ada\u200b", "\u0430da"]),
    *each("propose", "resource", [1, [], "x" * 1025]),
    *each("propose", "justification", [1, {}, "x" * 4097]),
    *each("propose", "asserted", [None, [], {"user_request": 1}, {"x": 1}]),
    ("propose", {"asserted": {"observations": [{"tool": "t"}]}}),
    ("propose", {"asserted": {"observations": [{"tool": "t", "content": "c", "trusted": 1}]}}),
    ("propose", {"asserted": {"observations": [{"tool": "t", "content": "c"}] * 65}}),
    *(
        ("propose", {name: "x"})
        for name in ("tenant", "agent", "environment", "id", "digest", "stage", "verdict", "risk")
    ),
    *each("vote", "approve", ["true", "yes", 1, 0, None, [], {}, "APPROVE"]),
    *each("vote", "reason", ["", " \t\n", None, 1, "x" * 4097]),
    *each("vote", "vote_id", ["", "short", "x" * 129, 1, "a b c d e", "ada/12345"]),
    *each("vote", "vote_id", ["vote-0001\n", "vote\x000001", "v\u043ete-0001"]),
    *each("vote", "digest", ["", "sha256:", DIGEST + "0", DIGEST.upper(), 1]),
    *(("vote", {name: "x"}) for name in ("person", "heard_at", "channel", "assurance", "groups")),
    *each("withdraw", "reason", ["", "  ", None, 1, "x" * 4097]),
    *each("withdraw", "request_id", ["", "1234567", 12345678, "x" * 129]),
    ("withdraw", {"by": "somebody-else"}),
    *each("redeem", "redemption_id", ["", "1234567", 1, "x" * 129, "a\nbcdefgh"]),
    *each("redeem", "grant", [None, 1, {}, "x" * 4097]),
    *each("redeem", "digest", [None, "sha1:" + "0" * 40, DIGEST[:-1]]),
    *each("redeem", "executor_key", ["", "A" * 42, "A" * 44, "=" * 43, 1]),
    ("redeem", {"executor_key": "A" * 42 + "B"}),  # not the one spelling of its bytes
    ("redeem", {"executor_key": "A" * 43}),  # a point of small order, for which anybody can sign
    *each("report", "outcome", ["LAPSED", "NOT_RUN", "succeeded", "", None, 1]),
    *each("report", "detail", [1, "x" * 4097]),
    *each("report", "result_digest", ["x", 1]),
    *each("report", "signature", [1, "x" * 129]),
    *(("report", {name: "x"}) for name in ("by", "signed", "signed_by", "at")),
    *each("key", "role", ["", "admin", "AGENT", None, 1, ["agent"]]),
    *each("key", "subject", ["", "a b", "a\x00", "\u0430da", "x" * 129, None, "/etc"]),
    *each("key", "environment", ["", "a b", None, 1]),
    *(("key", {name: "x"}) for name in ("key_id", "secret", "tenant")),
    *each("bundle", "files", [None, [], "x", {"bundle.yaml": 1}]),
    ("bundle", {"files": dict.fromkeys(map(str, range(257)), "")}),
    *each("rehearsal", "files", [None, [], {"bundle.yaml": None}]),
    ("rehearsal", {"tenant": "main"}),
    *each("roster", "people", [None, {}, "x", [1], [None]]),
]


@pytest.mark.parametrize(
    ("route", "changed"),
    UNFIT,
    ids=[
        f"{number}-{route}-{next(iter(changed))}" for number, (route, changed) in enumerate(UNFIT)
    ],
)
def test_fields_are_taken_strictly_and_none_is_ignored(
    world: World, route: str, changed: Json
) -> None:
    with world.adding():
        told = declined(
            send(world, route, json.dumps(ROUTES[route][2] | changed).encode()), "invalid-request"
        )
    assert next(iter(changed)) in told["detail"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("field", [0, 1])
def test_what_is_missing_is_named(world: World, route: str, field: int) -> None:
    whole = ROUTES[route][2]
    needed = {"propose": ["tool"], "roster": [], "bundle": ["files"], "rehearsal": ["files"]}
    names = needed.get(route, [*whole])
    if field >= len(names):
        return
    body = {name: value for name, value in whole.items() if name != names[field]}
    with world.adding():
        told = declined(send(world, route, json.dumps(body).encode()), "invalid-request")
    assert names[field] in told["detail"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"a": "x" * 262_144}, "json-too-large"),
        (dict.fromkeys(map(str, range(4097)), 0), "json-too-many-keys"),
        ({"a": json.loads("[" * 33 + "]" * 33)}, "json-too-deep"),
    ],
    ids=["size", "keys", "depth"],
)
def test_arguments_have_bounds_of_their_own(world: World, arguments: Json, code: str) -> None:
    with world.adding():
        declined(world.agent.propose("get_order", arguments=arguments), code)


@pytest.mark.parametrize("size", [100, 5_000, 200_000])
@pytest.mark.parametrize("text", ["x", "\x00", "\u202e", "🦭", "\x7f"], ids=range(5))
def test_any_text_in_arguments_is_kept_byte_for_byte(world: World, text: str, size: int) -> None:
    arguments = {"amount": 1, "order_id": "o", "customer": text * (size // len(text.encode()) // 6)}
    answer = world.agent.propose("refund_order", arguments=arguments, justification="\x00" + text)
    assert answer.status_code in {200, 202}
    told = answer.json()
    assert told["phase"] != "UNDECIDED"
    assert told["action"]["arguments"] == arguments
    requested = json.loads(world.agent.story(told["action_id"])["events"][0]["canonical"])
    assert requested["event"]["action"]["arguments"] == arguments


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/merge-patch+json",
        "application/json, text/html",
        "\u00e9",
    ],
    ids=range(9),
)
def test_only_json_is_taken_for_json(world: World, kind: str) -> None:
    with world.adding():
        answer = world.agent.http.request(
            "POST",
            "/v1/actions",
            content=b'{"tool":"get_order"}',
            headers=[(b"Content-Type", kind.encode("latin-1")), (b"Idempotency-Key", b"k")],
        )
        declined(answer, "not-json")


@pytest.mark.parametrize("kind", ["application/json", "APPLICATION/JSON ; charset=utf-8"])
def test_json_is_json_however_it_is_spelt(world: World, kind: str) -> None:
    assert send(world, "propose", b'{"tool":"get_order"}', **{"Content-Type": kind}).is_success


def test_what_was_sent_wrongly_is_not_repeated_at_length(world: World) -> None:
    answer = send(world, "propose", json.dumps({"tool": "x", "k" * 100_000: 1}).encode())
    declined(answer, "invalid-request")
    assert len(answer.content) < 2_000
