"""What a client may send and hold: its connection, a request's head and its body, in bytes and in seconds.

uvicorn's httptools protocol reads headers without a limit, and waits for ever for their end once a connection is open
or a next request has begun. A few lines on top of it bound all three.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from labs.serve.contract import IMAGE_MEDIA_TYPES, NotBase64Error, PredictRequest, ProblemError, picture_bytes

#: Bodies up to so many times the limit are read before they are refused.
_HEARD_OUT = 2


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with limits on what a client may send and hold before the app has a word in it."""

    #: Seconds within which a request's headers have to be there, from the connection or from the request's first byte.
    headers_within_s: ClassVar[float] = 10.0
    #: Most bytes of a request that are not its body: its head, its trailers, and what frames its chunks, of which each
    #: byte of body may bring another one.
    most_head_bytes: ClassVar[int] = 32_768
    #: Connections that may be open. One more, and the one that has waited longest for its headers has to go.
    most_connections: ClassVar[int] = 512

    #: Connections whose next headers are not complete, the one that waits longest first.
    _waiting: ClassVar[dict[BoundedProtocol, None]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Start the timer, and make room where there is none."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = self._body_bytes = 0
        self._in_body = False
        if len(self.connections) > self.most_connections and self._waiting:
            next(iter(self._waiting))._refuse("too-slow", "others wait for this connection")
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Count what comes, and hand it on."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > self.most_head_bytes + self._body_bytes and not self.transport.is_closing():
            self._refuse("head-too-large", f"{self.most_head_bytes:,} bytes are the limit for all headers together")

    def on_message_begin(self) -> None:
        """Start the timer for another request on a connection; for the first one it runs already."""
        super().on_message_begin()
        self._in_body = False
        if self._timer is None:
            self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers come behind the body, and nobody asks for them."""
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the timer: from here on the app counts."""
        self._in_body = True
        self._wait_no_more()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take the body out of the count."""
        self._head_bytes -= len(body)
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin to count anew."""
        self._head_bytes = self._body_bytes = 0
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer: there is nobody to send away."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting[self] = None
        detail = f"the headers were not complete within {self.headers_within_s:g} s"
        self._timer = self.loop.call_later(self.headers_within_s, self._refuse, "too-slow", detail)

    def _wait_no_more(self) -> None:
        self._waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, kind: str, detail: str) -> None:
        """Say no and close, unless an answer to a request before is on its way on this connection."""
        self._wait_no_more()
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            reply = ProblemError(kind, detail).response()
            head = [b"HTTP/1.1 %d No" % reply.status_code, *(name + b": " + value for name, value in reply.raw_headers)]
            self.transport.write(b"\r\n".join([*head, b"", reply.body]))
        self.transport.close()


async def read_body(request: Request, limit: int, within_s: float) -> bytes:
    """Return the body.

    Args:
        request: Whose.
        limit: Most bytes of it.
        within_s: Seconds within which it has to arrive.

    Raises:
        ProblemError: It is larger (said before it was read, where its length is announced), or too slow.
    """
    too_large = ProblemError("too-large", f"{limit / 1e6:g} MB are the limit; send a smaller image")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit and not _is_worth_hearing_out(request, int(announced), limit):
        raise too_large
    pieces, size = [], 0
    try:
        async with asyncio.timeout(within_s):
            async for piece in request.stream():
                size += len(piece)
                if size > _HEARD_OUT * limit:
                    raise too_large
                if size <= limit:
                    pieces.append(piece)
        if size > limit:
            raise too_large
    except TimeoutError:
        raise ProblemError(
            "too-slow", f"{size} bytes came within {within_s:g} s, and then the service stopped waiting"
        ) from None
    except ClientDisconnect:
        raise ProblemError("too-slow", "the connection ended before the body did") from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _is_worth_hearing_out(request: Request, announced: int, limit: int) -> bool:
    """Return whether a body that is too large is read to its end all the same, and thrown away.

    A connection that is closed while the client still sends is reset, and the client may never see why. Whoever asks
    first (``Expect: 100-continue``) gets the answer instead of the invitation.
    """
    return announced <= _HEARD_OUT * limit and "expect" not in request.headers


def image_in_json(body: bytes) -> bytes:
    """Return the image's file out of ``{"image": "<base64>"}``.

    Raises:
        ProblemError: The body does not keep the contract.
    """
    try:
        return picture_bytes(PredictRequest.model_validate_json(body).image)
    except NotBase64Error as error:
        raise ProblemError("not-base64", str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise ProblemError("not-json", f'{first["msg"]}; send {{"image": "<base64>"}}') from error
        where = ".".join(map(str, first["loc"])) or "the body"
        raise ProblemError("wrong-form", f'{where}: {first["msg"]}; send {{"image": "<base64>"}}') from error


def require_image_type(request: Request) -> None:
    """Let a request pass whose body may be an image's file.

    Raises:
        ProblemError: The media type says that it is something else.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Many clients do not say what they send, or say only that it is bytes; the decoder will find out.
    if media_type not in ("", "application/octet-stream", *IMAGE_MEDIA_TYPES):
        raise ProblemError("wrong-media-type", f"{media_type} is not taken; send {', '.join(IMAGE_MEDIA_TYPES)}")
