"""Faults to practise with: what each does, what one sees then, and how to switch one on; in the rehearsal only."""

from labs.display import theme
from labs.display.shown import Shown
from labs.display.table import Cell, html_table
from provisioning import lab
from provisioning.rehearsal import drills
from provisioning.rehearsal.faults import FAULTS
from provisioning.widgets.cards import badge, still

_TITLE = "Practise what goes wrong"
_HOW = 'faults().on("lease-error") switches one on, then reserve or bring up a machine: it strikes once.'
_REFUSED = "Faults exist in the rehearsal only: this is Chameleon itself, where what breaks breaks by itself."


class Faults(Shown):
    """The switchboard of faults, as a table; ``on`` and ``off`` raise ``NotRehearsingError`` on the real Chameleon."""

    def __init__(self) -> None:
        """Nothing is kept: each look asks the testbed."""

    on = staticmethod(drills.arm)
    off = staticmethod(drills.disarm)

    @property
    def text(self) -> str:
        """Every fault, whether it is on, and the testbed's state."""
        if not lab.rehearsing():
            return _REFUSED
        lines = [f"{_TITLE} (rehearsal)", _HOW]
        for name, strikes in drills.drills().items():
            lines += [f"[{'x' if strikes else ' '}] {name}: {FAULTS[name].what}", f"      {FAULTS[name].seen}"]
        return "\n".join([*lines, "", drills.status_text(drills.status())])

    @property
    def html(self) -> str:
        if not lab.rehearsing():
            return still(_TITLE, _REFUSED, rehearsed=False)
        known = [(name, "on" if strikes else "", FAULTS[name]) for name, strikes in drills.drills().items()]
        shown = [(name, on, fault.what, fault.seen) for name, on, fault in known]
        rows = [[Cell(text, words=True) for text in row] for row in shown]
        table = html_table(("fault", "is", "what goes wrong", "what one sees"), rows)
        return theme.card(_TITLE, table, subtitle=_HOW, badge=badge(rehearsed=True))
