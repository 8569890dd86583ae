"""nbval in the sandbox: all lessons in one run; after a run that was cut short, each lesson by itself.

What goes in are a student's cells, records with other numbers, and cases for functions, as plain values. What comes out
are answers and results as plain values. Both are judged here, outside: the sandbox holds no question and no answer.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from grading.checkpoints import Verdict, all_checkpoints, failed
from grading.checkpoints.functions import Round
from grading.checkpoints.registry import STUMBLES
from grading.hidden.evidence import Rerun
from grading.hidden.reruns import computed
from grading.intake import Intake
from grading.rebuild import variant
from grading.rebuild.back import DISTURBED, answers_back, told_back
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

#: Changed records that are drawn at most for a submission.
_DRAWS = 5


def run_again(
    intake: Intake,
    entries: list[dict],
    lessons: Sequence[Lesson],
    *,
    wanted: set[str],
    seed: str,
    wall_s: float,
) -> dict[str, Rerun]:
    """Return what answer cells did on changed records, by checkpoint id.

    Args:
        intake: The submission's files.
        entries: Entries that contradict nothing.
        lessons: Lessons of the part.
        wanted: Public checkpoints that were passed; others are not run for.
        seed: Draws the changed records.
        wall_s: Seconds for everything.
    """
    questions = {name for part in {lesson.part for lesson in lessons} for name in computed(part)} & wanted
    if not abilities().apart:
        why = "this grader could not keep it apart from other files, so it was not run"
        return {name: Rerun(fault=why) for name in questions}
    parts = _parts(intake, lessons, questions)
    reruns = run_on(_changed(entries, seed, questions), drawn(questions, seed), parts, wall_s=wall_s)
    for name in questions - set(reruns):
        cell = any(name in part.cells for part in parts)
        reruns[name] = Rerun(
            fault="there was no time left for it" if cell else "its cell was not found in the notebook"
        )
    return {name: reruns[name] for name in questions}


def drawn(questions: Iterable[str], seed: str) -> dict[str, Round]:
    """Return the secret cases of those questions that ask for a function."""
    asked = {name: all_checkpoints()[name].asks for name in questions}
    functions = {name: (one, variant.generator(seed, name)) for name, one in asked.items() if one.kind == "function"}
    return {name: one.drawn(random).shuffled(random) for name, (one, random) in functions.items()}


def _changed(entries: list[dict], seed: str, questions: set[str]) -> list[dict]:
    """Return changed records on which as few of the answers that were handed in are right as can be had by drawing.

    A number that was typed must not be right by chance, because it happens to be the same on the changed records.
    """
    newest = {entry["question"]: entry for entry in entries if entry.get("type") == "answer"}
    plain = [name for name in sorted(questions) if all_checkpoints()[name].kind != "function"]
    given = [newest[name] for name in plain if name in newest]
    best, least = [], len(given) + 1
    for number in range(_DRAWS):
        records = variant.changed(entries, f"{seed} {number}")
        right = sum(all_checkpoints()[one["question"]].verdict([*records, one]).ok for one in given)
        if right < least:
            best, least = records, right
        if not right:
            break
    return best


def run_on(
    records: list[dict],
    rounds: Mapping[str, Round],
    parts: Sequence[Part],
    *,
    wall_s: float,
) -> dict[str, Rerun]:
    """Return what each answer cell of some lessons did on these records.

    Args:
        records: What the cells find in the ledger.
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
            reruns |= _run(waiting, records, rounds, min(left_s, wall_s / 2))
    return reruns


def _parts(intake: Intake, lessons: Sequence[Lesson], questions: set[str]) -> list[Part]:
    """Return the lessons' answer cells where one of them is asked for; the others may set names that it needs."""
    found = []
    for lesson in lessons:
        taken = intake.files.get(lesson.notebook.name)
        if taken is None:
            continue
        order = lesson.questions()
        cells = answer_cells(taken.path, {name for name in order if _computes(name)})
        if set(cells) & questions:
            found.append(Part(lesson.name, {name: cells[name] for name in order if name in cells}))
    return found


def _computes(name: str) -> bool:
    """Return whether a cell may be needed to compute an answer; a prediction, or a file that is made, is not."""
    return name in all_checkpoints() and all_checkpoints()[name].kind in ("answer", "function")


def _run(parts: Sequence[Part], records: list[dict], rounds: Mapping[str, Round], wall_s: float) -> dict[str, Rerun]:
    """Run some lessons in one kernel; return the cells of those that came to their end, or all when one ran alone."""
    with Sandbox() as sandbox:
        text, order = skeleton(parts, {name: one.question.name for name, one in rounds.items()})
        (sandbox.folder / "ledger.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        (sandbox.folder / CASES).write_text(json.dumps({name: one.cases for name, one in rounds.items()}))
        (sandbox.folder / NOTEBOOK).write_text(text, encoding="utf-8")
        kernel = sandbox.folder / "jupyter" / "kernels" / "python3"
        kernel.mkdir(parents=True)
        (kernel / "kernel.json").write_text(json.dumps(_KERNEL))
        sandbox.run(
            _command(sandbox.folder),
            limits=Limits(wall_s=wall_s, cpu_s=int(wall_s) + 1, memory_bytes=_MEMORY_BYTES, file_bytes=64 << 20),
            variables={
                "SERVING_LABS_WORKSPACE": ".",
                "JUPYTER_PATH": str(sandbox.folder / "jupyter"),
                "JUPYTER_RUNTIME_DIR": "run",
                "IPYTHONDIR": "ipython",
            },
        )
        answers = answers_back(sandbox.folder, sandbox.folder.parent)
        told = told_back(sandbox.folder, sandbox.folder.parent)
    found = {}
    whole = len(parts) == 1 or _undisturbed(told, order)
    for part in parts:
        places = [order.index(name) for name in part.cells]
        if whole is not True and max(places) >= whole:
            continue
        for name, place in zip(part.cells, places, strict=True):
            ok, said = told.get(place, (False, DISTURBED))
            if not ok or name not in answers:
                found[name] = Rerun(fault="it wrote no answer down" if ok else said)
            else:
                found[name] = Rerun(_judged(name, records, rounds, answers[name]))
    return found


def _judged(name: str, records: list[dict], rounds: Mapping[str, Round], answer: dict) -> Verdict:
    """Judge what a cell wrote down: a function by what it did on its cases, an answer on the changed records."""
    if name not in rounds:
        return all_checkpoints()[name].verdict([*records, answer])
    outputs = answer["value"].get("outputs") if isinstance(answer["value"], dict) else None
    # What came out of the sandbox may be anything.
    sound = isinstance(outputs, list) and all(isinstance(one, dict) for one in outputs)
    try:
        return rounds[name].verdict(outputs if sound else [])
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
