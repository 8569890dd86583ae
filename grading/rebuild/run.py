"""nbval in the sandbox: all lessons in one run; after a run that was cut short, each lesson by itself.

What goes in are a student's cells and cases for their functions, as plain values. What comes out are the functions'
results as plain values. They are judged here, outside: the sandbox holds no question and no answer.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grading.checkpoints import Verdict, all_checkpoints, failed
from grading.checkpoints.functions import Round
from grading.checkpoints.registry import STUMBLES
from grading.deadline import TooLongError, deadline
from grading.hidden.evidence import Rerun
from grading.hidden.reruns import computed
from grading.intake import Intake
from grading.rebuild.back import DISTURBED, results_back, told_back
from grading.rebuild.cells import answer_cells
from grading.rebuild.notebook import Part, skeleton
from grading.rebuild.plugin_name import CASES, PLUGIN
from grading.sandbox import Limits, Sandbox, abilities
from labs.course import Lesson

#: Seconds for one cell; an answer computes for milliseconds, on half a busy processor.
CELL_S = 20

#: What students are told of a function that came to nothing, whatever its cell did: through the name of an exception,
#: a cell could read its secret cases out, five bits at a time.
NOTHING = "it raises, does not end, or is not there under its name"

#: How a call of what does not exist ends.
_NO_NAME = "it raises NameError"

#: How a cell ends that had to be interrupted.
_CUT_SHORT = (DISTURBED, "it raises KeyboardInterrupt")

#: Seconds without which no kernel is begun, and those for a cell of the grader's own.
_LEAST_S, _CONTROL_S = 5, 60

#: Said of a cell that was never reached.
_LATE = "there was no time left for it"

#: Of all seconds, those for the run together; the lessons that it leaves open share the others.
_TOGETHER = 1 / 3

#: Seconds for reading one notebook, and for judging what one function did; honest ones take milliseconds.
_READ_S = 5.0

#: Address space of each process: pytest, and a kernel with pandas.
_MEMORY_BYTES = 1_400 << 20

#: The one notebook of a run.
NOTEBOOK = "answers.ipynb"

#: Jupyter's description of our kernel.
_KERNEL = {
    "argv": [sys.executable, "-m", "grading.rebuild.kernel", "-f", "{connection_file}"],
    "display_name": "Python 3",
    "language": "python",
}


@dataclass(frozen=True)
class Called(Rerun):
    """A function that was called again, with what staff alone is told of it."""

    #: How its cell ended where nothing came back, or only after an interruption.
    said: str = ""


def run_again(
    intake: Intake,
    lessons: Sequence[Lesson],
    *,
    wanted: set[str],
    seed: str,
    wall_s: float,
) -> dict[str, Called]:
    """Return what functions did on cases that were drawn for them, by checkpoint id.

    Args:
        intake: The submission's files.
        lessons: Lessons of the part.
        wanted: Public checkpoints that were passed; others are not run for.
        seed: Draws the cases.
        wall_s: Seconds for everything.
    """
    questions = {name for part in {lesson.part for lesson in lessons} for name in computed(part)} & wanted
    if not abilities().apart:
        why = "this grader could not keep it apart from the course's references, so it was not run"
        return {name: Called(fault=why) for name in questions}
    parts = parts_of(intake, lessons, questions)
    reruns = run_on(drawn(questions, seed), parts, wall_s=wall_s)
    absent = Called(fault="its cell was not found in the notebook", is_absent=True)
    return {name: reruns.get(name, absent) for name in questions}


def drawn(questions: Iterable[str], seed: str) -> dict[str, Round]:
    """Return the secret cases of questions that ask for a function."""
    made = {}
    for name in questions:
        random = generator(seed, name)
        made[name] = all_checkpoints()[name].asks.drawn(random).shuffled(random)
    return made


def generator(seed: str, name: str) -> np.random.Generator:
    """Return the generator that a seed gives to one thing that is drawn."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}\0{name}".encode()).digest()[:8], "big"))


def run_on(rounds: Mapping[str, Round], parts: Sequence[Part], *, wall_s: float) -> dict[str, Called]:
    """Return what each function of some lessons did on these cases.

    A function of which nothing came back counts as absent, whatever the reason: a cell could raise, hang or end its run
    to hide that its results were typed. Each lesson has a share of the time that no other one can use up. Only a grader
    that cannot run a cell of its own either takes that back; and where time ran out, one that is too slow for such a
    cell in such a share.

    Args:
        rounds: Cases on which functions are called, by question.
        parts: The lessons' cells.
        wall_s: Seconds for everything.
    """
    until_s = time.monotonic() + wall_s
    together_s = wall_s * _TOGETHER if len(parts) > 1 else 0.0
    share_s = (wall_s - together_s) / max(1, len(parts))
    asked = [name for part in parts for name in part.cells if name in rounds]
    reruns: dict[str, Called] = {}

    def is_open(cells: Iterable[str]) -> bool:
        return any(name in asked and (name not in reruns or reruns[name].verdict is None) for name in cells)

    # Together first: a kernel costs more than all cells. What was taken along by another lesson gets its lesson's own
    # kernel, and what was taken along by a cell of its own lesson one without that cell.
    disturbing = _run(parts, rounds, reruns, together_s) if together_s > _LEAST_S else ""
    # The one that disturbed the others comes last, and has what they leave of their shares.
    left = sorted((part for part in parts if is_open(part.cells)), key=lambda part: disturbing in part.cells)
    for place, part in enumerate(left):
        now_s = time.monotonic()
        end_s = now_s + max(share_s, (until_s - now_s) / (len(left) - place))
        cells = dict(part.cells)
        while is_open(cells) and (left_s := end_s - time.monotonic()) > _LEAST_S:
            disturbing = _run([Part(part.lesson, cells)], rounds, reruns, left_s)
            if disturbing not in cells:
                break
            del cells[disturbing]
    if is_open(asked):
        took_s = _control_s()
        for name in asked:
            if is_open([name]):
                said = reruns[name].said if name in reruns else _LATE
                is_ours = took_s > (share_s if said in (DISTURBED, _LATE) else _CONTROL_S)
                fault = "this grader could not run a cell of its own either" if is_ours else NOTHING
                reruns[name] = Called(fault=fault, is_absent=not is_ours, said=said)
    return reruns


