"""A real HTTP server on loopback that can be told to misbehave, and a cache that is never the developer's own."""

from __future__ import annotations

import http.server
import io
import os
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labs.assets.addresses import CONFIG_VARIABLE
from labs.assets.places import CACHE_VARIABLE
from labs.dataset import SPLITS
from labs.labels import NUM_CLASSES


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty cache, no configuration, and no proxy between it and loopback."""
    folder = tmp_path / "cache"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "assets.toml"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture
def food11_zip() -> Callable[..., bytes]:
    """Return a maker of small Food-11 archives in the published flat form, no two alike."""

    def make(padding_bytes: int = 10) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for split in SPLITS:
                for label in range(NUM_CLASSES):
                    archive.writestr(f"Food-11/{split}/{label}_0.jpg", b"\xff\xd8\xff" + os.urandom(padding_bytes))
        return content.getvalue()

    return make


class LoopbackServer(http.server.ThreadingHTTPServer):
    """Serves files from memory with Range, and plays one fault for each request while it has some."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        #: Content by path.
        self.files: dict[str, bytes] = {}
        #: Faults still to be played, first in first out; None answers properly.
        self.faults: list[tuple | None] = []
        #: Path and headers of each request so far.
        self.seen: list[tuple[str, dict[str, str]]] = []
        #: Ends every stall.
        self.released = threading.Event()

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.server_port}{path}"

    @property
    def ranges(self) -> list[str | None]:
        """The Range header of each request so far."""
        return [headers.get("range") for _, headers in self.seen]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: LoopbackServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def do_GET(self) -> None:
        """Answer properly, or play the next fault."""
        self.server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.close_connection = True
        fault = self.server.faults.pop(0) if self.server.faults else None
        kind, *details = fault or ("none",)
        match kind:
            case "status":
                return self.head(details[0], {"Content-Length": "0", **(details[1] if len(details) > 1 else {})})
            case "redirect":
                return self.head(302, {"Location": details[0], "Content-Length": "0"})
            case "page":
                return self.whole(b"<html>Download</html>", {"Content-Type": "text/html; charset=utf-8"})
            case "change":
                self.server.files[self.path] = details[0]
        content = self.server.files.get(self.path)
        if content is None:
            return self.head(404, {"Content-Length": "0"})
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        headers, start, status, total = {}, int(asked[1]) if asked else None, 200, len(content)
        if kind == "unasked part":
            start = 1
        if kind in ("ignore range", "change") or start is None:
            start = 0
        elif start >= total:
            return self.head(416, {"Content-Range": f"bytes */{total}", "Content-Length": "0"})
        else:
            status = 206
            claimed = start + 1 if kind == "other place" else start
            headers["Content-Range"] = f"bytes {claimed}-{total - 1}/{total}"
        body = content[start:]
        if kind == "corrupt":
            body = bytes([body[0] ^ 1]) + body[1:]
        length = len(body) + (details[0] if kind == "wrong length" else 0)
        if kind == "encoded":
            headers["Content-Encoding"] = "gzip"
        if kind != "no length":
            headers["Content-Length"] = str(length)
        self.head(status, headers)
        if kind in ("drop", "stall"):
            body = body[: details[0]]
        self.wfile.write(body)
        if kind == "stall":
            self.wfile.flush()
            self.server.released.wait(30)
        return None

    def head(self, status: int, headers: dict[str, str]) -> None:
        """Send a status and headers."""
        self.send_response(status)
        # Said, or a client may ask again on a connection that is about to be closed, and see one fault more.
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def whole(self, body: bytes, headers: dict[str, str]) -> None:
        """Send a complete answer."""
        self.head(200, {**headers, "Content-Length": str(len(body))})
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """Return a running server on loopback."""
    running = LoopbackServer()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.released.set()
    running.shutdown()
    thread.join()
    running.server_close()
