"""nbval in the sandbox: all lessons in one run; after a run that was cut short, each lesson by itself.

What goes in are a student's cells and cases for their functions, as plain values. What comes out are the functions'
results as plain values. They are judged here, outside: the sandbox holds no question and no answer.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from grading.checkpoints import Verdict, all_checkpoints, failed
from grading.checkpoints.functions import Round
from grading.checkpoints.registry import STUMBLES
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


def run_again(
    intake: Intake,
    lessons: Sequence[Lesson],
    *,
    wanted: set[str],
    seed: str,
    wall_s: float,
) -> dict[str, Rerun]:
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
        why = "this grader could not keep it apart from other files, so it was not run"
        return {name: Rerun(fault=why) for name in questions}
    parts = _parts(intake, lessons, questions)
    reruns = run_on(drawn(questions, seed), parts, wall_s=wall_s)
    for name in questions - set(reruns):
        if any(name in part.cells for part in parts):
            reruns[name] = Rerun(fault="there was no time left for it")
        else:
            reruns[name] = Rerun(fault="its cell was not found in the notebook", is_absent=True)
    return {name: reruns[name] for name in questions}


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


def run_on(rounds: Mapping[str, Round], parts: Sequence[Part], *, wall_s: float) -> dict[str, Rerun]:
    """Return what each function of some lessons did on these cases.

    Args:
        rounds: Cases on which functions are called, by question.
        parts: The lessons' cells.
        wall_s: Seconds for everything.
    """
    until_s = time.monotonic() + wall_s
    reruns: dict[str, Rerun] = {}
    # Together first: a kernel costs more than all cells. A lesson that was taken along by another gets its own kernel.
    for group in (parts, *([part] for part in parts)):
        waiting = [part for part in group if not set(part.cells) & set(reruns)]
        left_s = until_s - time.monotonic()
        if waiting and left_s > 5:
            reruns |= _run(waiting, rounds, min(left_s, wall_s / 2))
    return reruns


def _parts(intake: Intake, lessons: Sequence[Lesson], questions: set[str]) -> list[Part]:
    """Return the lessons' functions where one of them is asked for; it may call the others."""
    found = []
    for lesson in lessons:
        taken = intake.files.get(lesson.notebook.name)
        if taken is None:
            continue
        order = lesson.questions()
        cells = answer_cells(taken.path, {name for name in order if _is_function(name)})
        if set(cells) & questions:
            found.append(Part(lesson.name, {name: cells[name] for name in order if name in cells}))
    return found


def _is_function(name: str) -> bool:
    return name in all_checkpoints() and all_checkpoints()[name].kind == "function"


def _run(parts: Sequence[Part], rounds: Mapping[str, Round], wall_s: float) -> dict[str, Rerun]:
    """Run some lessons in one kernel; return the cells of those that came to their end, or all when one ran alone."""
    with Sandbox() as sandbox:
        text, order = skeleton(parts, {name: one.question.name for name, one in rounds.items()})
        (sandbox.folder / CASES).write_text(json.dumps({name: one.cases for name, one in rounds.items()}))
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
        results = results_back(sandbox.folder, sandbox.folder.parent)
        told = told_back(sandbox.folder, sandbox.folder.parent)
    found = {}
    whole = len(parts) == 1 or _undisturbed(told, order)
    for part in parts:
        places = [order.index(name) for name in part.cells]
        if whole is not True and max(places) >= whole:
            continue
        for name, place in zip(part.cells, places, strict=True):
            ok, said = told.get(place, (False, DISTURBED))
            if not ok or name not in results:
                found[name] = Rerun(fault="there is no such function" if ok else said, is_absent=ok)
            else:
                found[name] = Rerun(_judged(rounds[name], results[name]))
    return found


def _judged(asked: Round, outputs: object) -> Verdict:
    """Judge a function by what it did on its cases."""
    # What came out of the sandbox may be anything.
    sound = isinstance(outputs, list) and all(isinstance(one, dict) for one in outputs)
    try:
        return asked.verdict(outputs if sound else [])
    except STUMBLES:
        return failed("What it wrote down is no result of a function.")


def _undisturbed(told: dict[int, tuple[bool, str]], order: Sequence[str]) -> bool | int:
    """Return True when a run went through, or the first place at which a cell disturbed what comes after it.

    A cell that raises disturbs nobody. One that hangs, or that ends the kernel or pytest, takes the names that other
    lessons have ready.
    """
    for place, name in enumerate(order):
        ok, said = told.get(place, (False, DISTURBED))
        if not ok and (not name or said == DISTURBED):
            return place
    return True


def _command(folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout", str(CELL_S)),
        *("--noconftest", "-c", "/dev/null", "--rootdir", str(folder), "-p", "no:cacheprovider", "-p", PLUGIN, "-q"),
        NOTEBOOK,
    ]
