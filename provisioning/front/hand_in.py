"""What a student sees when a part is handed in."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from labs.course.question import Row
from provisioning.front.prepare import Prepared, prepare


def submit(part: int, console: Console, *, target: Path | None = None, workspace: Path | None = None) -> Prepared:
    """Write a part's zip, in the workspace unless named, and say what the grader will find in it and what is left."""
    found = prepare(part, target=target, workspace=workspace)
    points = f"{found.points:g} of {found.possible:g} points by your own checks"
    console.print(points_table(found.rows, points))
    if found.missing:
        console.print("\n[bold]Missing[/]")
    for line in found.missing:
        console.print(f"  • {line}", markup=False, highlight=False)
    console.print(f"\n{found.points_text}", markup=False, highlight=False)
    console.print(found.state_text, style="bold", markup=False, highlight=False, soft_wrap=True)
    console.print(f"sha256 {found.sha256}", style="dim")
    return found


def points_table(rows: Sequence[Row], title: str) -> Table:
    """Return rows as a table for a terminal."""
    table = Table("lesson", "points", "what is asked, or what is missing", title=title, title_justify="left")
    for row in rows:
        style = "" if row.points == row.possible else "bold"
        table.add_row(row.lesson, f"{row.points:g}/{row.possible:g}", Text(says(row)), style=style)
    return table


def says(row: Row) -> str:
    """Return what a checkpoint asks, or what is to be mended."""
    if row.is_open:
        return f"not answered yet: {row.title}"
    part = "" if row.opened else " (taking part)"
    return row.title + part if row.points == row.possible else row.message + part
