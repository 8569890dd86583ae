"""One measurement at a time on a machine: two would measure each other."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def take_turn(path: Path, *, waiting: Callable[[], None], poll_s: float = 0.5) -> Iterator[None]:
    """Hold a file's lock for a block, and wait for it while another process does; a process that dies lets go.

    Args:
        path: The file; it stays.
        waiting: Told once that it has to wait.
        poll_s: Seconds between two tries.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    waiting()
                    told = True
                time.sleep(poll_s)
        yield
