"""A limit on the time of a step that runs in the grader's own process."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator


class TooLongError(Exception):
    """A step took longer than any honest submission needs; no error that a reader of damaged files would catch."""


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise ``TooLongError`` in the block when its time is over.

    The limits of the intake keep every step far below it; this is for what nobody has thought of. Alarms exist in a
    process's main thread only: elsewhere (a Dask worker grades in another one) those limits stand alone.

    Args:
        seconds: Wall time, above zero.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(signum: int, frame: object) -> None:
        raise TooLongError(f"it took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    begin_s = time.monotonic()
    # There is one alarm a process: whoever had set it (a test's own limit, say) gets it back with what is left of it.
    left_s, again_s = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left_s:
            signal.setitimer(signal.ITIMER_REAL, max(0.01, left_s - (time.monotonic() - begin_s)), again_s)
