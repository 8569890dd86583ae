"""The commands: ``submit`` for students; ``grade``, ``pictures``, ``class`` and more for instructors; authors' own."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console()

Folder = Annotated[Path | None, typer.Option(help="Folder with ledger and models; your own workspace unless named.")]


def submit(
    part: Annotated[int, typer.Option(help="Part of the course that is handed in: 1, 2 or 3.")] = 1,
    out: Annotated[Path | None, typer.Option(help="The zip; in your workspace unless named.")] = None,
    workspace: Folder = None,
) -> None:
    """Collect a part of your work, check it as the grader will, and write one zip to hand in."""
    from grading.submission.show import submit as hand_in

    try:
        hand_in(part, console, target=out, workspace=workspace)
    except (OSError, ValueError) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None


def grade(
    submission: Annotated[Path, typer.Argument(help="A submission: folder or zip.")],
    out: Annotated[Path, typer.Argument(help="Folder that receives results.json, result.json and page.html.")],
    part: Annotated[int, typer.Option(help="Part of the course: 1, 2 or 3.")] = 1,
    student: Annotated[str, typer.Option(help="Who handed it in.")] = "",
    pictures: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The hidden pictures; public ones unless named.")
    ] = None,
    seed: Annotated[str, typer.Option(help="Draws the cases on which functions are called again.")] = "public",
    rerun: Annotated[bool, typer.Option(help="Call functions again in the sandbox.")] = True,
) -> None:
    """Grade one submission."""
    from grading.grade import Setup
    from grading.grade import grade as judge
    from grading.hidden import possible_points
    from grading.result import fallback, gradescope, line, page, write_json, write_text

    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(fallback(possible_points(part)), out / "results.json")
    setup = Setup(pictures=pictures, seed=seed, rerun=rerun)
    result = judge(submission, part=part, student=student, setup=setup)
    write_json(result.to_json(), out / "result.json")
    write_text(page(result), out / "page.html")
    write_json(gradescope(result), out / "results.json")
    for name, value in line(result).items():
        console.print(f"{name:15} {value}", markup=False, highlight=False)


def pictures(
    out: Annotated[Path, typer.Argument(help="The file, in a folder that only the grader can read.")],
    seed: Annotated[str, typer.Option(prompt=True, help="A secret: whoever knows it can foresee the pictures.")],
) -> None:
    """Draw the hidden pictures that submitted models are measured with."""
    from grading.artefacts.pictures import Pictures

    drawn = Pictures.draw(seed)
    drawn.save(out)
    out.chmod(0o600)
    console.print(f"{len(drawn.pixels)} pictures in {out} ({out.stat().st_size / 1e6:.0f} MB)")


def register(app: typer.Typer) -> None:
    """Add the commands to ``python -m grading``."""
    for command in (submit, grade, pictures):
        app.command()(command)
    # A student's archive has this file, for `submit`, and none of these.
    if find_spec("grading.builder"):
        from grading.builder import cli

        for command in (cli.build, cli.solve, cli.rehearse):
            app.command()(command)
    if find_spec("grading.classroom"):
        from grading.classroom.commands import grade_folder, hand_back

        app.command("class")(grade_folder)
        app.command("feedback")(hand_back)
    if find_spec("grading.gradescope"):
        from grading.gradescope.commands import gradescope

        app.command()(gradescope)
