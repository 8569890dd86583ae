"""The progress of a set-up: each step, its log, its remaining time, Cancel and Resume; then the
links.
"""

import threading
from contextlib import suppress
from html import escape
from typing import Any

import ipywidgets
from IPython.display import display

from labs.display.shown import Shown
from labs.display.table import Cell, html_table
from labs.display.theme import STYLE, progress_bar
from labs.widgets.controls import controls, has_kernel, hear_while_busy, heard_while_busy
from provisioning import lab
from provisioning.setup.run import Link, SetupRun, StepRow
from provisioning.testbed.errors import ProvisioningError
from provisioning.widgets.cards import heading, html, note

#: Seconds between two redraws while steps run.
REDRAW_S = 1.0
#: Lines of log of a running step.
_TAIL_LINES = 4
_COLUMNS = ("step", "state", "elapsed", "usual")
_MARKS = {
    "waiting": ("· waiting", "msl-soft"),
    "running": ("▸ running", "msl-strong"),
    "done": ("✓ done", "msl-good"),
    "failed": ("✗ failed", "msl-bad"),
    "cancelled": ("■ cancelled", "msl-soft"),
    "blocked": ("– not begun", "msl-soft"),
}


class ProvisioningProgress(Shown):
    """The progress of a run. Call ``run()`` in a cell that later cells depend on; show the object
    to start by click.
    """

    def __init__(self, setup: SetupRun) -> None:
        self.setup = setup
        self.rehearsed = lab.rehearsing()
        self._handle: Any = None
        self._worker: threading.Thread | None = None
        # Two threads draw. One that was held up must not put back the buttons of a state that is
        # over.
        self._drawing = threading.RLock()
        self._going = False
        self.status = html()
        self.go = ipywidgets.Button(button_style="primary", layout={"width": "120px"})
        self.stop = ipywidgets.Button(layout={"width": "104px"})
        self.stop.tooltip = (
            "Stop. What is done stays done; the toolbar's stop button does the same."
        )
        self.go.on_click(lambda _: self.start())
        self.stop.on_click(lambda _: self.cancel())
        hear_while_busy(self.go, self.stop)
        self.live = controls([self.status, self.go, self.stop])
        self.live.add_class("msl").add_class("msl-card")
        self.draw()

    @property
    def links(self) -> dict[str, str]:
        """The ways to the machine by name (``forward``, ``jupyter``, ``ssh``); empty before it is
        up.
        """
        return {link.name: link.value for link in self.setup.links}

    @property
    def text(self) -> str:
        """Steps and links in words and columns."""
        text = self.setup.text()
        return f"Rehearsal: nothing runs on Chameleon.\n{text}" if self.rehearsed else text

    @property
    def html(self) -> str:
        label = escape(self.setup.title)
        return (
            f'{STYLE}<section class="msl msl-card" aria-label="{label}">{_picture(self)}</section>'
        )

    def run(self) -> None:
        """Bring the machine up in this cell and return when everything is done; run it again to
        resume.

        Raises:
            ProvisioningError: a step failed or was cancelled; its message says what to do. The
                record keeps the rest.
        """
        if has_kernel():
            self._handle = display(self, display_id=True)
        try:
            self._go()
        except ProvisioningError as error:
            error.shown = has_kernel()
            raise
        finally:
            if not has_kernel():
                print(self.text)

    def start(self) -> None:
        """Bring the machine up beside the cells; the button does the same."""
        if self._worker is not None and self._worker.is_alive():
            return

        def work() -> None:
            with suppress(ProvisioningError):  # the step's row shows it
                self._go()

        self._worker = threading.Thread(target=work, name="provisioning", daemon=True)
        self._worker.start()

    def cancel(self) -> None:
        """Stop: no new step begins, and waiting steps stop at their next check."""
        self.setup.cancel()
        with self._drawing:
            # A click that is heard only after the end stops nothing, and the next start wants its
            # button.
            if self.setup.state == "running":
                self.stop.disabled = True
                self.stop.description = "Stopping…"

    def draw(self) -> None:
        """Bring the picture and the buttons up to date."""
        with self._drawing:
            state = self.setup.state
            self.status.value = STYLE + _picture(self)
            self.go.description = self._go_words()
            self.go.layout.display = "none" if state in ("running", "done") else ""
            running = state == "running"
            hears_clicks = bool(self._worker) or heard_while_busy()
            self.stop.layout.display = "" if running and hears_clicks else "none"
            if not running:
                self.stop.disabled = False
                self.stop.description = "Cancel"

    def _go_words(self) -> str:
        if self.setup.state == "failed":
            return "Try again"
        some_done = any(row.state == "done" for row in self.setup.rows.values())
        return "Resume" if some_done or self.setup.state != "waiting" else "Bring it up"

    def _go(self) -> None:
        # Finished work leaves a still picture, so that readers of a saved notebook need no widget.
        self._going = True
        threading.Thread(target=self._tick, name="provisioning-clock", daemon=True).start()
        try:
            self.setup.go()
        finally:
            self._going = False
            with self._drawing:
                self.draw()
                if self._handle is not None and self.setup.state == "done":
                    self.live = None
                    self._handle.update(Shown(self.html, self.text))

    def _tick(self) -> None:
        while self._going:
            self.draw()
            threading.Event().wait(REDRAW_S)


