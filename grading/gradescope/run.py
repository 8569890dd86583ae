"""``python -m grading.gradescope.run``: grade one submission within Gradescope's time in any case.

``run_autograder`` has put the fall-back in place. A child grades and puts its result in one step.
This process imports little, so that it survives a failure of the grader.

A killed grader leaves sandboxes, in separate sessions. So this process adopts every orphan below
it, and ends all processes in its own tree. Source: prctl(2), PR_SET_CHILD_SUBREAPER.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

from grading.grade.sandbox.usage import below
from grading.gradescope.places import Places

#: Seconds for grading: well inside the 600 that Gradescope gives unless told otherwise; an honest
#: one takes about 20 on half a processor.
MOST_S = 490.0

_PR_SET_CHILD_SUBREAPER = 36

#: Rounds of killing, because a daemon may be forking.
_ROUNDS = 100


def run(places: Places, *, most_s: float = MOST_S) -> str:
    """Grade what was handed in; return what gave the result: 'whole', or 'fallback' where the
    grader was ended.
    """
    with places.closed():
        before = places.results.stat()
        done = _judged_within(most_s)
        after = places.results.stat()
        # A result that was put in place counts, however its writer ended; each one is a new file.
        is_new = after.st_ino != before.st_ino or after.st_mtime_ns != before.st_mtime_ns
        return "whole" if done or is_new else "fallback"


def _judged_within(seconds: float) -> bool:
    """Run the judge; return whether it ended well and in time. Nothing that it started is left."""
    # Where the kernel refuses, orphans of an ended grader are left to the sandbox's own time
    # limits.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
    process = subprocess.Popen(
        [sys.executable, "-m", "grading.gradescope.judge"], stdin=subprocess.DEVNULL
    )
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        _end_all()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)


def _end_all() -> None:
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


if __name__ == "__main__":
    print(f"result: {run(Places.here())}")
