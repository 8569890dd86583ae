"""Apps asked without their servers: Ray Serve's deployments, and an ASGI app whose reply streams.

``python -m grading.grade.artefacts.servers router|stream`` imports ``app.py`` of the sandbox's folder, asks it what
``asked.json`` says, and prints what came as a JSON line.

Source: names and calls are those of https://docs.ray.io/en/latest/serve/api and https://asgi.readthedocs.io/en/latest/specs.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import inspect
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

#: Classes that versions know, and seconds between two words of an engine.
CLASSES, PACE_S = 11, 0.05


def class_of(salt: str, image: bytes) -> int:
    """Return the class that a version gives an image: nobody knows it without the salt."""
    return hashlib.sha256(salt.encode() + image).digest()[0] % CLASSES


class Deployment:
    """A deployment of Ray Serve: a class, and what it is bound to."""

    def __init__(self, made: type, **options: object) -> None:
        """Deploy a class."""
        self.made, self.given = made, ((), {})

    def options(self, **options: object) -> Deployment:
        """Return the same: here, nothing is placed or counted."""
        return self

    def bind(self, *arguments: object, **named: object) -> Deployment:
        """Return the deployment with its arguments."""
        bound = Deployment(self.made)
        bound.given = (arguments, named)
        return bound

    def start(self) -> object:
        """Return an instance, whose bound deployments are handles."""
        arguments, named = self.given
        handles = [_handle(one) for one in arguments]
        return self.made(*handles, **{name: _handle(one) for name, one in named.items()})


def _handle(value: object) -> object:
    return Handle(value.start()) if isinstance(value, Deployment) else value


class Handle:
    """A handle of a deployment."""

    def __init__(self, instance: Any) -> None:
        """Hold its one replica."""
        self.instance = instance

    async def _called(self, *arguments: object) -> object:
        found = self.instance(*arguments)
        return await found if inspect.isawaitable(found) else found

    def remote(self, *arguments: object) -> asyncio.Future:
        """Call the replica."""
        return asyncio.ensure_future(self._called(*arguments))


class Request:
    """A request, as far as it is a body."""

    def __init__(self, content: bytes) -> None:
        """Hold the body."""
        self.content = content

    async def body(self) -> bytes:
        """Return it."""
        return self.content


def _serve(salt: str) -> dict[str, ModuleType]:
    """Return the modules that a router imports: ``ray.serve``, and ``service`` with a version that knows the salt."""
    ray, serve, service = (ModuleType(name) for name in ("ray", "ray.serve", "service"))

    def deployment(made: type | None = None, **options: object) -> object:
        return Deployment(made) if made else lambda later: Deployment(later)

    class Version:
        def __init__(self, model: str = "", delay_s: float = 0.0) -> None:
            self.model = model

        async def __call__(self, image: bytes) -> int:
            return class_of(salt, image)

    serve.deployment, ray.serve, service.Version = deployment, serve, Version
    return {"ray": ray, "ray.serve": serve, "service": service}


async def _routed(asked: Mapping) -> dict:
    """Return what a router answers to each image: a class and a version, or None."""
    sys.modules |= _serve(asked["salt"])
    router: Any = importlib.import_module("app").build({"model": ""}).start()
    router.reconfigure({"share": asked["share"]})
    answers = []
    for image in asked["images"]:
        try:
            told = await router(Request(image.encode()))
            told = json.loads(told.body) if hasattr(told, "body") else told
            answers.append([told["class"], told["version"]])
        except Exception:  # whatever it raises, this request has no answer
            answers.append(None)
    return {"answers": answers}


async def _streamed(asked: Mapping) -> dict:
    """Return status, type and pieces of each reply of an app whose engine yields words of its own."""
    words = asked["words"]

    class Engine:
        async def stream(self, prompt: str, max_tokens: int = 32) -> AsyncIterator[str]:
            for place in range(min(max_tokens, len(words))):
                await asyncio.sleep(PACE_S)
                yield words[place]

    module: Any = ModuleType("labs.tokens.engine")
    module.engine = Engine()
    sys.modules["labs.tokens.engine"] = module
    app = importlib.import_module("app").app
    return {"replies": [await _posted(app, body) for body in asked["bodies"]]}


async def _posted(app: Any, body: object) -> dict:
    content, reply = json.dumps(body).encode(), {"status": 0, "type": "", "pieces": [], "at_s": []}
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"},
        **{"path": "/generate", "raw_path": b"/generate", "query_string": b"", "root_path": "", "headers": headers},
        **{"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)},
    }
    given = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> dict:
        while not given:  # the client stays
            await asyncio.sleep(60)
        return given.pop()

    async def send(message: Mapping) -> None:
        if message["type"] == "http.response.start":
            told = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            reply.update(status=message["status"], type=told.get("content-type", ""))
        elif message.get("body"):
            reply["pieces"].append(message["body"].decode(errors="replace"))
            reply["at_s"].append(time.perf_counter())

    try:
        await app(scope, receive, send)
    except Exception as error:  # a server would break the connection off
        reply["status"] = reply["status"] or 500
        reply["error"] = type(error).__name__
    return reply


if __name__ == "__main__":
    given = json.loads(Path("asked.json").read_text())
    print("\n" + json.dumps(asyncio.run({"router": _routed, "stream": _streamed}[sys.argv[1]](given))))
