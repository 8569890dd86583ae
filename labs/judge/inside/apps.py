"""Apps without a server, such as FastAPI on the course's classifier."""

import asyncio
import base64
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labs.judge.inside.wire import MOST_TEXT, Ask, Wire, in_loop, load

#: Modules beside a student's app.
CLASSIFIER = Path(__file__).parents[2] / "serve" / "compared" / "classifier.py"
INTAKE = Path(__file__).parents[2] / "data" / "intake.py"


#: Bytes of one piece of an endless body.
_PIECE = b"A" * 1_000_000


#: Common fields of all requests' scopes.
_SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "scheme": "http",
    "root_path": "",
    "query_string": b"",
    "client": ("127.0.0.1", 1),
    "server": ("127.0.0.1", 2),
}


class Asgi:
    """An app without a server: its lifespan begins, and each request is one call."""

    def __init__(self, wire: Wire, app: Any, *, pieces: bool = False) -> None:
        """Take an app; ``pieces`` tells each part of a body as it comes."""
        self._wire, self._app, self._pieces = wire, app, pieces
        self._state: dict[str, Any] = {}

    async def live(self) -> None:
        """Begin the lifespan, as a server does before the first request."""
        begun = asyncio.Event()

        async def receive() -> dict:
            if begun.is_set():
                await asyncio.Event().wait()  # for ever: this server never stops
            begun.set()
            return {"type": "lifespan.startup"}

        started = asyncio.Event()

        async def send(message: Mapping) -> None:
            started.set()

        async def lifespan() -> None:
            with contextlib.suppress(Exception):  # an app may know no lifespan
                await self._app(
                    {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self._state},
                    receive,
                    send,
                )
            started.set()

        self._living = asyncio.ensure_future(lifespan())
        await started.wait()

    async def answer(self, request: dict) -> None:
        """Answer one request: with a ``body``, or with ``pieces`` of a megabyte each, without an
        announced length.
        """
        reply: dict[str, Any] = {"status": 0, "type": "", "body": b"", "taken": 0}
        body, most = base64.b64decode(request.get("body", "")), request.get("pieces", 0)

        async def receive() -> dict:
            if reply["taken"] > most:
                await asyncio.Event().wait()  # the client stays
            reply["taken"] += 1
            piece = body if reply["taken"] > most else b'{"image": "' + _PIECE
            return {"type": "http.request", "body": piece, "more_body": reply["taken"] <= most}

        async def send(message: Mapping) -> None:
            if message["type"] == "http.response.start":
                heads = {
                    name.decode().lower(): value.decode() for name, value in message["headers"]
                }
                reply.update(status=message["status"], type=heads.get("content-type", ""))
            elif self._pieces and message.get("body"):
                self._wire.say(piece=request["ask"], text=message["body"].decode(errors="replace"))
            else:
                reply["body"] += message.get("body", b"")

        try:
            await self._app(self._scope(request, None if most else len(body)), receive, send)
        except Exception:  # a server would answer with this, too
            reply["status"] = reply["status"] if self._pieces and reply["status"] >= 400 else 500
        reply["body"] = reply["body"][:MOST_TEXT].decode(errors="replace")
        self._wire.say(reply=request["ask"], **reply)

    def _scope(self, request: Mapping, length: int | None) -> dict:
        scope = dict(_SCOPE)
        scope["method"] = request["method"]
        scope["path"] = request["path"]
        scope["raw_path"] = request["path"].encode()
        scope["state"] = dict(self._state)
        if length is None:
            body_header = (b"transfer-encoding", b"chunked")
        else:
            body_header = (b"content-length", str(length).encode())
        scope["headers"] = [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            body_header,
        ]
        return scope


def served(wire: Wire, app: Any, *, pieces: bool = False) -> Ask:
    """Return what asks an app, whose lifespan has begun."""
    asgi = Asgi(wire, app, pieces=pieces)
    ask = in_loop(lambda request: asgi.answer(request) if "ask" in request else asgi.live())
    ask({}).result()
    return ask


def app(wire: Wire, path: str) -> Ask:
    """A FastAPI app on the course's classifier, whose runtime and places are outside."""
    from labs.judge.inside import runtime  # here, since other apps need no numpy

    os.environ.update(MODEL="outside.onnx", WORKERS="1")
    runtime.onnxruntime_outside(wire)

    class Slots:
        def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
            return wire.call("enter")

        def release(self) -> None:
            wire.call("leave")

    intake = load(INTAKE, "intake")
    open_photo = intake.open_photo

    def opened(content: bytes, **options: int) -> object:
        wire.call("open")
        return open_photo(content, **options)

    intake.open_photo = opened
    load(CLASSIFIER, "classifier").places = Slots()
    return served(wire, load(path, "app").app)
