"""The published sample of a graded class: of today's rules, whole, nobody's, and not for students."""

import csv
import re
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from grading.classroom.likeness import alike
from grading.classroom.report import write_report
from grading.classroom.roster import Handed
from grading.grade.grader import grade
from grading.grade.hidden import all_hidden
from grading.grade.result import Result
from labs.course.assignment import assignment
from labs.course.question import Row, of_lesson
from labs.workspace import PROJECT_DIR
from provisioning.node.archive import allowed
from tests.grading.classroom.members import MIXTURE, make_class
from tests.tools import sandboxed

SAMPLE = PROJECT_DIR / "notebooks" / "instructor" / "sample"
FILES = sorted(path for path in SAMPLE.rglob("*") if path.is_file())
AGAIN = 'make grade-demo ARGS="--sample notebooks/instructor/sample"'


def table(name: str) -> list[dict[str, str]]:
    with (SAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_sample_has_todays_columns_questions_and_points(tmp_path: Path):
    """An instructor plans by it: a question or a point that is not there any more would mislead."""
    result = Result("a", 1, "d", rows=(Row("q", "Q", "", 1, 1, ""),))
    write_report([Handed("a", tmp_path)], [result], [], [], tmp_path)
    for name in ("class.csv", "questions.csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            assert list(table(name)[0]) == next(csv.reader(file)), AGAIN
    ids = [one.id for one in assignment().lessons(1)]
    points = {one.id: one.points for id in ids for one in of_lesson(id)}
    points |= {one.id: one.points for one in all_hidden() if one.lesson in ids}
    assert {one["question"] for one in table("questions.csv")} == set(points), AGAIN
    assert {int(one["possible"]) for one in table("class.csv") if one["possible"] != "0"} == {
        sum(points.values())
    }, AGAIN


def test_the_sample_agrees_with_itself():
    """Rows add up, both tables have the same grades, and the report counts the class that is in them."""
    rows, grades = table("class.csv"), table("grades.csv")
    assert all(int(one["points"]) == int(one["public"]) + int(one["hidden"]) for one in rows)
    assert [float(one["grade"]) for one in rows] == pytest.approx(
        [float(one["points"]) for one in grades], abs=0.06
    )
    report = (SAMPLE / "report.html").read_text(encoding="utf-8")
    assert f"Part 1: {len(rows)} submissions" in report
    (shown,) = (path for path in FILES if path.parent.name == "pages")
    (row,) = (one for one in grades if shown.name == one["page"])
    assert (
        f"Part 1: {float(row['points']):g} of {float(row['possible']):g} points"
        in shown.read_text(encoding="utf-8")
    )


@sandboxed
def test_the_sample_says_what_the_grader_says_today(tmp_path: Path):
    """Points of three kinds of members; and alike are only who copied and who was copied from."""
    made = make_class(tmp_path, 10)
    results = [grade(made[place], part=1, student=made[place].name) for place in (0, 7, 9)]
    rows = {row["student"]: row["points"] for row in table("class.csv")}
    for one in results:
        assert str(sum(row.points for row in one.rows)) == rows[one.student], AGAIN
    copied = [name for name in rows if name.endswith("-copied")]
    (group,) = alike(results)
    assert group.students == (made[0].name, copied[0])
    report = re.sub("<[^>]*>", " ", (SAMPLE / "report.html").read_text(encoding="utf-8"))
    assert "Groups that hold the same (1)" in report
    assert re.search(
        rf"{len(copied) + 1}\s+{', '.join((made[0].name, *copied))}\s+{group.said}", report
    ), AGAIN


def test_the_sample_is_nobodys_small_and_for_staff_alone():
    """Made-up names in place of people, no path of the computer that made it, and none of it in what students get."""
    kinds = Counter(one["student"].partition("-")[2] for one in table("class.csv"))
    assert kinds == MIXTURE
    assert not any(one["email"] for one in [*table("class.csv"), *table("grades.csv")])
    for path in FILES:
        assert not re.search(
            r"/(?:home|root|tmp|Users|work|var)/|\w@\w", path.read_text(encoding="utf-8")
        ), path.name
        assert not allowed(PurePosixPath(path.relative_to(PROJECT_DIR).as_posix()))
    assert sum(path.stat().st_size for path in FILES) < 1 << 20
