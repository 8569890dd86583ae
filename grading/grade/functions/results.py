"""Read the results of a run in the sandbox, with caution, because sandboxed code could write these
files.
"""

import builtins
import os
import re
from collections.abc import Iterable
from pathlib import Path

from grading.grade.functions.names import ENDINGS, RESULTS
from grading.grade.intake.sources import HandInRefusedError, open_regular
from labs.records.strict import StrictJsonError, loads

#: Most bytes that one function, or one cell, may record.
_BACK_BYTES = 1 << 20

#: Said of a cell that hangs, or that ends the kernel or the run.
DISTURBED = "it did not come to its end"

#: nbval's messages about a kernel that hangs or is gone.
_DISTURBANCE = re.compile(r"time.?out|[Kk]ernel|plugin exception", re.IGNORECASE)


def results_back(folder: Path, questions: Iterable[str]) -> dict[str, object]:
    """Return each function's results, by question; a cell without results has no entry."""
    results = {name: _value(folder / RESULTS.format(name)) for name in questions}
    return {name: result for name, result in results.items() if result is not None}


def endings_back(folder: Path, cells: int) -> dict[int, tuple[bool, str]]:
    """Return by its place whether a cell went through, and if not, why in words of the grader's
    own.
    """
    endings: dict[int, tuple[bool, str]] = {}
    for place in range(cells):
        ending = _value(folder / ENDINGS.format(place))
        if isinstance(ending, dict) and {"ok", "message"} <= ending.keys():
            went_through = ending["ok"] is True
            endings[place] = (went_through, _why(str(ending["message"])))
    return endings


def _value(source: Path) -> object:
    """Return the JSON of a file that sandboxed code wrote, or None: regular, not read beyond what
    is expected.
    """
    try:
        descriptor = open_regular(source)
        with os.fdopen(descriptor, "rb") as file:
            return loads(file.read(_BACK_BYTES).decode("utf-8", errors="replace"))
    except (HandInRefusedError, StrictJsonError):
        return None


def _why(message: str) -> str:
    """Return how a cell ended; at most the name of a built-in exception comes from its own
    message.
    """
    if _DISTURBANCE.search(message[:200]):
        return DISTURBED
    name = re.split(r"[^A-Za-z]", message, maxsplit=1)[0]
    known = getattr(builtins, name, None)
    is_exception = isinstance(known, type) and issubclass(known, BaseException)
    return f"it raises {name}" if is_exception else "it raises an exception"
