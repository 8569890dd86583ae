"""The course's order, its map and its page of questions are derived, from front matter and
questions.
"""

import ast
import re
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grading.__main__ import app
from grading.builder.cli import refresh_notebooks
from grading.builder.notebook import BEGIN, build
from grading.builder.pages import questions_page
from grading.builder.sources import sources
from labs.checkpoints import begin as first_cell
from labs.course.assignment import PATH, SHIPPED, assignment
from labs.course.lessons import MINUTES_NOTE, Lesson, LessonError, lessons
from labs.course.points import promised_rows, sums
from labs.course.question import all_questions, of_lesson, public_rows, question
from labs.records import Records
from tests.course import SOURCE


def test_lessons_are_in_the_order_of_their_places(write_lesson, course):
    """Part by part, the core path before the deep dives; folders of other names are no lessons."""
    write_lesson("b", name="11_b", folder="1_model")
    write_lesson("a", name="10_a", folder="1_model")
    write_lesson("dive", name="01_d", folder="0_start/deeper")
    write_lesson("c", name="02_c")
    (course / "source" / "1_model" / "notes").mkdir()
    (course / "source" / "1_model" / "notes" / "lesson.py").touch()
    refresh_notebooks(course, check=False)
    course_lessons = lessons(root=course)
    assert [(lesson.id, lesson.part, lesson.name) for lesson in course_lessons] == [
        ("c", 0, "02_c"),
        ("dive", 0, "01_d"),
        ("a", 1, "10_a"),
        ("b", 1, "11_b"),
    ]
    assert [lesson.id for lesson in lessons(part=1, root=course)] == ["a", "b"]
    assert course_lessons == sources(course)
    assert [lesson.notebook for lesson in course_lessons[:2]] == [
        course / "0_start/02_c.ipynb",
        course / "0_start/deeper/01_d.ipynb",
    ]
    links = [lesson.link for lesson in course_lessons[1:3]]
    assert links == ["0_start/deeper/01_d.ipynb", "1_model/10_a.ipynb"]
    assert all((lesson.folder / "lesson.py").is_file() for lesson in course_lessons)


def test_a_notebook_without_its_facts_is_not_passed_over(tmp_path: Path):
    """An older one in the folder would be missing from the course in silence."""
    (tmp_path / "1_model").mkdir()
    (tmp_path / "1_model" / "10_a.ipynb").write_text('{"cells": [], "metadata": {}}')
    with pytest.raises(LessonError, match="holds no front matter"):
        lessons(root=tmp_path)


def test_checking_changes_nothing_and_building_makes_fresh(write_lesson, course):
    """What `make check` and `make notebooks` run; a notebook whose source is gone goes too."""
    written = write_lesson()
    assert refresh_notebooks(course, check=True) == ["out of date: 00_a_lesson.ipynb"]
    assert not written.notebook.exists()
    assert refresh_notebooks(course, check=False) == ["built: 00_a_lesson.ipynb"]
    assert refresh_notebooks(course, check=True) == []
    write_lesson(source=SOURCE.format(id="toy").replace("A story.", "Another story."))
    assert refresh_notebooks(course, check=False) == ["built: 00_a_lesson.ipynb"]
    (written.folder / "lesson.py").unlink()
    assert refresh_notebooks(course, check=True) == ["has no source: 00_a_lesson.ipynb"]
    refresh_notebooks(course, check=False)
    assert not written.notebook.exists()


def test_ids_are_each_lessons_own_and_lessons_build_on_earlier_ones_only():
    """Whoever takes the core path in order has what each lesson of it needs and takes.

    Files' names are each lesson's own too: hand-ins and graders know notebooks by them.
    """
    course = lessons()
    ids = [lesson.id for lesson in course]
    assert len(set(ids)) == len({lesson.notebook.name for lesson in course}) == len(ids)
    core = [lesson.id for lesson in course if lesson.kind == "core"]
    for lesson in course:
        earlier = core[: core.index(lesson.id)] if lesson.kind == "core" else set(ids) - {lesson.id}
        assert {*lesson.needs, *lesson.takes} <= set(earlier), lesson.name


