"""Where the latencies of some options lie, beside the target: every sample, and the percentiles that count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labs import stats
from labs.records import Measurement
from labs.records.format import in_unit, milliseconds, percent
from labs.widgets.plot import Axis, Drawing
from labs.widgets.shown import Shown
from labs.widgets.table import Cell, html_table, text_table
from labs.widgets.theme import SERIES, card

_WIDTH_PX, _LEFT_PX, _RIGHT_PX = 800, 168, 796
_ROW_PX, _TOP_PX, _BOTTOM_PX = 100, 26, 44
_HILL_PX, _BINS = 46, 72


def latency_distribution(
    records: Measurement | Sequence[Measurement],
    target_s: float | None = None,
    *,
    title: str = "Where the latencies lie",
) -> Shown:
    """Return a picture of all samples with p50, p95 and p99 marked, one row a record, and the target as a line.

    Args:
        records: Latency and load records; others among them are passed over.
        target_s: The latency to stay under, in seconds.
        title: Heading of the card.

    Raises:
        ValueError: No latency record among them; a measurement that was cancelled early has none.
    """
    records = [records] if isinstance(records, Measurement) else list(records)
    records = [record for record in records if record.kind in ("latency", "load")]
    if not records:
        raise ValueError("no latency record to draw: measure the option first, or let the measurement run to its end")
    machines = list(dict.fromkeys(record.machine.label for record in records))
    axis = _axis(records, target_s)
    drawing = Drawing(_WIDTH_PX, _TOP_PX + _ROW_PX * len(records) + _BOTTOM_PX, title, _sentence(records, target_s))
    _draw_axis(drawing, axis, len(records), target_s)
    for index, record in enumerate(records):
        _draw_row(drawing, axis, record, index, target_s, name_machine=len(machines) > 1)
    header, rows = _table(records, target_s)
    summary = f"<details><summary>The same as a table</summary>{html_table(header, rows)}</details>"
    where = "Measured on " + "; ".join(machines)
    subtitle = (
        "Each dot is one request; the hill counts them. Half of all requests are left of p50, 99 of 100 left of p99."
    )
    html = card(title, drawing.svg() + summary, subtitle=subtitle, footer=where)
    return Shown(html, f"{title}\n{text_table(header, rows)}\n{where}")


def _axis(records: Sequence[Measurement], target_s: float | None) -> Axis:
    """Return an axis that holds the target and all but the slowest half percent, which are marked at its edge."""
    low = min(min(record.samples) for record in records)
    high = max(max(record.percentile(99.5), record.percentile(99)) for record in records)
    if target_s is not None:
        low, high = min(low, target_s), max(high, target_s)
    if high / low > 6:
        return Axis(low / 1.12, high * 1.12, _LEFT_PX, _RIGHT_PX, logarithmic=True)
    room = (high - low) * 0.07 or low * 0.1
    return Axis(max(low - room, 0.0), high + room, _LEFT_PX, _RIGHT_PX)


def _draw_axis(drawing: Drawing, axis: Axis, rows: int, target_s: float | None) -> None:
    bottom = _TOP_PX + _ROW_PX * rows + 6
    for tick in axis.ticks(8):
        drawing.line(axis(tick), _TOP_PX, axis(tick), bottom, kind="msl-grid")
        drawing.text(axis(tick), bottom + 16, f"{tick * 1e3:g}", anchor="middle", kind="msl-tick")
    scale = "each step multiplies" if axis.logarithmic else ""
    drawing.text(
        _RIGHT_PX, bottom + 34, "latency in ms" + (f" ({scale})" if scale else ""), anchor="end", kind="msl-tick"
    )
    if target_s is not None:
        drawing.line(axis(target_s), 2, axis(target_s), bottom, kind="msl-target")
        side = "start" if axis(target_s) < _WIDTH_PX / 2 else "end"
        shift = 6 if side == "start" else -6
        words = f"target: under {milliseconds(target_s)}"
        drawing.text(axis(target_s) + shift, 12, words, anchor=side, kind="msl-target-text msl-halo")


def _draw_row(
    drawing: Drawing, axis: Axis, record: Measurement, index: int, target_s: float | None, *, name_machine: bool
) -> None:
    top, colour = _TOP_PX + _ROW_PX * index, SERIES[index % len(SERIES)]
    base = top + 22 + _HILL_PX
    edges_px = np.linspace(axis.begin_px, axis.end_px, _BINS + 1)
    pixels = np.array([axis(sample) for sample in record.samples])
    counts, _ = np.histogram(pixels, edges_px)
    heights = _HILL_PX * counts / max(counts.max(), 1)
    hill = [(edges_px[0], base)]
    for left, right, height in zip(edges_px[:-1], edges_px[1:], heights, strict=True):
        hill += [(left, base - height), (right, base - height)]
    drawing.path([*hill, (edges_px[-1], base)], style=f"fill:{colour};opacity:.28", closed=True)
    drawing.line(_LEFT_PX, base, _RIGHT_PX, base, kind="msl-axis")
    _draw_dots(drawing, axis, record, base, colour)
    _draw_percentiles(drawing, axis, record, base, colour)
    drawing.rectangle(0, top + 20, 4, base - top, style=f"fill:{colour}")
    drawing.text(12, top + 30, record.option, kind="msl-strong")
    if name_machine:
        drawing.text(_LEFT_PX, top + 12, record.machine.label, kind="msl-tick msl-halo")
    for line, q in enumerate((50, 95, 99)):
        drawing.text(12, top + 48 + 16 * line, f"p{q}", kind="msl-tick")
        drawing.text(100, top + 48 + 16 * line, milliseconds(record.percentile(q)), anchor="end", kind="msl-tick")


def _draw_dots(drawing: Drawing, axis: Axis, record: Measurement, base: float, colour: str) -> None:
    """Draw samples as dots under the base line, shaken vertically so that equal ones do not hide each other."""
    shake = np.random.default_rng(0).uniform(5, 19, len(record.samples))
    # A browser redraws a few hundred marks easily and ten thousand not; the hill still counts all of them.
    step = max(1, len(record.samples) // 400)
    style = f"fill:{colour};opacity:.5"
    for sample, offset in list(zip(record.samples, shake, strict=True))[::step]:
        if sample <= axis.high:
            drawing.circle(axis(sample), base + offset, 1.7, style=style)
    beyond = [sample for sample in record.samples if sample > axis.high]
    if beyond:
        words = f"{len(beyond)} slower, up to {milliseconds(max(beyond))} ▸"
        drawing.text(_RIGHT_PX, base + 16, words, anchor="end", kind="msl-tick msl-halo")


def _draw_percentiles(drawing: Drawing, axis: Axis, record: Measurement, base: float, colour: str) -> None:
    taken_until_px = 0.0
    for q in (50, 95, 99):
        x = axis(record.percentile(q))
        drawing.line(
            x, base - _HILL_PX - 4, x, base + 22, style=f"stroke:{colour};stroke-width:{3 if q == 50 else 1.5}"
        )
        # Close percentiles push each other's names to the right; the lines stay where they are.
        centre = max(x, taken_until_px + 12)
        drawing.text(centre, base - _HILL_PX - 9, f"p{q}", anchor="middle", kind="msl-tick msl-halo")
        taken_until_px = centre + 14


def _table(records: Sequence[Measurement], target_s: float | None) -> tuple[list[str], list[list[Cell]]]:
    header = ["option", "p50", "p95", "p99", "slowest", "samples"]
    header += [f"under {milliseconds(target_s)}"] if target_s is not None else []
    rows = []
    for record in records:
        row = [Cell(record.option)]
        for q in (50, 95, 99):
            found = stats.median_interval(record.samples, q=q)
            row.append(Cell(in_unit(found.value, "s"), f"[{in_unit(found.low, 's')}, {in_unit(found.high, 's')}]"))
        row += [Cell(milliseconds(max(record.samples))), Cell(f"{len(record.samples):,}")]
        if target_s is not None:
            under = sum(sample < target_s for sample in record.samples)
            row.append(Cell(percent(under / len(record.samples))))
        rows.append(row)
    return header, rows


def _sentence(records: Sequence[Measurement], target_s: float | None) -> str:
    parts = [
        f"{record.option}: median {milliseconds(record.percentile(50))}, 95th percentile "
        f"{milliseconds(record.percentile(95))}, 99th percentile {milliseconds(record.percentile(99))}"
        for record in records
    ]
    return "; ".join(parts) + (f". Target: under {milliseconds(target_s)}." if target_s is not None else ".")
