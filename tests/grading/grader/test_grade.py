"""The grader grades itself, on evidence: the reference earns all, and whatever is missing or made
up earns nothing.
"""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import grading.grade.grader as grader
from grading.__main__ import app
from grading.builder.notebook import build, text_of
from grading.grade.artefacts.reopen import Opened
from grading.grade.contradictions import examine
from grading.grade.deadline import TooLongError, deadline
from grading.grade.functions.run import NOTHING, Called
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, gradescope, line, page, spot_checks
from labs.course import question
from labs.course.assignment import assignment
from labs.course.points import TAKING_PART
from labs.course.question import Question, State, Verdict, all_questions
from labs.records import Records
from tests.grading.recorded import RECORDED, recorded
from tests.tools import sandboxed

#: All public points of the part, and one of its functions.
FUNCTION = "quantize.affine"


def earned(result: Result) -> dict[str, int]:
    return {row.id: row.points for row in result.rows if row.points}


def lost(result: Result) -> dict[str, str]:
    """Return what was judged and did not earn its points, with the reason."""
    judged = [row for row in result.rows if not row.is_pending]
    return {row.id: row.message for row in judged if row.points < row.possible}


@sandboxed
def test_the_leaderboards_figures_are_those_of_the_file(
    submission: Path, pictures: Path, monkeypatch
):
    """Where the assignment asks for them, and models are measured again."""
    asked = replace(assignment().part(1), leaderboard=True)
    monkeypatch.setattr(grader, "assignment", lambda: replace(assignment(), asked=(asked,)))
    result = grade(submission, part=1, setup=Setup(pictures=pictures, rerun=False))
    assert result.leaderboard == pytest.approx(
        {"accuracy on unseen views": 0.7, "size in MB": 1.9, "multiplications in millions": 220},
        rel=0.3,
    )
    assert grade(submission, part=1, setup=Setup(measure=False, rerun=False)).leaderboard == {}


def test_the_stub_the_empty_folder_and_the_empty_ledger_earn_nothing(
    submission: Path, tmp_path: Path, quick: Setup
):
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
    """The batch stores the same result that it read."""
    result = grade(submission, part=1, student="ada", setup=quick)
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result
    assert line(result)["student"] == "ada"
    form = gradescope(result)
    # Nothing was opened here, so that all of it is pending; the rest is for taking part, and worth
    # what it always is.
    taking_part = 0.0
    *rows, leases = form["tests"]
    assert (leases["score"], leases["max_score"]) == (0, 10)
    for row, test in zip(result.counted, rows, strict=True):
        if not row.opened:
            taking_part += test["max_score"]
    assert form["score"] == pytest.approx(taking_part, abs=0.05)
    assert result.grade + result.pending_grade == pytest.approx(result.worth)


@pytest.mark.parametrize(
    ("step", "kind"),
    [*((step, "RecursionError") for step in grader.STEPS), (grader.STEPS[-1], "TooLongError")],
)
def test_whatever_the_grader_stumbles_over_is_pending_and_told(
    submission: Path, monkeypatch, step, kind: str
):
    """Any exception or none at all, in any step: nothing is lost or earned by it, and no other
    point is worth more.
    """

    def stumbles(work) -> None:
        while kind == "TooLongError":
            pass
        raise RecursionError("a bug of ours")

    stumbles.__name__ = step.__name__
    steps = list(grader.STEPS)
    steps[steps.index(step)] = stumbles
    monkeypatch.setattr(grader, "STEPS", tuple(steps))
    monkeypatch.setattr(grader, "_IN_PROCESS", (stumbles,))
    monkeypatch.setattr(grader, "_STEP_S", 6)
    for broken in ("run_again", "open_again"):
        monkeypatch.setattr(grader, broken, lambda *_, **__: {})
    result = grade(submission, part=1, student="x", setup=Setup(measure=False))
    assert f"{step.__name__}: {kind}" in result.fault
    assert lost(result) == {}
    assert result.grade <= TAKING_PART * result.worth + 1e-9
    assert result.grade + result.pending_grade == pytest.approx(result.worth)
    assert "not judged yet" in spot_checks([result], seed="x")[0].reasons[1]
    assert "not your work" in gradescope(result)["output"]


def test_one_file_that_the_grader_could_not_open_is_pending_alone(whole, monkeypatch):
    """Its points wait for staff, and all other points keep their worth."""

    unopened: dict[str, Opened] = {}

    def open_again(questions: list[Question], records: Records) -> dict[str, Opened]:
        right = Opened(Verdict(State.PASSED, ""))
        return {asked.id: right for asked in questions} | unopened

    def run_again(cells: dict[str, str], *, wanted: set[str], **limits: object):
        return dict.fromkeys(wanted, Called(is_right=True))

    monkeypatch.setattr(grader, "run_again", run_again)
    monkeypatch.setattr(grader, "open_again", open_again)
    folder, setup = whole(3), Setup(measure=False, cases={})
    honest = grade(folder, part=3, setup=setup)
    unopened["http.app"] = Opened(None, "http.app could not be opened")
    result = grade(folder, part=3, setup=setup)
    assert earned(honest).keys() - earned(result).keys() == {"http.app"}
    assert "http.app could not be opened" in result.fault
    assert [row.possible for row in honest.graded] == [row.possible for row in result.graded]


