"""A student who is stuck goes on: an instructor's file makes a lesson's results, without its
points.
"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grading.__main__ import app as grading
from grading.builder.questions import written
from grading.builder.repository import solved_text
from grading.builder.sources import sources
from grading.builder.unlock import key_of, unlockable
from labs.checkpoints.begin import absences
from labs.course.assignment import assignment
from labs.course.lessons import lesson
from labs.course.question import SUBJECT, State, question
from labs.course.unlocked import FORM
from labs.records import Answer
from labs.records.ledger import ledger
from labs.workspace import workspace_dir
from provisioning.front.command import app as msl
from tests.entries import Entries
from tests.honest import handed

BY_ID = {source.id: source for source in sources()}

#: A lesson whose result is one text, and its file's result.
MODEL_PY = "programs/repository/food_classifier/1/model.py"


def test_every_lesson_that_a_later_one_needs_can_be_unlocked():
    """By the facts of the lessons that are asked."""
    taken = unlockable()
    for asked in assignment().lessons():
        for id, things in asked.takes.items():
            assert set(things) <= set(taken[id])


@pytest.mark.parametrize("id", unlockable())
def test_the_file_holds_no_functions_solution(id: str):
    """No later lesson takes a function, so its points can still be earned."""
    key = key_of(BY_ID[id], unlockable()[id])
    text = "\n".join(cell["source"] for cell in key["cells"])
    for question_id, asked in written(BY_ID[id]).items():
        if asked.values["kind"] == "function":
            assert f"def {question(question_id).name}(" not in text
    answered = {cell["question"] for cell in key["cells"]} - {""}
    kinds = {question(question_id).kind for question_id in answered}
    assert kinds <= {"file"}


def written_key(folder: Path, **changes: object) -> Path:
    """Write a file for *Serve with Triton* whose second cell makes what later lessons take."""
    text = solved_text("triton.model")
    make = (
        "from labs.workspace import workspace_dir\n"
        f"path = workspace_dir() / {MODEL_PY!r}\n"
        "path.parent.mkdir(parents=True)\n"
        f"path.write_text({text!r})"
    )
    cells = [
        {"question": "", "source": "a_function_that_its_student_has_not_written()"},
        {"question": "triton.model", "source": make},
        {"question": "triton.config", "source": "raise SystemExit('it should not run')"},
    ]
    key = {"form": FORM, "lesson": "triton", "makes": [MODEL_PY], "cells": cells, **changes}
    path = folder / "unlock-triton.json"
    path.write_text(json.dumps(key))
    return path


def test_who_was_stuck_goes_on_and_loses_the_questions_points(tmp_path: Path):
    """Right answers stay right; the lesson is done, and the later one begins."""
    entries = Entries()
    config = {"handed": handed(BY_ID["triton"], "triton.config")}
    good = dict(written(BY_ID["triton"])["triton.config"].good)
    entries.observed(f"{SUBJECT}triton.config", good | config)
    workspace_dir().mkdir(parents=True, exist_ok=True)
    (workspace_dir() / "ledger.jsonl").write_text(entries.text)
    assert absences(lesson("batching"), ledger().read())
    ended = CliRunner().invoke(msl, ["unlock", str(written_key(tmp_path))])
    assert ended.exit_code == 0, ended.output
    assert "cell 2 of 3" in ended.output
    assert "cell 3 of 3" not in ended.output
    assert "the points of triton.model." in ended.output
    assert not absences(lesson("batching"), ledger().read())
    facts = dict(written(BY_ID["triton"])["triton.model"].good)
    ledger().observe(f"{SUBJECT}triton.model", facts)
    records = ledger().read()
    assert question("triton.model").verdict(records).state == State.LOST
    assert question("triton.config").verdict(records).ok
    # A question of another lesson, and one that the file did not answer, are as they were.
    ledger().append(Answer("batching.busy", {"outputs": []}, "2026-12-01T00:00:00+00:00"))
    assert question("batching.busy").verdict(ledger().read()).state == State.FAILED


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"form": 0}, "no file that unlocks"),
        ({"cells": []}, "no file that unlocks"),
        ({"lesson": "ensemble", "cells": [{"question": "", "source": ""}]}, "builds on another"),
        ({"cells": [{"question": "", "source": "pass"}]}, "did not make"),
    ],
)
def test_a_file_that_unlocks_nothing_says_why_and_writes_nothing(
    tmp_path: Path, changes: dict, says: str
):
    """An older version's, an empty one, one that builds on another, one that fails."""
    ended = CliRunner().invoke(msl, ["unlock", str(written_key(tmp_path, **changes))])
    assert ended.exit_code == 1
    assert says in ended.output
    assert len(ledger().read()) == 0


def test_the_command_writes_the_file_and_names_what_cannot_be_unlocked(tmp_path: Path):
    """With what it makes, and the points that it costs."""
    out = tmp_path / "file.json"
    ended = CliRunner().invoke(grading, ["unlock", "compile", "--out", str(out)])
    assert ended.exit_code == 0, ended.output
    assert "The points of compile.export are lost" in ended.output
    assert json.loads(out.read_text())["lesson"] == "compile"
    ended = CliRunner().invoke(grading, ["unlock", "defend"])
    assert "no later lesson takes anything of it" in str(ended.exception)
