"""Faults to practise with: what each does, what one sees then, a switch for each; in the rehearsal only."""

from __future__ import annotations

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
_HOW = "Switch a fault on, then reserve or bring up a machine: it strikes once."
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

    @property
    def text(self) -> str:
        """Every fault, whether it is on, and the testbed's state."""
        if not self.rehearsed:
            return _REFUSED
        lines = [f"{_TITLE} (rehearsal)"]
        for drill in drills.drills():
            lines += [f"[{'x' if drill.strikes else ' '}] {drill.name}: {drill.what}", f"      {drill.seen}"]
        return "\n".join([*lines, "", drills.status_text(drills.status())])

    @property
    def html(self) -> str:
        """The same as a still picture."""
        return still(_TITLE, self.text, self.rehearsed)

    def _build(self) -> None:
        head, self._message = html(), html()
        head.value = f'{STYLE}<div class="msl">{heading(_TITLE, rehearsed=True, subtitle=_HOW)}</div>'
        known = drills.drills()
        self.switches = {drill.name: self._switch(drill) for drill in known}
        cells = [each for drill in known for each in (self.switches[drill.name], _words(drill))]
        grid = ipywidgets.GridBox(
            cells, layout=ipywidgets.Layout(grid_template_columns="168px 1fr", grid_gap="0 8px", width="100%")
        )
        all_off = ipywidgets.Button(description="All off", layout={"width": "auto"})
        all_off.on_click(lambda _: self.off())
        self.live = controls([head, grid, all_off, self._message]).add_class("msl").add_class("msl-card")

    def _switch(self, drill: Drill) -> ipywidgets.Checkbox:
        switch = ipywidgets.Checkbox(description=drill.name, indent=False, layout={"width": "auto", "margin": "0"})
        switch.tooltip = drill.what

        def changed(change) -> None:
            if self._drawing:
                return
            try:
                self.on(drill.name) if change.new else self.off(drill.name)
                self._message.value = ""
            except (ProvisioningError, ValueError) as error:
                self._message.value = note(str(error))

        switch.observe(changed, "value")
        return switch

    def draw(self) -> None:
        """Look at the testbed and show how its switches stand."""
        if self.live is None:
            return
        self._drawing = True
        try:
            for drill in drills.drills():
                self.switches[drill.name].value = bool(drill.strikes)
        finally:
            self._drawing = False


def _words(drill: Drill) -> ipywidgets.HTML:
    words = html()
    words.value = (
        f'<div class="msl" style="padding:4px 0">{escape(drill.what[0].upper() + drill.what[1:])}.'
        f'<br><span class="msl-soft">{escape(drill.seen)}</span></div>'
    )
    return words
