"""Latencies of options: where the samples lie, their percentiles, and the target."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np

from labs import stats
from labs.charts.frame import (
    WIDTH_PX,
    Chart,
    axis_scale,
    data,
    ink,
    machines,
    measured,
    target_line,
    tips,
)
from labs.display.format import in_unit, milliseconds, percent
from labs.display.table import Cell
from labs.display.theme import SERIES
from labs.records import Measurement
from labs.records.record import latency_interval

_BINS, _DOTS = 72, 400
_QUANTILES = (50, 95, 99)


def latency_distribution(
    records: Measurement | Sequence[Measurement],
    target_s: float | None = None,
    *,
    title: str = "Where the latencies lie",
) -> Chart:
    """Return all samples as dots and as a histogram, one row a record, with p50, p95 and p99 and the target.

    Args:
        records: Latency and load records; others among them are passed over.
        target_s: The latency to stay under, in seconds.
        title: Heading.

    Raises:
        ValueError: No latency record among them; a measurement that was cancelled early has none.
    """
    records = _latencies(records)
    # All but the slowest half percent: an outlier is counted at the edge and does not squeeze the rest.
    low = min(min(one.samples) for one in records)
    high = max(max(one.percentile(99.5), one.percentile(99)) for one in records)
    ends = [low, high] if target_s is None else [min(low, target_s), max(high, target_s)]
    scale = axis_scale([end * 1e3 for end in ends])
    several = len({one.machine.machine_id for one in records}) > 1
    rows = [
        _distribution(one, index, scale, target_s, several, last=index == len(records) - 1)
        for index, one in enumerate(records)
    ]
    header, table = _table(records, target_s)
    return Chart(
        alt.vconcat(*rows, spacing=14),
        title,
        subtitle="Each dot is one request, the bars count them. Lines: p50 (half of all requests are left of it), "
        "p95 dashed, p99 dotted.",
        sentence=_sentence(records, target_s),
        header=header,
        rows=table,
        footer=machines(records),
    )


def _latencies(records: Measurement | Sequence[Measurement]) -> list[Measurement]:
    found = measured(records, "latency", "load")
    if not found:
        raise ValueError("no latency record to draw: measure the option first, or let the measurement run to its end")
    return found


def _distribution(
    record: Measurement, index: int, scale: alt.Scale, target_s: float | None, name_machine: bool, *, last: bool
) -> alt.LayerChart:
    """Return one record's row: bars above the line, dots below it, and the percentiles across both."""
    low, high = scale.domain
    edges = (
        np.geomspace(low, high, _BINS + 1)
        if scale.to_dict().get("type") == "log"
        else np.linspace(low, high, _BINS + 1)
    )
    samples_ms = np.asarray(record.samples) * 1e3
    counts, _ = np.histogram(samples_ms, edges)
    top = max(int(counts.max()), 1)
    bars = [
        {"from": left, "to": right, "count": int(count), "base": 0, "requests": f"{count:,}",
         "between": f"{left:.3g} and {right:.3g} ms"}
        for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True) if count
    ]  # fmt: skip
    # Shaken vertically, so that equal samples do not hide each other; a browser redraws some hundreds easily.
    shake = np.random.default_rng(0).uniform(-0.42, -0.1, len(samples_ms)) * top
    step = max(1, len(samples_ms) // _DOTS)
    dots = [
        {"ms": float(ms), "place": float(place), "latency": milliseconds(ms / 1e3)}
        for ms, place in list(zip(samples_ms, shake, strict=True))[::step]
        if ms <= high
    ]
    # Names of close percentiles would overlap: the numbers stand in the heading, the lines differ in dashes.
    lines = [
        {"ms": record.percentile(q) * 1e3, "percentile": f"p{q}", "latency": milliseconds(record.percentile(q))}
        for q in _QUANTILES
    ]
    colour = SERIES[index % len(SERIES)]
    axis = alt.Axis(title="latency in ms") if last else alt.Axis(labels=False, ticks=False, title=None)
    x = alt.X("ms:Q", scale=scale, axis=axis)
    y = {"scale": alt.Scale(domain=[-0.45 * top, 1.3 * top]), "axis": None}
    drawn = alt.Chart(data(bars)).mark_rect(color=colour, opacity=0.45).encode(
        x=alt.X("from:Q", scale=scale, axis=axis), x2="to:Q", y=alt.Y("count:Q", **y), y2="base:Q",
        tooltip=tips("requests", "between"),
    )  # fmt: skip
    drawn += alt.Chart(data(dots)).mark_circle(color=colour, opacity=0.5, size=11, aria=False).encode(
        x=x, y=alt.Y("place:Q", **y), tooltip=tips("latency")
    )  # fmt: skip
    dash = alt.StrokeDash("percentile:N", sort=None, legend=None, scale=alt.Scale(range=[[1, 0], [6, 3], [2, 2]]))
    drawn += ink("rule", alt.Chart(data(lines)), strokeWidth=1.6).encode(
        x=x, strokeDash=dash, tooltip=tips("percentile", "latency")
    )
    if target_s is not None:
        drawn += target_line(target_s * 1e3, _target(target_s) if not index else "")
    said = " · ".join(f"{line['percentile']} {line['latency']}" for line in lines)
    if (beyond := samples_ms[samples_ms > high]).size:
        said += f" · {beyond.size} slower than the axis, up to {milliseconds(beyond.max() / 1e3)}"
    name = record.option + (f", {record.machine.label}" if name_machine else "")
    offset = 18 if target_s is not None and not index else 4
    heading = alt.TitleParams(name, subtitle=said, anchor="start", fontSize=13, subtitleFontSize=12, offset=offset)
    return drawn.properties(width=WIDTH_PX, height=96, title=heading)


def _target(target_s: float) -> str:
    return f"target: under {milliseconds(target_s)}"


def _table(records: Sequence[Measurement], target_s: float | None) -> tuple[list[str], list[list[Cell]]]:
    header = ["option", "p50", "p95", "p99", "slowest", "samples"]
    header += [f"under {milliseconds(target_s)}"] if target_s is not None else []
    rows = []
    for record in records:
        row = [Cell(record.option)]
        for q in _QUANTILES:
            found = percentile_interval(record, q)
            below = f"[{in_unit(found.low, 's')}, {in_unit(found.high, 's')}]" if found.confidence else "run too short"
            row.append(Cell(in_unit(found.value, "s"), below))
        row += [Cell(milliseconds(max(record.samples))), Cell(f"{len(record.samples):,}")]
        if target_s is not None:
            row.append(Cell(percent(sum(sample < target_s for sample in record.samples) / len(record.samples))))
        rows.append(row)
    return header, rows


def percentile_interval(record: Measurement, q: float) -> stats.Interval:
    """Return a percentile of a record with an interval; under load, neighbours wait in the same queue."""
    if record.load is not None:
        return latency_interval(record, q=q)
    return stats.steady_interval(record.samples, q=q)


def _sentence(records: Sequence[Measurement], target_s: float | None) -> str:
    parts = [
        f"{record.option}: median {milliseconds(record.percentile(50))}, 95th percentile "
        f"{milliseconds(record.percentile(95))}, 99th percentile {milliseconds(record.percentile(99))}"
        for record in records
    ]
    return "; ".join(parts) + (f". Target: under {milliseconds(target_s)}." if target_s is not None else ".")
