"""The grader grades itself, on evidence: the reference earns all, and whatever is missing or made up earns nothing."""

from __future__ import annotations

import copy
import itertools
import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from grading.checkpoints import all_checkpoints

from grading.builder.notebook import build, text_of
from grading.grade.deadline import TooLongError, deadline
from grading.grade.functions.run import NOTHING, Called
from grading.grade.grader import Setup, grade
from grading.grade.result import Result, Row, gradescope, line, page
from grading.grade.sandbox import abilities
from labs.course import lessons

sandboxed = pytest.mark.skipif(not abilities().apart, reason="no sandbox here")


def earned(result: Result) -> dict[str, int]:
    """Return the points by checkpoint, those that earned some."""
    return {row.id: row.points for row in result.rows if row.points}


def missing(result: Result, among: set[str]) -> dict[str, str]:
    """Return what did not earn its points, of some checkpoints, with the reason."""
    return {row.id: row.message for row in result.rows if row.points < row.possible and row.id in among}


def test_the_reference_earns_every_public_point_that_it_answers(submission: Path, quick: Setup, recorded: set[str]):
    """A checkpoint that was broken, or became stricter than its answer, shows here."""
    result = grade(submission, part=1, student="reference", setup=quick)
    assert missing(result, recorded) == {}
    assert sum(row.points for row in result.rows) >= 90
    assert (result.fault, result.findings) == ("", ())


@sandboxed
def test_the_reference_earns_every_hidden_point_too(submission: Path, pictures: Path, recorded: set[str]):
    """Its model is measured again, and its cells are run again: the whole way, once."""
    result = grade(submission, part=1, setup=Setup(pictures=pictures, seed="a test's secret", rerun_s=400))
    wanted = {row.id for row in result.rows if row.hidden and row.id.removesuffix(".computed") in recorded}
    wanted |= {row.id for row in result.rows if row.id.startswith("m.artefact")}
    assert len(wanted) >= 15
    assert missing(result, wanted) == {}
    assert result.fault == ""


def test_the_stub_the_empty_folder_and_the_empty_ledger_earn_nothing(tmp_path: Path, quick: Setup):
    """Not a point for having pressed a button."""
    for lesson in lessons(part=1):
        (tmp_path / lesson.notebook.name).write_text(text_of(build(lesson)))
    assert earned(grade(tmp_path, part=1, setup=quick)) == {}
    (tmp_path / "ledger.jsonl").touch()
    assert earned(grade(tmp_path, part=1, setup=quick)) == {}
    empty = tmp_path / "empty"
    empty.mkdir()
    assert earned(grade(empty, part=1, setup=quick)) == {}
    assert earned(grade(tmp_path / "absent.zip", part=1, setup=quick)) == {}


_STEP = itertools.count(7)

PERTURBED: dict[type, Callable[[object], object]] = {
    bool: lambda value: not value,
    # Counts that were equal must not stay equal: an answer may carry what it was counted from.
    int: lambda value: value * 3 + next(_STEP),
    float: lambda value: value * 3.7 + 1.3,
    str: lambda value: f"{value} or so",
    type(None): lambda value: "something",
    list: lambda value: [*map(perturb, value), "another"],
    dict: lambda value: {name: perturb(part) for name, part in value.items()},
}


def perturb(value: object) -> object:
    """Return another value of the same form: what a plausible answer to another question looks like."""
    return PERTURBED[type(value)](value)


def test_every_answer_that_is_dropped_or_changed_loses_its_points(entries: list[dict], recorded: set[str]):
    """A checkpoint that passes whatever it is given would pass here too, and be found."""
    whole = {one.id for one in all_checkpoints() if one.id in recorded and one.verdict(entries).ok}
    assert len(whole) >= 50
    asked = [entry for entry in entries if entry["type"] in ("answer", "prediction")]
    soft = set()
    for name in sorted({entry["question"] for entry in asked} & whole):
        dropped = [entry for entry in entries if entry.get("question") != name]
        assert not all_checkpoints()[name].verdict(dropped).ok, f"{name} passes without an answer"
        changed = copy.deepcopy(entries)
        for entry in changed:
            if entry.get("question") == name:
                entry["value"] = perturb(entry["value"])
        if all_checkpoints()[name].verdict(changed).ok:
            soft.add(name)
    # A prediction earns its points for being made in time: another number of the same kind is as good.
    assert soft <= {one.id for one in all_checkpoints() if one.kind == "prediction"}


