"""The course's order and its page of questions come from the files' names and the checkpoints, not from a list."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from grading import __main__ as commands
from grading.__main__ import app
from grading.checkpoints import all_checkpoints
from grading.course import lessons
from grading.questions import questions_page


def test_lessons_are_in_the_order_of_their_numbers(tmp_path: Path):
    """Folders and files say where a lesson belongs; other files are none."""
    for name in ("1_model/11_b.py", "1_model/10_a.py", "0_start/00_c.py", "1_model/notes.py", "instructor/90_d.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = lessons(root=tmp_path)
    assert [(one.number, one.part, one.name) for one in found] == [(0, 0, "00_c"), (10, 1, "10_a"), (11, 1, "11_b")]
    assert [one.name for one in lessons(part=1, root=tmp_path)] == ["10_a", "11_b"]
    assert found[0].notebook == tmp_path / "0_start" / "00_c.ipynb"


def test_a_long_lesson_goes_on_under_the_same_number(tmp_path: Path):
    """Its sittings follow one another, before the next number, and share the number that rehearsals ask for."""
    (tmp_path / "1_model").mkdir()
    for name in ("15_d", "14b_b", "14_z", "14c_a", "14B_x", "14bb_x"):
        (tmp_path / "1_model" / f"{name}.py").touch()
    found = lessons(root=tmp_path)
    assert [(one.label, one.number) for one in found] == [("14", 14), ("14b", 14), ("14c", 14), ("15", 15)]


def test_the_page_of_questions_names_every_checkpoint_with_its_points():
    """Students plan by it."""
    page = questions_page()
    public = [one for one in all_checkpoints() if not one.hidden]
    assert all(f"| `{one.id}` | {one.title} | {one.points} |" in page for one in public)
    assert f"{len(public)} checkpoints, {sum(one.points for one in public)} points" in page


def test_the_page_keeps_the_order_of_the_lesson():
    """Not the order in which the checks happen to be written."""
    page = questions_page()
    asked = [page.index(f"`m.measure.{name}`") for name in ("batch_guess", "percentiles", "knee", "gap")]
    assert asked == sorted(asked)


def test_an_unknown_lesson_is_answered_with_the_known_ones():
    """A slip in the number must not look like a rehearsal without faults."""
    result = CliRunner().invoke(app, ["rehearse", "--lesson", "98"])
    assert result.exit_code == 1
    assert "no such lesson; there are 00, 01, 08, 09, 10, 11" in str(result.exception)


def test_check_reports_a_stale_twin_and_build_makes_it_fresh(tmp_path: Path, write_lesson, monkeypatch):
    """What `make check` and `make notebooks` run; checking changes nothing."""
    lesson = write_lesson()
    monkeypatch.setattr(commands, "lessons", lambda: [lesson])
    monkeypatch.setattr(commands, "QUESTIONS_PATH", tmp_path / "QUESTIONS.md")
    runner = CliRunner()
    checked = runner.invoke(app, ["build", "--check"])
    assert (checked.exit_code, lesson.notebook.exists()) == (1, False)
    assert "out of date: 00_a_lesson.ipynb" in checked.output
    assert "out of date: QUESTIONS.md" in checked.output
    assert runner.invoke(app, ["build"]).exit_code == 0
    again = runner.invoke(app, ["build", "--check"])
    assert (again.exit_code, again.output) == (0, "")


def test_solve_writes_every_lesson(tmp_path: Path):
    """Not run, and with the warning on top."""
    result = CliRunner().invoke(app, ["solve", str(tmp_path / "solved"), "--part", "0"])
    assert result.exit_code == 0, result.output
    written = sorted((tmp_path / "solved").iterdir())
    assert [path.name for path in written] == ["00_start_here.ipynb", "01_meet_the_testbed.ipynb"]
    assert all("not to be handed to students" in path.read_text() for path in written)
