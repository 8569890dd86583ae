"""Honest work in the course as it is: solutions on cases that nobody saw, and recorded ledgers of each part."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grading.__main__ import app
from grading.grade.contradictions import examine
from grading.grade.result import Result, Row
from labs.course.assignment import assignment
from labs.course.lessons import lessons
from labs.course.points import TAKING_PART
from labs.course.question import all_questions, of_lesson
from tests.grading.recorded import RECORDED, recorded
from tests.honest import earned, honest

#: Parts that are handed in.
PARTS = list(assignment().parts)


@pytest.mark.parametrize("part", PARTS)
def test_honest_work_is_earned_and_its_absence_is_noticed(part: int):
    """Functions and files, question by question."""
    entries = honest(part)
    asked = [one for lesson in assignment().lessons(part) for one in of_lesson(lesson.id)]
    right = earned(entries)
    assert {one.id for one in asked if one.kind in ("function", "file")} <= right
    for one in (one for one in asked if one.id in right):
        kept = [entry for entry in entries if one.id not in (entry.get("question"), str(entry.get("subject"))[5:])]
        assert not one.verdict(kept).ok, one.id


@pytest.mark.parametrize("part", RECORDED)
def test_nothing_in_an_honest_recording_is_set_aside(part: int):
    """Rehearsals beside other work, cold starts and overload included: noise is no cheating, in any part."""
    assert [str(one) for one in examine(recorded(part)).findings] == []


def test_taking_part_is_a_fifth_at_most_whatever_lessons_are_asked():
    """A hundred choices of lessons: with all records, answers and predictions, and without any work that is opened."""
    dice = random.Random(1)
    for _ in range(100):
        ids = {one.id for one in dice.sample(lessons(), dice.randrange(1, 12))}
        asked = [
            Row("", "", one.lesson_id, one.points, one.points, "", opened=one.opened)
            for one in all_questions().values()
        ]
        rows = tuple(row for row in asked if row.lesson in ids)
        every = Result("x", 1, "", rows, worth=40.0)
        none = replace(every, rows=tuple(replace(row, points=0) if row.opened else row for row in rows))
        assert none.grade <= TAKING_PART * 40 + 1e-9
        assert every.grade == pytest.approx(40 if any(row.opened for row in rows) else 0)


def test_a_part_of_which_nothing_can_be_opened_is_said_beforehand(tmp_path: Path):
    """Nobody could earn anything in it, and nobody would know why."""
    asked = {1: '"start", "reserve"', 2: '"device"'}
    parts = [f"[[part]]\nnumber = {part}\nlessons = [{ids}]\npoints = 10\n" for part, ids in asked.items()]
    (tmp_path / "a.toml").write_text("\n".join(['[course]\ntitle = "x"\ntime_zone = "UTC"', *parts]))
    done = CliRunner().invoke(app, ["assignment", "check", str(tmp_path / "a.toml")])
    assert done.exit_code == 0, done.output
    assert "part 2 asks for nothing that the grader can open" in done.output
    assert "part 1 asks" not in done.output
