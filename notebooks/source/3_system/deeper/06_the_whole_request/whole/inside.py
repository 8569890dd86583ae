"""An app without a server, before a fixed number of workers."""

# Before the app's own time begins.
import numpy as np  # noqa: F401
import PIL.Image  # noqa: F401

from labs.judge.inside.apps import INTAKE, served
from labs.judge.inside.wire import Ask, Wire, load, module


def workers(wire: Wire, path: str) -> Ask:
    """An app before a fixed number of workers, whose answers come from outside."""

    def answer(body: bytes) -> tuple[int, bytes]:
        status, text = wire.call("answer", body=body.decode(errors="replace"))
        if status == 500:
            raise RuntimeError(text)
        return status, text.encode()

    number, may_wait = wire.call("sizes")
    module("worker", answer=answer, WORKERS=number, MAY_WAIT=may_wait)
    load(INTAKE, "intake")
    return served(wire, load(path, "app").app)
