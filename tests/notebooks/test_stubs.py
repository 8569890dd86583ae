"""The notebooks as students get them: pressing Shift + Enter alone earns nothing, and says what has to come first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grading.build import build
from grading.execute import LessonFailedError, execute
from grading.rehearse import own_testbed, scores
from labs.course import lessons
from labs.records import Answer, Ledger, Prediction

#: How an untouched notebook may end before its last cell: at the measurement that waits for a prediction, or where it
#: says in a sentence that a file, a lease or an earlier lesson's records are not there yet.
EXPECTED = ("NotPredictedYetError", "FileNotFoundError", "LeaseMissingError", "LookupError", "NotThereYetError")


@pytest.mark.timeout(1800)
def test_untouched_notebooks_stop_with_a_reason_and_score_nothing(
    part: int, tmp_path: Path, workspace: Path, kernels_run
):
    """No crash at a stub before that, and not a point for having pressed Shift + Enter."""
    kernels_run("hasty_startup.py")
    wanted = lessons(part=part)
    ended: dict[str, str] = {}
    with own_testbed(tmp_path / "testbed", wanted):
        for lesson in wanted:
            try:
                execute(build(lesson), folder=lesson.notebook.parent, name=lesson.name)
            except LessonFailedError as error:
                raised = re.search(r"raised (\w+)", str(error))
                ended[lesson.name] = raised[1] if raised else str(error)
    assert {name: how for name, how in ended.items() if how not in EXPECTED} == {}
    assert "NotPredictedYetError" in ended.values(), "no lesson of this part guards its measurement"
    kept = Ledger(workspace / "ledger.jsonl").read()
    assert [one for one in kept if isinstance(one, Answer | Prediction)] == []
    found = scores(workspace, lesson_numbers={lesson.whole_number for lesson in wanted})
    assert {score.checkpoint.id: score.points for score in found if score.points} == {}
