"""A watcher beside Triton: it loads a model again whose process has died."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from labs.serve.triton.control import Triton, TritonError

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

#: In Triton's answer when the process of a model in Python is gone.
_PROCESS_IS_GONE = "is not healthy"


@contextlib.contextmanager
def watched(
    triton: Triton, name: str, inputs: Mapping[str, np.ndarray], *, every_s: float = 1.0
) -> Iterator[None]:
    """Send a model a real request from time to time, and load it again once its process is gone.

    Triton calls such a model *ready* (before December 2025), and never starts its process again.
    The log of this module warns of each reload, and of a model or a server that does not answer;
    the same message in a row comes once.

    Args:
        name: A model in Python that is loaded.
        inputs: A request, as for ``Triton.infer``.
        every_s: Seconds between an answer and the next request.
    """
    ended = threading.Event()

    def watch() -> None:
        warned = None
        while not ended.wait(every_s):
            warning = _look(triton, name, inputs)
            if warning and warning != warned:
                logger.warning(warning)
            warned = warning

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _look(triton: Triton, name: str, inputs: Mapping[str, np.ndarray]) -> str | None:
    """Ask a model once, and return a warning if it gives no answer."""
    try:
        triton.infer(name, inputs)
    except TritonError as error:
        # A model that is merely busy must go on with its work.
        if _PROCESS_IS_GONE not in str(error):
            return f"{name} did not answer: {error}"
        return _revive(triton, name, inputs)
    return None


def _revive(triton: Triton, name: str, inputs: Mapping[str, np.ndarray]) -> str:
    """Load a model again, and return a warning with the result; the next look tries again."""
    try:
        triton.revive(name, inputs)
    except TritonError as error:
        return f"{name} has lost its process, and was not loaded again: {error}"
    return f"{name} had lost its process, and was loaded again"
