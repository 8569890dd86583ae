"""Defence sheets: from a student's own numbers, the same for a seed, with answers for staff alone."""

import random
from pathlib import Path

import numpy as np

from grading.classroom.defence import items, of_lessons, sheet, write_sheets
from grading.classroom.roster import Handed
from grading.grade.result import Result


def member(name: str) -> Result:
    dice = random.Random(name)
    names = ("onnx-all × 1", "openvino × 1")
    samples = {one: [0.002 * dice.lognormvariate(0, 0.05) for _ in range(100)] for one in names}
    return Result(student=name, part=1, digest=name, samples=samples)


def test_a_sheet_is_drawn_from_the_students_own_records_by_a_seed():
    """Again the same; another for another seed and another student; three things to ask."""
    ada = member("ada")
    assert items(ada, "secret") == items(ada, "secret")
    assert len(items(ada, "secret")) == 3
    assert items(ada, "other") != items(ada, "secret") != items(member("bob"), "secret")
    assert items(Result(student="eve", part=1, digest=""), "secret") == []


def test_the_expected_ratio_is_that_of_the_medians():
    ada = member("ada")
    first, second = (np.median(ada.samples[name]) for name in ("onnx-all × 1", "openvino × 1"))
    expected = items(ada, "secret")[2].expected
    assert any(
        expected.startswith(f"{ratio:.3g} times") for ratio in (first / second, second / first)
    )


def test_only_staffs_sheet_holds_the_answers(tmp_path: Path):
    """And a name is text."""
    odd = Handed("<b>ada", tmp_path)
    folder = write_sheets([odd], [member("<b>ada")], "secret", tmp_path)
    handed_out, staffs = (folder / f"{odd.slug}{ending}.html" for ending in ("", "-answers"))
    assert "Expected" not in handed_out.read_text()
    assert staffs.read_text().count("Expected") == 3 + len(of_lessons(1))
    assert "<b>ada" not in staffs.read_text()
    assert "No record has enough samples" in sheet(
        Result(student="eve", part=1, digest=""), "x", answers=True
    )
