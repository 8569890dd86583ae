"""Things that are known, with their reasons, as a table whose sentences are not cut short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labs.widgets.shown import Shown
from labs.widgets.table import Cell, html_table, text_table
from labs.widgets.theme import card


def facts(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Shown:
    """Return a card with one row a fact: numbers to the right, words whole.

    Args:
        title: Heading of the card.
        header: Names of the columns; the first one names the fact.
        rows: As wide as the header: texts, and numbers.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    return Shown(card(title, html_table(header, cells)), f"{title}\n{text_table(header, cells)}", plain=title)


def _cell(value: object) -> Cell:
    return Cell(value, words=True) if isinstance(value, str) else Cell(f"{value:.3g}")
