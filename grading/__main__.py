"""``python -m grading``: build, rehearse and grade the course; students get none of it."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from grading import assignment
from grading.builder import cli, publish
from grading.builder.unlock import unlock
from grading.classroom.cli import grade_folder, hand_back
from grading.classroom.gradebook import gradebook
from grading.gradescope.package import gradescope
from labs.course.assignment import AssignmentError
from labs.course.lessons import LessonError
from labs.errors import CourseError
from labs.terminal import VERSION

console = Console()
app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    help="Build, rehearse, grade.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(version: VERSION = False) -> None:
    """Read the options before a command."""


@app.command()
def pictures(
    out: Annotated[
        Path, typer.Argument(help="The file, in a folder that only the grader can read.")
    ],
) -> None:
    """Draw hidden pictures, to measure submitted models with. The seed is GRADING_SEED, or asked
    for.
    """
    from grading.grade.artefacts.pictures import Pictures
    from grading.seed import secret_seed

    drawn = Pictures.draw(secret_seed())
    drawn.save(out)
    out.chmod(0o600)
    size_mb = out.stat().st_size / 1e6
    console.print(f"{len(drawn.pixels)} pictures in {out} ({size_mb:.0f} MB)")


for command in (cli.build, cli.rehearse, cli.minutes, cli.mutants, cli.site):
    app.command()(command)
app.command("class")(grade_folder)
app.command("feedback")(hand_back)
app.command()(gradebook)
app.add_typer(assignment.app, name="assignment")
app.add_typer(publish.app, name="publish")
app.command()(gradescope)
app.command()(unlock)


def main() -> None:
    """Run a command; a fault in a lesson is a message, not a traceback."""
    # A processor's name, or a submission's, may hold what is no text in any encoding: it is shown
    # escaped.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except (AssignmentError, CourseError, LessonError) as error:
        console.print(str(error), markup=False, highlight=False)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
