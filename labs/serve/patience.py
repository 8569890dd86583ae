"""HTTP with an end to patience: a client that does not finish its headers is sent away.

uvicorn waits for ever between a connection and its first whole request. Connections cost little, but their number has
an end too.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from labs.serve.problems import KINDS, MEDIA_TYPE, Problem


class ImpatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a timer on the first request's headers."""

    #: Seconds within which they have to be there, counted from the connection.
    headers_within_s: float = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Start the timer."""
        super().connection_made(transport)
        self._too_slow = self.loop.call_later(self.headers_within_s, self._give_up)

    def on_headers_complete(self) -> None:
        """Stop the timer: from here on the app counts."""
        self._too_slow.cancel()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer: there is nobody to send away."""
        self._too_slow.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        status, title = KINDS["too-slow"]
        detail = f"the headers were not complete within {self.headers_within_s:g} s"
        body = Problem(type="/problems/too-slow", title=title, status=status, detail=detail).model_dump_json().encode()
        head = f"HTTP/1.1 {status} Request Timeout\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}"
        self.transport.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
        self.transport.close()
