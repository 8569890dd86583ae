"""The planner's calendar as buttons, a row a day and a column an hour, and the same as a still picture."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from html import escape

import ipywidgets

from provisioning.planning.timetable import Slot, Timetable, mark_of

_COLUMNS = "78px repeat(24, minmax(0, 1fr))"

#: Goes with the theme's style sheet wherever a calendar is shown.
CALENDAR_STYLE = (
    "<style>"
    ".msl .msl-calendar{display:grid;gap:2px;margin:4px 0;overflow:hidden}"
    f".msl .msl-hours,.msl .msl-still-day{{display:grid;gap:2px;grid-template-columns:{_COLUMNS}}}"
    ".msl .msl-hours>span{font-size:11px;color:var(--msl-soft);text-align:center}"
    ".msl .msl-day{font-size:12px;line-height:24px;white-space:nowrap;font-variant-numeric:tabular-nums}"
    ".msl .msl-cell,.msl .msl-cell.jupyter-button{width:auto;min-width:0;height:24px;line-height:22px;padding:0;"
    "margin:0;font-size:11px;border:1px solid transparent;border-radius:3px;text-align:center;overflow:hidden;"
    "box-shadow:none;color:var(--msl-soft);background:var(--msl-faint);font-variant-numeric:tabular-nums;text-overflow:clip}"
    ".msl .msl-cell.jupyter-button:disabled{opacity:1;cursor:default}"
    ".msl .msl-cell.msl-past,.msl .msl-cell.jupyter-button.msl-past{background:none}"
    ".msl .msl-cell.msl-free,.msl .msl-cell.jupyter-button.msl-free{color:var(--msl-good);font-weight:600;"
    "background:color-mix(in srgb,var(--msl-good) 14%,var(--msl-paper))}"
    ".msl .msl-cell.jupyter-button.msl-free:hover{border-color:var(--msl-good)}"
    ".msl .msl-cell.msl-in-block,.msl .msl-cell.jupyter-button.msl-in-block{border-color:var(--msl-accent);"
    "background:color-mix(in srgb,var(--msl-accent) 22%,var(--msl-paper))}"
    ".msl .msl-cell.msl-chosen,.msl .msl-cell.jupyter-button.msl-chosen{border-color:var(--msl-accent);"
    "background:var(--msl-accent);color:var(--msl-on-accent);font-weight:700}"
    "</style>"
)


class CalendarGrid:
    """Buttons for one page of the calendar, made once and repainted.

    The mouse chooses here; the Tab key passes by, because the planner's list of beginnings does the same in one stop.

    Args:
        days: rows.
    """

    #: Called with the slot that was clicked.
    clicked: Callable[[Slot], None]

    def __init__(self, days: int) -> None:
        self.clicked = lambda _slot: None
        self._table: Timetable | None = None
        # One layout for all: each would otherwise be a model of its own in the browser.
        plain = ipywidgets.Layout(width="auto", height="24px", margin="0", min_width="0")
        style = ipywidgets.ButtonStyle()
        head = ipywidgets.HTML(value=_hours(), layout=ipywidgets.Layout(width="100%", margin="0"))
        self._days = [ipywidgets.HTML(layout=ipywidgets.Layout(margin="0", height="24px")) for _ in range(days)]
        self.cells = [[self._cell(day, hour, plain, style) for hour in range(24)] for day in range(days)]
        rows = [each for label, row in zip(self._days, self.cells, strict=True) for each in (label, *row)]
        grid = ipywidgets.GridBox(
            rows, layout=ipywidgets.Layout(grid_template_columns=_COLUMNS, grid_gap="2px", width="100%")
        )
        self.live = ipywidgets.VBox([head, grid], layout=ipywidgets.Layout(width="100%", overflow="hidden"))

    def _cell(self, day: int, hour: int, layout: ipywidgets.Layout, style: object) -> ipywidgets.Button:
        button = ipywidgets.Button(layout=layout, style=style, tabbable=False, disabled=True).add_class("msl-cell")
        button.on_click(lambda _: self._clicked(day, hour))
        return button

    def _clicked(self, day: int, hour: int) -> None:
        slot = _first(self._table.days[day].hours[hour]) if self._table else None
        if slot is not None:
            self.clicked(slot)

    def draw(self, table: Timetable, chosen: Slot | None, zone: tzinfo) -> None:
        """Repaint what has changed."""
        self._table = table
        for label, row, day in zip(self._days, self.cells, table.days, strict=True):
            label.value = f'<div class="msl-day">{day.date:%a %d %b}</div>'
            for button, hour in zip(row, day.hours, strict=True):
                with button.hold_sync():
                    button.description = mark_of(hour)
                    button.tooltip = _said(hour, zone)
                    button.disabled = _first(hour) is None
                    button._dom_classes = ("msl-cell", *_kinds(hour, chosen))


def still_calendar(table: Timetable, chosen: Slot | None, zone: tzinfo) -> str:
    """Return the calendar as HTML without buttons."""
    rows = [
        f'<div class="msl-still-day"><div class="msl-day">{day.date:%a %d %b}</div>'
        + "".join(
            f'<span class="msl-cell {" ".join(_kinds(hour, chosen))}" title="{escape(_said(hour, zone))}">'
            f"{mark_of(hour)}</span>"
            for hour in day.hours
        )
        + "</div>"
        for day in table.days
    ]
    return f'<div class="msl-calendar">{_hours()}{"".join(rows)}</div>'


def legend() -> str:
    """Return the HTML that explains the cells."""
    return (
        '<p class="msl-sub">A number says how many machines are free for a whole block that begins at that hour; '
        "· means all taken. The chosen block is filled, its hours are framed.</p>"
    )


def _hours() -> str:
    names = "".join(f"<span>{hour:02d}</span>" for hour in range(24))
    return f'<div class="msl-hours"><span></span>{names}</div>'


def _first(hour: tuple[Slot, ...]) -> Slot | None:
    return next((slot for slot in hour if slot.state == "free"), None)


def _said(hour: tuple[Slot, ...], zone: tzinfo) -> str:
    return "; ".join(slot.said(zone) for slot in hour) or "the clocks skip this hour"


def _kinds(hour: tuple[Slot, ...], chosen: Slot | None) -> tuple[str, ...]:
    kinds = ["msl-free" if _first(hour) else "msl-taken" if any(s.state == "taken" for s in hour) else "msl-past"]
    if chosen is not None and any(slot.start == chosen.start for slot in hour):
        kinds.append("msl-chosen")
    elif chosen is not None and any(chosen.start < slot.start < chosen.end for slot in hour):
        kinds.append("msl-in-block")
    return tuple(kinds)
