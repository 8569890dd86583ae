"""``python -m grading submit``: what a student sees when a part is handed in."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from grading.grade.result import Result
from grading.submission.prepare import Prepared, prepare


def submit(part: int, console: Console, *, target: Path | None = None, workspace: Path | None = None) -> Prepared:
    """Write a part's zip, and say what the grader will find in it and what is left to do.

    Args:
        part: 1, 2 or 3.
        console: Where it is said.
        target: The zip; in the workspace when None.
        workspace: Folder with ledger and models; the student's own when None.
    """
    found = prepare(part, target=target, workspace=workspace)
    console.print(table_of(found.preview))
    _list(console, "Missing, or left out", found.said)
    _list(console, "What does not fit together in your evidence", [str(one) for one in found.preview.findings])
    asked = [f"{one.text} ({one.points} points)" for one in found.questions]
    _list(console, "To be answered by hand, where you hand in the zip", asked)
    console.print(f"\n{found.points_text}", markup=False, highlight=False)
    console.print(found.state_text, style="bold", markup=False, highlight=False, soft_wrap=True)
    console.print(f"sha256 {found.sha256}", style="dim")
    return found


def table_of(found: Result) -> Table:
    """Return the public checkpoints of a preview as a table, with what is missing."""
    table = Table(title=f"{found.points} of {found.possible} public points", title_justify="left")
    table.add_column("checkpoint", no_wrap=True)
    table.add_column("points", justify="right")
    table.add_column("what is asked, or what is missing")
    for row in found.rows:
        full = row.points == row.possible
        says = f"not answered yet: {row.title}" if row.is_open else row.title if full else row.message
        table.add_row(row.id, f"{row.points}/{row.possible}", escape(says), style="" if full else "bold")
    return table


def _list(console: Console, title: str, lines: list[str] | tuple[str, ...]) -> None:
    if lines:
        console.print(f"\n[bold]{title}[/]")
        for line in lines:
            console.print(f"  • {line}", markup=False, highlight=False)
