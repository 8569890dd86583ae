"""``python -m grading``: ``submit`` for students; ``build``, ``rehearse``, ``grade`` and more where their rooms are."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from grading.cli import register
from labs.course import LessonError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Build, solve, rehearse, hand in and grade the course."
)
register(app)


def main() -> None:
    """Run a command; a fault in a lesson is a message, not a traceback."""
    # A processor's name, or a submission's, may hold what is no text in any encoding: it is shown escaped.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except LessonError as error:
        Console().print(str(error), markup=False, highlight=False)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
