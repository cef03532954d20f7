"""Networks that lose, between us and a real server."""

from collections import Counter
from collections.abc import Callable

import httpx


class Lossy(httpx.BaseTransport):
    """Delivers every request, and loses the first answer to each that ``loses`` names."""

    def __init__(self, *loses: str, every: bool = False) -> None:
        self._inner = httpx.HTTPTransport()
        self._loses = loses
        self._every = every
        self.seen: Counter[str] = Counter()

    def heal(self) -> None:
        """Lose nothing any more."""
        self._loses = ()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on; perhaps forget the answer."""
        answer = self._inner.handle_request(request)
        last = request.url.path.rpartition("/")[2]
        self.seen[last] += 1
        if last in self._loses and (self._every or self.seen[last] == 1):
            answer.close()
            raise httpx.ReadError("connection lost after the request was sent")
        return answer

    def close(self) -> None:
        """Close the real connections."""
        self._inner.close()


class AsyncLossy(httpx.AsyncBaseTransport):
    """``Lossy`` for asyncio."""

    def __init__(self, *loses: str) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._loses = loses
        self.seen: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on; perhaps forget the answer."""
        answer = await self._inner.handle_async_request(request)
        last = request.url.path.rpartition("/")[2]
        self.seen[last] += 1
        if last in self._loses and self.seen[last] == 1:
            await answer.aclose()
            raise httpx.ReadError("connection lost after the request was sent")
        return answer

    async def aclose(self) -> None:
        """Close the real connections."""
        await self._inner.aclose()


class Rewriting(httpx.BaseTransport):
    """Somebody in the middle who changes what the server says."""

    def __init__(self, change: Callable[[bytes], bytes]) -> None:
        self._inner = httpx.HTTPTransport()
        self._change = change
        self.paths: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on; change the answer."""
        self.paths.append(request.url.path)
        answer = self._inner.handle_request(request)
        body = self._change(answer.read())
        answer.close()
        return httpx.Response(answer.status_code, content=body)

    def close(self) -> None:
        """Close the real connections."""
        self._inner.close()