def parts_of(intake: Intake, lessons: Sequence[Lesson], questions: set[str]) -> list[Part]:
    """Return the lessons' functions where one of them is asked for; it may call the others."""
    found = []
    for lesson in lessons:
        taken = intake.files.get(lesson.notebook.name)
        if taken is None:
            continue
        order = lesson.questions()
        try:
            with deadline(_READ_S):
                cells = answer_cells(taken.path, {name for name in order if _is_function(name)})
        except TooLongError:
            continue  # as a file that is no notebook: it holds no cell
        if set(cells) & questions:
            found.append(Part(lesson.name, {name: cells[name] for name in order if name in cells}))
    return found


def _is_function(name: str) -> bool:
    return name in all_checkpoints() and all_checkpoints()[name].kind == "function"


def _run(parts: Sequence[Part], rounds: Mapping[str, Round], reruns: dict[str, Called], wall_s: float) -> str:
    """Run some lessons in one kernel and note what their functions did, or of a single lesson why nothing came back.

    Returns:
        The question whose cell disturbed what comes after it, by hanging or by ending the run; empty when none did.
    """
    names = {name: one.question.name for name, one in rounds.items()}
    results, told, order = _in_sandbox(parts, names, {name: one.cases for name, one in rounds.items()}, wall_s)
    ended = [(name, *told.get(place, (False, DISTURBED))) for place, name in enumerate(order)]
    for name in {name for part in parts for name in part.cells} & set(rounds):
        # A function's last cell is the one of ours that calls it: where that did not go through, any other cell wrote.
        called = [ok for whose, ok, _ in ended if whose == name][-1]
        if called and name in results:
            # A cell that had to be interrupted has not come to its end, though its function may be right.
            own = next(said for whose, _, said in ended if whose == name)
            how = {"fault": NOTHING, "said": DISTURBED} if own in _CUT_SHORT else {}
            reruns[name] = Called(_judged(rounds[name], results[name]), **how)
        elif len(parts) == 1:
            # Of the student's cell or, where that went through, of the one that calls its function.
            why = next((said for whose, ok, said in ended if whose == name and not ok), "it wrote down nothing")
            reruns[name] = Called(fault=NOTHING, said="there is no such function" if why == _NO_NAME else why)
    return next((name for name, _, said in ended if said == DISTURBED), "")


def _in_sandbox(
    parts: Sequence[Part], functions: Mapping[str, str], cases: Mapping[str, Sequence[list]], wall_s: float
) -> tuple[dict[str, object], dict[int, tuple[bool, str]], list[str]]:
    """Run a notebook of these cells; return functions' outputs, how cells ended by place, and whose each cell is."""
    with Sandbox() as sandbox:
        text, order = skeleton(parts, functions)
        (sandbox.folder / CASES).write_text(json.dumps(cases))
        (sandbox.folder / NOTEBOOK).write_text(text, encoding="utf-8")
        kernel = sandbox.folder / "jupyter" / "kernels" / "python3"
        kernel.mkdir(parents=True)
        (kernel / "kernel.json").write_text(json.dumps(_KERNEL))
        sandbox.run(
            _command(sandbox.folder),
            limits=Limits(wall_s=wall_s, cpu_s=int(wall_s) + 1, memory_bytes=_MEMORY_BYTES, file_bytes=64 << 20),
            variables={
                "JUPYTER_PATH": str(sandbox.folder / "jupyter"),
                "JUPYTER_RUNTIME_DIR": "run",
                "IPYTHONDIR": "ipython",
            },
        )
        own = sandbox.folder.parent
        return results_back(sandbox.folder, own), told_back(sandbox.folder, own), order


def _control_s() -> float:
    """Return the seconds that a cell of the grader's own takes here; infinite where it does not run."""
    begin_s = time.monotonic()
    part = Part("control", {"control": "def control():\n    return 1"})
    results, _, _ = _in_sandbox([part], {"control": "control"}, {"control": [[]]}, _CONTROL_S)
    return time.monotonic() - begin_s if results.get("control") == [{"value": 1}] else math.inf


def _judged(asked: Round, outputs: object) -> Verdict:
    """Judge a function by what it did on its cases."""
    # What came out of the sandbox may be anything.
    sound = isinstance(outputs, list) and all(isinstance(one, dict) for one in outputs)
    try:
        with deadline(_READ_S):
            return asked.verdict(outputs if sound else [])
    except (*STUMBLES, TooLongError):
        return failed("What it wrote down is no result of a function.")


def _command(folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout", str(CELL_S)),
        *("--noconftest", "-c", "/dev/null", "--rootdir", str(folder), "-p", "no:cacheprovider", "-p", PLUGIN, "-q"),
        NOTEBOOK,
    ]
