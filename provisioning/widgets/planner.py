"""The planner: a week of free blocks in the student's own time, one chosen, and the lease that comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import ipywidgets

from labs.display.shown import Shown
from labs.widgets.controls import controls
from provisioning import lab
from provisioning.planning.blocks import Block
from provisioning.planning.chooser import PAGES, Chooser
from provisioning.planning.zones import find_zone, keep_zone, zone_names
from provisioning.rehearsal.drills import site_clock
from provisioning.sites.spec import Part, SiteOption, load_spec
from provisioning.testbed import Lease, Testbed
from provisioning.testbed.errors import NoCapacityError, ProvisioningError
from provisioning.testbed.surroundings import Clock
from provisioning.widgets import planner_view as view
from provisioning.widgets.cards import html, note, still


def planner(
    part: Part,
    testbed_for: Callable[[str], Testbed] | None = None,
    *,
    zone: str | None = None,
    clock: Clock | None = None,
) -> Planner:
    """Return the planner of a part, with every site's calendar read and the first free block chosen.

    Args:
        part: ``"model"``, ``"edge"`` or ``"system"``.
        testbed_for: opens a site by its name; python-chi when left out.
        zone: time zone, such as ``"America/Chicago"``; the one chosen last time, or this computer's, when left out.
        clock: of the sites.
    """
    if zone is not None:
        keep_zone(find_zone(zone))
    chooser = Chooser(load_spec(part), testbed_for or lab.open_testbed, find_zone(zone), clock or site_clock())
    chooser.read()
    return Planner(chooser)


class Planner(Shown):
    """The widget; its methods do what its controls do.

    Args:
        chooser: its state.
    """

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        #: Name of the lease, reserved or not.
        self.lease_name = chooser.name
        self.rehearsed = lab.rehearsing()
        # A click may arrive in a thread of its own while a cell runs; what drawing changes nobody has chosen.
        self._lock, self._drawing = threading.RLock(), False
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
        """The same as a still picture."""
        return still(f"{self.chooser.spec.title}: choose a block", self.text, self.rehearsed)

    def choose(
        self, option: SiteOption | None = None, start: datetime | None = None, node: str | None = None
    ) -> Block | None:
        """Choose in code what a click chooses; what is left out becomes the first that is free.

        Args:
            option: kind of machine, from ``load_spec(part).options``.
            start: a full hour with time zone.
            node: name of the machine.

        Raises:
            NoCapacityError: it is not free.
        """
        self.chooser.choose(option, start, node)
        self.draw()
        return self.chosen

    def reserve(self) -> Lease:
        """Reserve the chosen block, or return the lease that is there already; the button does the same.

        Raises:
            ProvisioningError: the site refused; the message says what to do.
        """
        try:
            return self.chooser.reserve()
        except NoCapacityError:
            # Somebody was faster: what the calendar shows is out of date.
            self.chooser.read()
            raise
        finally:
            self.draw()

    def _build(self) -> None:
        """Make the controls in the order in which the Tab key visits them: whose time, which machine, when, and go."""
        chooser, wide = self.chooser, ipywidgets.Layout(width="100%", max_width="560px")

        def choice(words: str, picked: Callable[[object], object], **more: object) -> ipywidgets.Dropdown:
            made = ipywidgets.Dropdown(description=words, layout=wide, style={"description_width": "72px"}, **more)
            made.observe(lambda change: self._do(lambda: picked(change.new)), "value")
            return made

        def button(words: str, width: str, pressed: Callable[[], object], **more: str) -> ipywidgets.Button:
            made = ipywidgets.Button(description=words, layout={"width": width}, **more)
            made.on_click(lambda _: self._do(pressed))
            return made

        names = zone_names(chooser.zone.key)
        self.zone = choice("Time zone", self._zone_picked, options=names, value=chooser.zone.key)
        self.machine = choice("Machine", self._option_picked)
        self.start = choice("Begins", lambda start: chooser.choose(start=start))
        self.node = choice("Node", lambda node: chooser.choose(start=self.start.value, node=node))
        self.earlier = button("‹ Earlier", "88px", lambda: chooser.turn_to(chooser.page - 1))
        self.later = button("Later ›", "88px", lambda: chooser.turn_to(chooser.page + 1))
        self.calendar = view.CalendarGrid(lambda slot: self._do(lambda: chooser.choose(start=slot.start)))
        self.take = button("Reserve", "120px", self._reserve_pressed, button_style="primary")
        self.again = button("Read again", "104px", self._again_pressed, tooltip="Ask every site for its calendar again")
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
        """Do what a control stands for; show what was refused."""
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
        self.take.disabled, self.take.description = True, "Reserving…"
        self.reserve()

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
        chooser, zone, slot, lease = self.chooser, self.chooser.zone, self.chooser.slot, self.chooser.lease
        self.head.value, self.machines.value = view.head(chooser, self.rehearsed), view.machines(chooser)
        self.week.value = view.week(chooser)
        self.calendar.draw(chooser)
        known = [(f"{one.name} ({one.site}, {one.type}): {chooser.said_free(one)}", one) for one in chooser.options]
        starts = [(each.said(zone), each.start) for each in chooser.table().free]
        _offer(self.machine, known, chooser.option if known else None)
        _offer(self.start, starts, slot.start if slot else None)
        _offer(self.node, [(name, name) for name in slot.free] if slot else [], chooser.node)
        self.earlier.disabled, self.later.disabled = chooser.page == 0, chooser.page == PAGES - 1
        self.take.disabled = chooser.block is None or lease is not None
        self.take.description = "Reserve" if lease is None else "Failed" if lease.status == "ERROR" else "Reserved"
        self.along.value = view.take_along(chooser)
        self.held.value = view.lease(chooser)


def _offer(choice: ipywidgets.Dropdown, options: list[tuple[str, object]], value: object) -> None:
    # Setting the options chooses the first; one message with both keeps the browser from showing it.
    with choice.hold_sync():
        choice.options = options
        choice.value = value
        choice.disabled = not options
