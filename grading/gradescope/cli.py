"""``python -m grading gradescope``: build the zip that an instructor uploads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console()


def gradescope(
    seed: Annotated[
        str,
        typer.Option(
            envvar="GRADESCOPE_SEED",
            prompt=True,
            hide_input=True,
            help="A secret: whoever knows it can foresee what models and answers are tried on. Asked for unless named.",
        ),
    ],
    part: Annotated[int, typer.Option(help="Part of the course: 1, 2 or 3.")] = 1,
    out: Annotated[Path, typer.Option(help="The zip to upload.")] = Path("autograder.zip"),
) -> None:
    """Build a part's autograder for Gradescope."""
    from grading.gradescope.package import build_package

    try:
        built = build_package(out, part=part, seed=seed)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    console.print(f"{built.path}: {len(built.files)} files, {built.size_bytes / 1e6:.1f} MB", highlight=False)
    console.print(
        f"Part {part}, {built.assignment.possible} points by the autograder. Keep the zip: it holds the seed."
    )
