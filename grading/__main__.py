"""``python -m grading``: ``submit`` for students; ``pictures``, ``class``, ``build`` and more where their rooms are."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from labs.course import LessonError

console = Console()
app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Build, solve, rehearse, hand in and grade the course."
)


@app.command()
def submit(
    part: Annotated[int, typer.Option(help="Part of the course that is handed in: 1, 2 or 3.")] = 1,
    out: Annotated[Path | None, typer.Option(help="The zip; in your workspace unless named.")] = None,
    workspace: Annotated[
        Path | None, typer.Option(help="Folder with ledger and models; your own unless named.")
    ] = None,
) -> None:
    """Collect a part of your work, check it as the grader will, and write one zip to hand in."""
    from grading.submission.show import submit as hand_in

    try:
        hand_in(part, console, target=out, workspace=workspace)
    except (OSError, ValueError) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None


@app.command()
def pictures(
    out: Annotated[Path, typer.Argument(help="The file, in a folder that only the grader can read.")],
    seed: Annotated[str, typer.Option(prompt=True, help="A secret: whoever knows it can foresee the pictures.")],
) -> None:
    """Draw the hidden pictures that submitted models are measured with."""
    from grading.grade.artefacts.pictures import Pictures

    drawn = Pictures.draw(seed)
    drawn.save(out)
    out.chmod(0o600)
    console.print(f"{len(drawn.pixels)} pictures in {out} ({out.stat().st_size / 1e6:.0f} MB)")


# A student's archive has this file, for `submit`, and none of these rooms.
if find_spec("grading.builder"):
    from grading.builder import cli

    for command in (cli.build, cli.solve, cli.rehearse):
        app.command()(command)
if find_spec("grading.classroom"):
    from grading.classroom.cli import grade_folder, hand_back

    app.command("class")(grade_folder)
    app.command("feedback")(hand_back)
if find_spec("grading.gradescope"):
    from grading.gradescope.package import gradescope

    app.command()(gradescope)


def main() -> None:
    """Run a command; a fault in a lesson is a message, not a traceback."""
    # A processor's name, or a submission's, may hold what is no text in any encoding: it is shown escaped.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except LessonError as error:
        console.print(str(error), markup=False, highlight=False)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
