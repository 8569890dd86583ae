"""A web server on loopback, and a cache and a setting that are never the developer's own."""

import functools
import gc
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.assets.places import URL_VARIABLE
from labs.workspace import CACHE_VARIABLE


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty cache, no address, and no proxy between it and loopback."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def collected() -> Iterator[None]:
    """Collect what a test has left, while its own filters of warnings hold."""
    yield
    gc.collect()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; breaks off as many answers as it is told to."""

    #: Answers that end after half of the file, from now on.
    broken = 0
    #: Paths that were asked for, with their queries.
    asked: tuple[str, ...] = ()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def do_GET(self) -> None:
        """Answer, and note what for."""
        Handler.asked += (self.path,)
        super().do_GET()

    def copyfile(self, source, outputfile) -> None:
        """Send a file, or half of it."""
        content = source.read()
        half, Handler.broken = Handler.broken > 0, max(0, Handler.broken - 1)
        outputfile.write(content[: len(content) // 2] if half else content)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder that a server publishes, with its address set as an instructor does."""
    folder = tmp_path / "published"
    folder.mkdir()
    Handler.broken, Handler.asked = 0, ()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv(URL_VARIABLE, f"http://127.0.0.1:{server.server_port}/?token=s3cret")
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()
