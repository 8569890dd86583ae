"""Faults to practise with: their effects, their symptoms, and their switches; in the rehearsal
only.
"""

from chameleon_rehearsal import FAULTS, arm, armed, disarm, status, status_text
from labs.display import theme
from labs.display.shown import Shown
from labs.display.table import Cell, html_table
from provisioning import lab
from provisioning.widgets.cards import badge, still

_TITLE = "Practise what goes wrong"
_HOW = (
    'faults().on("lease-error") switches one on, then reserve or bring up a machine: it strikes '
    "once."
)
_MORE = "faults() lists all of them."
_REFUSED = (
    "Faults exist in the rehearsal only: this is Chameleon itself, where what breaks breaks by "
    "itself."
)


class Faults(Shown):
    """The switchboard of faults, as a table; ``on`` and ``off`` raise ``NotRehearsingError`` on the
    real Chameleon.
    """

    def __init__(self, *names: str) -> None:
        """Show the faults of these names, or all faults without a name. Each look asks the testbed.

        Raises:
            KeyError: A name is not a fault's.
        """
        self._shown = {name: FAULTS[name] for name in names or FAULTS}
        self._how = f"{_HOW} {_MORE}" if names else _HOW

    on = staticmethod(arm)
    off = staticmethod(disarm)

    @property
    def text(self) -> str:
        """Every fault, whether it is on, and the testbed's state."""
        if not lab.rehearsing():
            return _REFUSED
        strikes = armed()
        lines = [f"{_TITLE} (rehearsal)", self._how]
        for name, fault in self._shown.items():
            mark = "x" if strikes[name] else " "
            lines.append(f"[{mark}] {name}: {fault.what}")
            lines.append(f"      {fault.seen}")
        lines += ["", status_text(status())]
        return "\n".join(lines)

    @property
    def html(self) -> str:
        if not lab.rehearsing():
            return still(_TITLE, _REFUSED, rehearsed=False)
        strikes = armed()
        rows = []
        for name, fault in self._shown.items():
            texts = (name, "on" if strikes[name] else "", fault.what, fault.seen)
            rows.append([Cell(text, words=True) for text in texts])
        table = html_table(("fault", "is", "what goes wrong", "what one sees"), rows)
        return theme.card(_TITLE, table, subtitle=self._how, badge=badge(rehearsed=True))