def test_a_question_without_end_costs_itself_alone(submission: Path, quick: Setup, monkeypatch):
    """If one record breaks one judge, a person sees it, and other points stay the same."""
    honest = question._JUDGES["function"]

    def judge(asked: Question, records: Records) -> Verdict:
        while asked.id == FUNCTION:
            pass
        return honest(asked, records)

    monkeypatch.setitem(question._JUDGES, "function", judge)
    monkeypatch.setattr(grader, "_CHECKPOINT_S", 4)
    result = grade(submission, part=1, setup=quick)
    assert result.fault == ""
    assert lost(result) == {}
    (row,) = (row for row in result.pending if row.id == FUNCTION)
    assert "given up" in row.message


def endless(seconds: float) -> None:
    """Compute until a deadline, otherwise for ever."""
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


ANSWER = {"type": "answer", "question": FUNCTION, "made_at": "2026-01-01T00:00:00+00:00"}


def swollen(path: Path) -> None:
    """Fill the ledger up to its caps: a record of 200,000 samples, and thousands of small ones."""
    lines = path.read_text().splitlines()
    latencies = [line for line in lines if '"kind":"latency","option":"torch-eager"' in line]
    record = json.loads(latencies[0])
    for number in range(4_000):
        first_s = 0.01 + number * 1e-6
        small = [first_s + place * 1e-7 for place in range(20)]
        lines.append(json.dumps({**record, "record_id": f"{number:032x}", "samples": small}))
    huge = [0.01 + place * 1e-8 for place in range(200_000)]
    lines.append(json.dumps({**record, "record_id": "a" * 32, "samples": huge}))
    path.write_text("".join(f"{line}\n" for line in lines))


def answers(*values: object) -> Callable[[Path], None]:
    """Return what answers every question with each of these values in turn; the newest one
    counts.
    """

    def spoil(path: Path) -> None:
        lines = [path.read_text().strip()]
        for value in values:
            for id in all_questions():
                record_id = f"{len(lines):032x}"
                answer = {**ANSWER, "question": id, "value": value, "record_id": record_id}
                lines.append(json.dumps(answer))
        path.write_text("\n".join([*lines, ""]))

    return spoil


WRONG_FORMS = ({}, [], "", 1e308, -1, True, [[[]]], {"option": ["x"]}, "\ud800")
#: What is done to the ledger's file.
HOSTILE: dict[str, Callable[[Path], None]] = {
    "as much as the caps allow": swollen,
    "answers of every wrong form": answers(*WRONG_FORMS),
    "answers with no end of text": answers("A" * 20_000),
    "answers with markup": answers("<b>bold</b>"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_ledger_is_graded_like_any_other(
    wholes, submission: Path, quick: Setup, name: str
):
    """No fault of the grader's, at most the reference's points; of page and form, nothing that came
    is obeyed.
    """
    HOSTILE[name](submission / "ledger.jsonl")
    (submission / "<img src=x onerror=alert(1)>.onnx").write_bytes(b"x")
    result = grade(submission, part=1, student="<script>alert(1)</script>", setup=quick)
    assert result.fault == ""
    assert 0 <= result.points <= grade(wholes[1], part=1, setup=quick).points
    assert json.loads(json.dumps(gradescope(result)))["score"] == round(result.grade, 2)
    text = page(result).encode("utf-8", errors="replace").decode()
    assert not [mark for mark in ("<img", "<b>bold", "<script>alert") if mark in text]


@pytest.mark.parametrize("part", RECORDED)
def test_nothing_in_an_honest_recording_is_set_aside(part: int):
    """Rehearsals beside other work, cold starts and overload included: noise is no cheating, in any
    part.
    """
    assert [str(finding) for finding in examine(recorded(part)).findings] == []


def test_a_part_of_which_nothing_can_be_opened_is_said_beforehand(tmp_path: Path):
    """Otherwise, its points would be out of reach for every student, without a message."""
    asked = {1: '"start", "reserve"', 2: '"device"'}
    parts = [
        f"[[part]]\nnumber = {part}\nlessons = [{ids}]\npoints = 10\n"
        for part, ids in asked.items()
    ]
    (tmp_path / "a.toml").write_text(
        "\n".join(['[course]\ntitle = "x"\ntime_zone = "UTC"', *parts])
    )
    done = CliRunner().invoke(app, ["assignment", "check", str(tmp_path / "a.toml")])
    assert done.exit_code == 0, done.output
    assert "part 2 asks for nothing that the grader can open" in done.output
    assert "part 1 asks" not in done.output


def test_how_a_functions_cell_ended_is_for_staff_alone(submission: Path, quick: Setup, monkeypatch):
    """Rows of public checks are seen before the grades are out, and hidden ones by next year's
    students.
    """
    ended = Called(fault=NOTHING, is_absent=True, ending="it raises ZeroDivisionError")
    monkeypatch.setattr(grader, "run_again", lambda *_, wanted, **__: {FUNCTION: ended})
    result = grade(submission, part=1, setup=replace(quick, rerun=True))
    assert result.reruns == {FUNCTION: "it raises ZeroDivisionError"}
    assert next(row.points for row in result.rows if row.id == FUNCTION) == 0
    form = gradescope(result)
    assert form.pop("extra_data")["reruns"] == result.reruns
    for shown in (json.dumps(form), page(result, hidden=True)):
        assert NOTHING in shown
        assert "ZeroDivisionError" not in shown
