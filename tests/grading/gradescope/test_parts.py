"""``run_autograder`` of parts 2 and 3: the recorded submission of each, in its own package, without torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from grading.checkpoints import all_checkpoints
from tests.grading.test_breaking import checkpoints_of

from grading.builder.solve import write_solved
from grading.grade.hidden import all_hidden
from grading.grade.sandbox import abilities
from labs.course import lessons
from tests.grading.recorded import FIXTURES, recorded

pytestmark = [
    pytest.mark.xdist_group("gradescope"),
    pytest.mark.timeout(400),
    pytest.mark.skipif(not abilities().apart, reason="no sandbox here"),
]


@pytest.mark.parametrize("part", [2, 3])
def test_the_recorded_submission_earns_its_points(part: int, tree_of: Callable, tmp_path: Path):
    """Every check and every cell that is run again, of what this machine could record for it.

    Part 2's recommended file is not at hand here.
    """
    with tree_of(part) as tree:
        for path in write_solved(lessons(part=part), tmp_path / "solved"):
            shutil.copy(path, tree.submission)
        shutil.copy(FIXTURES / "int8-static-qdq.onnx", tree.submission)
        lines = "".join(json.dumps(entry) + "\n" for entry in recorded(part))
        (tree.submission / "ledger.jsonl").write_text(lines)
        assert tree.run() == "result: whole\n"
        found = tree.results
    assert found["extra_data"]["fault"] == ""
    rows = {test["name"].partition(":")[0]: test for test in found["tests"]}
    assert {one.id for one in all_hidden() if one.part == part} <= set(rows)
    lost = {name for name, test in rows.items() if test["score"] < test["max_score"]}
    recorded_here = {one.id for one in checkpoints_of(part)}
    elsewhere = {one.id for one in all_checkpoints() if one.id not in recorded_here}
    assert {name for name in lost if not name.startswith(("e.artefact", *elsewhere))} == set()
