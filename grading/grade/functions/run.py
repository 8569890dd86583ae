"""Run all functions in the sandbox with nbval; if a cell ends the run, run again without that cell.

The input is a student's cells and cases for their functions, as plain values. The output is the
functions' results as plain values. They are judged here, outside, because the sandbox holds neither
questions nor answers.
"""

import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grading.grade.deadline import deadline
from grading.grade.functions.names import CASES, NOTEBOOK, PLUGIN
from grading.grade.functions.results import DISTURBED, endings_back, results_back
from grading.grade.sandbox import Sandbox, SandboxLimits, abilities
from labs.course import cases as compared
from labs.course.question import all_questions

#: Seconds for one cell; an answer computes for milliseconds, on half a busy processor.
CELL_S = 20

#: The message for every function without results. It never names an exception, because a cell could
#: use names to leak its secret cases, five bits at a time.
NOTHING = (
    "it raises, does not end, is not there under its name, "
    f"or is not Python {sys.version_info.major}.{sys.version_info.minor}, which the grader runs"
)

#: Seconds without which no kernel is begun, and those for a cell of the grader's own.
_LEAST_S, _CONTROL_S = 5, 60

#: Most seconds, in all, that are added for the time of cells that end their run.
_GIVEN_BACK_S: float = 100

#: A grader whose own cell takes longer than this many seconds is too slow to say who used the time
#: up.
_SLOW_S = 20

#: Said of a cell that was never reached.
_LATE = "there was no time left for it"

#: Seconds for judging what one function did; honest ones take milliseconds.
_JUDGE_S = 5.0

#: Address space of each process: pytest, and a kernel with pandas.
_MEMORY_BYTES = 1_400 << 20

#: The largest file that a run may write.
_FILE_BYTES = 64 << 20

#: Jupyter's description of our kernel.
_KERNEL = {
    "argv": [sys.executable, "-m", "grading.grade.functions.kernel", "-f", "{connection_file}"],
    "display_name": "Python 3",
    "language": "python",
}


@dataclass(frozen=True)
class Called:
    """The results of a student's function on secret cases."""

    #: Whether what it wrote down is right; None where it came to nothing.
    is_right: bool | None = None
    #: Why nothing came back, in words of the grader's own; empty when all went well.
    fault: str = ""
    #: Whether that is the submission's doing: it holds no such function, or none that can be
    #: called.
    is_absent: bool = False
    #: For staff alone: how its cell ended where nothing came back.
    ending: str = ""


#: For a function whose results are in the ledger without its cell.
NO_CELL = Called(
    fault="the ledger holds no cell with it: run its check again, and hand in again.",
    is_absent=True,
    ending="no cell",
)

#: A function's secret cases: arguments and expected result of each.
Cases = Sequence[Mapping]

#: Runs in this process that were right in everything, by a sha256 of cells and cases: a class that
#: works together hands in the same cells. A cell may disturb those before and behind it, so only a
#: whole run tells anything of another.
_RIGHT: dict[str, dict[str, Called]] = {}


def run_again(
    cells: Mapping[str, str], *, wanted: set[str], cases: Mapping[str, Cases], wall_s: float
) -> dict[str, Called]:
    """Return the functions' results on hidden cases, by question.

    Args:
        wanted: Questions that were passed; others are not run for.
    """
    questions = wanted & cases.keys()
    if not abilities().apart:
        why = "this grader could not keep it apart from the course's references, so it was not run"
        return {name: Called(fault=why) for name in questions}
    asked = {name: cells[name] for name in sorted(questions & cells.keys())}
    rounds = {name: cases[name] for name in asked}
    digest = hashlib.sha256(json.dumps([rounds, asked]).encode()).hexdigest()
    reruns = _RIGHT.get(digest) or run_on(rounds, asked, wall_s=wall_s)
    if all(called == Called(is_right=True) for called in reruns.values()):
        _RIGHT[digest] = reruns
    return {name: reruns.get(name, NO_CELL) for name in questions}


def run_on(
    rounds: Mapping[str, Cases], cells: Mapping[str, str], *, wall_s: float
) -> dict[str, Called]:
    """Return each function's results on these cases.

    A function without results always counts as absent, because a cell could raise, hang or end its
    run to hide that its results were typed. A cell that ends its run loses its own points: the
    remaining cells run again without it, with the lost time added. There are two exceptions: a
    grader that cannot run a cell of its own either, and, if time ran out, a slow grader.

    Args:
        wall_s: Seconds for everything, except the time of cells that end their run.
    """
    reruns: dict[str, Called] = {}
    until_s = time.monotonic() + wall_s
    spare_s = _GIVEN_BACK_S
    while unknown := [name for name in cells if name not in reruns]:
        begin_s = time.monotonic()
        if until_s - begin_s < _LEAST_S:
            break
        left = {name: cells[name] for name in unknown}
        ended_by = _run(left, rounds, reruns, until_s - begin_s)
        if not ended_by:
            break
        took_s = min(spare_s, time.monotonic() - begin_s)
        until_s += took_s
        spare_s -= took_s
    late = cells.keys() - reruns.keys()
    if late:
        is_slow = _control_s() > _SLOW_S
        fault = "this grader could not run a cell of its own either" if is_slow else NOTHING
        called = Called(fault=fault, is_absent=not is_slow, ending=_LATE)
        reruns |= dict.fromkeys(late, called)
    return reruns


