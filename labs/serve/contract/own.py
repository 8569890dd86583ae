"""The course's own service, its page, and Triton, with the page before it and without, under the
contract.
"""

import base64
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from labs.machine.fingerprint import usable_cpu_count
from labs.serve.contract.cases import Serve, Target
from labs.serve.contract.interface import interface_of, page, photos
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import PAGE, start, wait_until_ready
from labs.serve.triton import opening, server
from labs.serve.triton.catalogue import ModelRepository
from labs.serve.triton.server import LocalTriton
from labs.serve.triton.watch import watched

#: The model that the student writes in *Serve with Triton*.
_MODEL = "food_classifier"


@contextlib.contextmanager
def serve_fastapi() -> Iterator[Target]:
    """Yield the course's service, two processes of it: one alone has nobody who looks after it."""
    variables: dict[str, Any] = {"MODEL": fp32_model(), "WORKERS": usable_cpu_count()}
    variables |= {"MAY_WAIT": 64, "WEB_CONCURRENCY": 2}
    with _folder() as folder, start(log_path=folder / "log", **variables) as service:
        wait_until_ready(service)
        yield Target(service.url, photos(), (service.pid,))


@contextlib.contextmanager
def serve_page() -> Iterator[Target]:
    """Yield GourmetGram's page before the course's service."""
    with serve_fastapi() as target, _folder() as folder:
        variables: dict[str, Any] = {"PAGE_SERVER": target.url, "WEB_CONCURRENCY": 2}
        with start(PAGE, log_path=folder / "log", **variables) as shown:
            wait_until_ready(shown)
            yield Target(shown.url, page(), (shown.pid,))


@contextlib.contextmanager
def serve_triton() -> Iterator[Target]:
    """Yield GourmetGram's page before a Triton with the student's model of *Serve with Triton*.

    The page bounds bodies, and a watcher loads the model again after a kill: Triton 24.10 does
    neither.
    """
    inputs = {"INPUT_IMAGE": np.array([[base64.b64encode(photo(0))]], dtype=object)}
    variables: dict[str, Any] = {"PAGE_TRITON_MODEL": _MODEL, "WEB_CONCURRENCY": 2}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(_folder())
        triton = stack.enter_context(_student_triton())
        stack.enter_context(watched(triton, _MODEL, inputs))
        variables["PAGE_SERVER"] = triton.url
        shown = stack.enter_context(start(PAGE, log_path=folder / "log", **variables))
        wait_until_ready(shown)
        yield Target(shown.url, page(), (shown.pid,), behind=(triton.pid,))


@contextlib.contextmanager
def serve_tritonserver() -> Iterator[Target]:
    """Yield the same Triton by its own address, with nothing before it and nothing beside it."""
    with _student_triton() as triton:
        yield Target(triton.url, interface_of(triton.url), (triton.pid,))


def _student_triton() -> LocalTriton:
    """Return a Triton with the student's model.

    Raises:
        NotWrittenError: It is not written yet.
    """
    repository = ModelRepository(opening.lesson_repository())
    return server.start(repository=repository, load=[_MODEL])


def _folder() -> contextlib.AbstractContextManager[Path]:
    """Return a folder for a log, which goes with its service."""
    return _as_path(tempfile.TemporaryDirectory(prefix="contract-"))


@contextlib.contextmanager
def _as_path(folder: tempfile.TemporaryDirectory) -> Iterator[Path]:
    with folder as name:
        yield Path(name)


#: Those that need no deep dive, by the names that the command takes.
SERVICES: dict[str, Serve] = {
    "fastapi": serve_fastapi,
    "page": serve_page,
    "triton": serve_triton,
    "tritonserver": serve_tritonserver,
}
