"""Answer cells in the sandbox: all lessons in one run; after a cell that ended it, once more without that cell.

What goes in are a student's cells and cases for their functions, as plain values. What comes out are the functions'
results as plain values. They are judged here, outside: the sandbox holds no question and no answer.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grading.checkpoints import Verdict, all_checkpoints, failed
from grading.checkpoints.functions import Round
from grading.checkpoints.registry import PARTS, STUMBLES
from grading.grade.deadline import TooLongError, deadline
from grading.grade.functions.child import CELLS, RESULTS
from grading.grade.intake import Intake, StrictJsonError, loads
from grading.grade.intake.sources import RefusedError, open_regular
from grading.grade.sandbox import Limits, Sandbox, abilities
from labs.course import Lesson

#: Seconds for one cell; an answer computes for milliseconds, on half a busy processor.
CELL_S = 20

#: What students are told of a function that came to nothing, whatever its cell did: through the name of an exception,
#: a cell could read its secret cases out, five bits at a time.
NOTHING = "it raises, does not end, or is not there under its name"

#: Seconds without which no run is begun.
_LEAST_S = 5

#: Seconds that cells which end their run may take from the others, in all: what they took is given back up to here.
_GIVEN_BACK_S = 100

#: Said of functions where no cell could be run.
NOT_BEGUN = "this grader could not run any cell"

#: Said of a cell that was never reached.
_LATE = "there was no time left for it"

#: Seconds for judging what one function did; honest ones take milliseconds.
_JUDGE_S = 5.0

#: Said of a cell that hangs, or that ends the run.
DISTURBED = "it did not come to its end"

#: Address space of each process, with pandas in it.
_MEMORY_BYTES = 1_400 << 20

#: Results of a part's functions, a line a cell.
_BACK_BYTES = 4 << 20

_COMMAND = (sys.executable, "-m", "grading.grade.functions.child")


#: Cells that are looked at, and the longest source that is run again.
_MOST_CELLS = 2_000
_MOST_CHARACTERS = 20_000


@dataclass(frozen=True)
class Part:
    """The answer cells of one lesson."""

    #: The lesson's file name without its ending.
    lesson: str
    #: Sources by checkpoint id, in the lesson's order.
    cells: dict[str, str]


@dataclass(frozen=True)
class Called:
    """What a student's function did when it was called again on secret cases."""

    #: The verdict on what it wrote down; None where it came to nothing.
    verdict: Verdict | None = None
    #: Why nothing came back, in words of the grader's own; empty when all went well.
    fault: str = ""
    #: Whether that is the submission's doing: it holds no such function, or none that can be called.
    is_absent: bool = False
    #: For staff alone: how its cell ended where nothing came back.
    said: str = ""


def computed(part: int) -> tuple[str, ...]:
    """Return the questions of a part whose functions are called again: all that ask for one."""
    return tuple(one.id for one in all_checkpoints() if one.kind == "function" and one.part == PARTS[part])


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
    to hide that its results were typed. A cell that ends its run costs itself: the lessons that are left run again
    without it, and what it took is given back to them. Only a grader in whose sandbox nothing begins takes that back.

    Args:
        rounds: Cases on which functions are called, by question.
        parts: The lessons' cells.
        wall_s: Seconds for everything, but for what cells take that end their run.
    """
    cells = {part.lesson: dict(part.cells) for part in parts}
    asked = {name for part in parts for name in part.cells if name in rounds}
    reruns: dict[str, Called] = {}
    has_begun = False
    until_s, spare_s = time.monotonic() + wall_s, _GIVEN_BACK_S
    while left := [Part(lesson, own) for lesson, own in cells.items() if own.keys() & asked - reruns.keys()]:
        begin_s = time.monotonic()
        if until_s - begin_s < _LEAST_S:
            break
        found = _in_sandbox(left, rounds, until_s - begin_s)
        has_begun |= "" in found
        ending = _note(found, left, rounds, reruns, time.monotonic() >= until_s) if "" in found else ""
        if not ending:
            break
        took_s = min(spare_s, time.monotonic() - begin_s)
        until_s, spare_s = until_s + took_s, spare_s - took_s
        for own in cells.values():
            own.pop(ending, None)
    late = Called(fault=NOTHING, is_absent=True, said=_LATE)
    return dict.fromkeys(asked, late if has_begun else Called(fault=NOT_BEGUN)) | reruns


def parts_of(intake: Intake, lessons: Sequence[Lesson], questions: set[str]) -> list[Part]:
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


def answer_cells(path: Path, wanted: set[str]) -> dict[str, str]:
    """Return the sources of answer cells by checkpoint id; nothing for a file that is no notebook.

    A cell is known by its id, or by the checkpoint in its metadata where an editor has given it a new id. The first one
    counts.

    Args:
        path: A file that was taken in; at most the intake's cap.
        wanted: Checkpoint ids.
    """
    by_cell_id = {name.replace(".", "-"): name for name in wanted}
    found: dict[str, str] = {}
    for cell in _code_cells(path):
        metadata = cell.get("metadata")
        marked = metadata.get("checkpoint") if isinstance(metadata, dict) else None
        name = by_cell_id.get(str(cell.get("id"))) or (marked if isinstance(marked, str) and marked in wanted else None)
        source = cell.get("source")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if name and name not in found and isinstance(source, str) and len(source) <= _MOST_CHARACTERS:
            found[name] = source
    return found


def _code_cells(path: Path) -> list[dict]:
    """Return the code cells of a notebook of format 4; nothing where it is not one."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        # Outputs of honest notebooks may hold NaN, which is no evidence here: only sources are read.
        notebook = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return []
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        return []
    return [cell for cell in cells[:_MOST_CELLS] if isinstance(cell, dict) and cell.get("cell_type") == "code"]


