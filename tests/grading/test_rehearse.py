"""Rehearsing: a fresh workspace each time, the scoreboard at the end, and nothing of the student's
touched.
"""

import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from chameleon_rehearsal import RehearsalDownError
from chameleon_rehearsal.testing import ask
from grading.builder.compiled import compiled
from grading.builder.execute import LessonFailedError
from grading.builder.notebook import build
from grading.builder.rehearse import missed, own_testbed, rehearse, run_all, scores
from grading.builder.solve import solve
from labs.course import question
from labs.course.lessons import NOTEBOOKS_DIR
from labs.course.question import ResultRow, all_questions
from labs.machine import Capability, capabilities
from labs.records import Ledger
from labs.workspace import WORKSPACE_VARIABLE


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=140, force_terminal=False)


#: Runs first in a kernel: the small course's questions in place of the course's.
USE = """\
from pathlib import Path
from labs.course import question
question.QUESTIONS_PATH = Path({path!r})
"""

NEXT = """# %%
from labs.records.ledger import ledger
print([one.question for one in ledger()])
"""


@pytest.fixture
def toy(write_lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a lesson, which this process and its kernel know in place of the course's."""
    path = tmp_path / "questions.json"
    # Where the first cell of every lesson stands, the small course is none of the kernel's.
    monkeypatch.setattr("grading.builder.notebook.BEGIN", USE.format(path=str(path)) + "# {id}")
    lesson = write_lesson()
    path.write_text(compiled([lesson]), encoding="utf-8")
    monkeypatch.setattr(question, "QUESTIONS_PATH", path)
    all_questions.cache_clear()
    yield lesson
    all_questions.cache_clear()


def test_lessons_share_one_workspace_that_is_not_the_students(
    tmp_path, workspace, toy, write_lesson, console
):
    """The second lesson reads the first one's files; the student's ledger stays as it was."""
    lessons = [toy, write_lesson("after", name="01_next", source=NEXT, questions="")]
    spent = run_all(lessons, solve, tmp_path / "run", console)
    assert list(spent) == ["00_a_lesson", "01_next"]
    assert "['toy.guess', 'toy.double']" in (tmp_path / "run" / "01_next.ipynb").read_text()
    points = {score.id: score.points for score in scores(tmp_path / "run" / "workspace", [toy])}
    assert points == {"toy.double": 2, "toy.guess": 0}, "what it is about was never measured"
    assert not workspace.exists()
    assert os.environ[WORKSPACE_VARIABLE] == str(workspace)
    assert "01_next" in console.export_text()


def test_a_lesson_that_fails_ends_the_rehearsal(tmp_path, toy, write_lesson, console):
    """Later lessons depend on it."""
    with pytest.raises(LessonFailedError, match="00_a_lesson, cell 2"):
        run_all(
            [write_lesson(source="# %%\n1 / 0\n", questions="")], build, tmp_path / "run", console
        )
    assert WORKSPACE_VARIABLE in os.environ


def test_points_for_another_machine_are_no_failure(toy, monkeypatch):
    """A laptop without bf16 has done all it can; points that it could have earned are still
    open.
    """
    lacking = [
        Capability("bf16 on the CPU", False, "none", "stay with fp32"),
        Capability("OpenVINO", True, ""),
    ]
    monkeypatch.setattr("grading.builder.rehearse.capabilities", lambda: lacking)
    known = json.loads(question.QUESTIONS_PATH.read_text())["toy.double"]
    asked = {
        "toy.away": known | {"gate": ["bf16 on the CPU"]},
        "toy.here": known | {"gate": ["OpenVINO"]},
    }
    question.QUESTIONS_PATH.write_text(json.dumps(asked))
    all_questions.cache_clear()
    rows = [ResultRow(id, "", "toy", 0, 2, "") for id in asked]
    assert [[row.id for row in part] for part in missed(rows)] == [["toy.here"], ["toy.away"]]


def test_what_a_question_needs_is_known_to_the_gate():
    """A misspelt need would never be missing."""
    assert {need for asked in all_questions().values() for need in asked.gate} <= {
        capability.name for capability in capabilities()
    }


def test_a_rehearsal_is_kept_in_a_new_folder_outside_the_lessons(tmp_path, console):
    """Points of an earlier one would count again, and students would find answers among the
    lessons.
    """
    assert rehearse([], tmp_path / "kept", console)
    assert str(tmp_path / "kept") in console.export_text().replace("\n", "")
    Ledger(tmp_path / "kept" / "workspace" / "ledger.jsonl").path.touch()
    for folder, says in (
        (tmp_path / "kept", "name a new folder"),
        (NOTEBOOKS_DIR / "kept", "among the lessons"),
    ):
        with pytest.raises(ValueError, match=says):
            rehearse([], folder, console)
    assert not (NOTEBOOKS_DIR / "kept").exists()


def test_lessons_that_reserve_get_a_testbed_that_ends_with_the_run(tmp_path: Path, write_lesson):
    """It answers inside, nothing answers afterwards, and the environment is as it was; other
    lessons start none.
    """
    reserves = write_lesson(
        source="# %%\nfrom provisioning.lab import rehearsal\n", questions="", where=["hub"]
    )
    before, home = dict(os.environ), tmp_path / "testbed"
    with own_testbed(home, [write_lesson("plain", name="01_plain")]):
        assert not home.exists()
    with own_testbed(home, [reserves]):
        assert os.environ["REHEARSAL_HOME"] == str(home)
        assert os.environ["LABS_STATE"].startswith(str(home))
        assert ask(home, "GET", "/status")["leases"] == []
    with pytest.raises(RehearsalDownError):
        ask(home, "GET", "/status")
    assert dict(os.environ) == before
    (tmp_path / "file").write_text("a file where the folder should be")
    with (
        pytest.raises(RuntimeError, match="rehearsal up"),
        own_testbed(tmp_path / "file", [reserves]),
    ):
        pass
