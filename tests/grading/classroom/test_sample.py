"""The published sample of a graded class follows today's rules, is complete and anonymous, and is
not for students.
"""

import csv
import re
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from grading.classroom.handed_in import Handed
from grading.classroom.likeness import alike
from grading.classroom.report import write_report
from grading.grade.grader import grade
from grading.grade.hidden import all_hidden
from grading.grade.result import Result
from labs.course.assignment import assignment
from labs.course.question import ResultRow, of_lesson
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
    result = Result("a", 1, "d", rows=(ResultRow("q", "Q", "", 1, 1, ""),))
    write_report([Handed("a", tmp_path)], [result], [], [], tmp_path)
    for name in ("class.csv", "questions.csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            assert list(table(name)[0]) == next(csv.reader(file)), AGAIN
    ids = [lesson.id for lesson in assignment().lessons(1)]
    questions = [question for id in ids for question in of_lesson(id)]
    points = {question.id: question.points for question in questions}
    points |= {hidden.id: hidden.points for hidden in all_hidden() if hidden.lesson in ids}
    assert {row["question"] for row in table("questions.csv")} == set(points), AGAIN
    possible = {int(row["possible"]) for row in table("class.csv")}
    assert possible - {0} == {sum(points.values())}, AGAIN


def test_the_sample_agrees_with_itself():
    """Rows add up, both tables have the same grades, and the report counts the class that is in
    them.
    """
    rows = table("class.csv")
    grades = table("grades.csv")
    for row in rows:
        assert int(row["points"]) == int(row["public"]) + int(row["hidden"]), AGAIN
    points = [float(grade["points"]) for grade in grades]
    assert [float(row["grade"]) for row in rows] == pytest.approx(points, abs=0.06), AGAIN
    report = (SAMPLE / "report.html").read_text(encoding="utf-8")
    assert f"Part 1: {len(rows)} submissions" in report, AGAIN
    (shown,) = (path for path in FILES if path.parent.name == "pages")
    (grade,) = (grade for grade in grades if shown.name == grade["page"])
    earned, possible = float(grade["points"]), float(grade["possible"])
    text = shown.read_text(encoding="utf-8")
    assert f"Part 1: {earned:g} of {possible:g} points" in text, AGAIN


@sandboxed
def test_the_sample_says_what_the_grader_says_today(tmp_path: Path):
    """Points of three kinds of members; and alike are only who copied and who was copied from."""
    members = make_class(tmp_path, 10)
    graded = [members[place] for place in (0, 7, 9)]
    results = [grade(member, part=1, student=member.name) for member in graded]
    points = {row["student"]: row["points"] for row in table("class.csv")}
    for result in results:
        earned = sum(row.points for row in result.rows)
        assert str(earned) == points[result.student], AGAIN
    copied = [name for name in points if name.endswith("-copied")]
    first = members[0].name
    (group,) = alike(results)
    assert group.students == (first, copied[0]), AGAIN
    page = (SAMPLE / "report.html").read_text(encoding="utf-8")
    report = re.sub("<[^>]*>", " ", page)
    assert "Groups that hold the same (1)" in report
    names = ", ".join([first, *copied])
    line = rf"{len(copied) + 1}\s+{names}\s+{group.in_words}"
    assert re.search(line, report), AGAIN


def test_the_sample_is_nobodys_small_and_for_staff_alone():
    """It has made-up names in place of people and no path of its computer, and the students'
    archive leaves it out.
    """
    rows = table("class.csv")
    kinds = Counter(row["student"].partition("-")[2] for row in rows)
    assert kinds == MIXTURE
    assert not any(row["email"] for row in [*rows, *table("grades.csv")])
    of_somebody = re.compile(r"/(?:home|root|tmp|Users|work|var)/|\w@\w")
    for path in FILES:
        assert not of_somebody.search(path.read_text(encoding="utf-8")), path.name
        assert not allowed(PurePosixPath(path.relative_to(PROJECT_DIR).as_posix()))
    sizes_bytes = [path.stat().st_size for path in FILES]
    assert sum(sizes_bytes) < 1 << 20
