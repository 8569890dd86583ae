"""The grader grades itself, on evidence: the reference earns all, and whatever is missing or made up earns nothing."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

import grading.grade.grader as grader
from grading.builder.notebook import build, text_of
from grading.grade.artefacts.again import Opened
from grading.grade.deadline import TooLongError, deadline
from grading.grade.functions.run import NOTHING, Called
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, gradescope, line, page, spot_checks
from labs.course import question
from labs.course.assignment import assignment
from labs.course.points import TAKING_PART
from labs.course.question import Question, State, Verdict
from labs.records import Records
from tests.tools import sandboxed

#: All public points of the part, and one of its functions.
FUNCTION = "quantize.affine"


def earned(result: Result) -> dict[str, int]:
    """Return the points by question, those that earned some."""
    return {row.id: row.points for row in result.rows if row.points}


def lost(result: Result) -> dict[str, str]:
    """Return what was judged and did not earn its points, with the reason."""
    return {row.id: row.message for row in result.rows if row.points < row.possible and not row.is_pending}


@sandboxed
def test_the_leaderboards_figures_are_those_of_the_file(submission: Path, pictures: Path, monkeypatch):
    """Where the assignment asks for them, and models are measured again."""
    asked = replace(assignment().part(1), leaderboard=True)
    monkeypatch.setattr(grader, "assignment", lambda: replace(assignment(), asked=(asked,)))
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
    # Nothing was opened here, so that all of it is pending; the rest is for taking part, and worth what it always is.
    told = [test for row, test in zip(result.counted, form["tests"], strict=True) if not row.opened]
    assert form["score"] == pytest.approx(sum(test["max_score"] for test in told), abs=0.05)
    assert sum(test["max_score"] for test in form["tests"]) == pytest.approx(result.worth, abs=0.05)
    assert result.grade + result.pending_grade == pytest.approx(result.worth)
    assert {test["visibility"] for test in form["tests"]} == {"visible", "after_published"}


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
    assert lost(result) == {}
    assert {row.id for row in result.rows if row.hidden} <= {row.id for row in result.pending}
    assert result.grade + result.pending_grade == pytest.approx(result.worth)
    assert "not your work" in gradescope(result)["output"]


@pytest.mark.parametrize("step", grader.STEPS[:-1])
def test_whatever_the_grader_stumbles_over_is_pending_and_told(submission: Path, monkeypatch, step):
    """Any exception, in any step: nothing is lost by it, nothing is earned by it, and no other point is worth more."""

    def stumbles(work) -> None:
        raise RecursionError("a bug of ours")

    stumbles.__name__ = step.__name__
    monkeypatch.setattr(grader, "STEPS", tuple(stumbles if one is step else one for one in grader.STEPS))
    for broken in ("run_again", "open_again"):
        monkeypatch.setattr(grader, broken, lambda *_, **__: {})
    result = grade(submission, part=1, setup=Setup(measure=False))
    assert f"{step.__name__}: RecursionError" in result.fault
    assert lost(result) == {}
    assert result.grade <= TAKING_PART * result.worth + 1e-9
    assert result.grade + result.pending_grade == pytest.approx(result.worth)
    assert "not judged yet" in spot_checks([result], seed="x")[0].reasons[1]


def test_one_file_that_the_grader_could_not_open_is_pending_alone(whole, monkeypatch):
    """Its points wait for staff, and every other one is worth what it was."""

    unopened: dict[str, Opened] = {}

    def open_again(questions: list[Question], records: Records) -> dict[str, Opened]:
        return {one.id: Opened(Verdict(State.PASSED, "")) for one in questions} | unopened

    monkeypatch.setattr(grader, "run_again", lambda *_, wanted, **__: {one: Called(is_right=True) for one in wanted})
    monkeypatch.setattr(grader, "open_again", open_again)
    folder, setup = whole(3), Setup(measure=False, cases={})
    honest = grade(folder, part=3, setup=setup)
    unopened["http.app"] = Opened(None, "http.app could not be opened")
    result = grade(folder, part=3, setup=setup)
    assert earned(honest).keys() - earned(result).keys() == {"http.app"}
    assert "http.app could not be opened" in result.fault
    assert [honest.point_worth(row) for row in honest.rows] == [result.point_worth(row) for row in result.rows]


def test_a_question_without_end_costs_itself_alone(submission: Path, quick: Setup, monkeypatch):
    """What one record does to one judge is for a person to see, and no other point's."""
    honest = question._JUDGES["function"]

    def judge(one: Question, records: Records) -> Verdict:
        while one.id == FUNCTION:
            pass
        return honest(one, records)

    monkeypatch.setitem(question._JUDGES, "function", judge)
    monkeypatch.setattr(grader, "_CHECKPOINT_S", 4)
    result = grade(submission, part=1, setup=quick)
    assert result.fault == ""
    assert lost(result) == {}
    (row,) = (row for row in result.pending if row.id == FUNCTION)
    assert "given up" in row.message


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
