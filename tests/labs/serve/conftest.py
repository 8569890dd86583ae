"""The real service on the real model, as a child process, and a client that can also be rude."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from labs.serve.contract import picture_text
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import Service, running
from labs.serve.settings import Settings


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        """The body as JSON."""
        return json.loads(self.body)


def ask(url: str, body: bytes | None = None, media_type: str = "application/json", method: str = "") -> Reply:
    """Return the reply to a request, whatever its status."""
    asked = urllib.request.Request(url, body, {"Content-Type": media_type} if body is not None else {})
    asked.method = method or ("GET" if body is None else "POST")
    try:
        with urllib.request.urlopen(asked, timeout=60) as reply:
            return Reply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def converse(service: Service, *pieces: bytes, within_s: float = 60) -> bytes:
    """Return all that a server sends on one connection for these bytes, until it closes it or is silent."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=within_s) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                break  # the server has said no already, and reads no further
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except OSError:
            pass
        return answer


def predict_body(content: bytes) -> bytes:
    """Return the JSON that asks what a picture shows."""
    return json.dumps({"image": picture_text(content)}).encode()


@pytest.fixture(scope="session")
def onnx_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the shipped model as ONNX, exported once a test run whichever worker comes first."""
    # xdist gives each worker a folder below a common one.
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "served-models"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        return fp32_model(folder)


@pytest.fixture(scope="module")
def serve(onnx_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    """Return a function that starts a service with given settings; all are stopped after the file."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(*, options: dict | None = None, app: str | None = None, **settings: object) -> Service:
            how = {"log_path": tmp_path_factory.mktemp("service") / "log", "options": options}
            if app:
                how["app"] = app
            return stack.enter_context(running(Settings(**{"model": onnx_path, **settings}), **how))

        yield start


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """Return a photo of 30 KB."""
    return photo(40)
