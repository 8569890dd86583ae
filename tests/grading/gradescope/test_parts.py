"""``run_autograder`` of every other part: honest work, in its own package, without torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.builder.solve import write_solved
from grading.grade.hidden import all_hidden
from grading.grade.sandbox import abilities
from labs.checkpoints.question import all_questions
from labs.course import lessons
from tests.grading.gradescope.tree import by_id
from tests.honest import honest

pytestmark = [
    pytest.mark.xdist_group("gradescope"),
    pytest.mark.timeout(400),
    pytest.mark.skipif(not abilities().apart, reason="no sandbox here"),
]


@pytest.mark.parametrize("part", sorted({one.part for one in lessons()} - {0, 1}))
def test_honest_work_earns_its_points(part: int, tree_of: Callable, tmp_path: Path):
    """Every function, called again too, and every file; what rests on records is the machines' students' matter."""
    with tree_of(part) as tree:
        for path in write_solved(lessons(part=part), tmp_path / "solved"):
            shutil.copy(path, tree.submission)
        (tree.submission / "ledger.jsonl").write_text(honest(part).text)
        assert tree.run() == "result: whole\n"
        found = tree.results
    assert found["extra_data"]["fault"] == ""
    rows = by_id(found["tests"])
    assert {one.id for one in all_hidden() if one.part == part} <= rows.keys()
    asked = {id for id, one in all_questions().items() if one.lesson.part == part and one.kind == "function"}
    lost = {id: test["output"] for id, test in rows.items() if test["score"] < test["max_score"]}
    assert {id: why for id, why in lost.items() if id.removesuffix(".computed") in asked} == {}