def _is_function(name: str) -> bool:
    return name in all_checkpoints() and all_checkpoints()[name].kind == "function"


def _note(
    found: Mapping[str, dict],
    parts: Sequence[Part],
    rounds: Mapping[str, Round],
    reruns: dict[str, Called],
    is_over: bool,
) -> str:
    """Note what the functions of some lessons did, or why nothing came back.

    Returns:
        The question whose cell ended the run, behind which nothing is noted; empty when none did, or time was over.
    """
    for name in [name for part in parts for name in part.cells]:
        asked = name in rounds and name not in reruns
        if name not in found:
            if asked and not is_over:
                reruns[name] = Called(fault=NOTHING, is_absent=True, said=DISTURBED)
            return "" if is_over else name
        if asked:
            reruns[name] = _noted(rounds[name], found[name])
    return ""


def _noted(asked: Round, line: dict) -> Called:
    """Return what a function did by the line of its cell."""
    if line.get("outputs") is not None:
        return Called(_judged(asked, line["outputs"]))
    # Of what a cell raises itself, no more comes out than the name of an exception that Python has.
    name = str(line.get("raised") or "")
    known = getattr(builtins, name, None)
    is_exception = isinstance(known, type) and issubclass(known, BaseException)
    raised = f"it raises {name}" if is_exception else "it raises an exception"
    return Called(fault=NOTHING, is_absent=True, said=raised if name else "there is no such function")


def _in_sandbox(parts: Sequence[Part], rounds: Mapping[str, Round], wall_s: float) -> dict[str, dict]:
    """Run these cells in a sandbox; return the line of each cell that came to its end, by question."""
    given = {
        "parts": [part.cells for part in parts],
        "functions": {name: one.question.name for name, one in rounds.items()},
        "cases": {name: one.cases for name, one in rounds.items()},
        "cell_s": CELL_S,
    }
    with Sandbox() as sandbox:
        (sandbox.folder / CELLS).write_text(json.dumps(given), encoding="utf-8")
        limits = Limits(wall_s=wall_s, cpu_s=int(wall_s) + 1, memory_bytes=_MEMORY_BYTES, file_bytes=64 << 20)
        sandbox.run(_COMMAND, limits=limits, variables={"IPYTHONDIR": "ipython"})
        return _lines(sandbox.folder / RESULTS)


def _lines(source: Path) -> dict[str, dict]:
    """Return the lines of a file that sandboxed code wrote, by question: regular, not read beyond what is expected."""
    found: dict[str, dict] = {}
    try:
        descriptor = open_regular(source)
    except RefusedError:
        return found
    with os.fdopen(descriptor, "rb") as file:
        text = file.read(_BACK_BYTES).decode("utf-8", errors="replace")
    for line in text.splitlines()[:2_000]:
        with contextlib.suppress(StrictJsonError):
            values = loads(line)
            if isinstance(values, dict) and isinstance(values.get("question"), str):
                found[values["question"]] = values
    return found


def _judged(asked: Round, outputs: object) -> Verdict:
    """Judge a function by what it did on its cases."""
    # What came out of the sandbox may be anything.
    sound = isinstance(outputs, list) and all(isinstance(one, dict) for one in outputs)
    try:
        with deadline(_JUDGE_S):
            return asked.verdict(outputs if sound else [])
    except (*STUMBLES, TooLongError):
        return failed("What it wrote down is no result of a function.")
