"""Options side by side in one table: numbers with their intervals, the best marked, published results beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from labs.records import Measurement, Records
from labs.records.format import megabytes, milliseconds, percent, rate
from labs.records.options import OptionSummary, best, summarize
from labs.stats import Interval
from labs.widgets.shown import Shown
from labs.widgets.table import Cell, Group, Row, html_table, text_table
from labs.widgets.theme import card

#: Columns by the number they show: heading, and how a value is written.
COLUMNS = {
    "accuracy": ("accuracy", percent),
    "p50_s": ("p50", milliseconds),
    "p95_s": ("p95", milliseconds),
    "p99_s": ("p99", milliseconds),
    "batch_fps": ("throughput", rate),
    "size_bytes": ("size", megabytes),
}


def comparison_table(
    records: Iterable[object],
    *,
    reference: pd.DataFrame | None = None,
    columns: Sequence[str] = tuple(COLUMNS),
    title: str = "The options side by side",
) -> Shown:
    """Return a table with one row an option, grouped by the machine that measured it.

    Args:
        records: Measurements; a whole ledger will do. Machines are kept apart, never averaged.
        reference: Published results as ``labs.records.reference.reference_table`` gives them. They stand in groups of
            their own, named with their machine, and are never marked as best.
        columns: Keys of ``COLUMNS``, in the wanted order.
        title: Heading of the card.
    """
    records = Records(one for one in records if isinstance(one, Measurement))
    ours = summarize(records, across_machines=True)
    header = ["option", *(COLUMNS[name][0] for name in columns)]
    rows: list[Row | Group] = []
    for machine_id in dict.fromkeys(one.machine_id for one in ours):
        group = [one for one in ours if one.machine_id == machine_id]
        rows.append(Group(f"Measured on {group[0].machine}"))
        # A machine with one option has no best one.
        here = Records(one for one in records if one.machine.machine_id == machine_id)
        marks = {name: _marks(here, group, name) if len(group) > 1 else (set(), set()) for name in columns}
        rows += [[Cell(one.option), *(_measured(one, name, marks[name]) for name in columns)] for one in group]
    if reference is not None:
        rows += _published(reference, columns)
    note = "★ best of its machine; ≈ cannot tell it from the best: the 95 % intervals (small print) overlap, or for "
    note += "accuracy, the two do not differ on the same images."
    batches = sorted({one.batch_size for one in ours if one.batch_size})
    note += f" Throughput in batches of {' or '.join(map(str, batches))}." if batches else ""
    html = card(title, html_table(header, rows), footer=note)
    return Shown(html, f"{title}\n{text_table(header, rows)}\n{note}")


def _marks(records: Records, group: Sequence[OptionSummary], name: str) -> tuple[set[str], set[str]]:
    """Return the best options in a column, and those that these records cannot tell from them."""
    leaders, near = best(group, name)
    if name == "accuracy" and leaders:
        # Both saw the same images: only those on which they disagree say anything, and intervals may well overlap.
        leader = next(one.option for one in group if one.option in leaders)
        others = (one.option for one in group if one.option not in leaders and one.accuracy is not None)
        pairs = {other: records.paired_accuracy(leader, other) for other in others}
        near = {other for other, pair in pairs.items() if pair is not None and not pair.is_resolved}
    return leaders, near


def _measured(one: OptionSummary, name: str, marks: tuple[set[str], set[str]]) -> Cell:
    interval: Interval | None = getattr(one, name)
    if interval is None:
        return Cell("–", kind="msl-soft")
    written = COLUMNS[name][1]
    low, high = (written(value).rsplit(" ", 1)[0] for value in (interval.low, interval.high))
    below = "" if interval.low == interval.high else f"{low} – {high}"
    leaders, near = marks
    if one.option in leaders:
        return Cell(f"{written(interval.value)} ★", below, "msl-best")
    return Cell(written(interval.value) + (" ≈" if one.option in near else ""), below)


def _published(reference: pd.DataFrame, columns: Sequence[str]) -> list[Row | Group]:
    """Return the published rows, each machine under its own heading."""
    flat = reference.reset_index()
    rows: list[Row | Group] = []
    for machine, group in flat.groupby("machine", sort=False):
        rows.append(Group(f"Published, not measured here: {machine}"))
        for values in group.to_dict("records"):
            cells = [_published_cell(values.get(name), name) for name in columns]
            rows.append([Cell(str(values["option"]), kind="msl-soft"), *cells])
    return rows


def _published_cell(value: object, name: str) -> Cell:
    if value is None or pd.isna(value):
        return Cell("–", kind="msl-soft")
    return Cell(COLUMNS[name][1](float(value)), kind="msl-soft")
