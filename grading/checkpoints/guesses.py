"""Guesses against reality: every prediction of the ledger beside what was measured since, as a chart and as a table."""

from __future__ import annotations

from grading.checkpoints.cards import Card, Table
from grading.checkpoints.predictions import compared, reconciled
from grading.checkpoints.registry import Checkpoint, all_checkpoints
from labs.records import Records
from labs.workspace import ledger

_TITLE = "Your guesses against reality"
_NONE = (
    "Nothing is predicted yet. Each lesson asks for a guess before it measures; once you have made one, it stands here "
    "beside what was measured. Being wrong costs nothing, and shows what there is to learn."
)


def guesses(part: str = "") -> object:
    """Return what was predicted beside what was measured; a table where nothing can be drawn yet.

    Args:
        part: 'start', 'model', …; everything when empty.
    """
    records = ledger().read()
    asked = [
        one
        for one in all_checkpoints()
        if one.kind == "prediction" and part in ("", one.part) and records.predictions(one.id)
    ]
    if not asked:
        return Card(f"{_TITLE}: none yet", _TITLE, None, (_NONE,))
    rows = [(one, *reconciled(one, records)) for one in asked]
    try:
        from labs.charts.guesses import Guess, guesses_chart
    except ImportError:  # Chameleon's own Jupyter may have no charts
        drawn = []
    else:
        drawn = [
            Guess(one.title, one.lesson, guess, measured, difference, _factor(one, records))
            for one, guess, measured, difference in rows
        ]
    if any(one.kind for one in drawn):
        return guesses_chart(drawn, title=_TITLE)
    cells = tuple((f"{one.lesson:02d} {one.title}", *texts) for one, *texts in rows)
    return Table(_TITLE, _TITLE, ("Question", "Predicted", "Measured", "So it was"), cells)


def _factor(checkpoint: Checkpoint, records: Records) -> float | None:
    """Return how many times the prediction was measured; None for words and where one of them is missing or zero."""
    made, found = compared(checkpoint, records)
    numbers = made is not None and isinstance(made.value, int | float) and isinstance(found, int | float)
    return found / made.value if numbers and made.value and found else None
