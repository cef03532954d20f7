"""The two thin shells over httpx: one for threads, one for asyncio. Nothing is decided here."""

import asyncio
import time
from types import TracebackType
from typing import Self, TypeVar

import httpx

from counterseal.access import Access
from counterseal.conversation import Conversation, Heard, Lost, Pause, Reply, Send

T = TypeVar("T")

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Line:
    """Carries conversations over a pool of connections, each from start to end."""

    def __init__(self, access: Access, transport: httpx.BaseTransport | None = None) -> None:
        self._access = access
        # Redirects are not followed: they would carry the key elsewhere.
        self._http = httpx.Client(base_url=access.url, transport=transport, follow_redirects=False)

    def carry(self, conversation: Conversation[T]) -> T:
        """Do what ``conversation`` asks for until it has its result."""
        try:
            step = next(conversation)
            while True:
                step = conversation.send(self._do(step))
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            conversation.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _do(self, step: Send | Pause) -> Heard:
        match step:
            case Pause():
                if step.seconds > 0:
                    time.sleep(step.seconds)
                return Heard(time.monotonic())
            case Send():
                said = self._send(step)
                return Heard(time.monotonic(), said)

    def _send(self, step: Send) -> Reply | Lost:
        end = time.monotonic() + step.seconds
        request = _request(self._http, self._access, step)
        try:
            response = self._http.send(request, stream=True)
            try:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    # httpx bounds each read, not their sum; a dripping answer must end too.
                    if time.monotonic() > end or len(body) > step.call.largest:
                        return Lost(_too_much(body, step.call.largest), sent=True)
                return _reply(response, bytes(body))
            finally:
                response.close()
        except httpx.HTTPError as error:
            return _lost(error)


class AsyncLine:
    """``Line`` for asyncio."""

    def __init__(self, access: Access, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._access = access
        self._http = httpx.AsyncClient(
            base_url=access.url, transport=transport, follow_redirects=False
        )

    async def carry(self, conversation: Conversation[T]) -> T:
        """Do what ``conversation`` asks for until it has its result."""
        try:
            step = next(conversation)
            while True:
                step = conversation.send(await self._do(step))
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            conversation.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _do(self, step: Send | Pause) -> Heard:
        match step:
            case Pause():
                if step.seconds > 0:
                    await asyncio.sleep(step.seconds)
                return Heard(time.monotonic())
            case Send():
                said = await self._send(step)
                return Heard(time.monotonic(), said)

    async def _send(self, step: Send) -> Reply | Lost:
        request = _request(self._http, self._access, step)
        try:
            async with asyncio.timeout(step.seconds):
                return await self._received(request, step.call.largest)
        except TimeoutError:
            return Lost(f"no answer within {step.seconds:.1f} s", sent=True)
        except httpx.HTTPError as error:
            return _lost(error)

    async def _received(self, request: httpx.Request, largest: int) -> Reply | Lost:
        response = await self._http.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > largest:
                    return Lost(_too_much(body, largest), sent=True)
            return _reply(response, bytes(body))
        finally:
            await response.aclose()


def _request(http: httpx.Client | httpx.AsyncClient, access: Access, step: Send) -> httpx.Request:
    call = step.call
    return http.build_request(
        call.method,
        call.path,
        params=dict(call.query) or None,
        headers=call.sent_headers(access.api_key),
        content=call.body,
        timeout=step.seconds,
    )


def _reply(response: httpx.Response, body: bytes) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, body)


def _lost(error: httpx.HTTPError) -> Lost:
    kind = type(error).__name__
    said = str(error).strip().rstrip(".")
    return Lost(f"{kind}: {said}" if said else kind, sent=not isinstance(error, _NEVER_SENT))


def _too_much(body: bytearray, largest: int) -> str:
    if len(body) > largest:
        return f"the answer is larger than {largest} bytes"
    return "the answer did not end in time"
