"""Latency over load: measured points with their intervals, a formula's curve beside them, and the objective."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from labs import stats
from labs.records import Measurement, require_same_machine
from labs.records.format import milliseconds, rate
from labs.stats import Interval
from labs.widgets.plot import Axis, Drawing
from labs.widgets.shown import Shown
from labs.widgets.table import Cell, html_table, text_table
from labs.widgets.theme import SERIES, card

#: Seconds that a formula expects at a rate in requests a second; may raise ValueError where it knows no answer.
Theory = Callable[[float], float]

_WIDTH_PX, _HEIGHT_PX, _LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 800, 380, 62, 780, 34, 46
#: Marks that can be told apart without colour.
_MARKS = ("●", "◆", "▲", "■", "▼", "✚")


def latency_curve(
    records: Iterable[object],
    *,
    q: float | None = 95,
    theories: Mapping[str, Theory] | None = None,
    objective_s: float | None = None,
    title: str = "Latency over load",
) -> Shown:
    """Return open-loop runs as points, one series an option, over the rate at which requests were due.

    Args:
        records: Load records of one machine; only open-loop ones are drawn.
        q: Percentile to show; the mean when None.
        theories: Formulas by name, drawn as curves.
        objective_s: The latency to stay under, in seconds.
        title: Heading of the card.

    Raises:
        ValueError: There is no open-loop record; a closed loop has no rate to draw it at.
        DifferentMachinesError: They come from several machines.
    """
    runs = [one for one in records if isinstance(one, Measurement) and one.load is not None and one.load.mode == "open"]
    if not runs:
        raise ValueError("no open-loop record to draw: a closed loop has no rate of its own, so run an open one")
    require_same_machine(runs)
    runs.sort(key=due_rps)
    what = "mean latency" if q is None else f"p{q:g}"
    options = list(dict.fromkeys(one.option for one in runs))
    curves = _curves(theories or {}, runs)
    values = [latency_of(one, q).value for one in runs] + [y for curve in curves.values() for _, y in curve]
    values += [objective_s] if objective_s else []
    high = float(np.percentile(values, 98)) if len(values) > 20 else max(values)
    y = Axis(min(values) / 1.3, max(high, *(latency_of(one, q).value for one in runs)) * 1.3,
             _HEIGHT_PX - _BOTTOM_PX, _TOP_PX, logarithmic=True)  # fmt: skip
    x = Axis(0.0, max(due_rps(one) for one in runs) * 1.06, _LEFT_PX, _RIGHT_PX)
    sentence = "; ".join(f"{one.option} at {rate(due_rps(one), 'req/s')}: {_written(one, q)}" for one in runs)
    drawing = Drawing(_WIDTH_PX, _HEIGHT_PX, title, sentence)
    _draw_axes(drawing, x, y, what, objective_s)
    for index, (name, curve) in enumerate(curves.items()):
        dash = ("none", "7 4", "2 4")[index % 3]
        drawing.path(
            [(x(a), y(b)) for a, b in curve],
            style=f"fill:none;stroke:{_ink(index)};stroke-width:1.6;stroke-dasharray:{dash}",
        )
        end = [point for point in curve if point[1] <= y.high][-1]
        drawing.text(x(end[0]) - 8, y(end[1]) + 4, name, anchor="end", kind="msl-tick msl-halo")
    for one in runs:
        _draw_point(drawing, x, y, one, q, options.index(one.option))
    _draw_legend(drawing, options)
    header, rows = _table(runs, q, what, theories or {}, objective_s)
    machine = f"Measured on {runs[0].machine.label}"
    body = f"{drawing.svg()}<details><summary>The same as a table</summary>{html_table(header, rows)}</details>"
    return Shown(card(title, body, footer=machine), f"{title}\n{text_table(header, rows)}\n{machine}", plain=title)


def due_rps(record: Measurement) -> float:
    """Return the requests a second that were really due in an open loop: a Poisson count differs from its mean."""
    return (len(record.samples) + len(record.load.failures)) / record.load.duration_s


def latency_of(record: Measurement, q: float | None) -> Interval:
    """Return a record's percentile, or its mean when ``q`` is None, with an interval.

    The mean's interval resamples blocks of neighbouring requests, since they waited in the same queue.
    """
    if q is not None:
        return stats.median_interval(record.samples, q=q)
    blocks = [part.mean() for part in np.array_split(np.asarray(record.samples), 12) if len(part)]
    draws = np.random.default_rng(0).choice(blocks, size=(1000, len(blocks))).mean(axis=1)
    return Interval(float(np.mean(record.samples)), *(float(v) for v in np.percentile(draws, [2.5, 97.5])))


def _ink(index: int) -> str:
    return "var(--msl-ink)" if index == 0 else "var(--msl-soft)"


def _written(record: Measurement, q: float | None) -> str:
    return milliseconds(latency_of(record, q).value)


def _curves(theories: Mapping[str, Theory], runs: Sequence[Measurement]) -> dict[str, list[tuple[float, float]]]:
    """Return each formula's points, as far as it has an answer."""
    last = max(due_rps(one) for one in runs) * 1.06
    found = {}
    for name, theory in theories.items():
        points = []
        for at in np.linspace(last / 120, last, 120):
            try:
                points.append((float(at), theory(float(at))))
            except ValueError:
                break
        if points:
            found[name] = points
    return found


