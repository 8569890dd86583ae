"""Limit all memory of a run, counted by the kernel, if the grader has a delegated control group.

A process's mapped memory is only a part of its use. Buffers of sockets and pipes, files in a tmpfs
and the kernel's own tables are charged to no process. A control group counts them all.

Only version 2 works, since version 1 cannot delegate a group. systemd delegates one with
``systemd-run --scope -p Delegate=yes python -m grading class …`` (an ordinary user adds
``--user``).

Source: the kernel's Documentation/admin-guide/cgroup-v2.rst ("No Internal Process Constraint",
"Delegation"), and systemd's https://systemd.io/CGROUP_DELEGATION/.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import time
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")

#: The group to which the grader's own processes move: version 2 wants processes in leaves alone.
_OWN = "grader"

#: Seconds for which the kernel may keep a group of which all processes were killed.
_GONE_S = 2


@functools.lru_cache(maxsize=1)
def handed_over() -> Path | None:
    """Return the group in which this process may make groups with a limit on memory; None where
    there is none.

    The grader's processes move to a leaf of it. A group that holds others' processes, such as a
    shell's, is not taken.
    """
    own = _own()
    if own is None:
        return None
    if own.name == _OWN and _counts_memory(own.parent):
        return own.parent if os.access(own.parent, os.W_OK) else None
    try:
        processes = [int(word) for word in (own / "cgroup.procs").read_text().split()]
        if any(os.getpgid(process) != os.getpgrp() for process in processes):
            return None
        leaf = own / _OWN
        leaf.mkdir(exist_ok=True)
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(str(process))
        (own / "cgroup.subtree_control").write_text("+memory")
    except OSError:
        return None
    return own


class ControlGroup:
    """One run's group, made below ``handed_over()``."""

    def __init__(self, base: Path, memory_bytes: int) -> None:
        """Make a group whose processes hold some memory together at most; the kernel kills all of
        them at once.

        Raises:
            OSError: The kernel refuses it.
        """
        self._folder = base / f"run-{os.getpid()}-{secrets.token_hex(4)}"
        self._folder.mkdir()
        (self._folder / "memory.max").write_text(str(memory_bytes))
        (self._folder / "memory.oom.group").write_text("1")
        with contextlib.suppress(OSError):  # not there in a kernel without swap
            (self._folder / "memory.swap.max").write_text("0")

    @property
    def processes(self) -> Path:
        """The file to which a process writes its number to join."""
        return self._folder / "cgroup.procs"

    def close(self) -> None:
        """Kill what is left in it, and remove it."""
        with contextlib.suppress(OSError):  # since Linux 5.14
            (self._folder / "cgroup.kill").write_text("1")
        end_s = time.monotonic() + _GONE_S
        while time.monotonic() < end_s:
            with contextlib.suppress(OSError):
                self._folder.rmdir()
                return
            time.sleep(0.01)


def _own() -> Path | None:
    """Return this process's group in version 2's only hierarchy."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::/") and (_ROOT / "cgroup.controllers").is_file():
                return _ROOT / line.removeprefix("0::/")
    return None


def _counts_memory(group: Path) -> bool:
    with contextlib.suppress(OSError):
        return "memory" in (group / "cgroup.subtree_control").read_text().split()
    return False
