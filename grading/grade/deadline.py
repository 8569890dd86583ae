"""A limit on the time of a step that runs in the grader's own process."""

import contextlib
import ctypes
import signal
import threading
import time
from collections.abc import Iterator


class TooLongError(Exception):
    """A step took longer than any honest submission needs; no error that a reader of damaged files
    would catch.
    """


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise ``TooLongError`` in the block when its time is over.

    The limits of the intake keep every step far below it; this is for unforeseen data. Outside a
    process's main thread (a Dask worker grades in another one) it can end the block only between
    two steps of the interpreter.
    """
    is_main = threading.current_thread() is threading.main_thread()
    limit = _alarm if is_main and hasattr(signal, "SIGALRM") else _raised_from_outside
    with limit(seconds):
        yield


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(signum: int, frame: object) -> None:
        raise TooLongError(f"it took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    begin_s = time.monotonic()
    # A process has one alarm. An earlier setter (a test's own limit, for example) gets it back with
    # its remaining time.
    left_s, interval_s = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left_s:
            took_s = time.monotonic() - begin_s
            signal.setitimer(signal.ITIMER_REAL, max(0.01, left_s - took_s), interval_s)


@contextlib.contextmanager
def _raised_from_outside(seconds: float) -> Iterator[None]:
    """Do so by a timer of another thread, since alarms exist in a process's main thread only."""
    thread = ctypes.c_ulong(threading.get_ident())
    ends = threading.Lock()
    is_over = False

    def ring() -> None:
        with ends:
            if not is_over:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TooLongError))

    timer = threading.Timer(seconds, ring)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with ends:
            is_over = True
        # An exception that was raised but has not arrived yet must not arrive after the block.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)
