"""nbval in the sandbox: a notebook a lesson, all in one run; after a run that was cut short, each lesson by itself."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from grading.checkpoints import all_checkpoints
from grading.course import Lesson
from grading.hidden.evidence import Rerun
from grading.hidden.reruns import COMPUTED
from grading.intake import Intake
from grading.rebuild import variant
from grading.rebuild.back import answers_back, told_back
from grading.rebuild.cells import answer_cells
from grading.rebuild.notebook import Part, skeleton
from grading.rebuild.plugin_name import PLUGIN
from grading.sandbox import Limits, Sandbox, abilities

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

#: How nbval speaks of a kernel that hangs or is gone.
_DISTURBANCE = re.compile(r"time.?out|[Kk]ernel|plugin exception", re.IGNORECASE)

#: Counts that answers carry because no record holds them.
_CARRIED = {"m.graph.fewer": "nodes", "m.quantize.searches": "op_counts"}


def run_again(
    intake: Intake,
    entries: list[dict],
    lessons: Sequence[Lesson],
    *,
    wanted: set[str],
    seed: str,
    wall_s: float,
    hide: Sequence[Path] = (),
) -> dict[str, Rerun]:
    """Return what answer cells did on changed records, by checkpoint id.

    Args:
        intake: The submission's files.
        entries: Entries that contradict nothing.
        lessons: Lessons of the part.
        wanted: Public checkpoints that were passed; others are not run for.
        seed: Draws the changed records.
        wall_s: Seconds for everything.
        hide: Folders that must not be seen.
    """
    questions = {name for names in COMPUTED.values() for name in names} & wanted
    if not abilities().apart:
        return {
            name: Rerun([], "this grader could not keep it apart from other files, so it was not run")
            for name in questions
        }
    parts = _parts(intake, lessons, questions)
    records, carried = _changed(entries, seed, questions), _carried(entries, seed)
    reruns = run_on(records, carried, parts, wall_s=wall_s, hide=hide)
    for name in questions - set(reruns):
        cell = any(name in part.cells for part in parts)
        why = "there was no time left for it" if cell else "its cell was not found in the notebook"
        reruns[name] = Rerun([], why)
    return {name: reruns[name] for name in questions}


def _changed(entries: list[dict], seed: str, questions: set[str]) -> list[dict]:
    """Return changed records on which as few of the answers that were handed in are right as can be had by drawing.

    A number that was typed must not be right by chance, because it happens to be the same on the changed records.
    """
    newest = {entry["question"]: entry for entry in entries if entry.get("type") == "answer"}
    given = [newest[name] for name in sorted(questions - set(_CARRIED)) if name in newest]
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
    carried: dict[str, dict],
    parts: Sequence[Part],
    *,
    wall_s: float,
    hide: Sequence[Path] = (),
) -> dict[str, Rerun]:
    """Return what each answer cell of some lessons did on these records.

    Args:
        records: What the cells find in the ledger.
        carried: Counts that answers carry because no record holds them, by question.
        parts: The lessons' cells.
        wall_s: Seconds for everything.
        hide: Folders that must not be seen.
    """
    until_s = time.monotonic() + wall_s
    reruns: dict[str, Rerun] = {}
    # Together first: a kernel costs more than all cells. A lesson that was taken along by another gets its own kernel.
    for group in (parts, *([part] for part in parts)):
        waiting = [part for part in group if not set(part.cells) & set(reruns)]
        left_s = until_s - time.monotonic()
        if waiting and left_s > 5:
            reruns |= _run(waiting, records, carried, min(left_s, wall_s / 2), hide)
    return reruns


def _parts(intake: Intake, lessons: Sequence[Lesson], questions: set[str]) -> list[Part]:
    """Return the lessons' answer cells where one of them is asked for; the others may set names that it needs."""
    found = []
    for lesson in lessons:
        taken = intake.files.get(lesson.notebook.name)
        if taken is None:
            continue
        asked = re.findall(r'checkpoint="([a-z0-9_.]+)"', lesson.source.read_text(encoding="utf-8"))
        cells = answer_cells(taken.path, set(asked))
        if set(cells) & questions:
            found.append(Part(lesson.name, {name: cells[name] for name in asked if name in cells}))
    return found


def _run(
    parts: Sequence[Part], records: list[dict], carried: dict[str, dict], wall_s: float, hide: Sequence[Path]
) -> dict[str, Rerun]:
    """Run some lessons in one kernel; return the cells of those that came to their end, or all when one ran alone."""
    with Sandbox(hide=hide) as sandbox:
        text, order = skeleton(parts)
        (sandbox.folder / "ledger.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        (sandbox.folder / "carried.json").write_text(json.dumps(carried))
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
            ok, said = told.get(place, (False, "it did not come to its end"))
            found[name] = _rerun(name, records, carried, answers, "" if ok else said or "it stopped")
    return found


def _undisturbed(told: dict[int, tuple[bool, str]], order: Sequence[str]) -> bool | int:
    """Return True when a run went through, or the first place at which a cell disturbed what comes after it.

    A cell that raises disturbs nobody. One that hangs, or that ends the kernel or pytest, takes the names that other
    lessons have ready.
    """
    for place, name in enumerate(order):
        ok, said = told.get(place, (False, "missing"))
        if not ok and (not name or place not in told or _DISTURBANCE.search(said)):
            return place
    return True


def _rerun(name: str, records: list[dict], carried: dict, answers: dict[str, dict], fault: str) -> Rerun:
    answer = answers.get(name)
    if fault or answer is None:
        return Rerun([], fault or "it wrote no answer down")
    value = answer["value"]
    part = _CARRIED.get(name)
    if part and not (isinstance(value, dict) and value.get(part) == carried.get(name, {}).get(part)):
        return Rerun([], f"its {part} are not those that the lesson has ready")
    return Rerun([*records, answer])


def _command(folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout", str(CELL_S)),
        *("--noconftest", "-c", "/dev/null", "--rootdir", str(folder), "-p", "no:cacheprovider", "-p", PLUGIN, "-q"),
        NOTEBOOK,
    ]


def _carried(entries: list[dict], seed: str) -> dict[str, dict]:
    """Return the counts that answers carry, changed."""
    found: dict[str, dict] = {}
    for entry in entries:
        part = _CARRIED.get(entry.get("question", "")) if entry.get("type") == "answer" else None
        value = entry["value"].get(part) if part and isinstance(entry["value"], dict) else None
        if isinstance(value, dict) and all(type(count) is int for count in value.values()):
            found[entry["question"]] = {part: variant.counts(value, seed, entry["question"])}
    return found