def _draw_axes(drawing: Drawing, x: Axis, y: Axis, what: str, objective_s: float | None) -> None:
    for tick in x.ticks(8):
        drawing.line(x(tick), _TOP_PX, x(tick), _HEIGHT_PX - _BOTTOM_PX, kind="msl-grid")
        drawing.text(x(tick), _HEIGHT_PX - _BOTTOM_PX + 16, f"{tick:g}", anchor="middle", kind="msl-tick")
    for tick in y.ticks():
        drawing.line(_LEFT_PX, y(tick), _RIGHT_PX, y(tick), kind="msl-grid")
        drawing.text(_LEFT_PX - 8, y(tick) + 4, f"{tick * 1e3:g}", anchor="end", kind="msl-tick")
    drawing.text(_RIGHT_PX, _HEIGHT_PX - 10, "requests a second that were due", anchor="end", kind="msl-tick")
    drawing.text(4, 14, f"{what} in ms", kind="msl-tick")
    if objective_s is not None:
        drawing.line(_LEFT_PX, y(objective_s), _RIGHT_PX, y(objective_s), kind="msl-target")
        words = f"objective: {milliseconds(objective_s)}"
        drawing.text(_LEFT_PX + 6, y(objective_s) - 6, words, kind="msl-target-text msl-halo")


def _draw_point(drawing: Drawing, x: Axis, y: Axis, one: Measurement, q: float | None, index: int) -> None:
    found, colour = latency_of(one, q), SERIES[index % len(SERIES)]
    px, py = x(due_rps(one)), y(found.value)
    drawing.line(px, y(found.low), px, y(found.high), style=f"stroke:{colour};stroke-width:1.6;opacity:.7")
    drawing.text(px, py + 5, _MARKS[index % len(_MARKS)], anchor="middle", more=f'style="fill:{colour};font-size:15px"')
    tip = f"{one.option} at {rate(due_rps(one), 'req/s')}: {milliseconds(found.value)}"
    drawing.circle(px, py, 8, style="fill:transparent", tip=tip)


def _draw_legend(drawing: Drawing, options: Sequence[str]) -> None:
    end = float(_RIGHT_PX)
    for index, option in reversed(list(enumerate(options))):
        drawing.text(end, 14, option, anchor="end", kind="msl-tick")
        end -= 6.4 * len(option) + 8
        mark = f'style="fill:{SERIES[index % len(SERIES)]};font-size:13px"'
        drawing.text(end, 15, _MARKS[index % len(_MARKS)], anchor="middle", more=mark)
        end -= 20


def _table(
    runs: Sequence[Measurement], q: float | None, what: str, theories: Mapping[str, Theory], objective_s: float | None
) -> tuple[list[str], list[list[Cell]]]:
    header = ["option", "due", "answered", what, *theories] + (["objective"] if objective_s else [])
    rows = []
    for one in runs:
        found = latency_of(one, q)
        row = [Cell(one.option), Cell(rate(due_rps(one), "req/s")), Cell(rate(one.throughput_rps.value, "req/s"))]
        row.append(Cell(milliseconds(found.value), f"{milliseconds(found.low)} – {milliseconds(found.high)}"))
        for theory in theories.values():
            try:
                row.append(Cell(milliseconds(theory(due_rps(one)))))
            except ValueError:
                row.append(Cell("no answer", kind="msl-soft"))
        if objective_s:
            kept = found.value <= objective_s
            row.append(Cell("✓ kept" if kept else "✗ broken", kind="msl-good" if kept else "msl-bad", words=True))
        rows.append(row)
    return header, rows
