"""A child process that ends when the process that started it is gone, however that one ended."""

from __future__ import annotations

import os
import signal
import sys
import threading


def stop_at_end_of_input() -> None:
    """Have this process told to stop when its standard input ends.

    The parent holds the other end of that pipe and writes nothing. The system closes it also when the parent is killed.
    """
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
