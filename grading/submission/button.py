"""The button at the end of a part's last lesson. It holds no logic: it calls ``prepare`` and shows what comes back."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets

from grading.submission.prepare import Prepared, prepare

_TEXT = "color:var(--jp-ui-font-color1,#1a1a1a);line-height:1.5;max-width:56em"
_SOFT = "color:var(--jp-ui-font-color2,#5b6169)"
_LINE = "border-bottom:1px solid var(--jp-border-color2,#d9dce0)"


class HandIn:
    """A button that writes the zip of a part, and below it what the grader will say."""

    def __init__(self, part: int, make: Callable[[int], Prepared] = prepare) -> None:
        """Make the button; nothing is collected before it is pressed.

        Args:
            part: Part of the course.
            make: Collects, packs and looks; tests hand over another one.
        """
        self.part = part
        self._make = make
        #: The same in words.
        self.text = f"Hand in part {part}: press the button, or run `msl submit {part}`"
        self.button = ipywidgets.Button(
            description=f"Collect part {part}",
            icon="archive",
            tooltip="Writes one zip and shows what the grader will find in it",
            layout=ipywidgets.Layout(width="auto"),
        )
        self.said = ipywidgets.HTML(
            f'<p style="{_TEXT}">Save this notebook first: what is collected are the files as they were saved.</p>'
        )
        self.button.on_click(self._pressed)
        self.live = ipywidgets.VBox([self.button, self.said])

    def _pressed(self, _: object) -> None:
        self.button.disabled = True
        try:
            found = self._make(self.part)
        except (OSError, ValueError) as error:
            self.said.value = f'<p style="{_TEXT}"><strong>Nothing was written.</strong> {escape(str(error))}</p>'
            return
        finally:
            self.button.disabled = False
        self.said.value = shown(found)
        self.text = f"{found.path.name}: {found.preview.points} of {found.preview.possible} public points"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        made = self.live._repr_mimebundle_()
        bundle = dict(made if isinstance(made, dict) else made[0])
        return {**bundle, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def shown(found: Prepared) -> str:
    """Return what is said about a zip, as HTML."""
    open_rows = [row for row in found.preview.rows if row.points < row.possible]
    parts = [
        f"<p><strong>{escape(found.points_text)}</strong></p><p>{escape(found.state_text)}</p>",
        _table(open_rows),
        _list("Missing, or left out", found.said),
        _list("What does not fit together in your evidence", [str(one) for one in found.preview.findings]),
        _list(
            "To be answered by hand, where you hand in the zip",
            [f"{one.text} ({one.points} points)" for one in found.questions],
        ),
        f'<p style="{_SOFT};font-size:12px">sha256 {found.sha256}</p>',
    ]
    return f'<div style="{_TEXT}">{"".join(parts)}</div>'


def _table(rows: list) -> str:
    if not rows:
        return "<p>Every public check is passed.</p>"
    cell = f'style="text-align:left;padding:3px 14px 3px 0;vertical-align:top;white-space:normal;{_LINE}"'
    lines = "".join(
        f"<tr><td {cell}><code>{escape(row.id)}</code></td><td {cell}>{row.possible}</td>"
        f"<td {cell}>{escape(row.title + ' (not answered yet)' if row.is_open else row.message)}</td></tr>"
        for row in rows
    )
    head = "".join(f'<th scope="col" {cell}>{name}</th>' for name in ("Still open", "Points", "What to do"))
    return f'<table style="border-collapse:collapse;margin:8px 0"><thead><tr>{head}</tr></thead>{lines}</table>'


def _list(title: str, lines: list[str] | tuple[str, ...]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<p style="margin:10px 0 2px"><strong>{title}</strong></p><ul style="margin:0">{items}</ul>'
