"""The planner: a week of free blocks in the student's own time, the chosen block, and its lease."""

import base64
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from labs.display.shown import Shown
from labs.display.table import html_table
from labs.display.theme import STYLE
from labs.sites.spec import Part, SiteOption, load_spec
from labs.widgets.controls import controls
from provisioning import lab
from provisioning.planning.blocks import Block, Slot, mark_of
from provisioning.planning.chooser import OPTION_COLUMNS, PAGE_DAYS, PAGES, Chooser
from provisioning.planning.lessons import to_prepare
from provisioning.planning.zones import find_zone, keep_zone, zone_names
from provisioning.testbed import Lease, Testbed
from provisioning.testbed.errors import LeaseFailedError, NoCapacityError, ProvisioningError
from provisioning.testbed.surroundings import WallClock, site_clock
from provisioning.widgets.cards import heading, html, note, still


def planner(
    part: Part,
    testbed_for: Callable[[str], Testbed] | None = None,
    *,
    zone: str | None = None,
    clock: WallClock | None = None,
) -> "Planner":
    """Return the planner of a part, with every site's calendar read and the first free block
    chosen.

    Args:
        testbed_for: opens a site by its name; python-chi when left out.
        zone: time zone, such as ``"America/Chicago"``; the one chosen last time, or this
            computer's, when left out.
    """
    if zone is not None:
        keep_zone(find_zone(zone))
    testbed_for = testbed_for or lab.open_testbed
    chooser = Chooser(load_spec(part), testbed_for, find_zone(zone), clock or site_clock())
    chooser.read()
    return Planner(chooser)


