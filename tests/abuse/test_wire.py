"""Below HTTP's good manners: raw sockets, broken framing, callers who hang up."""

import json
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.abuse.world import LEAKS, World, fresh


def talk(world: World, sent: bytes, *, listen: bool = True, patience: float = 5) -> bytes:
    """Send bytes as they are; return what is answered until the server has no more to say."""
    place = urlsplit(world.cast.stack.url)
    heard = b""
    with socket.create_connection((place.hostname, place.port), timeout=patience) as line:
        line.sendall(sent)
        if not listen:
            return heard
        try:
            while chunk := line.recv(65536):
                heard += chunk
                head, _, body = heard.partition(b"\r\n\r\n")
                if b"content-length: %d\r\n" % len(body) in head + b"\r\n":
                    break
        except TimeoutError:
            pass
    return heard


def asked(world: World, line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    key = f"Authorization: Bearer {world.agent.key}".encode()
    idempotency = b"Idempotency-Key: " + fresh().encode()
    return b"\r\n".join([line, b"Host: x", key, idempotency, *headers, b"", body])


POST = b"POST /v1/actions HTTP/1.1"
BODY = b'{"tool":"get_order"}'
LENGTH = b"Content-Length: %d" % len(BODY)
BROKEN: dict[str, tuple[bytes, list[bytes], bytes]] = {
    "length-and-chunks": (
        POST,
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        b"0\r\n\r\n",
    ),
    "two-lengths": (POST, [b"Content-Length: 20", b"Content-Length: 5"], BODY),
    "negative-length": (POST, [b"Content-Length: -1"], BODY),
    "length-with-plus": (POST, [b"Content-Length: +20"], BODY),
    "hex-length": (POST, [b"Content-Length: 0x14"], BODY),
    "huge-length": (POST, [b"Content-Length: 99999999999999999999999"], BODY),
    "bad-chunk": (POST, [b"Transfer-Encoding: chunked"], b"zz\r\n{}\r\n0\r\n\r\n"),
    "negative-chunk": (POST, [b"Transfer-Encoding: chunked"], b"-1\r\n{}\r\n0\r\n\r\n"),
    "space-before-colon": (POST, [LENGTH, b"X-Odd : y"], BODY),
    "nul-in-header": (POST, [LENGTH, b"X-Odd: a\x00b"], BODY),
    "folded-header": (POST, [LENGTH, b"X-Odd: a", b" Authorization: Bearer x"], BODY),
    "no-colon": (POST, [LENGTH, b"nonsense"], BODY),
    "version-9": (b"POST /v1/actions HTTP/9.9", [LENGTH], BODY),
    "lower-method": (b"post /v1/actions HTTP/1.1", [LENGTH], BODY),
    "space-in-path": (b"GET /v1/who ami HTTP/1.1", [], b""),
    "garbage": (b"\x16\x03\x01\x02\x00\x01", [], b""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_framing_is_refused_and_nothing_is_asked(world: World, name: str) -> None:
    line, headers, body = BROKEN[name]
    with world.adding():
        heard = talk(world, asked(world, line, *headers, body=body), patience=1)
        assert heard.startswith(b"HTTP/1.1 4") or not heard
        assert b"200 OK" not in heard
    assert not any(leak.encode() in heard for leak in LEAKS)


@pytest.mark.parametrize(
    "path", [b"/v1/../v1/whoami", b"/v1/actions/../keys", b"/./v1/whoami", b"\\v1\\whoami"]
)
def test_dots_in_a_path_are_not_walked(world: World, path: bytes) -> None:
    heard = talk(world, asked(world, b"GET " + path + b" HTTP/1.1"))
    assert heard.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))


def test_of_two_keys_the_first_is_asked(world: World) -> None:
    good = f"Authorization: Bearer {world.operator.key}".encode()
    line = b"GET /v1/whoami HTTP/1.1\r\nHost: x\r\n"
    heard = talk(world, line + b"Authorization: Bearer no\r\n" + good + b"\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 401")


def test_a_second_request_in_the_body_of_the_first_is_not_heard(world: World) -> None:
    inner = asked(world, POST, LENGTH, body=BODY)
    outer = b'{"tool":"' + inner.replace(b"\r\n", b" ").replace(b'"', b"'") + b'"}'
    with world.adding():
        heard = talk(world, asked(world, POST, b"Content-Length: %d" % len(outer), body=outer))
        assert heard.count(b"HTTP/1.1") == 1
        assert heard.startswith(b"HTTP/1.1 422")


@pytest.mark.parametrize(
    ("promised", "sent"),
    [(20, b""), (20, BODY[:7]), (10**6, BODY), (len(BODY), BODY[:-1])],
    ids=range(4),
)
def test_who_hangs_up_in_the_middle_has_asked_nothing(
    world: World, promised: int, sent: bytes
) -> None:
    log = world.cast.stack.data / "api.log"
    before = log.stat().st_size
    with world.adding():
        length = b"Content-Length: %d" % promised
        talk(world, asked(world, POST, length, body=sent), listen=False)
        told = said_since(log, before, "request.abandoned")
    assert told["path"] == "/v1/actions"
    assert world.agent.http.get("/healthz").status_code == 200


def test_who_hangs_up_after_asking_has_asked_once(world: World) -> None:
    key = fresh()
    sent = asked(world, POST, LENGTH, body=BODY).replace(b"Idempotency-Key: ", b"X-Old: ")
    sent = sent.replace(b"Host: x", b"Host: x\r\nIdempotency-Key: " + key.encode())
    before = world.seq()
    talk(world, sent, listen=False)
    told = world.agent.propose("get_order", key).json()
    assert told["disposition"] == "ALLOWED"
    assert world.kinds_since(before, "main").count("action.requested") == 1


def said_since(log: Path, place: int, event: str) -> dict[str, str]:
    for _ in range(100):
        for line in log.read_bytes()[place:].decode().splitlines():
            told: dict[str, str] = json.loads(line)
            if told["event"] == event:
                return told
        time.sleep(0.02)
    raise AssertionError(f"{event} was not logged")


def test_a_slow_caller_keeps_nobody_waiting(world: World) -> None:
    place = urlsplit(world.cast.stack.url)
    lines = [socket.create_connection((place.hostname, place.port)) for _ in range(50)]
    try:
        for line in lines:
            line.sendall(asked(world, POST, LENGTH, body=b"{"))
        began = time.monotonic()
        assert world.agent.propose("get_order").status_code == 200
        assert time.monotonic() - began < 2
    finally:
        for line in lines:
            line.close()


@pytest.mark.parametrize("size", [1_000, 60_000])
def test_headers_may_be_long(world: World, size: int) -> None:
    heard = talk(world, asked(world, b"GET /v1/whoami HTTP/1.1", b"X-Long: " + b"a" * size))
    assert heard.startswith((b"HTTP/1.1 200", b"HTTP/1.1 4"))


def test_a_thousand_headers_do_no_harm(world: World) -> None:
    headers = [b"X-%d: y" % number for number in range(1_000)]
    heard = talk(world, asked(world, b"GET /v1/whoami HTTP/1.1", *headers))
    assert heard.startswith((b"HTTP/1.1 200", b"HTTP/1.1 4"))


def test_answers_say_nothing_of_what_serves_them(world: World) -> None:
    for path in ("/v1/whoami", "/nowhere", "/openapi.json"):
        names = {*world.agent.http.get(path).headers}
        assert not names & {"server", "x-powered-by", "via"}
