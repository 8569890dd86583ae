"""Rehearsing: a fresh workspace each time, the scoreboard at the end, and nothing of the student's touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from grading.checkpoints import all_checkpoints
from rich.console import Console

from grading.builder.execute import LessonFailedError
from grading.builder.notebook import build
from grading.builder.rehearse import missed, own_testbed, rehearse, run_all, scores
from grading.builder.solve import AnswerKey, solve
from labs.course import NOTEBOOKS_DIR, lesson
from labs.machine import Capability, capabilities
from labs.records import Ledger
from labs.workspace import WORKSPACE_VARIABLE
from provisioning.rehearsal import place


@pytest.fixture
def console() -> Console:
    """Return a console that keeps what it prints."""
    return Console(record=True, width=140, force_terminal=False)


def test_lessons_share_one_workspace_that_is_not_the_students(
    tmp_path, workspace, write_lesson, write_answers, console
):
    """What the first lesson wrote, the second one reads; the student's ledger stays as it was."""
    key = AnswerKey.read(write_answers())
    lessons = [
        write_lesson(),
        write_lesson(
            "# %%\nfrom labs.records.ledger import ledger\nprint(ledger().answers()['start.megabytes'].value)\n",
            "01_next",
        ),
    ]
    spent = run_all(lessons, lambda lesson: solve(lesson, key), tmp_path / "run", console)
    assert list(spent) == ["00_a_lesson", "01_next"]
    assert (tmp_path / "run" / "01_next.ipynb").read_text().count('"2\\n"') == 1
    assert not workspace.exists()
    assert os.environ[WORKSPACE_VARIABLE] == str(workspace)
    assert "01_next" in console.export_text()


def test_a_stub_notebook_runs_and_earns_nothing(tmp_path, write_lesson, console):
    """The same run with the lessons as students get them."""
    run_all([write_lesson()], build, tmp_path / "run", console)
    assert not (tmp_path / "run" / "workspace" / "ledger.jsonl").exists()
    found = scores(tmp_path / "run" / "workspace", [write_lesson()])
    assert [(one.id, one.points) for one in found] == [("start.size_guess", 0), ("start.megabytes", 0)]


def test_a_lesson_that_fails_ends_the_rehearsal(tmp_path, write_lesson, console):
    """Later lessons stand on it."""
    with pytest.raises(LessonFailedError, match="00_a_lesson, cell 2"):
        run_all([write_lesson("# %%\n1 / 0\n")], build, tmp_path / "run", console)
    assert WORKSPACE_VARIABLE in os.environ


def test_points_for_another_machine_are_no_failure(tmp_path, console, monkeypatch):
    """A laptop without bf16 has done all it can; what it could have earned is still open."""
    lacking = [
        Capability("bf16 on the CPU", False, "none", "stay with fp32"),
        Capability("OpenVINO provider", True, ""),
    ]
    monkeypatch.setattr("grading.builder.rehearse.capabilities", lambda: lacking)
    here, elsewhere = missed(scores(tmp_path, [lesson("15")]))
    assert [row.id for row in elsewhere] == ["m.provider.bf16"]
    assert "m.provider.fair" in {row.id for row in here}


def test_what_a_checkpoint_needs_is_known_to_the_gate():
    """A misspelt need would never be missing."""
    assert {need for one in all_checkpoints() for need in one.gate} <= {one.name for one in capabilities()}


def test_points_of_an_earlier_rehearsal_do_not_count_again(tmp_path, console):
    """A folder that holds a ledger is not fresh."""
    (tmp_path / "workspace").mkdir()
    Ledger(tmp_path / "workspace" / "ledger.jsonl").path.touch()
    with pytest.raises(ValueError, match="name a new folder"):
        rehearse([], tmp_path, console)


def test_executed_answers_never_lie_among_the_lessons(console):
    """There, students would find them."""
    with pytest.raises(ValueError, match="among the lessons"):
        rehearse([], NOTEBOOKS_DIR / "kept", console)
    assert not (NOTEBOOKS_DIR / "kept").exists()


def test_kept_notebooks_are_in_the_folder_that_was_named(tmp_path: Path, console):
    """Nothing to run: still a scoreboard, and all of its no points are earned."""
    assert rehearse([], tmp_path / "kept", console)
    assert str(tmp_path / "kept") in console.export_text().replace("\n", "")


def test_lessons_that_reserve_get_a_testbed_that_ends_with_the_run(tmp_path: Path, write_lesson):
    """It answers inside, nothing answers afterwards, and the environment is as it was."""
    lesson = write_lesson("# %%\nfrom provisioning import rehearsal\n", where="hub")
    before = dict(os.environ)
    with own_testbed(tmp_path / "testbed", [lesson]):
        home = Path(os.environ["REHEARSAL_HOME"])
        assert home == tmp_path / "testbed"
        assert os.environ["LABS_STATE"].startswith(str(home))
        assert place.is_alive(home)
    with place.lock(home) as lock:
        assert lock is not None, "nothing serves it any longer"
    assert dict(os.environ) == before


def test_other_lessons_start_none(tmp_path: Path, write_lesson):
    """A rehearsal of one lesson on graphs must not wait for a testbed."""
    with own_testbed(tmp_path / "testbed", [write_lesson()]):
        assert not (tmp_path / "testbed").exists()


def test_a_testbed_that_does_not_start_is_said(tmp_path: Path, write_lesson, monkeypatch):
    """With the reason that its own process gave."""
    (tmp_path / "testbed").write_text("a file where the folder should be")
    lesson = write_lesson("# %%\nfrom provisioning import rehearsal\n", where="hub")
    with pytest.raises(RuntimeError, match="rehearsal up"), own_testbed(tmp_path / "testbed", [lesson]):
        pass
