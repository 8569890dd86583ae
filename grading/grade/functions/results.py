"""What comes back from a run in the sandbox: files that sandboxed code could write, read with caution."""

from __future__ import annotations

import builtins
import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from grading.grade.functions.names import RESULTS, TOLD
from grading.grade.intake import StrictJsonError, loads
from grading.grade.intake.sources import RefusedError, open_regular

#: Results of a part's functions, a line each, and a line a cell.
_BACK_BYTES = 4 << 20

#: Said of a cell that hangs, or that ends the kernel or the run.
DISTURBED = "it did not come to its end"

#: How nbval speaks of a kernel that hangs or is gone.
_DISTURBANCE = re.compile(r"time.?out|[Kk]ernel|plugin exception", re.IGNORECASE)


def results_back(folder: Path) -> dict[str, object]:
    """Return what each function did, by question; the newest where a cell wrote several."""
    found: dict[str, object] = {}
    for values in _lines(folder / RESULTS):
        if isinstance(values, dict) and isinstance(values.get("question"), str):
            found[values["question"]] = values.get("outputs")
    return found


def told_back(folder: Path) -> dict[int, tuple[bool, str]]:
    """Return by its place whether a cell went through, and if not, why in words of the grader's own."""
    told: dict[int, tuple[bool, str]] = {}
    for values in _lines(folder / TOLD):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            told[int(str(values["cell"]).rpartition(" ")[2])] = (values["ok"] is True, _why(str(values["said"])))
    return told


def _lines(source: Path) -> Iterator[object]:
    """Yield the JSON lines of a file that sandboxed code wrote: regular, not read beyond what is expected."""
    try:
        descriptor = open_regular(source)
    except RefusedError:
        return
    with os.fdopen(descriptor, "rb") as file:
        text = file.read(_BACK_BYTES).decode("utf-8", errors="replace")
    for line in text.splitlines()[:2_000]:
        with contextlib.suppress(StrictJsonError):
            yield loads(line)


def _why(said: str) -> str:
    """Return how a cell ended: of what it says itself, no more than the name of an exception that Python has."""
    if _DISTURBANCE.search(said[:200]):
        return DISTURBED
    name = re.match(r"[A-Za-z]+", said)
    known = getattr(builtins, name[0], None) if name else None
    is_exception = isinstance(known, type) and issubclass(known, BaseException)
    return f"it raises {name[0]}" if is_exception else "it raises an exception"
