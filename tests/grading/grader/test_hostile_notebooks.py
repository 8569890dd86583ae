"""Hostile and broken notebooks, whole: each spoils one lesson of a submission, and the whole grader runs over it.

A lesson whose file is no notebook loses the points that its cells would earn when they are run again, and no other
lesson does. Whatever is done to the cells around an answer changes nothing, since only the answer is taken.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.grade import Setup, grade
from grading.hidden.reruns import computed
from grading.result import Result
from grading.sandbox import abilities
from labs.course import lessons

pytestmark = [
    pytest.mark.skipif(not abilities().apart, reason="no sandbox here"),
    pytest.mark.timeout(600),
]

Edit = Callable[[dict], object]


def a_cell(source: str, **fields: object) -> dict:
    """Return a code cell."""
    return {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source, **fields}


def bogus_kernel(notebook: dict) -> None:
    """Name a kernel that nobody has."""
    notebook["metadata"]["kernelspec"] = {"name": "no-such-kernel", "language": "cobol", "display_name": "?"}


def cleared_counts(notebook: dict) -> None:
    """Clear every execution count: nbval would compare nothing."""
    for cell in notebook["cells"]:
        cell.pop("outputs", None)
        cell["execution_count"] = None


def no_checks(notebook: dict) -> None:
    """Delete every cell that checks, and let the others pass."""
    notebook["cells"] = [cell for cell in notebook["cells"] if "check(" not in str(cell["source"])]
    notebook["cells"].insert(0, a_cell("check = lambda *_: 'PASS'", id="edited"))


def doubled_checks(notebook: dict) -> None:
    """Say everything twice, the second time with a wrong answer: the first one counts."""
    twice = copy.deepcopy([cell for cell in notebook["cells"] if "checkpoint" in cell["metadata"]])
    for cell in twice:
        cell["source"] = "raise SystemExit('the second one')"
    notebook["cells"] += twice


def a_flood_of_displays(notebook: dict) -> None:
    """Keep 20,000 displays among the outputs."""
    shown = {"output_type": "display_data", "data": {"text/plain": "1"}, "metadata": {}}
    notebook["cells"].insert(0, a_cell("1", id="flood", outputs=[shown] * 20_000))


#: What may be done to the cells around an answer, one for each lesson with cells that are run again.
AROUND: dict[str, Edit] = {
    "11": bogus_kernel,
    "12": cleared_counts,
    "13": no_checks,
    "14": doubled_checks,
    "16": a_flood_of_displays,
}

#: What is no notebook, for all lessons but the last.
BROKEN: dict[str, bytes] = {
    "11": b'{"cells": [{"cell_type": "code", "sou',
    "12": b"<!doctype html><html><form>Log in</form></html>",
    "13": b'{"nbformat": 3, "worksheets": [{"cells": []}]}',
    "14": b'{"cells": ' + b"[" * 100_000,
}


def path_of(submission: Path, label: str) -> Path:
    """Return a lesson's notebook in a submission."""
    (lesson,) = [one for one in lessons(part=1) if one.number == label]
    return submission / lesson.notebook.name


def run_again(submission: Path) -> Result:
    """Grade with the slow step, and without models."""
    return grade(submission, part=1, setup=Setup(measure=False, seed="a test's secret", rerun_s=500))


def lost(result: Result, recorded: set[str]) -> dict[str, str]:
    """Return the questions that were run again for nothing, with the reason."""
    return {
        row.id.removesuffix(".computed"): row.message
        for row in result.rows
        if row.hidden and not row.points and row.id.removesuffix(".computed") in recorded
    }


def test_what_surrounds_an_answer_changes_nothing(submission: Path, recorded: set[str]):
    """A bogus kernel, cleared counts, deleted, edited and doubled checks, 20,000 displays: every point is earned."""
    for label, edit in AROUND.items():
        path = path_of(submission, label)
        notebook = json.loads(path.read_text())
        edit(notebook)
        path.write_text(json.dumps(notebook))
    result = run_again(submission)
    assert result.fault == ""
    assert lost(result, recorded) == {}


def test_a_broken_notebook_loses_its_own_lessons_cells_only(submission: Path, recorded: set[str]):
    """Truncated, a page of HTML, an old format, very deep; and one whose outputs hold 200 MB is not even copied."""
    for label, content in BROKEN.items():
        path_of(submission, label).write_bytes(content)
    with path_of(submission, "15").open("r+b") as file:
        file.truncate(200 << 20)
    result = run_again(submission)
    assert result.fault == ""
    asked = {name for one in lessons(part=1) if one.number in {*BROKEN, "15"} for name in one.questions()}
    told = lost(result, recorded)
    assert set(told) == {name for name in computed(1) if name in recorded and name in asked}
    assert set(told.values()) == {"Run again, the cell comes to nothing: its cell was not found in the notebook."}
    assert any("Larger than" in note.message for note in result.notes)
    # The ledger is evidence of its own: public points stand, but for functions that were not handed in (F12).
    gone = {row.id for row in result.rows if not row.hidden and not row.points and row.id in recorded}
    assert gone == asked & set(computed(1)) & recorded
