"""Defence sheets: from a student's own numbers, the same for a seed, with answers for staff
alone.
"""

import random
from pathlib import Path

import numpy as np

from grading.classroom.defence import items, of_lessons, sheet, write_sheets
from grading.classroom.handed_in import Handed
from grading.grade.result import Result

#: A member's measurements.
OPTIONS = ("onnx-all × 1", "openvino × 1")


def member(name: str) -> Result:
    dice = random.Random(name)
    samples: dict[str, list[float]] = {}
    for measured in OPTIONS:
        samples[measured] = [0.002 * dice.lognormvariate(0, 0.05) for _ in range(100)]
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
    first_s, second_s = (np.median(ada.samples[name]) for name in OPTIONS)
    expected = items(ada, "secret")[2].expected
    ratios = (first_s / second_s, second_s / first_s)
    assert any(expected.startswith(f"{ratio:.3g} times") for ratio in ratios)


def test_only_staffs_sheet_holds_the_answers(tmp_path: Path):
    """And a name is text."""
    odd = Handed("<b>ada", tmp_path)
    folder = write_sheets([odd], [member("<b>ada")], "secret", tmp_path)
    handed_out = (folder / f"{odd.slug}.html").read_text()
    staffs = (folder / f"{odd.slug}-answers.html").read_text()
    assert "Expected" not in handed_out
    assert staffs.count("Expected") == 3 + len(of_lessons(1))
    assert "<b>ada" not in staffs
    nothing_measured = Result(student="eve", part=1, digest="")
    assert "No record has enough samples" in sheet(nothing_measured, "x", answers=True)
