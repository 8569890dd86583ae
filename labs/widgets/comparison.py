"""Options side by side in one table: numbers with their intervals, the best marked, published results beside them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from labs.display.format import NUMBERS, between
from labs.display.shown import Shown
from labs.display.table import Cell, Group, Row, html_table, text_table
from labs.display.theme import card
from labs.records.options import Best, OptionSummary, best, summarize
from labs.stats import Interval

_TITLE = "The options side by side"


def comparison_table(records: Iterable[object], *, reference: pd.DataFrame | None = None) -> Shown:
    """Return a table with one row an option, grouped by the machine that measured it.

    Args:
        records: Measurements; a whole ledger will do. Machines are kept apart, never averaged.
        reference: Published results as ``labs.records.reference.reference_table`` gives them. They stand in groups of
            their own, named with their machine, and are never marked as best.
    """
    ours = summarize(records, across_machines=True)
    header = ["option", *(heading for heading, _ in NUMBERS.values())]
    rows: list[Row | Group] = []
    for machine_id in dict.fromkeys(one.machine_id for one in ours):
        group = [one for one in ours if one.machine_id == machine_id]
        rows.append(Group(f"Measured on {group[0].machine}"))
        # A machine with one option has no best one.
        marks = {name: best(group, name) if len(group) > 1 else Best(set(), set(), set()) for name in NUMBERS}
        rows += [[Cell(one.option), *(_measured(one, name, marks[name]) for name in NUMBERS)] for one in group]
    if reference is not None:
        rows += _published(reference)
    note = "★ best of its machine; ≈ cannot tell it from the best, on the same images or side by side in one run"
    uncompared = any("?" in cell.text for row in rows if not isinstance(row, Group) for cell in row[1:])
    note += "; ? not compared with the best in that way." if uncompared else "."
    batches = sorted({one.batch_size for one in ours if one.batch_size})
    note += f" Throughput in batches of {' or '.join(map(str, batches))}." if batches else ""
    html = card(_TITLE, html_table(header, rows), footer=note)
    return Shown(html, f"{_TITLE}\n{text_table(header, rows)}\n{note}")


def _measured(one: OptionSummary, name: str, marks: Best) -> Cell:
    interval: Interval | None = getattr(one, name)
    if interval is None:
        return Cell("–", kind="msl-soft")
    written = NUMBERS[name][1]
    below = between(interval, written)
    if one.option in marks.leaders:
        return Cell(f"{written(interval.value)} ★", below, "msl-best")
    sign = " ≈" if one.option in marks.near else " ?" if one.option in marks.uncompared else ""
    return Cell(written(interval.value) + sign, below)


def _published(reference: pd.DataFrame) -> list[Row | Group]:
    """Return the published rows, each machine under its own heading."""
    flat = reference.reset_index()
    rows: list[Row | Group] = []
    for machine, group in flat.groupby("machine", sort=False):
        rows.append(Group(f"Published, not measured here: {machine}"))
        for values in group.to_dict("records"):
            cells = [_published_cell(values.get(name), name) for name in NUMBERS]
            rows.append([Cell(str(values["option"]), kind="msl-soft"), *cells])
    return rows


def _published_cell(value: object, name: str) -> Cell:
    if value is None or pd.isna(value):
        return Cell("–", kind="msl-soft")
    return Cell(NUMBERS[name][1](float(value)), kind="msl-soft")
