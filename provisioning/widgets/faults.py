"""Faults to practise with: what each does, what one sees then, a switch for each; in the rehearsal only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from html import escape

import ipywidgets

from labs.display.shown import Shown
from labs.display.theme import STYLE
from labs.widgets.controls import controls
from provisioning import lab
from provisioning.rehearsal import drills
from provisioning.rehearsal.drills import Drill
from provisioning.testbed.errors import ProvisioningError
from provisioning.widgets.cards import heading, html, note, still

_TITLE = "Practise what goes wrong"
_REFUSED = "Faults exist in the rehearsal only: this is Chameleon itself, where what breaks breaks by itself."


def faults() -> Faults:
    """Return the switchboard of faults; on the real Chameleon it says so and switches nothing."""
    return Faults()


class Faults(Shown):
    """The widget; its methods do what its switches do, and raise ``NotRehearsingError`` on the real Chameleon."""

    def __init__(self) -> None:
        """Build a switch for each fault, in the order in which a lease meets them."""
        self.rehearsed = lab.rehearsing()
        self._drawing = False
        self.live = None
        if self.rehearsed:
            self._build()
            self.draw()

    @property
    def drills(self) -> tuple[Drill, ...]:
        """Every fault with whether it is on."""
        return drills.drills()

    def on(self, name: str, times: int = 1) -> None:
        """Let a fault strike.

        Args:
            name: of the fault.
            times: how often; -1 for always.
        """
        drills.arm(name, times)
        self.draw()

    def off(self, name: str | None = None) -> None:
        """Switch one fault off, or all of them."""
        drills.disarm(name)
        self.draw()

    def advance(self, hours: float) -> None:
        """Move the calendar forward: leases start and end as if the time had passed."""
        drills.advance(timedelta(hours=hours))
        self.draw()

    def status(self) -> str:
        """Return the testbed's state in a few lines."""
        return drills.status_text(drills.status())

    @property
    def text(self) -> str:
        """Every fault, whether it is on, and the testbed's state."""
        if not self.rehearsed:
            return _REFUSED
        lines = [f"{_TITLE} (rehearsal)"]
        for drill in self.drills:
            lines += [f"[{'x' if drill.strikes else ' '}] {drill.name}: {drill.what}", f"      {drill.seen}"]
        return "\n".join([*lines, "", self.status()])

    @property
    def html(self) -> str:
        """The same as a still picture."""
        return still(_TITLE, self.text, self.rehearsed)

    def _build(self) -> None:
        self._head, self._message, self._status = html(), html(), html()
        known = self.drills
        self.switches = {drill.name: self._switch(drill) for drill in known}
        self._words = {drill.name: html() for drill in known}
        cells = [each for name in self.switches for each in (self.switches[name], self._words[name])]
        grid = ipywidgets.GridBox(
            cells, layout=ipywidgets.Layout(grid_template_columns="168px 1fr", grid_gap="0 8px", width="100%")
        )
        row = ipywidgets.HBox(
            [
                self._button("All off", self.off),
                self._button("An hour later", lambda: self.advance(1)),
                self._button("Look again", self.draw),
            ]
        )
        self.live = controls([self._head, grid, row, self._message, self._status])
        self.live.add_class("msl").add_class("msl-card")

    def _switch(self, drill: Drill) -> ipywidgets.Checkbox:
        switch = ipywidgets.Checkbox(description=drill.name, indent=False, layout={"width": "auto", "margin": "0"})
        switch.tooltip = drill.what

        def changed(change) -> None:
            if not self._drawing:
                self._act(lambda: self.on(drill.name) if change.new else self.off(drill.name))

        switch.observe(changed, "value")
        return switch

    def _button(self, words: str, act: Callable[[], None]) -> ipywidgets.Button:
        button = ipywidgets.Button(description=words, layout={"width": "auto"})
        button.on_click(lambda _: self._act(act))
        return button

    def _act(self, act: Callable[[], None]) -> None:
        try:
            act()
            self._message.value = ""
        except (ProvisioningError, ValueError) as error:
            self._message.value = note(str(error))

    def draw(self) -> None:
        """Look at the testbed and show how its switches stand."""
        if self.live is None:
            return
        self._drawing = True
        try:
            head = heading(
                _TITLE,
                rehearsed=True,
                subtitle="Switch a fault on, then reserve or bring up a machine: it strikes once.",
            )
            self._head.value = f'{STYLE}<div class="msl">{head}</div>'
            for drill in self.drills:
                self.switches[drill.name].value = bool(drill.strikes)
                self._words[drill.name].value = _said(drill)
            self._status.value = f'<div class="msl"><pre class="msl-code">{escape(self.status())}</pre></div>'
        finally:
            self._drawing = False


def _said(drill: Drill) -> str:
    often = {1: "once", -1: "every time"}.get(drill.strikes, f"{drill.strikes} times yet")
    on = f'<span class="msl-bad">● strikes {often}</span> ' if drill.strikes else ""
    what = f"{drill.what[0].upper()}{drill.what[1:]}."
    return (
        f'<div class="msl" style="padding:4px 0">{on}{escape(what)}'
        f'<br><span class="msl-soft">{escape(drill.seen)}</span></div>'
    )
