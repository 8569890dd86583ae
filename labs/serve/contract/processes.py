"""The processes of a server that is one's own: what they hold, and which one computes."""

import contextlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil


def family(pids: Sequence[int]) -> list[psutil.Process]:
    """Return the processes below those that keep a server."""
    below: list[psutil.Process] = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            below += psutil.Process(pid).children(recursive=True)
    return below


class MemoryWatch:
    """Says how much more a server's processes held at most since it began; Linux alone knows."""

    def __init__(self, pids: Sequence[int]) -> None:
        """Begin with what they hold now."""
        self._pids = pids
        for process in family(pids):
            with contextlib.suppress(OSError):
                # From now on, the most that it held is what it holds now (proc_pid_clear_refs).
                Path(f"/proc/{process.pid}/clear_refs").write_text("5")
        self._before_bytes = self._held_bytes("VmRSS")

    def more_bytes(self) -> int | None:
        """Return the bytes beyond the first ones; None where nobody can tell."""
        most_bytes = self._held_bytes("VmHWM")
        if self._before_bytes is None or most_bytes is None:
            return None
        return max(0, most_bytes - self._before_bytes)

    def _held_bytes(self, name: str) -> int | None:
        """Return the sum of a line of proc_pid_status over all processes."""
        held_kib = 0
        for process in family(self._pids):
            with contextlib.suppress(OSError):  # it may have just ended
                status = Path(f"/proc/{process.pid}/status").read_text()
                line = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
                held_kib += int(line[1]) if line else 0
        return 1024 * held_kib or None


def busiest(pids: Sequence[int], work: Callable[[], object]) -> psutil.Process:
    """Return the process of a server that takes most processor time during some work."""
    before_s = {process: _processor_s(process) for process in family(pids)}
    work()
    spent_s = {process: _processor_s(process) - before_s[process] for process in before_s}
    return max(spent_s, key=spent_s.__getitem__)


def _processor_s(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        return process.cpu_times().user
    return 0.0
