"""A network that fails: nothing hangs, nothing leaks, nothing is taken for an answer."""

import time
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest

from counterseal import AsyncCounterseal, Counterseal, Unreachable, Unsendable

KEY = "csk_not-to-be-seen"
URL = "http://seal.invalid"
Handler = Callable[[httpx.Request], httpx.Response]


class Dripping(httpx.SyncByteStream, httpx.AsyncByteStream):
    """An answer that never quite ends."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            time.sleep(0.02)
            yield b" "

    async def __aiter__(self) -> AsyncIterator[bytes]:
        import asyncio  # noqa: PLC0415 - only this one waits so

        while True:
            await asyncio.sleep(0.02)
            yield b" "


def refuse(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def lose(_: httpx.Request) -> httpx.Response:
    raise httpx.RemoteProtocolError("Server disconnected without sending a response.")


def time_out(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("")


def bad_gateway(_: httpx.Request) -> httpx.Response:
    return httpx.Response(502, text="<html>bad gateway</html>")


def redirect(_: httpx.Request) -> httpx.Response:
    return httpx.Response(302, headers={"location": "http://thief.invalid/"})


def drip(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=Dripping())


FAULTS = [refuse, lose, time_out, bad_gateway, redirect, drip]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_network_fails_closed_in_time(fault: Handler) -> None:
    ran: list[int] = []
    began = time.monotonic()
    with Counterseal(URL, KEY, patience=0.4, transport=httpx.MockTransport(fault)) as seal:

        @seal.guarded("pay")
        def pay(amount: int) -> None:
            ran.append(amount)

        with pytest.raises(Unreachable) as lost:
            pay(5)
    assert not ran
    assert time.monotonic() - began < 2
    assert KEY not in str(lost.value) + repr(lost.value)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failing_network_fails_closed_in_time_under_asyncio(fault: Handler) -> None:
    ran: list[int] = []
    began = time.monotonic()
    transport = httpx.MockTransport(fault)
    async with AsyncCounterseal(URL, KEY, patience=0.4, transport=transport) as seal:

        @seal.guarded("pay")
        async def pay(amount: int) -> None:
            ran.append(amount)

        with pytest.raises(Unreachable):
            await pay(5)
    assert not ran
    assert time.monotonic() - began < 2


def test_a_redirect_does_not_carry_the_key_away() -> None:
    hosts: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return redirect(request)

    with (
        Counterseal(URL, KEY, patience=0.3, transport=httpx.MockTransport(note)) as seal,
        pytest.raises(Unreachable),
    ):
        seal.propose("pay", {})
    assert set(hosts) == {"seal.invalid"}


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("", KEY),
        (URL, ""),
        ("seal.example", KEY),
        ("ftp://seal.example", KEY),
        ("http://u:p@seal.example", KEY),
        ("http://seal.example?x=1", KEY),
        (URL, "csk_\nX-Injected: 1"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_at_once(
    url: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNTERSEAL_URL", raising=False)
    monkeypatch.delenv("COUNTERSEAL_API_KEY", raising=False)
    with pytest.raises(Unsendable) as refused:
        Counterseal(url, key)
    assert KEY not in str(refused.value)


def test_a_function_is_guarded_by_the_client_of_its_kind() -> None:
    seal = Counterseal(URL, KEY)
    aio = AsyncCounterseal(URL, KEY)

    async def coroutine() -> None: ...

    def generator() -> Iterator[int]:
        yield 1

    def plain() -> None: ...

    for function in (coroutine, generator):
        with pytest.raises(TypeError):
            seal.guarded()(function)
    with pytest.raises(TypeError):
        aio.guarded()(plain)  # type: ignore[arg-type]
    seal.close()
