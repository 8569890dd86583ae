"""What the planner's parts look like: its calendar of buttons, and the HTML of machines, code and lease."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape

import ipywidgets

from labs.display.table import html_table
from labs.display.theme import STYLE
from provisioning.planning.blocks import Slot, mark_of
from provisioning.planning.chooser import OPTION_COLUMNS, PAGE_DAYS, Chooser
from provisioning.testbed.errors import LeaseFailedError
from provisioning.widgets.cards import heading, html, note

_COLUMNS = "78px repeat(24, minmax(0, 1fr))"

_STYLE = (
    "<style>"
    f".msl .msl-hours{{display:grid;gap:2px;grid-template-columns:{_COLUMNS}}}"
    ".msl .msl-hours>span{font-size:11px;color:var(--msl-soft);text-align:center}"
    ".msl .msl-day{font-size:12px;line-height:24px;white-space:nowrap;font-variant-numeric:tabular-nums}"
    ".msl .msl-cell.jupyter-button{width:auto;min-width:0;height:24px;line-height:22px;padding:0;"
    "margin:0;font-size:11px;border:1px solid transparent;border-radius:3px;text-align:center;overflow:hidden;"
    "box-shadow:none;color:var(--msl-soft);background:var(--msl-faint);font-variant-numeric:tabular-nums;text-overflow:clip}"
    ".msl .msl-cell.jupyter-button:disabled{opacity:1;cursor:default}"
    ".msl .msl-cell.jupyter-button.msl-past{background:none}"
    ".msl .msl-cell.jupyter-button.msl-free{color:var(--msl-good);font-weight:600;"
    "background:color-mix(in srgb,var(--msl-good) 14%,var(--msl-paper))}"
    ".msl .msl-cell.jupyter-button.msl-free:hover{border-color:var(--msl-good)}"
    ".msl .msl-cell.jupyter-button.msl-in-block{border-color:var(--msl-accent);"
    "background:color-mix(in srgb,var(--msl-accent) 22%,var(--msl-paper))}"
    ".msl .msl-cell.jupyter-button.msl-chosen{border-color:var(--msl-accent);"
    "background:var(--msl-accent);color:var(--msl-on-accent);font-weight:700}"
    "</style>"
)


class CalendarGrid:
    """Buttons for one page of the calendar, a row a day and a column an hour, made once and repainted.

    The mouse chooses here; the Tab key passes by, because the planner's list of beginnings does the same in one stop.

    Args:
        clicked: called with the slot that was clicked.
    """

    def __init__(self, clicked: Callable[[Slot], None]) -> None:
        self._clicked = clicked
        self._slots: dict[ipywidgets.Button, Slot | None] = {}
        # One layout for all: each would otherwise be a model of its own in the browser.
        plain = ipywidgets.Layout(width="auto", height="24px", margin="0", min_width="0")
        style = ipywidgets.ButtonStyle()
        names = "".join(f"<span>{hour:02d}</span>" for hour in range(24))
        head = html()
        head.value = f'<div class="msl-hours"><span></span>{names}</div>'
        self._days = [html("auto") for _ in range(PAGE_DAYS)]
        self.cells = [[self._cell(plain, style) for _ in range(24)] for _ in range(PAGE_DAYS)]
        rows = [each for label, row in zip(self._days, self.cells, strict=True) for each in (label, *row)]
        layout = ipywidgets.Layout(grid_template_columns=_COLUMNS, grid_gap="2px", width="100%")
        box = ipywidgets.Layout(width="100%", overflow="hidden")
        self.live = ipywidgets.VBox([head, ipywidgets.GridBox(rows, layout=layout)], layout=box)

    def _cell(self, layout: ipywidgets.Layout, style: ipywidgets.ButtonStyle) -> ipywidgets.Button:
        button = ipywidgets.Button(layout=layout, style=style, tabbable=False, disabled=True).add_class("msl-cell")
        button.on_click(lambda pressed: self._clicked(self._slots[pressed]) if self._slots[pressed] else None)
        return button

    def draw(self, chooser: Chooser) -> None:
        """Repaint what has changed."""
        for label, row, (day, hours) in zip(self._days, self.cells, chooser.table().days.items(), strict=True):
            label.value = f'<div class="msl-day">{day:%a %d %b}</div>'
            for button, hour in zip(row, hours, strict=True):
                free = next((slot for slot in hour if slot.free), None)
                self._slots[button] = free
                with button.hold_sync():
                    button.description = mark_of(hour)
                    button.tooltip = "; ".join(slot.said(chooser.zone) for slot in hour) or "the clocks skip this hour"
                    button.disabled = free is None
                    button._dom_classes = ("msl-cell", *_kinds(hour, chooser.slot))


def _kinds(hour: Sequence[Slot], chosen: Slot | None) -> tuple[str, ...]:
    kinds = ["msl-free" if any(slot.free for slot in hour) else "msl-taken" if mark_of(hour) else "msl-past"]
    if chosen is not None and any(slot.start == chosen.start for slot in hour):
        kinds.append("msl-chosen")
    elif chosen is not None and any(chosen.start < slot.start < chosen.end for slot in hour):
        kinds.append("msl-in-block")
    return tuple(kinds)


def head(chooser: Chooser, rehearsed: bool) -> str:
    """Return the HTML of the head: what is planned, by whose clock, by which rules."""
    title = f"{chooser.spec.title}: choose a block"
    rules = f'<p class="msl-sub">{escape(chooser.said_rules())}</p>'
    whose = f'<p class="msl-strong" style="margin:8px 0 4px">{escape(chooser.said_zone())}</p>'
    return f'{STYLE}{_STYLE}<div class="msl">{heading(title, rehearsed)}{rules}{whose}</div>'


def machines(chooser: Chooser) -> str:
    """Return the HTML of the chosen machine, and of all options; their table is open where the first is all taken."""
    option = chooser.option
    changes = f" <b>What changes for the lesson:</b> {escape(option.changes)}" if option.changes else ""
    taken = not chooser.table(chooser.spec.options[0]).free
    return (
        f'<div class="msl"><p class="msl-sub">{escape(option.hardware)}.{changes}</p>'
        f"<details{' open' if taken else ''}><summary>Every machine this part runs on, the best first</summary>"
        f"{html_table(OPTION_COLUMNS, chooser.option_rows())}</details></div>"
    )


def week(chooser: Chooser) -> str:
    """Return the HTML that names the week on the page, and explains the cells below it."""
    first, *_, last = chooser.table().days
    return (
        f'<span class="msl-strong">{first:%a %d %b} – {last:%a %d %b %Y}</span> <span class="msl-soft">'
        "A number: machines free for a whole block from that hour. ·: all taken. Filled: chosen.</span>"
    )


def take_along(chooser: Chooser) -> str:
    """Return the HTML of the python-chi code that makes the same reservation, and of the calendar file."""
    if chooser.block is None:
        return ""
    ics = base64.b64encode(chooser.calendar_file()).decode()
    return (
        '<div class="msl"><p class="msl-sub">'
        f'<a download="{escape(chooser.name)}.ics" href="data:text/calendar;base64,{ics}">Calendar file (.ics)</a></p>'
        "<details><summary>The code: the same reservation with python-chi</summary>"
        f'<pre class="msl-code">{escape(chooser.code())}</pre></details></div>'
    )


def lease(chooser: Chooser) -> str:
    """Return the HTML of the lease once there is one, and of what to do before the block."""
    held, made = chooser.said_lease(), chooser.lease
    if made is not None and made.status == "ERROR":
        held = note(str(LeaseFailedError(f"the lease {made.name!r} is in ERROR")))
    elif held:
        more = "One lease for each part: to move it, release this one first."
        held = f'<p class="msl-good" role="status">✓ {escape(held)}</p><p class="msl-sub">{more}</p>'
    return f'<div class="msl">{held}<p class="msl-sub">Before the block: {escape(chooser.said_before())}</p></div>'
