"""The grader grades itself, on evidence: the reference earns all, and whatever is missing or made up earns nothing."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

import grading.grade.grader as grader
from grading.builder.notebook import build, text_of
from grading.grade.deadline import TooLongError, deadline
from grading.grade.functions.run import NOTHING, Called
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, gradescope, line, page
from labs.course import question
from labs.course.assignment import TAKING_PART, assignment
from labs.course.question import Question, Row, Verdict, of_lesson
from labs.records import Records
from tests.tools import sandboxed

#: All public points of the part, and one of its functions.
PUBLIC = sum(one.points for lesson in assignment().lessons(1) for one in of_lesson(lesson.id))
FUNCTION = "quantize.affine"


def earned(result: Result) -> dict[str, int]:
    """Return the points by question, those that earned some."""
    return {row.id: row.points for row in result.rows if row.points}


def lost(result: Result) -> dict[str, str]:
    """Return what did not earn its points, with the reason."""
    return {row.id: row.message for row in result.rows if row.points < row.possible}


@sandboxed
def test_the_leaderboards_figures_are_those_of_the_file(submission: Path, pictures: Path, monkeypatch):
    """Where the assignment asks for them, and models are measured again."""
    asked = replace(assignment().part(1), leaderboard=True)
    monkeypatch.setattr(grader, "assignment", lambda: replace(assignment(), parts={1: asked}))
    result = grade(submission, part=1, setup=Setup(pictures=pictures, rerun=False))
    assert result.leaderboard == pytest.approx(
        {"accuracy on unseen views": 0.7, "size in MB": 1.9, "multiplications in millions": 220}, rel=0.3
    )
    assert grade(submission, part=1, setup=Setup(measure=False, rerun=False)).leaderboard == {}


def test_the_stub_the_empty_folder_and_the_empty_ledger_earn_nothing(submission: Path, tmp_path: Path, quick: Setup):
    """Not a point for having pressed a button."""
    stubs, empty = tmp_path / "stubs", tmp_path / "empty"
    for folder in (stubs, empty):
        folder.mkdir()
    for lesson in assignment().lessons(1):
        (stubs / lesson.notebook.name).write_text(text_of(build(lesson)))
    for folder in (stubs, empty, tmp_path / "absent.zip"):
        assert earned(grade(folder, part=1, setup=quick)) == {}
    (stubs / "ledger.jsonl").touch()
    assert earned(grade(stubs, part=1, setup=quick)) == {}


def test_a_result_survives_its_own_form(submission: Path, quick: Setup):
    """What the batch keeps is what it read."""
    result = grade(submission, part=1, student="ada", setup=quick)
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result
    assert line(result)["student"] == "ada"
    form = gradescope(result)
    assert form["score"] == pytest.approx(sum(test["score"] for test in form["tests"]), abs=0.05)
    # Nothing was opened here, and the rest is for taking part.
    assert form["score"] == pytest.approx(TAKING_PART * result.worth)
    assert {test["visibility"] for test in form["tests"]} == {"visible"}, "what was not looked at has no row"
    hidden = Row("a.b.computed", "Run again", "", 1, 1, "Right there too.", hidden=True)
    later = gradescope(replace(result, rows=(*result.rows, hidden)))["tests"][-1]
    assert later["visibility"] == "after_published"
    assert later["score"] == later["max_score"] > 0


def test_how_a_functions_cell_ended_is_for_staff_alone(submission: Path, quick: Setup, monkeypatch):
    """Rows of public checks are seen before the grades are out, and hidden ones by next year's students."""
    ended = Called(fault=NOTHING, is_absent=True, said="it raises ZeroDivisionError")
    monkeypatch.setattr(grader, "run_again", lambda *_, wanted, **__: {FUNCTION: ended})
    result = grade(submission, part=1, setup=replace(quick, rerun=True))
    assert result.reruns == {FUNCTION: "it raises ZeroDivisionError"}
    assert next(row.points for row in result.rows if row.id == FUNCTION) == 0
    form = gradescope(result)
    assert form.pop("extra_data")["reruns"] == result.reruns
    for shown in (json.dumps(form), page(result, hidden=True)):
        assert NOTHING in shown
        assert "ZeroDivisionError" not in shown


def test_cases_that_were_drawn_elsewhere_take_the_place_of_a_seed(submission: Path, quick: Setup, monkeypatch):
    """Where the lessons' sources are not: nothing is drawn, and none of them is asked for."""
    asked = []
    monkeypatch.setattr(grader, "run_again", lambda *_, cases, **__: asked.append(cases) or {})
    monkeypatch.setattr(grader, "_drawn", None)
    grade(submission, part=1, setup=replace(quick, rerun=True, cases={FUNCTION: []}))
    assert asked == [{FUNCTION: []}]


@pytest.mark.parametrize("kind", ["RuntimeError", "TooLongError"])
def test_a_fault_of_the_graders_is_told_and_costs_no_other_point(submission: Path, quick: Setup, monkeypatch, kind):
    """A student does not pay for our mistakes, and a step without end holds up no class."""

    def judge_hidden(work) -> None:
        while kind == "TooLongError":
            pass
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(grader, "STEPS", (*grader.STEPS[:-1], judge_hidden))
    monkeypatch.setattr(grader, "_IN_PROCESS", (judge_hidden,))
    monkeypatch.setattr(grader, "_STEP_S", 6)
    result = grade(submission, part=1, setup=quick)
    assert f"judge_hidden: {kind}" in result.fault
    assert result.points == PUBLIC
    assert "not your work" in gradescope(result)["output"]


def test_a_question_without_end_costs_itself_alone(submission: Path, quick: Setup, monkeypatch):
    """What one record does to one judge is the submission's doing: no fault of the grader's, and no other point."""
    honest = question._JUDGES["function"]

    def judge(one: Question, records: Records) -> Verdict:
        while one.id == FUNCTION:
            pass
        return honest(one, records)

    monkeypatch.setitem(question._JUDGES, "function", judge)
    monkeypatch.setattr(grader, "_CHECKPOINT_S", 4)
    result = grade(submission, part=1, setup=quick)
    assert result.fault == ""
    assert lost(result).keys() == {FUNCTION}
    assert "given up" in lost(result)[FUNCTION]


def endless(seconds: float) -> None:
    """Compute for ever, but for a deadline."""
    with deadline(seconds):
        while True:
            pass


def test_a_deadline_ends_its_block_and_nothing_behind_it():
    """And one inside another gives the outer one its alarm back."""
    with deadline(60):
        with pytest.raises(TooLongError, match=r"0\.05 s"):
            endless(0.05)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 30
    sum(range(100_000))