def test_every_lesson_begins_alike_and_links_to_what_it_takes():
    """The first code of a lesson is the guard; each thing that it takes has a sentence with a link
    to a lesson.
    """
    for this in lessons():
        code = next(cell for cell in build(this).cells if cell.cell_type == "code")
        assert code.source == BEGIN.format(id=this.id)
        absent = first_cell.absences(this, Records())
        assert len(absent) == sum(map(len, this.takes.values())), this.name
        for sentence in absent.values():
            (link,) = re.findall(r"\]\((\S+\.ipynb)\)", sentence)
            assert (this.notebook.parent / link).is_file()


def test_the_page_of_questions_names_every_question_with_its_points():
    """Students plan by it; in the order of the lessons, and of each lesson's own questions; in the
    gradebook's.
    """
    page = questions_page()
    asked = assignment().lessons()
    public = promised_rows(public_rows(Records(()), lessons()), assignment())
    in_order = [row for row in public if row.possible] + [row for row in public if not row.possible]
    count = sum(len(of_lesson(lesson.id)) for lesson in asked)
    assert f"{count} questions are asked" in page
    assert MINUTES_NOTE in page
    rows = re.findall(r"^\| (?!question)(.+?) \| [\w, ]+ \|(?: ([\d.]+) \|)?$", page, re.MULTILINE)
    assert rows == [
        (row.title, f"{round(row.possible, 1):g}" * bool(row.possible)) for row in in_order
    ]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ('void = "credit"', "Everybody has these points: its case is wrong"),
        ("void = true", "Taken out for the whole class: its case is wrong"),
        ("points = 9", "Its points were changed: its case is wrong"),
    ],
)
def test_the_page_of_questions_keeps_a_changed_question_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, shown: str
):
    """A student who solved it has to find it there, and why it does not count."""
    adjust = f'[[adjust]]\nquestion = "quantize.affine"\nreason = "its case is wrong"\n{change}\n'
    path = tmp_path / "assignment.toml"
    path.write_text(f"{PATH.read_text()}\n{adjust}")
    monkeypatch.setattr("labs.course.assignment.PATH", path)
    (row,) = [line for line in questions_page().splitlines() if "its case is wrong" in line]
    title = question("quantize.affine").title
    assert row.startswith(f"| {title}. *{shown}* |")
    assert row.endswith("| 0 |") == (change == "void = true")


#: A solution of at most this number of lines shows only that a formula was understood.
SHORT = 5


def lines_of_solution(lesson: Lesson, id: str) -> int:
    """Return how many lines the statements of a question's solution have."""
    text = (lesson.folder / "lesson.py").read_text(encoding="utf-8")
    cell = text.partition(f'question="{id}"')[2].partition("\n# %%")[0]
    solutions = re.findall(r"### BEGIN SOLUTION\n(.*?)### (?:STUB|END)", cell, re.DOTALL)
    trees = [ast.parse(textwrap.dedent(solution)) for solution in solutions]
    return sum(len(ast.unparse(tree).splitlines()) for tree in trees)


def test_points_follow_the_skill():
    """A short function is worth at most half of a file or a program; the first lesson's formulas
    are worth no more than the export and its questions.
    """
    asked = all_questions().values()
    least = min(each.total for each in asked if each.kind == "file" and each.opened)
    by_id = {source.id: source for source in sources()}
    functions = [each for each in asked if each.kind == "function"]
    short = {}
    for function in functions:
        if lines_of_solution(by_id[function.lesson_id], function.id) <= SHORT:
            short[function.id] = function.total
    assert len(short) > len(functions) / 2
    assert {id: points for id, points in short.items() if 2 * points > least} == {}
    for path in SHIPPED:
        promised = promised_rows(public_rows(Records(()), lessons()), assignment(path))
        worths = {id: sums(row for row in promised if row.lesson == id) for id in by_id}
        assert worths["start"]["possible"] <= worths["compile"]["possible"], path.name


@pytest.mark.parametrize(
    ("wrong", "way_out"),
    [
        (["--lesson", "nowhere"], f"There are {lessons()[0].id}, "),
        (["--lesson", "quantise"], "Did you mean quantize ("),
        (["--part", "7"], "It may be 0, 1, 2 or 3."),
    ],
)
def test_an_unknown_lesson_or_part_is_answered_with_the_known_ones(wrong: list[str], way_out: str):
    """A misspelt id must not look like a rehearsal without faults, even beside a right id."""
    result = CliRunner().invoke(app, ["rehearse", *wrong, "--lesson", "pi"])
    assert result.exit_code == 2
    assert way_out in " ".join(re.sub("[│╭╰─]", " ", result.output).split())
