"""Options against each other: which are worth choosing between, and what a change really brought."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from labs import stats
from labs.charts.frame import WIDTH_PX, Chart, axis_scale, data, ink, tips
from labs.charts.latency import percentile_interval
from labs.charts.load import level
from labs.records import Comparison, Measurement, require_same_machine
from labs.records.format import megabytes, milliseconds, percent, rate, times
from labs.records.frontier import OBJECTIVES, dominators
from labs.records.options import OptionSummary, summarize
from labs.stats import Interval
from labs.widgets.table import Cell, Group
from labs.widgets.theme import SERIES

#: Heading, how a value is written, factor to the axis's unit, and the axis's words.
NUMBERS = {
    "accuracy": ("accuracy", percent, 100, "accuracy in % (higher is better)"),
    "p50_s": ("p50", milliseconds, 1e3, "median latency in ms (lower is better)"),
    "batch_fps": ("throughput", rate, 1, "throughput in images/s (higher is better)"),
    "size_bytes": ("size", megabytes, 1e-6, "size in MB (lower is better)"),
}
_SIGNS = {"better": "✓ better", "worse": "✗ worse", "cannot tell": "≈ cannot tell"}
_KINDS = {"better": "msl-good", "worse": "msl-bad"}


def frontier_chart(records: Iterable[object], *, title: str = "Which options are worth choosing between") -> Chart:
    """Return all options in four measures, those on the frontier filled, and a table that says what beats the others.

    Args:
        records: Measurements of one machine; a whole ledger will do.
        title: Heading.

    Raises:
        DifferentMachinesError: The records come from several machines; a frontier across machines chooses the machine.
        ValueError: No option has all four measured.
    """
    options = summarize(records)
    beaten_by = dominators(options)
    shown = [one for one in options if one.option in beaten_by]
    if not shown:
        raise ValueError("no option has accuracy, latency, throughput and size: measure at least one in full")
    pairs = (("p50_s", "accuracy"), ("batch_fps", "size_bytes"))
    panels = [_panel(shown, beaten_by, across, up) for across, up in pairs]
    header, rows = _frontier_table(shown, beaten_by)
    missing = [one.option for one in options if one.option not in beaten_by]
    where = f"Measured on {shown[0].machine}." + (f" Not measured in full: {', '.join(missing)}." if missing else "")
    winners = [one.option for one in shown if not beaten_by[one.option]]
    return Chart(
        alt.hconcat(*panels, spacing=36),
        title,
        subtitle="Filled: no other option is at least as good in all four measures. Hollow: some other option is.",
        sentence=f"On the frontier: {', '.join(winners)}.",
        header=header,
        rows=rows,
        footer=where,
        table_open=True,
    )


def frontiers(records: Iterable[object]) -> Chart:
    """Return one frontier for each machine, since milliseconds of two machines make no single one.

    Args:
        records: Measurements of any number of machines; options that lack one of the four measures are passed over.

    Raises:
        ValueError: No machine has an option with all four measures.
    """
    kept = [record for record in records if isinstance(record, Measurement)]
    shown = []
    for machine in dict.fromkeys(record.machine.machine_id for record in kept):
        ours = [record for record in kept if record.machine.machine_id == machine]
        full = {one.option for one in summarize(ours) if all(getattr(one, name) is not None for name in OBJECTIVES)}
        if full:
            of_full = [record for record in ours if record.option in full]
            shown.append(frontier_chart(of_full, title=f"On {ours[0].machine.label}"))
    if not shown:
        raise ValueError("no option has accuracy, latency, throughput and size on any machine: measure one in full")
    if len(shown) == 1:
        return shown[0]
    return Beside(shown)


class Beside(Chart):
    """Several charts, one below the other, each with its own table."""

    def __init__(self, charts: Sequence[Chart]) -> None:
        """Keep the charts in the order given."""
        self.charts = list(charts)
        self.html = "".join(one.html for one in self.charts)
        self.text = "\n\n".join(one.text for one in self.charts)
        self.sentence = " ".join(one.sentence for one in self.charts)
        self.plain = f"{len(self.charts)} charts"

    def _ipython_display_(self) -> None:
        for one in self.charts:
            one._ipython_display_()


def accuracy_latency(
    records: Iterable[object], *, reference: pd.DataFrame | None = None, title: str = "Accuracy over latency"
) -> Chart:
    """Return accuracy over median latency with intervals; the line joins the options that no other beats in both.

    Args:
        records: Measurements of one machine; options without both numbers are passed over.
        reference: Published results as ``labs.records.reference.reference_table`` gives them, drawn hollow and never
            on the line: another machine measured them.
        title: Heading.

    Raises:
        DifferentMachinesError: The records come from several machines.
        ValueError: No option has both numbers.
    """
    both = ("accuracy", "p50_s")
    options = [one for one in summarize(records) if all(getattr(one, name) is not None for name in both)]
    if not options:
        raise ValueError("no option has both accuracy and latency: measure at least one of each first")
    beaten_by = dominators(options, both)
    rows: list = [[*row[:3], row[-1]] for row in _frontier_table(options, beaten_by)[1]]
    published = _published(reference) if reference is not None else []
    for machine in dict.fromkeys(point["machine"] for point in published):
        here = [point for point in published if point["machine"] == machine]
        rows.append(Group(f"Published, not measured here: {machine}"))
        rows += [[Cell(p["option"], kind="msl-soft"), Cell(p["accuracy"]), Cell(p["p50"]), Cell("")] for p in here]
    panel = _panel(options, beaten_by, "p50_s", "accuracy", width_px=WIDTH_PX, published=published)
    winners = [one.option for one in options if not beaten_by[one.option]]
    return Chart(
        panel,
        title,
        subtitle="Filled and joined: no other option is at least as good in both. Thin lines are 95 % intervals"
        + ("; diamonds are published results of other machines." if published else "."),
        sentence=f"On the frontier of the two: {', '.join(winners)}.",
        header=["option", "accuracy", "p50", "frontier"],
        rows=rows,
        footer=f"Measured on {options[0].machine}.",
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
        medians = (
            Interval(value, value, value) for value in (comparison.record(o).percentile(50) for o in (baseline, option))
        )
        rows.append(Change(option, *medians, milliseconds, -1, given=ratio.interval))
    sentence = "; ".join(
        f"{row.name}: {times(row.ratio.value)} the time of {baseline}, {row.verdict or 'the same'}" for row in rows
    )
    cells = [
        [Cell(row.name), Cell(milliseconds(row.after.value)), Cell(times(row.ratio.value), _between(row.ratio, times)),
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


def _published(reference: pd.DataFrame) -> list[dict]:
    flat = reference.reset_index().dropna(subset=["accuracy", "p50_s"])
    return [
        {"option": one["option"], "machine": one["machine"], "x": one["p50_s"] * 1e3, "y": one["accuracy"] * 100,
         "accuracy": percent(one["accuracy"]), "p50": milliseconds(one["p50_s"])}
        for one in flat.to_dict("records")
    ]  # fmt: skip


def _panel(
    options: Sequence[OptionSummary],
    beaten_by: dict[str, list[str]],
    across: str,
    up: str,
    *,
    width_px: int = 312,
    published: Sequence[dict] | None = None,
) -> alt.LayerChart:
    """Return two measures of all options; with published points (or none) also names and a line along the frontier."""
    points = []
    for number, one in enumerate(options, start=1):
        x, y = (_scaled(one, name) for name in (across, up))
        written = {NUMBERS[name][0]: _write(one, name) for name in OBJECTIVES}
        points.append(
            {"option": one.option, "number": str(number), "x": x.value, "x1": x.low, "x2": x.high, "y": y.value,
             "y1": y.low, "y2": y.high, "on the frontier": "no" if beaten_by[one.option] else "yes",
             "below": number % 2, **written}
        )  # fmt: skip
    base = alt.Chart(data(points)).encode(
        tooltip=tips("option", *(NUMBERS[name][0] for name in OBJECTIVES), "on the frontier")
    )
    others = published or []
    x_scale = axis_scale([p[n] for p in points for n in ("x1", "x2")] + [p["x"] for p in others], far=5)
    y_scale = axis_scale(
        [p[n] for p in points for n in ("y1", "y2")] + [p["y"] for p in others], far=1e9 if up == "accuracy" else 5
    )

    def at(channel: type, field: str, scale: alt.Scale, name: str) -> alt.X | alt.Y:
        return channel(f"{field}:Q", title=NUMBERS[name][3], scale=scale, axis=alt.Axis(tickCount=5))

    place = {"x": at(alt.X, "x", x_scale, across), "y": at(alt.Y, "y", y_scale, up)}
    thin = {"color": SERIES[0], "opacity": 0.5}
    drawn = base.mark_rule(**thin).encode(x=at(alt.X, "x1", x_scale, across), x2="x2:Q", y=place["y"])
    drawn += base.mark_rule(**thin).encode(x=place["x"], y=at(alt.Y, "y1", y_scale, up), y2="y2:Q")
    best = base.transform_filter("datum['on the frontier'] == 'yes'")
    if published is not None:
        drawn += best.mark_line(strokeDash=[3, 3], interpolate="step-after", **thin).encode(**place)
        hollow = ink("point", alt.Chart(data(others)), shape="diamond", filled=False, opacity=0.6, size=55)
        drawn += hollow.encode(**place, tooltip=tips("option", "accuracy", "p50", "machine"))
    beaten = base.transform_filter("datum['on the frontier'] == 'no'")
    drawn += beaten.mark_point(color=SERIES[0], size=90, strokeWidth=2).encode(**place)
    drawn += best.mark_point(color=SERIES[0], filled=True, size=110, opacity=1).encode(**place)
    for below, dy in ((0, -10), (1, 13)):  # neighbours in the list are often neighbours in the chart
        label = ink("text", base.transform_filter(f"datum.below == {below}"), align="left", dx=8, dy=dy)
        drawn += label.encode(**place, text="number:N" if published is None else "option:N")
    return drawn.properties(width=width_px, height=250)


def _scaled(one: OptionSummary, name: str) -> Interval:
    interval, factor = getattr(one, name), NUMBERS[name][2]
    return Interval(*(factor * value for value in (interval.value, interval.low, interval.high)))


def _write(one: OptionSummary, name: str) -> str:
    found = getattr(one, name)
    return "–" if found is None else NUMBERS[name][1](found.value)


def _value(one: OptionSummary, name: str) -> Cell:
    found = getattr(one, name)
    if found is None:
        return Cell("–", kind="msl-soft")
    return Cell(_write(one, name), _between(found, NUMBERS[name][1]))


def _standing(winners: Sequence[str], options: Sequence[OptionSummary]) -> Cell:
    if not winners:
        return Cell("on the frontier", kind="msl-good", words=True)
    first = next(one.option for one in options if one.option in winners)
    more = f" and {len(winners) - 1} more" if len(winners) > 1 else ""
    return Cell(f"beaten by {first}{more}", kind="msl-soft", words=True)


def _frontier_table(options: Sequence[OptionSummary], beaten_by: dict) -> tuple[list[str], list[list[Cell]]]:
    rows = [
        [
            Cell(f"{number}. {one.option}"),
            *(_value(one, name) for name in OBJECTIVES),
            _standing(beaten_by[one.option], options),
        ]
        for number, one in enumerate(options, start=1)
    ]
    return ["option", *(NUMBERS[name][0] for name in OBJECTIVES), "frontier"], rows


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
    x = alt.X("ratio:Q", title=words, scale=scale, axis=alt.Axis(tickCount=6, labelExpr="datum.label ? datum.label + ' ×' : ''"))
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
    shown = [Cell(row.write(one.value), _between(one, row.write)) for one in (row.before, row.after)]
    factor = Cell("–", kind="msl-soft") if ratio is None else Cell(times(ratio.value), _between(ratio, times))
    return [Cell(row.name), *shown, factor, Cell(_SIGNS.get(row.verdict, row.verdict), kind=kind, words=True)]


def _between(one: Interval, write: Callable[[float], str]) -> str:
    return "" if one.low == one.high else f"{write(one.low).rsplit(' ', 1)[0]} – {write(one.high).rsplit(' ', 1)[0]}"
