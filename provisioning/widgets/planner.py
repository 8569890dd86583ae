"""The planner: a week of free blocks in the student's own time, one chosen, and the lease that comes of it."""

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
from labs.widgets.controls import controls
from provisioning import lab
from provisioning.planning.blocks import Block, Slot, mark_of
from provisioning.planning.chooser import OPTION_COLUMNS, PAGE_DAYS, PAGES, Chooser
from provisioning.planning.lessons import to_prepare
from provisioning.planning.zones import find_zone, keep_zone, zone_names
from provisioning.sites.spec import Part, SiteOption, load_spec
from provisioning.testbed import Lease, Testbed
from provisioning.testbed.errors import LeaseFailedError, NoCapacityError, ProvisioningError
from provisioning.testbed.surroundings import Clock, site_clock
from provisioning.widgets.cards import heading, html, note, still


def planner(
    part: Part,
    testbed_for: Callable[[str], Testbed] | None = None,
    *,
    zone: str | None = None,
    clock: Clock | None = None,
) -> "Planner":
    """Return the planner of a part, with every site's calendar read and the first free block chosen.

    Args:
        testbed_for: opens a site by its name; python-chi when left out.
        zone: time zone, such as ``"America/Chicago"``; the one chosen last time, or this computer's, when left out.
    """
    if zone is not None:
        keep_zone(find_zone(zone))
    chooser = Chooser(
        load_spec(part), testbed_for or lab.open_testbed, find_zone(zone), clock or site_clock()
    )
    chooser.read()
    return Planner(chooser)


