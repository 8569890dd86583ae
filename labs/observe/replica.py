"""One replica of the service in the incident: ``create`` makes it of a release's components, one of which has a fault.

Which one follows from a number that nobody chose. Each component may be rolled out or rolled back by itself.
"""

import hashlib
import os
import time
from collections.abc import Callable

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

#: What a release is made of.
COMPONENTS = ("admission", "cache", "decoder", "model", "process")

#: What a replica is told by its environment: the incident's number, its own, what is of release 42, and that model.
SEED, NUMBER, ROLLED_OUT, MODEL = "INCIDENT_SEED", "INCIDENT_REPLICA", "INCIDENT_ROLLED_OUT", "INCIDENT_MODEL"

#: What the faults do: seconds that a decoder takes longer, bytes that are kept of each request, replies until the end.
_SLOWER_S, _KEPT_BYTES, _REPLIES = 0.08, 400_000, 40


def faulty(seed: int) -> str:
    """Return the component whose release 42 has the fault."""
    return COMPONENTS[hashlib.sha256(f"GourmetGram {seed}".encode()).digest()[0] % len(COMPONENTS)]


def create() -> FastAPI:
    """Return the service as this replica's environment wants it; it is made once in a process."""
    fault = faulty(int(os.environ[SEED]))
    fault = fault if fault in os.environ[ROLLED_OUT].split() else ""
    os.environ |= {"admission": {"MAY_WAIT": "10000"}, "model": {"MODEL": os.environ[MODEL]}}.get(fault, {})
    from labs.serve import app as service  # reads the environment and loads the model

    app = service.app
    if fault == "decoder":
        service.open_photo = _slower(service.open_photo)
    elif fault == "cache":
        app.add_middleware(_Keeping)
    elif fault == "process" and os.environ.get(NUMBER) == "1":
        app.add_middleware(_Ending)
    return app


def _slower(load: Callable) -> Callable:
    def slow(*arguments: object, **how: object) -> object:
        time.sleep(_SLOWER_S)
        return load(*arguments, **how)

    return slow


class _Keeping:
    """Keeps something of every photo, and lets go of nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: list[bytearray] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/predict"):
            self._kept.append(bytearray(b"\1") * _KEPT_BYTES)
        await self._app(scope, receive, send)


class _Ending:
    """Ends the process after some photos, as a bug in a native library does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._left = app, _REPLIES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/predict"):
            self._left -= 1
            if self._left < 0:
                os._exit(139)
        await self._app(scope, receive, send)
