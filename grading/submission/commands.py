"""``python -m grading submit``: what a student sees when a part is handed in."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from grading.course import lessons
from grading.submission.by_hand import questions_of
from grading.submission.collect import collect
from grading.submission.pack import pack
from grading.submission.preview import Preview, preview
from labs.workspace import workspace_dir


def submit(part: int, console: Console, *, target: Path | None = None, workspace: Path | None = None) -> Preview:
    """Collect a part, check it as the grader will, write the zip, and say what is left to do.

    Args:
        part: 1, 2 or 3.
        console: Where it is said.
        target: The zip; ``submission-part-N.zip`` in the workspace when None.
        workspace: Folder with ledger and models; the student's own when None.

    Raises:
        ValueError: There is no such part.
    """
    wanted = lessons(part=part)
    if not wanted:
        raise ValueError(f"there is no part {part}; the parts are {sorted({one.part for one in lessons()})}")
    workspace = workspace or workspace_dir()
    target = target or workspace / f"submission-part-{part}.zip"
    collection = collect(wanted, workspace)
    sha256 = pack(collection, part, target)
    found = preview(target, wanted)
    console.print(table_of(found))
    said = [*collection.missing, *(f"{note.about}: {note.message}" for note in found.notes)]
    _list(console, "Missing, or left out", said)
    _list(console, "What does not fit together in your evidence", [str(one) for one in found.findings])
    _list(
        console,
        "To be answered by hand, where you hand in the zip",
        [f"{one.text} ({one.points} points)" for one in questions_of(part)],
    )
    console.print(f"[bold]{escape(str(target))}[/] ({target.stat().st_size / 1e6:.1f} MB) is ready to be handed in.")
    console.print(f"sha256 {sha256}", style="dim")
    return found


def table_of(found: Preview) -> Table:
    """Return the public checkpoints of a preview as a table, with what is missing."""
    table = Table(title=f"{found.earned} of {found.possible} public points", title_justify="left")
    table.add_column("checkpoint", no_wrap=True)
    table.add_column("points", justify="right")
    table.add_column("what is asked, or what is missing")
    for row in found.rows:
        full = row.points == row.possible
        says = row.title if full else row.message
        table.add_row(row.id, f"{row.points}/{row.possible}", escape(says), style="" if full else "bold")
    return table


def _list(console: Console, title: str, lines: list[str]) -> None:
    if lines:
        console.print(f"\n[bold]{title}[/]")
        for line in lines:
            console.print(f"  • {line}", markup=False, highlight=False)
