"""What the planner's controls do: choose, turn, reserve and read again, each without holding up the kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from provisioning.planning.zones import find_zone, keep_zone
from provisioning.sites.spec import SiteOption
from provisioning.testbed.errors import ProvisioningError

if TYPE_CHECKING:
    from provisioning.widgets.planner import Planner


class ReadingStoppedError(Exception):
    """The student stopped the reading of the calendars; what was read before stays."""


class PlannerClicks:
    """Ties a planner's controls to what they do.

    Args:
        planner: whose controls.
    """

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        # Clicks arrive in threads of their own; what drawing changes must not count as chosen.
        self._lock, self._drawing = threading.RLock(), False
        self._stop = threading.Event()
        self._work: threading.Thread | None = None
        self._connect()

    @contextmanager
    def not_chosen(self) -> Iterator[None]:
        """Let controls be changed by drawing, which is not a student's choice."""
        with self._lock:
            self._drawing = True
            try:
                yield
            finally:
                self._drawing = False

    def wait(self, patience_s: float = 60.0) -> bool:
        """Return whether what a click began has ended within some seconds."""
        if self._work is not None:
            self._work.join(patience_s)
        return self._work is None or not self._work.is_alive()

    def _connect(self) -> None:
        controls = self._planner.controls
        controls.calendar.clicked = lambda slot: self._changed(start=slot.start)
        controls.zone.observe(lambda change: self._zone_chosen(change.new), "value")
        controls.option.observe(lambda change: self._option_chosen(change.new), "value")
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
                self._planner.chooser.choose(**what)
                self._planner.controls.say("")
            except ProvisioningError as error:
                self._planner.controls.say(str(error))
            self._planner.draw()

    def _option_chosen(self, option: SiteOption) -> None:
        if self._drawing:
            return
        # The same hours on another machine, where it is free then: they are what suits the student.
        slot = self._planner.chooser.slot
        kept = slot and any(each.start == slot.start for each in self._planner.chooser.table(option).free)
        self._changed(option=option, start=slot.start if kept else None)

    def _zone_chosen(self, name: str) -> None:
        self._planner.chooser.zone = find_zone(name)
        keep_zone(self._planner.chooser.zone)
        self._changed(start=self._planner.chooser.slot.start if self._planner.chooser.slot else None)

    def _turn(self, by: int) -> None:
        self._planner.chooser.turn_to(self._planner.chooser.page + by)
        self._planner.controls.say("")
        self._planner.draw()

    def _jump_clicked(self) -> None:
        self._planner.controls.say(self._planner.go_to_start(), "msl-good")

    def _reserve_clicked(self) -> None:
        button = self._planner.controls.reserve
        button.disabled, button.description = True, "Reserving…"
        self._planner.reserve()
        self._planner.controls.say("")

    def _again_clicked(self) -> None:
        if self._work is not None and self._work.is_alive():
            self._stop.set()
            return
        self._stop.clear()
        self._in_background(self._read_again)

    def _read_again(self) -> None:
        self._planner.controls.again.description = "Stop"

        def telling(site: str) -> None:
            if self._stop.is_set():
                raise ReadingStoppedError
            self._planner.controls.say(f"Reading the calendar of {site}…", "msl-soft")

        try:
            self._planner.chooser.read(telling)
            self._planner.controls.say("")
        except ReadingStoppedError:
            self._planner.controls.say("Stopped: the calendar is the one that was read before.", "msl-soft")
        finally:
            self._planner.controls.again.description = "Read again"
            self._planner.draw()

    def _in_background(self, work: Callable[[], None]) -> None:
        """Do what takes seconds beside the kernel's own thread, so that the cells stay usable."""
        if self._work is not None and self._work.is_alive():
            return

        def guarded() -> None:
            try:
                work()
            except ProvisioningError as error:
                self._planner.controls.say(str(error))
                self._planner.draw()
            except Exception as error:
                # In a thread of its own nobody else would hear of it, and the button would wait for ever.
                self._planner.controls.say(
                    f"{type(error).__name__}: {error}\nWay out: run the cell again; if it repeats, report it."
                )
                self._planner.draw()

        self._work = threading.Thread(target=guarded, name="planner", daemon=True)
        self._work.start()
