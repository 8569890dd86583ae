"""A child process and everything that comes from it, none of which outlives its time.

A grader that is ended leaves sandboxes behind, in sessions of their own. So this process adopts every orphan below it,
and ends what it finds in its own tree.

Source: prctl(2), PR_SET_CHILD_SUBREAPER.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Sequence

from grading.grade.sandbox.command import below

_PR_SET_CHILD_SUBREAPER = 36

#: Rounds of killing; a daemon may be forking meanwhile.
_ROUNDS = 100


def run_within(command: Sequence[str], seconds: float) -> bool:
    """Run a command; return whether it ended well and in time. Nothing that it started is left.

    Args:
        command: Program and arguments.
        seconds: Wall time.
    """
    # Where the kernel refuses, orphans of an ended grader are left to the sandbox's own time limits.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        end_all()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)


def end_all() -> None:
    """Kill every process below this one, and collect it."""
    for _ in range(_ROUNDS):
        left = below(os.getpid())
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not left:
            return
        time.sleep(0.02)
