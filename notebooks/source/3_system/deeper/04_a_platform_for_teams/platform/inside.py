"""Deployments of Ray Serve, without Ray.

Source: names and calls are those of https://docs.ray.io/en/latest/serve/api.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any

from labs.judge.inside.wire import Ask, Wire, in_loop, load, module


def router(wire: Wire, path: str) -> Ask:
    """Deployments of Ray Serve without Ray; the versions are outside."""

    class Deployment:
        def __init__(self, target: type, name: str = "", given: tuple = ((), {})) -> None:
            self._target, self._name, self._given = target, name, given

        def options(self, name: str = "", **more: object) -> Deployment:
            return Deployment(self._target, name or self._name, self._given)

        def bind(self, *values: object, **named: object) -> Deployment:
            return Deployment(self._target, self._name, (values, named))

        def start(self) -> Any:
            values, named = self._given
            replica = self._target(
                *map(handle, values),
                **{name: handle(value) for name, value in named.items()},
            )
            if isinstance(replica, Version):
                replica.name = self._name
            return replica

    class Version:
        def __init__(self, model: str = "", delay_s: float = 0.0) -> None:
            self.name = ""

        async def __call__(self, image: bytes) -> int:
            return await wire.called("version", version=self.name, image=image.decode())

    class Handle:
        def __init__(self, replica: Any) -> None:
            self._replica = replica

        def remote(self, *values: object) -> asyncio.Future:
            async def call() -> object:
                value = self._replica(*values)
                return await value if inspect.isawaitable(value) else value

            return asyncio.ensure_future(call())

    class Request:
        def __init__(self, content: bytes) -> None:
            self._content = content

        async def body(self) -> bytes:
            return self._content

    def handle(value: object) -> object:
        return Handle(value.start()) if isinstance(value, Deployment) else value

    def deployment(target: type | None = None, name: str = "", **more: object) -> Any:
        return (
            Deployment(target, name) if target else lambda later: Deployment(later, name)
        )

    module("ray", serve=module("ray.serve", deployment=deployment))
    module("service", Version=Version)
    application = load(path, "app").build({"model": ""}).start()

    async def answer(request: dict) -> None:
        reply = {"class": None, "version": None, "complaint": ""}
        try:
            if "share" in request:
                application.reconfigure({"share": request["share"]})
            else:
                answer = await application(Request(request["image"].encode()))
                answer = json.loads(answer.body) if hasattr(answer, "body") else answer
                answer = {"class": answer["class"], "version": answer["version"]}
                json.dumps(
                    answer
                )  # which a reply that was not waited for does not survive
                reply |= answer
        except Exception as error:  # whatever it raises, this request has no answer
            reply["complaint"] = f"{type(error).__name__}: {error}"[:300]
        wire.say(reply=request["ask"], **reply)

    return in_loop(answer)
