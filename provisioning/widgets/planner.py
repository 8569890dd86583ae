"""The planner: a week of free blocks in the student's own time, one chosen, and the lease that comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from provisioning import lab
from provisioning.choice import choice_text
from provisioning.chooser import Chooser
from provisioning.clock import Clock
from provisioning.errors import NoCapacityError, ProvisioningError
from provisioning.planner import Block
from provisioning.rehearsal.drills import advance_to, site_clock
from provisioning.spec import Part, Rung
from provisioning.testbed import Lease, Testbed
from provisioning.widgets import planner_view as view
from provisioning.widgets.planner_controls import PlannerControls
from provisioning.widgets.shown import Shown
from provisioning.zones import find_zone, keep_zone


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
        # Clicks arrive in threads of their own; what drawing changes must not count as chosen.
        self._lock, self._drawing = threading.RLock(), False
        self._stop = threading.Event()
        self._work: threading.Thread | None = None
        self.controls = PlannerControls(chooser.zone.key, lambda slot: self._changed(start=slot.start))
        self.live = self.controls.live
        self._connect()
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
            self.chooser.look()
            self.draw()
            return f"The rehearsal's calendar is at the beginning of {lease.name}."
        return f"{lease.name} begins {view.local(lease.start, self.chooser.zone)}: come back at that time."

    def draw(self) -> None:
        """Bring every control up to date."""
        with self._lock:
            self._drawing = True
            try:
                self.controls.draw(self.chooser, self.rehearsed)
            finally:
                self._drawing = False

    def _connect(self) -> None:
        controls = self.controls
        controls.zone.observe(lambda change: self._zone_chosen(change.new), "value")
        controls.rung.observe(lambda change: self._rung_chosen(change.new), "value")
        controls.start.observe(lambda change: self._changed(start=change.new), "value")
        controls.node.observe(lambda change: self._changed(start=controls.start.value, node=change.new), "value")
        controls.earlier.on_click(lambda _: self._turn(-1))
        controls.later.on_click(lambda _: self._turn(+1))
        controls.reserve.on_click(lambda _: self._in_background(self._reserve_clicked))
        controls.again.on_click(lambda _: self._again_clicked())
        controls.jump.on_click(lambda _: self._in_background(self._jump_clicked))

    def _changed(self, **what: object) -> None:
        with self._lock:
            if self._drawing:
                return
            try:
                self.chooser.choose(**what)
                self.controls.say("")
            except ProvisioningError as error:
                self.controls.say(str(error))
            self.draw()

    def _rung_chosen(self, rung: Rung) -> None:
        if self._drawing:
            return
        # The same hours on another machine, where it is free then: they are what suits the student.
        slot = self.chooser.slot
        kept = slot and any(each.start == slot.start for each in self.chooser.table(rung).free)
        self._changed(rung=rung, start=slot.start if kept else None)

    def _zone_chosen(self, name: str) -> None:
        self.chooser.zone = find_zone(name)
        keep_zone(self.chooser.zone)
        self._changed(start=self.chooser.slot.start if self.chooser.slot else None)

    def _turn(self, by: int) -> None:
        self.chooser.turn_to(self.chooser.page + by)
        self.controls.say("")
        self.draw()

    def _jump_clicked(self) -> None:
        self.controls.say(self.go_to_start(), "msl-good")

    def _reserve_clicked(self) -> None:
        button = self.controls.reserve
        button.disabled, button.description = True, "Reserving…"
        self.reserve()
        self.controls.say("")

    def _again_clicked(self) -> None:
        if self._work is not None and self._work.is_alive():
            self._stop.set()
            return
        self._stop.clear()
        self._in_background(self._read_again)

    def _read_again(self) -> None:
        self.controls.again.description = "Stop"

        def telling(site: str) -> None:
            if self._stop.is_set():
                raise ReadingStoppedError
            self.controls.say(f"Reading the calendar of {site}…", "msl-soft")

        try:
            self.chooser.read(telling)
            self.controls.say("")
        except ReadingStoppedError:
            self.controls.say("Stopped: the calendar is the one that was read before.", "msl-soft")
        finally:
            self.controls.again.description = "Read again"
            self.draw()

    def _in_background(self, work: Callable[[], None]) -> None:
        """Do what takes seconds beside the kernel's own thread, so that the cells stay usable."""
        if self._work is not None and self._work.is_alive():
            return

        def guarded() -> None:
            try:
                work()
            except ProvisioningError as error:
                self.controls.say(str(error))
                self.draw()

        self._work = threading.Thread(target=guarded, name="planner", daemon=True)
        self._work.start()
