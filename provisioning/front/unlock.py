"""``msl unlock FILE``: run the cells of an instructor's file until everything is there that later
lessons take.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from labs.checkpoints.begin import absences, lacking
from labs.course import unlocked
from labs.course.lessons import Lesson, lesson
from labs.records.ledger import ledger

#: Begins a line that the child prints about itself; its cells print others.
_MARK = "\x1e"


class UnlockError(ValueError):
    """The file unlocks nothing here; the message gives the reason and the fix."""


def read_key(path: Path) -> dict[str, Any]:
    """Return an instructor's file.

    Raises:
        UnlockError: It is none, or of another version of the course.
    """
    try:
        key = json.loads(path.read_text(encoding="utf-8"))
        is_key = key["form"] == unlocked.FORM and bool(key["cells"]) and bool(key["makes"])
    except (OSError, ValueError, KeyError, TypeError):
        is_key = False
    if not is_key:
        raise UnlockError(
            f"{path} is no file that unlocks a lesson in this version of the course: ask your "
            "instructor for a new one"
        )
    return key


def unlock(path: Path, say: Callable[[str], None]) -> None:
    """Put a lesson's results into the workspace, and write into the ledger that it was unlocked.

    Raises:
        UnlockError: The file is none, an earlier lesson's results are missing, or the cells did not
            make what they should.
    """
    key = read_key(path)
    this = lesson(key["lesson"])
    absent = absences(this, ledger().read())
    if absent:
        missing = "; ".join(absent)
        raise UnlockError(f"{this.title} builds on another lesson: {missing}. Make that first.")
    say(f"{this.title}: makes {', '.join(key['makes'])}. It takes some minutes.")
    count = _run(path, this, say)
    still = _still_lacking(key)
    if still:
        raise UnlockError(f"{this.title} did not make {', '.join(still)}. Tell your instructor.")
    answered = [cell["question"] for cell in key["cells"][:count]]
    lost = [question for question in answered if question]
    ledger().observe(f"{unlocked.SUBJECT}{this.id}", {"lost": lost, "makes": key["makes"]})
    say(f"Done. The lessons that need {this.title} are open.")
    if lost:
        say(f"Lost, if they were not right before: the points of {', '.join(lost)}.")


def _run(path: Path, this: Lesson, say: Callable[[str], None]) -> int:
    """Run a file's cells in a separate process, and return how many ran."""
    count = 0
    command = [sys.executable, "-m", __name__, str(path.resolve())]
    environment = os.environ | {"MPLBACKEND": "Agg"}
    with subprocess.Popen(
        command,
        cwd=this.notebook.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(_MARK):
                say(line.removeprefix(_MARK).rstrip())
                count += 1
    return count


def _still_lacking(key: Mapping[str, Any]) -> list[str]:
    """Return what the file should make and the workspace does not have."""
    records = ledger().read()
    return [thing for thing in key["makes"] if lacking(thing, records)]


def run_cells(path: Path) -> None:
    """Run a file's cells in this process until everything is there that they should make.

    A cell that fails is passed over: it may need a function that only its writer has.
    """
    from IPython.core.interactiveshell import InteractiveShell

    from labs.checkpoints import notebook

    key = read_key(path)
    # Predictions and answers stay the student's: the cells predict, ask and check nothing.
    silent = {
        "predicted": lambda id: _NoPrediction(),
        "check": lambda *_: None,
        "predict": lambda *_, **__: None,
    }
    for name, function in silent.items():
        setattr(notebook, name, function)
    shell = InteractiveShell.instance()
    count = len(key["cells"])
    for number, cell in enumerate(key["cells"], start=1):
        shell.run_cell(cell["source"], silent=True)
        print(f"{_MARK}  cell {number} of {count}", flush=True)
        if not _still_lacking(key):
            break


class _NoPrediction(dict):
    """Missing predictions: every name has a value that no table shows."""

    def __missing__(self, name: str) -> float:
        return float("nan")


if __name__ == "__main__":
    run_cells(Path(sys.argv[1]))