class Planner(Shown):
    """The widget; its methods do what its controls do."""

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        #: Name of the lease, reserved or not.
        self.lease_name = chooser.name
        self.rehearsed = lab.rehearsing()
        # A click may arrive in a thread of its own while a cell runs; what drawing changes nobody
        # has chosen.
        self._lock = threading.RLock()
        self._drawing = False
        # The first press while a site is silent says so; the second one means it.
        self._warned = False
        self._build()
        self.draw()

    @property
    def chosen(self) -> Block | None:
        """The chosen block on its machine; None when nothing is free on the page that is shown."""
        return self.chooser.block

    @property
    def lease(self) -> Lease | None:
        """The student's lease; None while there is none."""
        return self.chooser.lease

    @property
    def code(self) -> str:
        """The python-chi code that reserves the chosen block."""
        return self.chooser.code()

    @property
    def text(self) -> str:
        """Calendar, options, choice and lease in words and columns."""
        return self.chooser.text(rehearsed=self.rehearsed)

    @property
    def html(self) -> str:
        return still(f"{self.chooser.spec.title}: choose a block", self.text, self.rehearsed)

    def choose(
        self,
        option: SiteOption | None = None,
        start: datetime | None = None,
        node: str | None = None,
    ) -> Block | None:
        """Choose in code, as by clicks; each omitted argument becomes the first free one.

        Raises:
            NoCapacityError: it is not free.
        """
        self.chooser.choose(option, start, node)
        self.draw()
        return self.chosen

    def reserve(self, *, anyway: bool = False) -> Lease:
        """Reserve the chosen block, or return the lease that is there; ``anyway`` also while a site
        cannot say so.

        Raises:
            ProvisioningError: the site refused; the message says what to do.
        """
        try:
            return self.chooser.reserve(anyway=anyway)
        except NoCapacityError:
            # Another person was faster, so the calendar is out of date.
            self.chooser.read()
            raise
        finally:
            self.draw()

    def _build(self) -> None:
        """Make the controls in the order in which the Tab key visits them: whose time, which
        machine, when, and go.
        """
        chooser = self.chooser
        wide = ipywidgets.Layout(width="100%", max_width="560px")

        def choice(
            words: str, picked: Callable[[Any], object], **more: object
        ) -> ipywidgets.Dropdown:
            widget = ipywidgets.Dropdown(
                description=words, layout=wide, style={"description_width": "72px"}, **more
            )

            def observe(change: Any) -> None:
                self._do(lambda: picked(change.new))

            widget.observe(observe, "value")
            return widget

        def button(
            words: str, width: str, pressed: Callable[[], object], **more: str
        ) -> ipywidgets.Button:
            widget = ipywidgets.Button(description=words, layout={"width": width}, **more)
            widget.on_click(lambda _: self._do(pressed))
            return widget

        names = zone_names(chooser.zone.key)
        self.zone = choice("Time zone", self._zone_picked, options=names, value=chooser.zone.key)
        self.machine = choice("Machine", self._option_picked)
        self.start = choice("Begins", self._start_picked)
        self.node = choice("Node", self._node_picked)
        self.earlier = button("‹ Earlier", "88px", self._earlier_pressed)
        self.later = button("Later ›", "88px", self._later_pressed)
        self.calendar = CalendarGrid(self._slot_clicked)
        self.take = button("Reserve", "120px", self._reserve_pressed, button_style="primary")
        self.reread = button(
            "Read again",
            "104px",
            self._reread_pressed,
            tooltip="Ask every site for its calendar again",
        )
        self.head = html()
        self.machines = html()
        self.week = html("auto")
        self.along = html()
        self.message = html()
        self.held = html()
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="100%")
        pages = ipywidgets.Box([self.earlier, self.later, self.week], layout=row)
        buttons = ipywidgets.Box([self.take, self.reread], layout=row)
        machine_rows = [self.head, self.zone, self.machine, self.machines]
        time_rows = [pages, self.calendar.live, self.start, self.node]
        lease_rows = [buttons, self.message, self.held, self.along]
        self.live = controls([*machine_rows, *time_rows, *lease_rows])
        self.live.add_class("msl").add_class("msl-card")

    def _do(self, act: Callable[[], object]) -> None:
        with self._lock:
            if self._drawing:
                return
            message = ""
            try:
                act()
            except ProvisioningError as error:
                message = str(error)
            finally:
                self.draw()
            self.message.value = note(message)

    def _zone_picked(self, name: str) -> None:
        self.chooser.zone = find_zone(name)
        keep_zone(self.chooser.zone)
        self.chooser.choose(start=self.chooser.slot.start if self.chooser.slot else None)

    def _option_picked(self, option: SiteOption) -> None:
        # The same hours on another machine that is free then, because these hours suit the student.
        slot = self.chooser.slot
        free_starts = {free.start for free in self.chooser.table(option).free}
        same_start = slot.start if slot and slot.start in free_starts else None
        self.chooser.choose(option, same_start)

    def _start_picked(self, start: datetime) -> None:
        self.chooser.choose(start=start)

    def _node_picked(self, node: str) -> None:
        self.chooser.choose(start=self.start.value, node=node)

    def _slot_clicked(self, slot: Slot) -> None:
        self._do(lambda: self.chooser.choose(start=slot.start))

    def _earlier_pressed(self) -> None:
        self.chooser.turn_to(self.chooser.page - 1)

    def _later_pressed(self) -> None:
        self.chooser.turn_to(self.chooser.page + 1)

    def _reserve_pressed(self) -> None:
        anyway = self._warned and bool(self.chooser.silent)
        self._warned = True
        self.take.disabled = True
        self.take.description = "Reserving…"
        self.reserve(anyway=anyway)

    def _reread_pressed(self) -> None:
        self.message.value = note("Reading the calendars…", "msl-soft")
        self.chooser.read()

    def draw(self) -> None:
        """Bring every control up to date."""
        with self._lock:
            self._drawing = True
            try:
                self._draw()
            finally:
                self._drawing = False

    def _draw(self) -> None:
        chooser = self.chooser
        slot = chooser.slot
        head = heading(f"{chooser.spec.title}: choose a block", self.rehearsed)
        rules = f'<p class="msl-sub">{escape(chooser.rules_text())}</p>'
        whose = f'<p class="msl-strong" style="margin:8px 0 4px">{escape(chooser.zone_text())}</p>'
        self.head.value = f'{STYLE}{_STYLE}<div class="msl">{head}{rules}{whose}</div>'
        self.machines.value = _machines_html(chooser)
        first, *_, last = chooser.table().days
        self.week.value = (
            f'<span class="msl-strong">{first:%a %d %b} – {last:%a %d %b %Y}</span> '
            '<span class="msl-soft">A number: machines free for a whole block from that hour. '
            "·: all taken. ?: not known. Filled: chosen.</span>"
        )
        self.calendar.draw(chooser)
        machines = []
        for option in chooser.options:
            free = chooser.free_text(option)
            machines.append((f"{option.name} ({option.site}, {option.type}): {free}", option))
        starts = [(free.text(chooser.zone), free.start) for free in chooser.table().free]
        nodes = [(name, name) for name in slot.free] if slot else []
        _offer(self.machine, machines, chooser.option if machines else None)
        _offer(self.start, starts, slot.start if slot else None)
        _offer(self.node, nodes, chooser.node)
        self.earlier.disabled = chooser.page == 0
        self.later.disabled = chooser.page == PAGES - 1
        self.take.disabled = chooser.block is None or chooser.lease is not None
        self.take.description = self._take_words()
        self.along.value = _take_along_html(chooser)
        self.held.value = _lease_html(chooser)

    def _take_words(self) -> str:
        lease = self.chooser.lease
        if lease is None:
            return "Reserve anyway" if self._warned and self.chooser.silent else "Reserve"
        return "Failed" if lease.status == "ERROR" else "Reserved"


def _offer(
    choice: ipywidgets.Dropdown, options: Sequence[tuple[str, object]], value: object
) -> None:
    # Setting the options chooses the first; one message with both keeps the browser from showing
    # it.
    with choice.hold_sync():
        choice.options = options
        choice.value = value
        choice.disabled = not options


_COLUMNS = "78px repeat(24, minmax(0, 1fr))"

_CSS = Path(__file__).with_name("planner.css").read_text(encoding="utf-8")
_STYLE = f"<style>{_CSS}</style>".replace("\n", "")