class Planner(Shown):
    """The widget; its methods do what its controls do."""

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        #: Name of the lease, reserved or not.
        self.lease_name = chooser.name
        self.rehearsed = lab.rehearsing()
        # A click may arrive in a thread of its own while a cell runs; what drawing changes nobody has chosen.
        self._lock, self._drawing = threading.RLock(), False
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
        """Choose in code what a click chooses; what is left out becomes the first that is free.

        Raises:
            NoCapacityError: it is not free.
        """
        self.chooser.choose(option, start, node)
        self.draw()
        return self.chosen

    def reserve(self, *, anyway: bool = False) -> Lease:
        """Reserve the chosen block, or return the lease that is there; ``anyway`` also while a site cannot say so.

        Raises:
            ProvisioningError: the site refused; the message says what to do.
        """
        try:
            return self.chooser.reserve(anyway=anyway)
        except NoCapacityError:
            # Somebody was faster: what the calendar shows is out of date.
            self.chooser.read()
            raise
        finally:
            self.draw()

    def _build(self) -> None:
        """Make the controls in the order in which the Tab key visits them: whose time, which machine, when, and go."""
        chooser, wide = self.chooser, ipywidgets.Layout(width="100%", max_width="560px")

        def choice(
            words: str, picked: Callable[[Any], object], **more: object
        ) -> ipywidgets.Dropdown:
            widget = ipywidgets.Dropdown(
                description=words, layout=wide, style={"description_width": "72px"}, **more
            )
            widget.observe(lambda change: self._do(lambda: picked(change.new)), "value")
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
        self.start = choice("Begins", lambda start: chooser.choose(start=start))
        self.node = choice("Node", lambda node: chooser.choose(start=self.start.value, node=node))
        self.earlier = button("‹ Earlier", "88px", lambda: chooser.turn_to(chooser.page - 1))
        self.later = button("Later ›", "88px", lambda: chooser.turn_to(chooser.page + 1))
        self.calendar = CalendarGrid(
            lambda slot: self._do(lambda: chooser.choose(start=slot.start))
        )
        self.take = button("Reserve", "120px", self._reserve_pressed, button_style="primary")
        self.again = button(
            "Read again",
            "104px",
            self._again_pressed,
            tooltip="Ask every site for its calendar again",
        )
        self.head, self.machines, self.week = html(), html(), html("auto")
        self.along, self.message, self.held = html(), html(), html()
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="100%")
        self.live = controls(
            [
                self.head,
                self.zone,
                self.machine,
                self.machines,
                ipywidgets.Box([self.earlier, self.later, self.week], layout=row),
                self.calendar.live,
                self.start,
                self.node,
                ipywidgets.Box([self.take, self.again], layout=row),
                self.message,
                self.held,
                self.along,
            ]
        )
        self.live.add_class("msl").add_class("msl-card")

    def _do(self, act: Callable[[], object]) -> None:
        with self._lock:
            if self._drawing:
                return
            said = ""
            try:
                act()
            except ProvisioningError as error:
                said = str(error)
            finally:
                self.draw()
            self.message.value = note(said)

    def _zone_picked(self, name: str) -> None:
        self.chooser.zone = find_zone(name)
        keep_zone(self.chooser.zone)
        self.chooser.choose(start=self.chooser.slot.start if self.chooser.slot else None)

    def _option_picked(self, option: SiteOption) -> None:
        # The same hours on another machine, where it is free then: they are what suits the student.
        slot = self.chooser.slot
        kept = slot and any(each.start == slot.start for each in self.chooser.table(option).free)
        self.chooser.choose(option, slot.start if slot and kept else None)

    def _reserve_pressed(self) -> None:
        anyway, self._warned = self._warned and bool(self.chooser.silent), True
        self.take.disabled, self.take.description = True, "Reserving…"
        self.reserve(anyway=anyway)

    def _again_pressed(self) -> None:
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
        chooser, zone, slot, lease = (
            self.chooser,
            self.chooser.zone,
            self.chooser.slot,
            self.chooser.lease,
        )
        head = heading(f"{chooser.spec.title}: choose a block", self.rehearsed)
        rules = f'<p class="msl-sub">{escape(chooser.said_rules())}</p>'
        whose = f'<p class="msl-strong" style="margin:8px 0 4px">{escape(chooser.said_zone())}</p>'
        self.head.value = f'{STYLE}{_STYLE}<div class="msl">{head}{rules}{whose}</div>'
        self.machines.value = _machines_html(chooser)
        first, *_, last = chooser.table().days
        self.week.value = (
            f'<span class="msl-strong">{first:%a %d %b} – {last:%a %d %b %Y}</span> <span class="msl-soft">A number: '
            "machines free for a whole block from that hour. ·: all taken. ?: not known. Filled: chosen.</span>"
        )
        self.calendar.draw(chooser)
        known = [
            (f"{one.name} ({one.site}, {one.type}): {chooser.said_free(one)}", one)
            for one in chooser.options
        ]
        starts = [(each.said(zone), each.start) for each in chooser.table().free]
        _offer(self.machine, known, chooser.option if known else None)
        _offer(self.start, starts, slot.start if slot else None)
        _offer(self.node, [(name, name) for name in slot.free] if slot else [], chooser.node)
        self.earlier.disabled, self.later.disabled = chooser.page == 0, chooser.page == PAGES - 1
        self.take.disabled = chooser.block is None or lease is not None
        go = "Reserve anyway" if self._warned and chooser.silent else "Reserve"
        self.take.description = (
            go if lease is None else "Failed" if lease.status == "ERROR" else "Reserved"
        )
        self.along.value = _take_along_html(chooser)
        self.held.value = _lease_html(chooser)


def _offer(
    choice: ipywidgets.Dropdown, options: Sequence[tuple[str, object]], value: object
) -> None:
    # Setting the options chooses the first; one message with both keeps the browser from showing it.
    with choice.hold_sync():
        choice.options = options
        choice.value = value
        choice.disabled = not options


_COLUMNS = "78px repeat(24, minmax(0, 1fr))"

_STYLE = (
    f"<style>{Path(__file__).with_name('planner.css').read_text(encoding='utf-8')}</style>".replace(
        "\n", ""
    )
)