def test_a_result_survives_its_own_form(submission: Path, quick: Setup):
    """What the batch keeps is what it read."""
    result = grade(submission, part=1, student="ada", setup=quick)
    assert Result.from_json(json.loads(json.dumps(result.to_json()))) == result
    assert line(result)["student"] == "ada"
    form = gradescope(result)
    assert form["score"] == result.points == sum(test["score"] for test in form["tests"])
    assert {test["visibility"] for test in form["tests"]} == {"visible"}, "what was not looked at has no row"
    hidden = Row("m.x.computed", "Run again", 0, 1, 1, "Right there too.", hidden=True)
    later = gradescope(replace(result, rows=(*result.rows, hidden)))["tests"][-1]
    assert (later["visibility"], later["score"]) == ("after_published", 1)


def test_how_a_functions_cell_ended_is_for_staff_alone(submission: Path, quick: Setup, monkeypatch):
    """Rows of public checks are seen before the grades are out, and hidden ones by next year's students."""
    import grading.grade.grader as grader

    ended = Called(fault=NOTHING, is_absent=True, said="it raises ZeroDivisionError")
    monkeypatch.setattr(grader, "run_again", lambda *_, wanted, **__: {"m.measure.percentile": ended})
    result = grade(submission, part=1, setup=replace(quick, rerun=True))
    assert result.reruns == {"m.measure.percentile": "it raises ZeroDivisionError"}
    assert next(row.points for row in result.rows if row.id == "m.measure.percentile") == 0
    form = gradescope(result)
    assert form.pop("extra_data")["reruns"] == result.reruns
    for shown in (json.dumps(form), page(result, hidden=True)):
        assert NOTHING in shown
        assert "ZeroDivisionError" not in shown


def test_a_fault_of_the_graders_is_told_and_costs_no_other_point(submission: Path, quick: Setup, monkeypatch):
    """A student does not pay for our mistakes."""
    import grading.grade.grader as grader

    def agree(work) -> None:
        raise RuntimeError("a bug of ours")

    steps = tuple(agree if step.__name__ == "judge_hidden" else step for step in grader.STEPS)
    monkeypatch.setattr(grader, "STEPS", steps)
    result = grade(submission, part=1, setup=quick)
    assert "agree: RuntimeError" in result.fault
    assert result.points >= 90
    assert "not your work" in gradescope(result)["output"]


def test_a_checkpoint_without_end_costs_itself_alone(submission: Path, quick: Setup, monkeypatch):
    """What one record does to one judge is the submission's doing: no fault of the grader's, and no other point."""
    import grading.grade.grader as grader

    def endless(records) -> None:
        while True:
            pass

    whole = grade(submission, part=1, setup=quick)
    slow = all_checkpoints()["m.measure.percentile"]
    monkeypatch.setitem(all_checkpoints()._checkpoints, slow.id, replace(slow, judge=endless))
    monkeypatch.setattr(grader, "_CHECKPOINT_S", 0.2)
    result = grade(submission, part=1, setup=quick)
    assert result.fault == ""
    assert {row.id for row in whole.rows if row.points} - earned(result).keys() == {slow.id}
    assert "given up" in next(row.message for row in result.rows if row.id == slow.id)


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


def test_a_step_without_end_is_given_up_and_the_others_count(submission: Path, quick: Setup, monkeypatch):
    """Whatever nobody has thought of must not hold a class."""
    import grading.grade.grader as grader

    def judge_hidden(work) -> None:
        while True:
            pass

    monkeypatch.setattr(grader, "STEPS", (*grader.STEPS[:-1], judge_hidden))
    monkeypatch.setattr(grader, "_IN_PROCESS", (judge_hidden,))
    monkeypatch.setattr(grader, "_STEP_S", 0.2)
    result = grade(submission, part=1, setup=quick)
    assert "judge_hidden: TooLongError" in result.fault
    assert result.points >= 90
