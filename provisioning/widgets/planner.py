"""The planner: a week of free blocks in the student's own time, one chosen, and the lease that comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import ipywidgets

from provisioning import lab
from provisioning.choice import choice_text
from provisioning.chooser import PAGE_DAYS, PAGES, Chooser
from provisioning.clock import Clock
from provisioning.errors import NoCapacityError, ProvisioningError
from provisioning.planner import Block
from provisioning.rehearsal.drills import advance_to, site_clock
from provisioning.spec import Part, Rung
from provisioning.testbed import Lease, Testbed
from provisioning.timetable import Slot
from provisioning.widgets import planner_view as view
from provisioning.widgets.calendar import CalendarGrid
from provisioning.widgets.shown import Shown
from provisioning.widgets.theme import note
from provisioning.zones import find_zone, keep_zone, zone_names


class ReadingStoppedError(Exception):
    """The student stopped the reading of the calendars; what was read before stays."""


def planner(
    part: Part,
    testbed: Testbed | Callable[[str], Testbed] | None = None,
    *,
    zone: str | None = None,
    name: str | None = None,
    clock: Clock | None = None,
) -> Planner:
    """Return the planner of a part, with every site's calendar read and the first free block chosen.

    Args:
        part: ``"model"``, ``"edge"`` or ``"system"``.
        testbed: one site that is open already, or what opens a site by its name; python-chi when left out.
        zone: time zone, such as ``"America/Chicago"``; the one chosen last time, or this computer's, when left out.
        name: of the lease; the student's own for this part when left out.
        clock: of the sites.
    """
    if zone is not None:
        keep_zone(find_zone(zone))
    chooser = Chooser(part, _opener(testbed), find_zone(zone), clock or site_clock(), name)
    chooser.read()
    return Planner(chooser)


def _opener(testbed: Testbed | Callable[[str], Testbed] | None) -> Callable[[str], Testbed]:
    if callable(testbed):
        return testbed
    return lambda site: testbed if testbed is not None and testbed.site == site else lab.open_testbed(site)


class Planner(Shown):
    """The widget; ``reserve`` is what its button does.

    Args:
        chooser: its state.
    """

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        self.rehearsed = lab.rehearsing()
        self._drawing = False
        self._stop = threading.Event()
        self._work: threading.Thread | None = None
        self._build()
        self.draw()

    @property
    def lease_name(self) -> str:
        """Name of the lease, reserved or not."""
        return self.chooser.name

    @property
    def chosen(self) -> Block | None:
        """The chosen block on its machine; None when nothing is free on the page that is shown."""
        return self.chooser.block

    @property
    def lease(self) -> Lease | None:
        """The student's lease; None while there is none."""
        return self.chooser.lease

    @property
    def rung(self) -> Rung:
        """The kind of machine that is reserved, or else chosen."""
        return self.chooser.lease_rung or self.chooser.rung

    @property
    def code(self) -> str:
        """The python-chi code that reserves the chosen block."""
        return self.chooser.code()

    @property
    def text(self) -> str:
        """Calendar, ladder, choice and lease in words and columns."""
        return choice_text(self.chooser, rehearsed=self.rehearsed)

    @property
    def html(self) -> str:
        """The same as a still picture."""
        return view.still(self.chooser, self.rehearsed)

    def choose(self, rung: Rung | None = None, start=None, node: str | None = None) -> Block | None:
        """Choose in code what a click chooses; what is left out becomes the first that is free.

        Args:
            rung: kind of machine, from ``load_spec(part).ladder``.
            start: a full hour with time zone.
            node: name of the machine.

        Raises:
            NoCapacityError: it is not free.
        """
        self.chooser.choose(rung, start, node)
        self.draw()
        return self.chosen

    def reserve(self) -> Lease:
        """Reserve the chosen block, or return the lease that is there already; the button does the same.

        Raises:
            ProvisioningError: the site refused; the message says what to do.
        """
        try:
            lease = self.chooser.reserve()
        except NoCapacityError:
            # Somebody was faster: what the calendar shows is out of date.
            self.chooser.read()
            raise
        finally:
            self.draw()
        return lease

    def go_to_start(self) -> str:
        """Move the rehearsal's calendar to the beginning of the lease; on Chameleon say when to come back."""
        lease = self.lease
        if lease is None:
            return "There is no lease yet."
        if self.rehearsed:
            advance_to(lease.start)
            self.chooser.read()
            self.draw()
            return f"The rehearsal's calendar is at the beginning of {lease.name}."
        return f"{lease.name} begins {view.local(lease.start, self.chooser.zone)}: come back at that time."

    def _build(self) -> None:
        wide = ipywidgets.Layout(width="100%", max_width="560px")
        style = {"description_width": "72px"}
        zone = self.chooser.zone.key
        self.zone = ipywidgets.Dropdown(
            options=zone_names(zone), value=zone, description="Time zone", layout=wide, style=style
        )
        self.rungs = ipywidgets.Dropdown(description="Machine", layout=wide, style=style)
        self.earlier = ipywidgets.Button(description="‹ Earlier", layout={"width": "88px"})
        self.later = ipywidgets.Button(description="Later ›", layout={"width": "88px"})
        self.starts = ipywidgets.Dropdown(description="Begins", layout=wide, style=style)
        self.nodes = ipywidgets.Dropdown(description="Node", layout=wide, style=style)
        self.button = ipywidgets.Button(description="Reserve", button_style="primary", layout={"width": "120px"})
        self.again = ipywidgets.Button(description="Read again", layout={"width": "104px"})
        self.jump = ipywidgets.Button(description="Go to its beginning", layout={"width": "160px"})
        self.jump.tooltip = "Rehearsal only: move the played calendar to the beginning of the lease"
        self.calendar = CalendarGrid(PAGE_DAYS, self._slot_clicked)
        names = ("_head", "_ladder", "_week", "_take", "_message", "_lease")
        for each in names:
            setattr(self, each, ipywidgets.HTML(layout=ipywidgets.Layout(width="100%", margin="0")))
        self.zone.observe(self._zone_changed, "value")
        self.rungs.observe(lambda change: self._changed(rung=change.new), "value")
        self.starts.observe(lambda change: self._changed(start=change.new), "value")
        self.nodes.observe(lambda change: self._changed(start=self.starts.value, node=change.new), "value")
        self.earlier.on_click(lambda _: self._turn(-1))
        self.later.on_click(lambda _: self._turn(+1))
        self.button.on_click(lambda _: self._in_background(self._reserve_clicked))
        self.again.on_click(lambda _: self._again_clicked())
        self.jump.on_click(lambda _: self._in_background(lambda: self._say(self.go_to_start(), "msl-good")))
        # The order of the Tab key: whose time, which machine, when, which node, then what to do with it.
        row = {"layout": ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="100%")}
        self._doing = ipywidgets.Box([self.button, self.again, self._take_box()], **row)
        self.live = ipywidgets.VBox(
            [
                self._head,
                self.zone,
                self.rungs,
                self._ladder,
                ipywidgets.Box([self.earlier, self.later, self._week], **row),
                self.calendar.live,
                self.starts,
                self.nodes,
                self._doing,
                self._message,
                self._lease,
                self.jump,
            ]
        )
        self.live.add_class("msl").add_class("msl-card")

    def _take_box(self) -> ipywidgets.Widget:
        self._take.layout = ipywidgets.Layout(width="auto", margin="0 0 0 4px")
        return self._take

    def draw(self) -> None:
        """Bring every part up to date with the chooser."""
        self._drawing = True
        chooser = self.chooser
        try:
            self._head.value = view.head(chooser, self.rehearsed)
            self.rungs.options = view.rung_options(chooser)
            self.rungs.value = chooser.rung if chooser.rungs else None
            self._ladder.value = view.ladder_table(chooser)
            self._week.value = view.week(chooser)
            self.earlier.disabled, self.later.disabled = chooser.page == 0, chooser.page == PAGES - 1
            table = chooser.table()
            self.calendar.draw(table, chooser.slot, chooser.zone)
            self.starts.options = [(slot.said(chooser.zone), slot.start) for slot in table.free]
            self.starts.value = chooser.slot.start if chooser.slot else None
            self.nodes.options = chooser.slot.free if chooser.slot else ()
            self.nodes.value = chooser.node
            self.button.disabled = chooser.block is None or chooser.lease is not None
            self.button.description = "Reserved" if chooser.lease else "Reserve"
            self._take.value = view.take_along(chooser)
            self._lease.value = view.lease(chooser)
            self.jump.layout.display = "" if self.rehearsed and view.is_early(chooser) else "none"
        finally:
            self._drawing = False

    def _changed(self, **what: object) -> None:
        if self._drawing:
            return
        try:
            self.chooser.choose(**what)
            self._say("")
        except ProvisioningError as error:
            self._say(str(error))
        self.draw()

    def _slot_clicked(self, slot: Slot) -> None:
        self._changed(start=slot.start)

    def _zone_changed(self, change) -> None:
        self.chooser.zone = find_zone(change.new)
        keep_zone(self.chooser.zone)
        self._changed()

    def _turn(self, by: int) -> None:
        self.chooser.turn_to(self.chooser.page + by)
        self._say("")
        self.draw()

    def _reserve_clicked(self) -> None:
        self.button.disabled, self.button.description = True, "Reserving…"
        self.reserve()
        self._say("")

    def _again_clicked(self) -> None:
        if self._work is not None and self._work.is_alive():
            self._stop.set()
            return
        self._stop.clear()
        self._in_background(self._read_again)

    def _read_again(self) -> None:
        self.again.description = "Stop"

        def telling(site: str) -> None:
            if self._stop.is_set():
                raise ReadingStoppedError
            self._say(f"Reading the calendar of {site}…", "msl-soft")

        try:
            self.chooser.read(telling)
            self._say("")
        except ReadingStoppedError:
            self._say("Stopped: the calendar is the one that was read before.", "msl-soft")
        finally:
            self.again.description = "Read again"
            self.draw()

    def _in_background(self, work: Callable[[], None]) -> None:
        """Do what takes seconds beside the kernel's own thread, so that the cells stay usable."""
        if self._work is not None and self._work.is_alive():
            return

        def guarded() -> None:
            try:
                work()
            except ProvisioningError as error:
                self._say(str(error))
                self.draw()

        self._work = threading.Thread(target=guarded, name="planner", daemon=True)
        self._work.start()

    def _say(self, words: str, kind: str = "msl-bad") -> None:
        self._message.value = note(words, kind)
