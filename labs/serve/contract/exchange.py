"""HTTP by hand: a client that may send half of a body, or a byte at a time, and reads whatever
answer comes.
"""

import contextlib
import http.client
import json
import select
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from labs.machine.busy import slowdown

#: Seconds until a request counts as unanswered, on an idle machine.
WITHIN_S = 60.0

#: Bytes that are sent at once, so that an early answer is noticed.
_PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Reply:
    """An answer; its status is 0 where none came, and the body says why."""

    status: int
    body: bytes
    took_s: float
    is_last: bool = True

    def json(self) -> object:
        """Return the body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def text(self) -> str:
        """The beginning of the body in one line."""
        return " ".join(self.body[:200].decode(errors="replace").split())


class Connection:
    """A connection to a server, on which requests may be sent in parts."""

    def __init__(self, url: str, within_s: float = WITHIN_S) -> None:
        """Connect to the host and port of an address."""
        address = urlsplit(url)
        self._host = address.netloc
        self._within_s = within_s * slowdown()
        port = address.port or 80
        self._socket = socket.create_connection((address.hostname, port), self._within_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._begin_s = time.monotonic()

    def head(
        self,
        method: str,
        path: str,
        content_type: str = "application/json",
        *,
        length: int | None = None,
        version: str = "HTTP/1.1",
    ) -> Self:
        """Send a request's head; its body comes in chunks if it has no length."""
        length_line = "transfer-encoding: chunked"
        if length is not None:
            length_line = f"content-length: {length}"
        host_line = f"host: {self._host}"
        type_line = f"content-type: {content_type}"
        lines = [f"{method} {path} {version}", host_line, type_line, length_line]
        self._begin_s = time.monotonic()
        self.send("\r\n".join([*lines, "", ""]).encode())
        return self

    def send(self, content: bytes) -> bool:
        """Send bytes; return False if the server answered, closed or stopped reading before all of
        them were sent.
        """
        rest = memoryview(content)
        while rest:
            readable, writable, _ = select.select(
                [self._socket], [self._socket], [], self._within_s
            )
            if readable or not writable:
                return False
            # Without waiting for room for all of the piece.
            self._socket.setblocking(False)
            try:
                sent = self._socket.send(rest[:_PIECE_BYTES])
            except BlockingIOError:
                continue
            except OSError:
                return False
            finally:
                self._socket.settimeout(self._within_s)
            rest = rest[sent:]
        return True

    def send_all(self, pieces: Iterable[bytes]) -> bool:
        """Send pieces one after the other, as long as the server takes them."""
        return all(map(self.send, pieces))

    def is_answered(self) -> bool:
        """Return whether an answer has begun, or the connection was closed."""
        readable, _, _ = select.select([self._socket], [], [], 0)
        return bool(readable)

    def reply(self, within_s: float | None = None) -> Reply:
        """Return the answer to what was sent, as soon as it is there."""
        self._socket.settimeout(within_s or self._within_s)
        response = http.client.HTTPResponse(self._socket)
        try:
            response.begin()
            body = response.read()
        except TimeoutError:
            return self._reply(0, b"no answer in time")
        except (OSError, http.client.HTTPException) as error:
            return self._reply(0, f"no answer: {type(error).__name__}".encode())
        return self._reply(response.status, body, bool(response.will_close))

    def _reply(self, status: int, body: bytes, is_last: bool = True) -> Reply:
        return Reply(status, body, time.monotonic() - self._begin_s, is_last)

    def close(self) -> None:
        """Close the connection, whatever is under way."""
        self._socket.close()


@contextlib.contextmanager
def connections(url: str, number: int = 1) -> Iterator[list[Connection]]:
    """Yield connections to a server, which are closed at the end of the block."""
    with contextlib.ExitStack() as stack:
        opened = [Connection(url) for _ in range(number)]
        for connection in opened:
            stack.callback(connection.close)
        yield opened


def ask(
    url: str,
    method: str,
    path: str,
    body: bytes = b"",
    content_type: str = "application/json",
    *,
    within_s: float = WITHIN_S,
) -> Reply:
    """Return the answer to one request on a connection of its own."""
    try:
        connection = Connection(url, within_s)
    except OSError as error:
        return Reply(0, f"no connection: {type(error).__name__}".encode(), 0.0)
    with contextlib.closing(connection):
        connection.head(method, path, content_type, length=len(body)).send(body)
        return connection.reply()


def chunk(content: bytes) -> bytes:
    """Return bytes as one chunk of a body without a length; the empty one ends it."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def byte_by_byte(content: bytes) -> bytes:
    """Return bytes as chunks of one byte each, and the end."""
    chunks = [chunk(bytes([byte])) for byte in content]
    return b"".join([*chunks, chunk(b"")])