class CalendarGrid:
    """Buttons for one page of the calendar, a row a day and a column an hour, made once and repainted.

    The mouse chooses here; the Tab key passes by, because the planner's list of beginnings does the same in one stop.
    """

    def __init__(self, clicked: Callable[[Slot], None]) -> None:
        self._clicked = clicked
        self._slots: dict[ipywidgets.Button, Slot | None] = {}
        # One layout for all: each would otherwise be a model of its own in the browser.
        plain = ipywidgets.Layout(width="auto", height="24px", margin="0", min_width="0")
        style = ipywidgets.ButtonStyle()
        names = "".join(f"<span>{hour:02d}</span>" for hour in range(24))
        head = html()
        head.value = f'<div class="msl-hours" style="grid-template-columns:{_COLUMNS}"><span></span>{names}</div>'
        self._days = [html("auto") for _ in range(PAGE_DAYS)]
        self.cells = [[self._cell(plain, style) for _ in range(24)] for _ in range(PAGE_DAYS)]
        rows = [
            each
            for label, row in zip(self._days, self.cells, strict=True)
            for each in (label, *row)
        ]
        layout = ipywidgets.Layout(grid_template_columns=_COLUMNS, grid_gap="2px", width="100%")
        box = ipywidgets.Layout(width="100%", overflow="hidden")
        self.live = ipywidgets.VBox([head, ipywidgets.GridBox(rows, layout=layout)], layout=box)

    def _cell(self, layout: ipywidgets.Layout, style: ipywidgets.ButtonStyle) -> ipywidgets.Button:
        button = ipywidgets.Button(
            layout=layout, style=style, tabbable=False, disabled=True
        ).add_class("msl-cell")
        button.on_click(
            lambda pressed: self._clicked(slot) if (slot := self._slots[pressed]) else None
        )
        return button

    def draw(self, chooser: Chooser) -> None:
        """Repaint what has changed."""
        for label, row, (day, hours) in zip(
            self._days, self.cells, chooser.table().days.items(), strict=True
        ):
            label.value = f'<div class="msl-day">{day:%a %d %b}</div>'
            for button, hour in zip(row, hours, strict=True):
                free = next((slot for slot in hour if slot.free), None)
                self._slots[button] = free
                with button.hold_sync():
                    button.description = mark_of(hour)
                    button.tooltip = (
                        "; ".join(slot.said(chooser.zone) for slot in hour)
                        or "the clocks skip this hour"
                    )
                    button.disabled = free is None
                    button._dom_classes = ("msl-cell", *_kinds(hour, chooser.slot))


def _kinds(hour: Sequence[Slot], chosen: Slot | None) -> tuple[str, ...]:
    kinds = [
        "msl-free"
        if any(slot.free for slot in hour)
        else "msl-taken"
        if mark_of(hour)
        else "msl-past"
    ]
    if chosen is not None and any(slot.start == chosen.start for slot in hour):
        kinds.append("msl-chosen")
    elif chosen is not None and any(chosen.start < slot.start < chosen.end for slot in hour):
        kinds.append("msl-in-block")
    return tuple(kinds)


def _machines_html(chooser: Chooser) -> str:
    option = chooser.option
    changes = (
        f" <b>What changes for the lesson:</b> {escape(option.changes)}" if option.changes else ""
    )
    taken = not chooser.table(chooser.spec.options[0]).free
    unknown = note(chooser.said_way_out())
    return (
        f'<div class="msl"><p class="msl-sub">{escape(option.hardware)}.{changes}</p>'
        f"<details{' open' if taken else ''}><summary>Every machine this part runs on, the best first</summary>"
        f"{html_table(OPTION_COLUMNS, chooser.option_rows())}</details></div>{unknown}"
    )


def _take_along_html(chooser: Chooser) -> str:
    if chooser.block is None:
        return ""
    ics = base64.b64encode(chooser.calendar_file()).decode()
    return (
        '<div class="msl"><p class="msl-sub">'
        f'<a download="{escape(chooser.name)}.ics" href="data:text/calendar;base64,{ics}">Calendar file (.ics)</a></p>'
        "<details><summary>The code: the same reservation with python-chi</summary>"
        f'<pre class="msl-code">{escape(chooser.code())}</pre></details></div>'
    )


def _lease_html(chooser: Chooser) -> str:
    held, booked = chooser.said_lease(), chooser.lease
    if booked is not None and booked.status == "ERROR":
        held = note(str(LeaseFailedError(f"the lease {booked.name!r} is in ERROR")))
    elif held:
        more = "One lease for each part: to move it, release this one first."
        held = (
            f'<p class="msl-good" role="status">✓ {escape(held)}</p><p class="msl-sub">{more}</p>'
        )
    return f'<div class="msl">{held}<p class="msl-sub">Before the block: {escape(to_prepare(chooser.spec.part))}</p></div>'
