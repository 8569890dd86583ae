"""A measuring script, started with arguments."""

import os
import random
import runpy
import sys
import time
from collections.abc import Callable
from typing import Any

from labs.judge.inside.runtime import onnxruntime_outside
from labs.judge.inside.wire import MOST_TEXT, Ask, Wire, in_thread


def script(wire: Wire, path: str) -> Ask:
    """A measuring script, started with arguments; ONNX Runtime is outside."""
    printed = os.open("printed", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.dup2(printed, 1)
    onnxruntime_outside(wire)
    jumps: list[float] = []
    time.time = _adjusted(time.time, 1.0, jumps)
    time.time_ns = _adjusted(time.time_ns, 10**9, jumps)

    def run(request: dict) -> None:
        sys.argv, ended, complaint = [path, *request["arguments"]], 0, ""
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as error:
            code = error.code or 0
            ended, complaint = (code, f"exit status {code}") if isinstance(code, int) else (1, code)
        except BaseException as error:
            ended, complaint = 1, f"{type(error).__name__}: {error}"
        sys.stdout.flush()
        text = os.pread(printed, MOST_TEXT, max(0, os.fstat(printed).st_size - MOST_TEXT)).decode(
            errors="replace"
        )
        wire.say(
            reply=request["ask"],
            ended=ended,
            printed=text,
            complaint=str(complaint or "")[:200],
            date_reads=len(jumps),
        )

    return in_thread(run)


def _adjusted(clock: Callable[[], Any], second: float, jumps: list[float]) -> Callable[[], Any]:
    """Return a clock of the date that is corrected by up to a second each time it is read; the
    corrections are noted in ``jumps``.
    """

    def now() -> Any:
        jump = random.uniform(-1, 1) * second
        jumps.append(jump)
        return clock() + type(second)(jump)

    return now
