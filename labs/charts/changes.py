"""What a change brought: one run before and one after it, or options that took turns in one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np

from labs import stats
from labs.charts.frame import WIDTH_PX, Chart, data, ink, tips
from labs.charts.latency import percentile_interval
from labs.charts.load import level
from labs.display.format import between, milliseconds, percent, rate, times
from labs.display.table import Cell
from labs.display.theme import SERIES
from labs.records import Comparison, Measurement, require_same_machine
from labs.stats import Interval

_SIGNS = {"better": "✓ better", "worse": "✗ worse", "cannot tell": "≈ cannot tell"}
_KINDS = {"better": "msl-good", "worse": "msl-bad"}


def before_after(before: Measurement, after: Measurement, *, title: str = "Before and after") -> Chart:
    """Return two load runs side by side: each number, its ratio with an interval, and whether that is for the better.

    Args:
        before: A load record.
        after: Another, of the same machine.
        title: Heading.

    Raises:
        DifferentMachinesError: They come from two machines.
        ValueError: One of them is no load record.
    """
    if before.load is None or after.load is None:
        raise ValueError("before and after compare load records: run a closed or an open loop twice")
    require_same_machine([before, after])
    rows = changes(before, after)
    levels = list(dict.fromkeys((level(before), level(after))))
    under = f"Under {' and '.join(levels)}." + (
        "" if len(levels) == 1 else " The load differs: so may everything below, whatever else was changed."
    )
    return Chart(
        _ratios([row for row in rows if row.ratio is not None], "after compared with before"),
        title,
        subtitle=under,
        sentence="; ".join(f"{row.name}: {row.verdict or 'no interval'}" for row in rows) + ".",
        header=["", f"before: {before.option}", f"after: {after.option}", "after / before", ""],
        rows=[_cells(row) for row in rows],
        footer=f"{under} Measured on {before.machine.label}",
        table_open=True,
    )


def side_by_side(comparison: Comparison, baseline: str, *, title: str = "Side by side in one run") -> Chart:
    """Return how many times as long each option takes as the baseline, from one run in which they took turns.

    Args:
        comparison: The run, from ``bench.compare`` or a ledger's ``comparison(…)``.
        baseline: Option that the others are compared with.
        title: Heading.

    Raises:
        KeyError: The baseline took no part.
        ValueError: Nothing else did.
    """
    others = [option for option in comparison.options if option != baseline]
    if not others:
        raise ValueError(f"{baseline} ran alone: a ratio needs a second option in the same run")
    rows = []
    for option in others:
        ratio = comparison.ratio(option, baseline)
        medians = (_exact(comparison.record(one).percentile(50)) for one in (baseline, option))
        rows.append(Change(option, *medians, milliseconds, -1, given=ratio.interval))
    sentence = "; ".join(
        f"{row.name}: {times(row.ratio.value)} the time of {baseline}, {row.verdict or 'the same'}" for row in rows
    )
    cells = [
        [Cell(row.name), Cell(milliseconds(row.after.value)), Cell(times(row.ratio.value), between(row.ratio, times)),
         Cell(_SIGNS.get(row.verdict, ""), kind=_KINDS.get(row.verdict, "msl-soft"), words=True)]
        for row in rows
    ]  # fmt: skip
    return Chart(
        _ratios(rows, f"time compared with {baseline} (less is better)"),
        title,
        subtitle=f"1 × is {baseline}. A bar that reaches across 1 × means that this run cannot tell the two apart.",
        sentence=sentence + ".",
        header=["option", "median", f"time of {baseline}", ""],
        rows=cells,
        footer=f"Measured on {comparison.records[0].machine.label}, {len(comparison.records[0].blocks)} rounds.",
        table_open=True,
    )


@dataclass(frozen=True)
class Change:
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
    #: The ratio's own interval, where both took turns in one run.
    given: Interval | None = None

    @property
    def ratio(self) -> Interval | None:
        """After over before, with a cautious interval from both; None where one of them is zero."""
        if self.given is not None:
            return self.given
        if self.before.value <= 0 or self.after.value <= 0:
            return None
        return stats.quotient(self.after, self.before)

    @property
    def verdict(self) -> str:
        """What may be said: 'better' or 'worse', 'cannot tell' where the interval holds 1.

        A mean that comes without an interval gets no verdict, however far it moved.
        """
        ratio = self.ratio
        if ratio is None or ratio.confidence <= 0 or not self.better:
            return ""
        more, less = ("better", "worse") if self.better > 0 else ("worse", "better")
        return stats.verdict(ratio, above=more, below=less)


def changes(before: Measurement, after: Measurement) -> list[Change]:
    """Return the numbers that both load runs have."""

    def requests(value: float) -> str:
        return rate(value, "req/s")

    rows = [Change("throughput", before.throughput_rps, after.throughput_rps, requests, 1)]
    rows += [
        Change(f"p{q}", *(percentile_interval(one, q) for one in (before, after)), milliseconds, -1)
        for q in (50, 95, 99)
    ]
    if before.load.server and after.load.server:
        for name, value in (("in the queue", "queue_s"), ("in the model", "infer_s")):
            pair = (_exact(getattr(one.load.server, value)) for one in (before, after))
            rows.append(Change(name, *pair, milliseconds, -1))
        if before.load.server.batches and after.load.server.batches:
            pair = (_exact(one.load.server.mean_batch) for one in (before, after))
            rows.append(Change("mean batch", *pair, "{:.1f}".format, 0))
    if before.load.usage.cpu and after.load.usage.cpu:
        pair = (_exact(float(np.mean(one.load.usage.cpu))) for one in (before, after))
        rows.append(Change("processors busy", *pair, percent, 0))
    if before.load.failures or after.load.failures:
        pair = (
            stats.proportion_interval(len(one.load.failures), len(one.load.failures) + len(one.samples))
            for one in (before, after)
        )
        rows.append(Change("failed", *pair, percent, -1))
    return rows


def _exact(value: float) -> Interval:
    return Interval(value, value, value, 0.0)


def _ratios(rows: Sequence[Change], words: str) -> alt.LayerChart:
    """Return ratios on one logarithmic axis: to the left of 1 × it became less, to the right more."""
    points = [
        {"name": row.name, "ratio": row.ratio.value, "low": max(row.ratio.low, row.ratio.value / 50),
         "high": min(row.ratio.high, row.ratio.value * 50), "one": 1, "verdict": row.verdict or "no interval",
         "before": row.write(row.before.value), "after": row.write(row.after.value), "factor": times(row.ratio.value)}
        for row in rows
    ]  # fmt: skip
    ends = [point[name] for point in points for name in ("low", "high", "ratio")] + [0.8, 1.25]
    scale = alt.Scale(type="log", domain=[min(ends) / 1.1, max(ends) * 1.1], nice=False)
    kinds = ["better", "worse", "cannot tell", "no interval"]
    grey = "#808890"
    colour, shape = (
        channel("verdict:N", sort=kinds, scale=alt.Scale(domain=kinds, range=values), legend=None)
        for channel, values in (
            (alt.Color, [SERIES[2], SERIES[1], grey, grey]),
            (alt.Shape, ["circle", "square", "diamond", "diamond"]),
        )
    )
    base = alt.Chart(data(points)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=200, domain=False, ticks=False)),
        color=colour, tooltip=tips("name", "before", "after", "factor", "verdict"),
    )  # fmt: skip
    x = alt.X(
        "ratio:Q",
        title=words,
        scale=scale,
        axis=alt.Axis(tickCount=6, labelExpr="datum.label ? datum.label + ' ×' : ''"),
    )
    drawn = ink("rule", alt.Chart(data([{"one": 1}])), opacity=0.6).encode(x=alt.X("one:Q", scale=scale))
    drawn += base.mark_rule(strokeWidth=7, opacity=0.35).encode(x=alt.X("one:Q", scale=scale), x2="ratio:Q")
    drawn += base.mark_rule(strokeWidth=1.8).encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    drawn += base.mark_point(filled=True, size=90, opacity=1).encode(x=x, shape=shape)
    said = ink("text", alt.Chart(data(points)), align="left").encode(
        y=alt.Y("name:N", sort=None), x=alt.value(WIDTH_PX - 96), text="said:N"
    )
    drawn += said.transform_calculate(said="datum.factor + '  ' + datum.verdict")
    return drawn.properties(width=WIDTH_PX - 110, height=alt.Step(34))


def _cells(row: Change) -> list[Cell]:
    ratio = row.ratio
    kind = _KINDS.get(row.verdict, "msl-soft")
    shown = [Cell(row.write(one.value), between(one, row.write)) for one in (row.before, row.after)]
    factor = Cell("–", kind="msl-soft") if ratio is None else Cell(times(ratio.value), between(ratio, times))
    return [Cell(row.name), *shown, factor, Cell(_SIGNS.get(row.verdict, row.verdict), kind=kind, words=True)]
