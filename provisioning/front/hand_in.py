"""What a student sees when a part is handed in: on a terminal, and as the same lines below the notebook's button."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from labs.checkpoints.rows import Row
from provisioning.front.prepare import Prepared, prepare

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def submit(part: int, console: Console, *, target: Path | None = None, workspace: Path | None = None) -> Prepared:
    """Write a part's zip, and say what the grader will find in it and what is left to do.

    Args:
        part: 1, 2 or 3.
        console: Of rich, where it is said.
        target: The zip; in the workspace when None.
        workspace: Folder with ledger and models; the student's own when None.
    """
    return show(prepare(part, target=target, workspace=workspace), console)


def show(found: Prepared, console: Console) -> Prepared:
    """Print what the grader will find in a zip."""
    points = f"{found.points} of {found.possible} public points"
    console.print(points_table(found.rows, points))
    for title, lines in found.lists.items():
        console.print(f"\n[bold]{title}[/]")
        for line in lines:
            console.print(f"  • {line}", markup=False, highlight=False)
    console.print(f"\n{found.points_text}", markup=False, highlight=False)
    console.print(found.state_text, style="bold", markup=False, highlight=False, soft_wrap=True)
    console.print(f"sha256 {found.sha256}", style="dim")
    return found


def points_table(rows: Sequence[Row], title: str) -> Table:
    """Return rows as a table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table("lesson", "points", "what is asked, or what is missing", title=title, title_justify="left")
    for row in rows:
        style = "" if row.points == row.possible else "bold"
        table.add_row(row.lesson, f"{row.points}/{row.possible}", Text(says(row)), style=style)
    return table


def says(row: Row) -> str:
    """Return what a checkpoint asks, or what is to be mended."""
    if row.is_open:
        return f"not answered yet: {row.title}"
    return row.title if row.points == row.possible else row.message


class HandIn:
    """A button that writes the zip of a part, and below it what the grader will say."""

    def __init__(self, part: int, make: Callable[[int], Prepared] = prepare) -> None:
        """Make the button; nothing is collected before it is pressed.

        Args:
            part: Part of the course.
            make: Collects, packs and looks; tests hand over another one.
        """
        import ipywidgets

        self.part, self._make = part, make
        #: The same in words.
        self.text = f"Hand in part {part}: press the button, or run `msl submit {part}`"
        self.button = ipywidgets.Button(
            description=f"Collect part {part}",
            icon="archive",
            button_style="primary",
            tooltip="Writes one zip and shows what the grader will find in it",
            layout=ipywidgets.Layout(width="auto"),
        )
        self.said = ipywidgets.HTML(
            "<p>Save this notebook first: what is collected are the files as they were saved.</p>"
        )
        self.button.on_click(self._pressed)
        self.live = ipywidgets.VBox([self.button, self.said])

    def _pressed(self, _: object) -> None:
        self.button.disabled = True
        try:
            found = self._make(self.part)
        except (OSError, ValueError) as error:
            self.said.value = f"<p><strong>Nothing was written.</strong> {escape(str(error))}</p>"
            return
        finally:
            self.button.disabled = False
        from rich.console import Console

        lines = Console(file=io.StringIO(), width=110)
        show(found, lines)
        self.said.value = f'<pre style="line-height:1.4">{escape(lines.file.getvalue())}</pre>'
        self.text = f"{found.path.name}: {found.points} of {found.possible} public points"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        made = self.live._repr_mimebundle_()
        bundle = dict(made if isinstance(made, dict) else made[0])
        return {**bundle, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text
