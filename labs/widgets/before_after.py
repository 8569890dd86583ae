"""Two load runs, before and after a change: what became of throughput, latency, queue and processor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labs import stats
from labs.records import Measurement, require_same_machine
from labs.records.format import milliseconds, percent, rate, times
from labs.stats import Interval
from labs.widgets.plot import Axis, Drawing
from labs.widgets.queue_compute import level
from labs.widgets.shown import Shown
from labs.widgets.table import Cell, html_table, text_table
from labs.widgets.theme import SERIES, card

_WIDTH_PX, _LEFT_PX, _RIGHT_PX, _ROW_PX, _TOP_PX = 800, 150, 690, 34, 30


@dataclass(frozen=True)
class Row:
    """One number before and after."""

    #: What it is.
    name: str
    #: Before, with its interval where there is one.
    before: Interval
    #: After.
    after: Interval
    #: How it is written.
    write: Callable[[float], str]
    #: 1 where more is better, -1 where less is, 0 where it is neither.
    better: int

    @property
    def ratio(self) -> Interval | None:
        """After over before, with a cautious interval from both; None where before is zero."""
        if self.before.value <= 0 or self.after.value <= 0:
            return None
        low = self.after.low / self.before.high if self.before.high else 0.0
        high = self.after.high / self.before.low if self.before.low else float("inf")
        return Interval(self.after.value / self.before.value, low, high)

    @property
    def verdict(self) -> str:
        """What may be said: 'better' or 'worse', 'cannot tell' where the interval holds 1.

        A mean that comes without an interval gets no verdict, however far it moved.
        """
        ratio = self.ratio
        if ratio is None or ratio.low == ratio.high or not self.better:
            return ""
        if 1.0 in ratio:
            return "cannot tell"
        return "better" if (ratio.value > 1) == (self.better > 0) else "worse"


def before_after(before: Measurement, after: Measurement, *, title: str = "Before and after") -> Shown:
    """Return both runs side by side: each number, its ratio with an interval, and whether that is for the better.

    Args:
        before: A load record.
        after: Another, of the same machine.
        title: Heading of the card.

    Raises:
        DifferentMachinesError: They come from two machines.
        ValueError: One of them is no load record.
    """
    if before.load is None or after.load is None:
        raise ValueError("before and after compare load records: run a closed or an open loop twice")
    require_same_machine([before, after])
    rows = rows_of(before, after)
    header = ["", f"before: {before.option}", f"after: {after.option}", "after / before", ""]
    cells = [_cells(row) for row in rows]
    sentence = "; ".join(f"{row.name}: {row.verdict or 'no interval'}" for row in rows)
    drawing = _picture(rows, title, sentence)
    levels = list(dict.fromkeys((level(before), level(after))))
    under = f"Under {' and '.join(levels)}." + (
        "" if len(levels) == 1 else " The load differs: so may everything below, whatever else was changed."
    )
    footer = f"Measured on {before.machine.label}"
    html = card(title, drawing.svg() + html_table(header, cells), subtitle=under, footer=footer)
    return Shown(html, f"{title}\n{under}\n{text_table(header, cells)}\n{footer}", plain=title)


def rows_of(before: Measurement, after: Measurement) -> list[Row]:
    """Return the numbers that both runs have."""

    def requests(value: float) -> str:
        return rate(value, "req/s")

    rows = [Row("throughput", before.throughput_rps, after.throughput_rps, requests, 1)]
    for q in (50, 95, 99):
        low, high = (stats.median_interval(one.samples, q=q) for one in (before, after))
        rows.append(Row(f"p{q}", low, high, milliseconds, -1))
    if before.load.server and after.load.server:
        for name, value in (("in the queue", "queue_s"), ("in the model", "infer_s")):
            pair = (_exact(getattr(one.load.server, value)) for one in (before, after))
            rows.append(Row(name, *pair, milliseconds, -1))
        if before.load.server.batches and after.load.server.batches:
            pair = (_exact(one.load.server.mean_batch) for one in (before, after))
            rows.append(Row("mean batch", *pair, "{:.1f}".format, 0))
    if before.load.usage.cpu and after.load.usage.cpu:
        pair = (_exact(float(np.mean(one.load.usage.cpu))) for one in (before, after))
        rows.append(Row("processors busy", *pair, percent, 0))
    if before.load.failures or after.load.failures:
        pair = (
            stats.proportion_interval(len(one.load.failures), len(one.load.failures) + len(one.samples))
            for one in (before, after)
        )
        rows.append(Row("failed", *pair, percent, -1))
    return rows


def _exact(value: float) -> Interval:
    return Interval(value, value, value, 1.0)


def _cells(row: Row) -> list[Cell]:
    ratio, signs = row.ratio, {"better": "✓ better", "worse": "✗ worse"}
    kind = {"better": "msl-good", "worse": "msl-bad"}.get(row.verdict, "msl-soft")
    shown = [Cell(row.write(one.value), _interval(one, row.write)) for one in (row.before, row.after)]
    factor = Cell("–", kind="msl-soft") if ratio is None else Cell(times(ratio.value), _interval(ratio, times))
    return [Cell(row.name), *shown, factor, Cell(signs.get(row.verdict, row.verdict), kind=kind, words=True)]


def _interval(one: Interval, write: Callable[[float], str]) -> str:
    return "" if one.low == one.high else f"{write(one.low).rsplit(' ', 1)[0]} – {write(one.high).rsplit(' ', 1)[0]}"


def _picture(rows: list[Row], title: str, sentence: str) -> Drawing:
    """Return the ratios on one logarithmic axis: to the left smaller after the change, to the right larger."""
    known = [row for row in rows if row.ratio is not None]
    reach = max([1.5, *(max(row.ratio.value, 1 / row.ratio.value) for row in known)]) * 1.25
    axis = Axis(1 / reach, reach, _LEFT_PX, _RIGHT_PX, logarithmic=True)
    drawing = Drawing(_WIDTH_PX, _TOP_PX + _ROW_PX * len(known) + 40, title, sentence)
    bottom = _TOP_PX + _ROW_PX * len(known)
    for tick in axis.ticks():
        drawing.line(axis(tick), _TOP_PX - 8, axis(tick), bottom, kind="msl-grid")
        drawing.text(axis(tick), bottom + 16, f"{tick:g} ×", anchor="middle", kind="msl-tick")
    drawing.line(axis(1), _TOP_PX - 8, axis(1), bottom, kind="msl-axis")
    drawing.text(axis(1) - 8, 12, "◂ less than before", anchor="end", kind="msl-tick")
    drawing.text(axis(1) + 8, 12, "more than before ▸", kind="msl-tick")
    for index, row in enumerate(known):
        y = _TOP_PX + _ROW_PX * (index + 0.5)
        colour = {"better": SERIES[2], "worse": SERIES[1]}.get(row.verdict, "var(--msl-soft)")
        ratio = row.ratio
        drawing.text(_LEFT_PX - 12, y + 4, row.name, anchor="end", kind="msl-strong")
        drawing.line(axis(1), y, axis(ratio.value), y, style=f"stroke:{colour};stroke-width:7;opacity:.45")
        drawing.line(axis(ratio.low), y, axis(ratio.high), y, style=f"stroke:{colour};stroke-width:1.5")
        drawing.circle(axis(ratio.value), y, 5.5, style=f"fill:{colour}", tip=f"{row.name}: {times(ratio.value)}")
        drawing.text(_RIGHT_PX + 12, y + 4, f"{times(ratio.value)} {_sign(row)}", kind="msl-tick")
    return drawing


def _sign(row: Row) -> str:
    return {"better": "✓", "worse": "✗", "cannot tell": "≈"}.get(row.verdict, "")
