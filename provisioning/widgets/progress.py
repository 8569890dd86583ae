"""Bringing a machine up, watched: each step, its log, what it still takes, Cancel and Resume; then the links."""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets
from IPython import get_ipython
from IPython.display import display

from labs.display.shown import Shown
from labs.display.theme import STYLE
from labs.widgets.controls import controls, has_kernel, hear_while_busy, heard_while_busy
from provisioning import lab
from provisioning.planning.lessons import lessons_left_s
from provisioning.rehearsal.drills import site_clock
from provisioning.setup.run import Event, LeaseLeft, Link, Run, lease_left
from provisioning.testbed.errors import ProvisioningError
from provisioning.testbed.surroundings import Clock
from provisioning.widgets import progress_view as view

#: Seconds between two redraws while steps run, and while only the lease's time goes on.
REDRAW_RUNNING_S = 0.5
REDRAW_DONE_S = 20.0


def provisioning_progress(run: Run, *, at: str | None = None, clock: Clock | None = None) -> ProvisioningProgress:
    """Return the progress of a run; nothing begins before ``run()`` or a click on its button.

    Args:
        run: from ``lab.prepare(part, …)``.
        at: number of the part's lesson that comes next, such as ``"12"``; its first lesson when left out.
        clock: of the sites.

    Raises:
        ValueError: the part has no such lesson.
    """
    return ProvisioningProgress(run, clock or site_clock(), at)


class ProvisioningProgress(Shown):
    """The widget. Call ``run()`` in a cell that later cells depend on; show the object itself to start by click.

    Args:
        attempt: its steps and how far they are.
        clock: of the sites.
        at: number of the lesson that comes next.
    """

    def __init__(self, attempt: Run, clock: Clock, at: str | None = None) -> None:
        self.attempt = attempt
        self._clock = clock
        self.rehearsed = lab.rehearsing()
        self._lessons_left_s = lessons_left_s(attempt.settings.spec.part, at)
        self._handle: Any = None
        self._worker: threading.Thread | None = None
        self._ticker: threading.Thread | None = None
        self._changed = threading.Event()
        # Two threads draw. One that was held up must not put back the buttons of a state that is over.
        self._drawing = threading.RLock()
        self._going = False
        self._build()
        self.draw()

    @property
    def links(self) -> dict[str, str]:
        """The ways to the machine by name (``jupyter``, ``ssh``, ``tunnel``); empty before it is up."""
        return {link.name: link.value for link in self.attempt.links}

    @property
    def left(self) -> LeaseLeft | None:
        """What is left of the lease; None before it is known."""
        end = self.attempt.lease_end
        return lease_left(end, self._clock.now(), self._lessons_left_s) if end else None

    @property
    def text(self) -> str:
        """Steps, links and countdown in words and columns."""
        played = "Rehearsal: nothing runs on Chameleon.\n" if self.rehearsed else ""
        left = self.left if self.attempt.state == "done" else None
        return played + self.attempt.text() + (f"\n{left.text()}" if left else "")

    @property
    def html(self) -> str:
        """The same as a still picture."""
        return view.picture(self.attempt, self.left, self.rehearsed)

    def run(self) -> None:
        """Bring the machine up in this cell and return when everything is done; run it again to resume.

        Raises:
            ProvisioningError: a step failed or was cancelled; its message says what to do. The record keeps the rest.
        """
        if has_kernel():
            _show_once()
            self._handle = display(self, display_id=True)
        self._going = True
        self._tick()
        try:
            self.attempt.go(self._heard)
        except ProvisioningError as error:
            error.shown = has_kernel()
            raise
        finally:
            self._end()

    def start(self) -> None:
        """Bring the machine up beside the cells; the button does the same."""
        if self._worker is not None and self._worker.is_alive():
            return

        def work() -> None:
            try:
                self.attempt.go(self._heard)
            except ProvisioningError:
                pass  # the step's row shows it
            finally:
                self._end()

        self._going = True
        self._worker = threading.Thread(target=work, name="provisioning", daemon=True)
        self._worker.start()
        self._tick()

    def cancel(self) -> None:
        """Stop: nothing new begins, and what waits stops at its next look."""
        self.attempt.cancel()
        with self._drawing:
            # A click that is heard only after the end stops nothing, and the next start wants its button.
            if self.attempt.state == "running":
                self.stop.disabled, self.stop.description = True, "Stopping…"

    def _build(self) -> None:
        self.status = ipywidgets.HTML(layout=ipywidgets.Layout(width="100%", margin="0"))
        self.go = ipywidgets.Button(button_style="primary", layout={"width": "120px"})
        self.stop = ipywidgets.Button(layout={"width": "104px"})
        self.stop.tooltip = "Stop. What is done stays done; the toolbar's stop button does the same."
        self.go.on_click(lambda _: self.start())
        self.stop.on_click(lambda _: self.cancel())
        hear_while_busy(self.go, self.stop)
        self.buttons = ipywidgets.HBox([self.go, self.stop])
        self.live = controls([self.status, self.buttons]).add_class("msl").add_class("msl-card")

    def draw(self) -> None:
        """Bring the picture and the buttons up to date."""
        with self._drawing:
            self._draw()

    def _draw(self) -> None:
        if self.live is None:
            if self._handle is not None:
                self._handle.update(Shown(self.html, self.text))
            return
        state = self.attempt.state
        self.status.value = STYLE + view.steps(self.attempt, self.left, self.rehearsed)
        self.go.description = {"waiting": "Bring it up", "failed": "Try again"}.get(state, "Resume")
        if state == "waiting" and any(row.state == "done" for row in self.attempt.rows.values()):
            self.go.description = "Resume"
        running = state == "running"
        self.go.layout.display = "none" if state in ("running", "done") else ""
        self.stop.layout.display = "" if running and (self._worker or heard_while_busy()) else "none"
        if not running:
            self.stop.disabled, self.stop.description = False, "Cancel"

    def _heard(self, event: Event) -> None:
        self._changed.set()
        if not has_kernel():
            print(view.line(event), flush=True)

    def _end(self) -> None:
        """Leave a still picture of what is done, so that a saved notebook needs no widget to be read."""
        self._going = False
        with self._drawing:
            self._draw()
            if self._handle is not None and self.attempt.state == "done" and self.live is not None:
                live, self.live = self.live, None
                self._handle.update(Shown(self.html, self.text))
                for each in (live, self.buttons, self.status, self.go, self.stop):
                    each.close()
        if not has_kernel():
            print(self.text)

    def _tick(self) -> None:
        """Let the times go on while the steps are silent, and the lease's after them."""
        if not has_kernel() or (self._ticker is not None and self._ticker.is_alive()):
            return

        def ticking() -> None:
            while self._going:
                self._changed.wait(1.0)
                self._changed.clear()
                self.draw()
                threading.Event().wait(REDRAW_RUNNING_S)
            while self.attempt.state == "done" and (left := self.left) and left.left.total_seconds() > 0:
                threading.Event().wait(REDRAW_DONE_S)
                self.draw()

        self._ticker = threading.Thread(target=ticking, name="provisioning-clock", daemon=True)
        self._ticker.start()


def _show_once() -> None:
    """Let the widget be the only one that shows its error: a second, red one would stay after a successful Resume.

    The cell still ends in the error, so that no later cell runs.
    """

    def handle(shell, kind, error, trace, tb_offset=None) -> None:
        if not error.shown:
            shell.showtraceback((kind, error, trace), tb_offset=tb_offset)

    get_ipython().set_custom_exc((ProvisioningError,), handle)


__all__ = ["Link", "ProvisioningProgress", "provisioning_progress"]
