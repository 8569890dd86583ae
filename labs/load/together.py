"""Several things at once: load on two models, or load while something is done to the server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from labs.progress import Cancelled, OnProgress, silent

Result = TypeVar("Result")

#: Something to do: called as ``work(on_progress=…)``, as the loops of this package can be with ``functools.partial``.
Work = Callable[..., Result]


def together(*works: Work, on_progress: OnProgress = silent) -> list[Result]:
    """Return the results of works that are begun at the same moment, in their order.

    Args:
        works: What is done; load loops run in processes of their own, so they do not slow each other here.
        on_progress: Told how far the last of them is; where it raises ``Cancelled``, all of them stop at their next
            report.

    Raises:
        Exception: The first error among them, after all of them have ended.
    """
    shared = _Shared(len(works), on_progress)
    with ThreadPoolExecutor(len(works)) as pool:
        begun = [pool.submit(shared.run, index, work) for index, work in enumerate(works)]
        try:
            wait(begun)
        except BaseException:  # the toolbar's stop button: what waits here must not wait for whole runs
            shared.stopped = True
            raise
    return [one.result() for one in begun]


class _Shared:
    """What several works report, as one."""

    def __init__(self, count: int, on_progress: OnProgress) -> None:
        self.stopped, self._on_progress, self._lock = False, on_progress, threading.Lock()
        self._fractions, self._texts = [0.0] * count, [""] * count

    def run(self, index: int, work: Work) -> Result:
        """Do one of them."""
        try:
            return work(on_progress=lambda fraction, text: self._report(index, fraction, text))
        finally:
            self._fractions[index], self._texts[index] = 1.0, ""

    def _report(self, index: int, fraction: float, text: str) -> None:
        with self._lock:
            if self.stopped:
                raise Cancelled("stopped with the others")
            self._fractions[index], self._texts[index] = fraction, text
            try:
                self._on_progress(min(self._fractions), "; ".join(filter(None, self._texts)))
            except BaseException:
                self.stopped = True
                raise
