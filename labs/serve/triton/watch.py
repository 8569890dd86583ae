"""A watcher beside Triton: it loads a model again whose process has died."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from labs.serve.triton.control import Triton, TritonError

if TYPE_CHECKING:
    import numpy as np

#: In Triton's answer when the process of a model in Python is gone.
_PROCESS_IS_GONE = "is not healthy"


@contextlib.contextmanager
def watched(
    triton: Triton, name: str, inputs: Mapping[str, np.ndarray], *, every_s: float = 1.0
) -> Iterator[None]:
    """Send a model a real request from time to time, and load it again once its process is gone.

    Triton calls such a model *ready* (before December 2025), and never starts its process again.

    Args:
        name: A model in Python that is loaded.
        inputs: A request, as for ``Triton.infer``.
        every_s: Seconds between an answer and the next request.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every_s):
            with contextlib.suppress(TritonError):  # the next round tries again
                _look(triton, name, inputs)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _look(triton: Triton, name: str, inputs: Mapping[str, np.ndarray]) -> None:
    try:
        triton.infer(name, inputs)
    except TritonError as error:
        # A model that is merely busy must go on with its work.
        if _PROCESS_IS_GONE in str(error):
            triton.revive(name, inputs)
