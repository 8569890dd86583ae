"""A small real HTTP server that does what a test tells it, and targets on it."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import pytest

from labs.load import Served, Target, predict
from labs.records import ModelFile

SERVED = Served(ModelFile("food11.onnx", "a" * 64, 9_000_000), "told", settings={"instances": 1})


class ToldServer:
    """What it answers, how long it takes, and what it has seen."""

    def __init__(self, *, one_at_a_time: bool = False) -> None:
        self.seen: list[bytes] = []
        self.in_flight = self.most_in_flight = 0
        self.status: Callable[[int], int] = lambda number: 200
        self.pause_s: Callable[[int], float] = lambda number: 0.002
        self._lock = threading.Lock()
        kind = HTTPServer if one_at_a_time else ThreadingHTTPServer
        self._server = kind(("127.0.0.1", 0), self._handler(one_at_a_time))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(told, one_at_a_time: bool) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - 'self' is the handler's
        class Handler(BaseHTTPRequestHandler):
            # A single-threaded server would wait for the next request on the first connection for ever.
            protocol_version = "HTTP/1.0" if one_at_a_time else "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with told._lock:
                    number = len(told.seen)
                    told.seen.append(body)
                    told.in_flight += 1
                    told.most_in_flight = max(told.most_in_flight, told.in_flight)
                time.sleep(told.pause_s(number))
                with told._lock:
                    told.in_flight -= 1
                self.send_response(told.status(number))
                self.send_header("content-length", "5")
                self.end_headers()
                self.wfile.write(b"Bread")

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def told_server() -> Iterator[ToldServer]:
    """Yield a server that answers every request after 2 ms until a test tells it otherwise."""
    server = ToldServer()
    yield server
    server.close()


@pytest.fixture
def told_target(told_server: ToldServer) -> Target:
    """Return a target on that server with two different bodies."""
    return predict(told_server.url, [b"first", b"second"], SERVED, raw=True)
