"""Commands for authors, students and instructors: ``build | questions | solve | rehearse``, ``submit``, ``grade``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from grading.build import LessonError, is_stale, text_of
from grading.build import build as build_lesson
from grading.commands import register
from grading.course import Lesson, guides, lessons
from grading.execute import LessonFailedError
from grading.questions import QUESTIONS_PATH, questions_page
from grading.rehearse import rehearse as rehearse_lessons
from grading.solve import AnswerKeyError, require_whole, write_solved

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Build, solve and rehearse the course's notebooks.")
console = Console()
register(app)

Part = Annotated[int | None, typer.Option(help="Only this part of the course: 0, 1, 2 or 3.")]
Only = Annotated[
    list[int] | None, typer.Option("--lesson", help="Only this lesson, such as 11; 14 means 14b too. May be repeated.")
]
Check = Annotated[bool, typer.Option("--check", help="Change nothing; fail when something is out of date.")]


@app.command()
def build(check: Check = False) -> None:
    """Build every lesson's and every guide's notebook, and the page of questions, from their sources."""
    stale = [lesson for lesson in [*lessons(), *guides()] if is_stale(lesson)]
    for lesson in stale:
        console.print(f"{'out of date' if check else 'built'}: {lesson.notebook.name}")
        if not check:
            lesson.notebook.write_text(text_of(build_lesson(lesson)), encoding="utf-8")
    left = bool(stale) | _refresh_questions(check)
    if check and left:
        console.print("Run: python -m grading build")
        raise typer.Exit(1)


@app.command()
def questions(check: Check = False) -> None:
    """Write notebooks/QUESTIONS.md: every checkpoint with its points."""
    if _refresh_questions(check) and check:
        raise typer.Exit(1)


@app.command()
def solve(
    folder: Annotated[Path, typer.Argument(help="Receives the solved notebooks.")],
    part: Part = None,
    lesson: Only = None,
) -> None:
    """Write solved notebooks, not run, to a folder outside notebooks/."""
    wanted = _chosen(part, lesson)
    require_whole(wanted)
    for path in write_solved(wanted, folder):
        console.print(f"solved: {path}")


@app.command()
def rehearse(
    part: Part = None,
    lesson: Only = None,
    keep: Annotated[Path | None, typer.Option(help="Keep executed notebooks and their ledger in this folder.")] = None,
) -> None:
    """Run the lessons solved, in order, in a fresh workspace, and print the scoreboard."""
    wanted = _chosen(part, lesson)
    require_whole(wanted)
    if not rehearse_lessons(wanted, keep, console):
        raise typer.Exit(1)


def _chosen(part: int | None, numbers: list[int] | None) -> list[Lesson]:
    """Return the lessons of a part, or those with these numbers.

    Raises:
        LessonError: No lesson is meant.
    """
    wanted = [lesson for lesson in lessons(part=part) if not numbers or lesson.number in numbers]
    if not wanted:
        known = ", ".join(lesson.label for lesson in lessons())
        raise LessonError(f"no such lesson; there are {known}")
    return wanted


def _refresh_questions(check: bool) -> bool:
    """Return whether the page of questions was out of date; write it unless only asked."""
    page = questions_page()
    if QUESTIONS_PATH.is_file() and QUESTIONS_PATH.read_text(encoding="utf-8") == page:
        return False
    console.print(f"{'out of date' if check else 'built'}: {QUESTIONS_PATH.name}")
    if not check:
        QUESTIONS_PATH.write_text(page, encoding="utf-8")
    return True


def main() -> None:
    """Run a command; a fault in a lesson is a message, not a traceback."""
    try:
        app()
    except (AnswerKeyError, LessonError, LessonFailedError) as error:
        console.print(str(error), markup=False, highlight=False)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
