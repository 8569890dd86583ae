"""Solving: each stub gets the answer of its id, and anything that does not fit is an error with the id in it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from grading.checkpoints import all_checkpoints

from grading.builder.notebook import build
from grading.builder.solve import AnswerKey, AnswerKeyError, has_stub, require_whole, solve, write_solved
from labs.course import NOTEBOOKS_DIR, lessons


def test_a_stub_is_replaced_and_everything_else_stays(write_lesson, write_answers):
    """The solved notebook differs from the lesson in its answers and in the warning on top."""
    lesson = write_lesson()
    solved, stubs = solve(lesson, AnswerKey.read(write_answers())), build(lesson)
    assert "not to be handed to students" in solved.cells[0].source
    changed = [(a.source, b.source) for a, b in zip(stubs.cells, solved.cells[1:], strict=True) if a.source != b.source]
    assert changed == [('answer("start.megabytes", ...)', 'answer("start.megabytes", 2)')]
    assert [cell.id for cell in solved.cells[1:]] == [cell.id for cell in stubs.cells]


def test_a_missing_answer_is_named(write_lesson, write_answers):
    """A lesson that cannot be solved cannot be rehearsed."""
    with pytest.raises(AnswerKeyError, match=r"start\.megabytes has no answer"):
        solve(write_lesson(), AnswerKey.read(write_answers('"""None."""\n')))


def test_an_answer_that_leaked_into_the_lesson_is_found(write_lesson, write_answers):
    """The student's cell must hold dots."""
    lesson = write_lesson(write_lesson().source.read_text().replace("...", "2"))
    with pytest.raises(AnswerKeyError, match="leaked"):
        solve(lesson, AnswerKey.read(write_answers()))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('# %% checkpoint="t.a"\nx = 1\n\n# %% checkpoint="t.a"\nx = 2\n', "answered twice"),
        ("# %%\nx = 1\n", "says no checkpoint"),
        ('# %% checkpoint="t.a"\nx = ...\n', "still holds the stub's dots"),
    ],
)
def test_an_answer_file_with_a_fault_is_refused(write_answers, text, why):
    """Each of these would solve the wrong thing, or nothing, in silence."""
    with pytest.raises(AnswerKeyError, match=why):
        AnswerKey.read(write_answers(text))


@pytest.mark.parametrize(
    ("source", "stub"),
    [
        ("x = ...", True),
        ('f("a", {"b": ...})', True),
        ('x = "..."', True),
        ('x = """\ndef f():\n    ...\n"""', True),
        ('x = "and so on ..."', False),
        ("x = 1  # ...", False),
        ("x = '. . .'", False),
    ],
)
def test_a_stub_is_dots_in_code_and_not_in_a_comment(source, stub):
    """Comments may say what they like."""
    assert has_stub(source) is stub


def test_solved_notebooks_never_lie_among_the_lessons(tmp_path):
    """There, students would find them."""
    with pytest.raises(AnswerKeyError, match="among the lessons"):
        write_solved(lessons(), NOTEBOOKS_DIR / "solved")
    assert not (NOTEBOOKS_DIR / "solved").exists()


def test_lessons_checkpoints_and_answers_of_the_course_fit_together():
    """Every checkpoint is asked for once, checked, and answered; nothing is left over."""
    require_whole(lessons())
    assert {one.lesson for one in all_checkpoints()} <= {lesson.whole_number for lesson in lessons()}


def test_no_solved_notebook_uses_a_name_that_nothing_gives_it(tmp_path):
    """Found here in a second, and not by the run of the lesson many minutes later."""
    solved = write_solved(lessons(), tmp_path)
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "--output-format", "concise"]
    done = subprocess.run([*ruff, *solved], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_checkpoint_that_is_never_checked_is_named(write_lesson):
    """Students would not learn whether they were right."""
    lesson = write_lesson(write_lesson().source.read_text().replace('check("start.megabytes")', "pass"))
    with pytest.raises(AnswerKeyError, match=r"start\.megabytes is asked for but never checked"):
        require_whole([lesson])


def test_a_checkpoint_that_its_lesson_does_not_ask_for_is_named(write_lesson):
    """Its points could not be earned."""
    with pytest.raises(AnswerKeyError, match=r"start\.size_guess is defined but its lesson does not ask"):
        require_whole([write_lesson()])