def _picture(shown: ProvisioningProgress) -> str:
    run = shown.setup
    settings = run.settings
    rows = run.rows.values()
    subtitle = f"{settings.name}{settings.option.at_site}: {_progress_words(run)}"
    table = html_table(_COLUMNS, [_cells(run, row) for row in rows])
    parts = [heading(run.title, shown.rehearsed, subtitle)]
    if run.state == "done":
        parts += [_link_html(link) for link in run.links]
        parts += ["<details><summary>The steps</summary>", table]
        parts += [_detail(row) for row in rows]
        parts.append("</details>")
    else:
        parts += [progress_bar(run.title, run.fraction), table]
        parts += [_detail(row) for row in rows]
    inside = "".join(parts)
    return f'<div class="msl">{inside}</div>'


def _progress_words(run: SetupRun) -> str:
    if run.state == "done":
        return "ready"
    steps_done = sum(row.state == "done" for row in run.rows.values())
    done = f"{steps_done} of {len(run.rows)} steps done"
    if run.state == "failed":
        return f"{done}; a step failed"
    if run.state == "stopped":
        return f"{done}; stopped"
    return f"{done}, usually {_minutes(run.left_s)} to go"


def _cells(run: SetupRun, row: StepRow) -> list[Cell]:
    word, kind = _MARKS[row.state]
    began = row.state not in ("waiting", "blocked")
    elapsed = _minutes(run.elapsed_s(row)) if began else ""
    usual = _minutes(row.expected_s)
    return [Cell(row.title), Cell(word, "", kind, words=True), Cell(elapsed), Cell(usual)]


def _detail(row: StepRow) -> str:
    if row.state == "running" and row.tail:
        tail = escape("\n".join(list(row.tail)[-_TAIL_LINES:]))
        title = escape(row.title)
        return f'<p class="msl-sub">{title}:</p><pre class="msl-code">{tail}</pre>'
    if row.state == "cancelled":
        return '<p class="msl-sub">You pressed cancel. Resume goes on here.</p>'
    return note(row.error) if row.state == "failed" else ""


def _link_html(link: Link) -> str:
    value = escape(link.value)
    shown = f'<pre class="msl-code">{value}</pre>'
    if link.is_address:
        shown = f'<a href="{value}" target="_blank" rel="noopener">{value}</a>'
    return f'<p class="msl-heading" style="margin-top:10px">{escape(link.purpose)}</p>{shown}'


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min"
