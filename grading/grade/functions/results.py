"""What comes back from a run in the sandbox: files that sandboxed code could write, read with caution."""

import builtins
import os
import re
from collections.abc import Iterable
from pathlib import Path

from grading.grade.functions.names import RESULTS, TOLD
from grading.grade.intake.sources import RefusedError, open_regular
from labs.records.strict import StrictJsonError, loads

#: What one function, or one cell, may have written down.
_BACK_BYTES = 1 << 20

#: Said of a cell that hangs, or that ends the kernel or the run.
DISTURBED = "it did not come to its end"

#: How nbval speaks of a kernel that hangs or is gone.
_DISTURBANCE = re.compile(r"time.?out|[Kk]ernel|plugin exception", re.IGNORECASE)


def results_back(folder: Path, questions: Iterable[str]) -> dict[str, object]:
    """Return what each function did, by question; nothing of those that wrote nothing."""
    found = {name: _value(folder / RESULTS.format(name)) for name in questions}
    return {name: one for name, one in found.items() if one is not None}


def told_back(folder: Path, cells: int) -> dict[int, tuple[bool, str]]:
    """Return by its place whether a cell went through, and if not, why in words of the grader's own."""
    told: dict[int, tuple[bool, str]] = {}
    for place in range(cells):
        values = _value(folder / TOLD.format(place))
        if isinstance(values, dict) and {"ok", "said"} <= values.keys():
            told[place] = (values["ok"] is True, _why(str(values["said"])))
    return told


def _value(source: Path) -> object:
    """Return the JSON of a file that sandboxed code wrote, or None: regular, not read beyond what is expected."""
    try:
        descriptor = open_regular(source)
        with os.fdopen(descriptor, "rb") as file:
            return loads(file.read(_BACK_BYTES).decode("utf-8", errors="replace"))
    except (RefusedError, StrictJsonError):
        return None


def _why(said: str) -> str:
    """Return how a cell ended: of what it says itself, no more than the name of an exception that Python has."""
    if _DISTURBANCE.search(said[:200]):
        return DISTURBED
    name = re.split(r"[^A-Za-z]", said, maxsplit=1)[0]
    known = getattr(builtins, name, None)
    is_exception = isinstance(known, type) and issubclass(known, BaseException)
    return f"it raises {name}" if is_exception else "it raises an exception"
