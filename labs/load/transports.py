"""How the sender's process talks to a server: bytes out, a status back. Nothing here knows what the bytes mean."""

from __future__ import annotations

import asyncio
from typing import Protocol

#: gRPC's codes as the HTTP statuses that mean the same. Source: google.rpc.Code, in google/rpc/code.proto.
HTTP_STATUS = {
    "OK": 200,
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 0,
}

#: What is kept of a first answer, in bytes: enough to read a label or an error.
_EXCERPT = 400


class Transport(Protocol):
    """One open way to a server."""

    #: The beginning of the first answer, or of the first failure's reason.
    first: str

    async def send(self, body: bytes) -> int:
        """Send one request, wait for its answer, and return its HTTP status; 0 when none came."""

    async def close(self) -> None:
        """Close all connections."""


class Http:
    """HTTP/1.1 with kept connections, as many as there are requests in flight."""

    def __init__(self, url: str, headers: dict[str, str], timeout_s: float) -> None:
        """Open nothing yet; needs a running event loop."""
        import aiohttp

        self.first = ""
        self._url, self._lost = url, (aiohttp.ClientError, asyncio.TimeoutError, OSError)
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, body: bytes) -> int:
        """Post one body."""
        try:
            async with self._session.post(self._url, data=body) as answer:
                given = await answer.read()
                self.first = self.first or given[:_EXCERPT].decode(errors="replace")
                return answer.status
        except self._lost as error:
            self.first = self.first or f"{type(error).__name__}: {error}"
            return 0

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


class Grpc:
    """Unary gRPC calls whose messages were encoded beforehand: they go out as bytes and are not decoded coming back."""

    def __init__(self, url: str, headers: dict[str, str], timeout_s: float) -> None:
        """Open nothing yet; needs a running event loop. ``headers['method']`` is the method's full name."""
        import grpc

        self.first = ""
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.aio.insecure_channel(url, options=unlimited)
        self._call = self._channel.unary_unary(headers["method"])
        self._timeout_s, self._error = timeout_s, grpc.RpcError

    async def send(self, body: bytes) -> int:
        """Make one call."""
        try:
            given = await self._call(body, timeout=self._timeout_s)
        except self._error as error:
            self.first = self.first or f"{error.code().name}: {error.details()}"[:_EXCERPT]
            return HTTP_STATUS.get(error.code().name, 500)
        self.first = self.first or given[:_EXCERPT].decode(errors="replace")
        return 200

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


TRANSPORTS = {"http": Http, "grpc": Grpc}