class CalendarGrid:
    """Buttons for one page of the calendar, a row a day and a column an hour, made once and
    repainted.

    The mouse chooses here; the Tab key passes by, because the planner's list of beginnings does the
    same in one stop.
    """

    def __init__(self, clicked: Callable[[Slot], None]) -> None:
        self._clicked = clicked
        self._slots: dict[ipywidgets.Button, Slot | None] = {}
        # One layout for all: otherwise each would be a separate model in the browser.
        plain = ipywidgets.Layout(width="auto", height="24px", margin="0", min_width="0")
        style = ipywidgets.ButtonStyle()
        names = "".join(f"<span>{hour:02d}</span>" for hour in range(24))
        head = html()
        head.value = (
            '<div class="msl-hours" '
            f'style="grid-template-columns:{_COLUMNS}"><span></span>{names}</div>'
        )
        self._days = [html("auto") for _ in range(PAGE_DAYS)]
        self.cells = []
        children = []
        for label in self._days:
            row = [self._cell(plain, style) for _ in range(24)]
            self.cells.append(row)
            children += [label, *row]
        columns = ipywidgets.Layout(grid_template_columns=_COLUMNS, grid_gap="2px", width="100%")
        grid = ipywidgets.GridBox(children, layout=columns)
        box = ipywidgets.Layout(width="100%", overflow="hidden")
        self.live = ipywidgets.VBox([head, grid], layout=box)

    def _cell(self, layout: ipywidgets.Layout, style: ipywidgets.ButtonStyle) -> ipywidgets.Button:
        button = ipywidgets.Button(layout=layout, style=style, tabbable=False, disabled=True)
        button.add_class("msl-cell")
        button.on_click(self._pressed)
        return button

    def _pressed(self, button: ipywidgets.Button) -> None:
        slot = self._slots[button]
        if slot is not None:
            self._clicked(slot)

    def draw(self, chooser: Chooser) -> None:
        """Repaint what has changed."""
        days = chooser.table().days.items()
        for label, row, (day, hours) in zip(self._days, self.cells, days, strict=True):
            label.value = f'<div class="msl-day">{day:%a %d %b}</div>'
            for button, hour in zip(row, hours, strict=True):
                free = next((slot for slot in hour if slot.free), None)
                self._slots[button] = free
                slots = "; ".join(slot.text(chooser.zone) for slot in hour)
                with button.hold_sync():
                    button.description = mark_of(hour)
                    button.tooltip = slots or "the clocks skip this hour"
                    button.disabled = free is None
                    button._dom_classes = ("msl-cell", *_kinds(hour, chooser.slot))


def _kinds(hour: Sequence[Slot], chosen: Slot | None) -> tuple[str, ...]:
    """Return the style-sheet classes of an hour's cell."""
    if any(slot.free for slot in hour):
        kind = "msl-free"
    else:
        kind = "msl-taken" if mark_of(hour) else "msl-past"
    if chosen is None:
        return (kind,)
    starts = [slot.start for slot in hour]
    if chosen.start in starts:
        return (kind, "msl-chosen")
    if any(chosen.start < start < chosen.end for start in starts):
        return (kind, "msl-in-block")
    return (kind,)


def _machines_html(chooser: Chooser) -> str:
    option = chooser.option
    about = f"{escape(option.hardware)}."
    if option.changes:
        about += f" <b>What changes for the lesson:</b> {escape(option.changes)}"
    best_is_free = chooser.table(chooser.spec.options[0]).free
    details = "<details>" if best_is_free else "<details open>"
    summary = "<summary>Every machine this part runs on, the best first</summary>"
    table = html_table(OPTION_COLUMNS, chooser.option_rows())
    unknown = note(chooser.ways_out_text())
    return (
        f'<div class="msl"><p class="msl-sub">{about}</p>'
        f"{details}{summary}{table}</details></div>{unknown}"
    )


def _take_along_html(chooser: Chooser) -> str:
    if chooser.block is None:
        return ""
    ics = base64.b64encode(chooser.calendar_file()).decode()
    file_name = f"{escape(chooser.name)}.ics"
    address = f"data:text/calendar;base64,{ics}"
    code = f'<pre class="msl-code">{escape(chooser.code())}</pre>'
    return (
        '<div class="msl"><p class="msl-sub">'
        f'<a download="{file_name}" href="{address}">Calendar file (.ics)</a></p>'
        "<details><summary>The code: the same reservation with python-chi</summary>"
        f"{code}</details></div>"
    )


def _lease_html(chooser: Chooser) -> str:
    lease = chooser.lease
    text = chooser.lease_text()
    about_lease = ""
    if lease is not None and lease.status == "ERROR":
        about_lease = note(str(LeaseFailedError(f"the lease {lease.name!r} is in ERROR")))
    elif text:
        more = "One lease for each part: to move it, release this one first."
        about_lease = f'<p class="msl-good" role="status">✓ {escape(text)}</p>'
        about_lease += f'<p class="msl-sub">{more}</p>'
    prepare = escape(to_prepare(chooser.spec.part))
    return f'<div class="msl">{about_lease}<p class="msl-sub">Before the block: {prepare}</p></div>'
