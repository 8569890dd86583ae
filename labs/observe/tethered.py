"""``python -m labs.observe.tethered COMMAND…``: a program that ends when the notebook that started it is gone.

Prometheus does not read its standard input, so somebody has to read it in its place: this process holds the other end
of a pipe that the notebook never writes to, and the system closes that pipe also when the notebook is killed.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading

#: Seconds that the program gets to end by itself.
_GRACE_S = 5.0


def main(command: list[str]) -> int:
    """Run a command until it ends, or until standard input does; return its exit status."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: child.terminate())
    signal.signal(signal.SIGHUP, lambda *_: child.send_signal(signal.SIGHUP))  # to Prometheus: read your file again
    threading.Thread(target=_end_with_input, args=(child, os.getppid()), daemon=True).start()
    return child.wait()


def _end_with_input(child: subprocess.Popen, parent: int) -> None:
    # A forked process of the notebook may hold the pipe open after the notebook itself has died.
    while not select.select([0], [], [], 1.0)[0] and os.getppid() == parent:
        pass
    child.terminate()
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