def _run(
    cells: Mapping[str, str], rounds: Mapping[str, Cases], reruns: dict[str, Called], wall_s: float
) -> str:
    """Run some cells in one kernel and note their functions' results, or why there are none.

    Cells after one that ends the run get no note.

    Returns:
        The question whose cell ended the run, as is noted then; empty when none did, or all time
        was over.
    """
    begin_s = time.monotonic()
    names = {name: all_questions()[name].name for name in cells}
    arguments = {name: [case["args"] for case in rounds[name]] for name in cells}
    results, endings = _in_sandbox(cells, names, arguments, wall_s)
    is_over = time.monotonic() - begin_s >= wall_s
    own_went_through, _ = endings.get(0, (False, ""))
    if not own_went_through:
        return ""  # our own cell: of those behind it, nothing is known
    # Behind the last cell that came to its end, whatever that was, nothing ran any more.
    ended = [place for place, (_, ending) in endings.items() if ending != DISTURBED]
    reached = max(ended, default=0)
    for place, name in list(enumerate(cells, start=1))[:reached]:
        went_through, ending = endings.get(place, (False, DISTURBED))
        if went_through and name in results:
            reruns[name] = Called(_is_right(rounds[name], results[name]))
        else:
            reruns[name] = _absent("it wrote down nothing" if went_through else ending)
    if is_over or reached == len(cells):
        return ""
    ended_by = list(cells)[reached]
    reruns[ended_by] = _absent(DISTURBED)
    return ended_by


def _absent(ending: str) -> Called:
    """Return a function without results."""
    return Called(fault=NOTHING, is_absent=True, ending=ending)


def _in_sandbox(
    cells: Mapping[str, str],
    functions: Mapping[str, str],
    cases: Mapping[str, Sequence[list]],
    wall_s: float,
) -> tuple[dict[str, object], dict[int, tuple[bool, str]]]:
    """Call the functions of some cells in our notebook; return their outputs, and how its cells
    ended by place.
    """
    with Sandbox() as sandbox:
        (sandbox.folder / CASES).write_text(json.dumps(cases))
        (sandbox.folder / NOTEBOOK).write_text(_notebook(cells, functions), encoding="utf-8")
        kernel = sandbox.folder / "jupyter" / "kernels" / "python3"
        kernel.mkdir(parents=True)
        (kernel / "kernel.json").write_text(json.dumps(_KERNEL))
        limits = SandboxLimits(
            wall_s=wall_s,
            cpu_s=int(wall_s) + 1,
            memory_bytes=_MEMORY_BYTES,
            file_bytes=_FILE_BYTES,
        )
        variables = {
            "JUPYTER_PATH": str(sandbox.folder / "jupyter"),
            "JUPYTER_RUNTIME_DIR": "run",
            "IPYTHONDIR": "ipython",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        sandbox.run(_command(sandbox.folder), limits=limits, variables=variables)
        results = results_back(sandbox.folder, cells)
        endings = endings_back(sandbox.folder, 1 + len(cells))
    return results, endings


def _notebook(cells: Mapping[str, str], functions: Mapping[str, str]) -> str:
    """Return a notebook's text: a set-up, and a cell for each function, which defines and calls it.

    It contains a student's cell as one literal, so that nbval ignores the cell's own comments and
    magics.
    """
    sources = ["from grading.grade.functions.verbs import check"]
    for question, cell in cells.items():
        sources.append(f"check({question!r}, {functions[question]!r}, {cell!r})")
    notebook_cells = [_code_cell(f"cell-{index}", source) for index, source in enumerate(sources)]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": notebook_cells}
    return json.dumps(notebook)


def _code_cell(id: str, source: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "id": id,
        "source": source,
    }


def _control_s() -> float:
    """Return the seconds that a cell of the grader's own takes here; infinite where it does not
    run.
    """
    begin_s = time.monotonic()
    cell = {"control": "def control():\n    return 1"}
    results, _ = _in_sandbox(cell, {"control": "control"}, {"control": [[]]}, _CONTROL_S)
    took_s = time.monotonic() - begin_s
    return took_s if results.get("control") == [{"value": 1}] else math.inf


def _is_right(cases: Cases, outputs: object) -> bool:
    """Return whether a function did on its cases what was expected."""
    # The sandbox's output may be anything.
    if not isinstance(outputs, list):
        return False
    if not all(isinstance(output, dict) for output in outputs):
        return False
    try:
        with deadline(_JUDGE_S):
            return compared.judge("", cases, outputs).ok
    except Exception:  # whatever it is, no honest function's output ends so
        return False


def _command(folder: Path) -> list[str]:
    pytest = [sys.executable, "-m", "pytest", "-q", "--noconftest"]
    places = ["-c", "/dev/null", "--rootdir", str(folder)]
    plugins = ["-p", "no:cacheprovider", "-p", PLUGIN, "-p", "nbval.plugin"]
    nbval = ["--nbval-lax", "--nbval-cell-timeout", str(CELL_S)]
    return [*pytest, *places, *plugins, *nbval, NOTEBOOK]
