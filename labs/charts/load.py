"""What load does to a server or a device: latency over the rate, where time goes, batches, and the run over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import altair as alt
import numpy as np

from labs import stats
from labs.bench.sustained import energy_a_picture_j, held_back_from_s, slowdown
from labs.charts.frame import (
    WIDTH_PX,
    Chart,
    axis_scale,
    colours,
    data,
    ink,
    machines,
    marks,
    measured,
    span,
    target_line,
    tips,
)
from labs.charts.latency import percentile_interval
from labs.display.format import duration, milliseconds, percent, rate, times
from labs.display.table import Cell
from labs.display.theme import SERIES
from labs.machine.sensors import FLAGS
from labs.records import Measurement, require_same_machine
from labs.stats import Interval

#: Seconds that a formula expects at a rate in requests a second; may raise ValueError where it knows no answer.
Theory = Callable[[float], float]

#: The parts of a request's time in the order in which it meets them, with their colours.
PARTS = {"queue": SERIES[1], "input": SERIES[4], "model": SERIES[0], "output": SERIES[3], "around": "#8a9199"}

#: What a sustained run tells, one strip each: key of a window, heading, factor to the axis's unit, unit.
_STRIPS = (
    ("p50_s", "median latency", 1e3, "ms"),
    ("temperature_c", "temperature", 1, "°C"),
    ("frequency_hz", "clock", 1e-9, "GHz"),
    ("power_w", "power", 1, "W"),
)


def latency_curve(
    records: Iterable[object],
    *,
    q: float | None = 95,
    theories: Mapping[str, Theory] | None = None,
    objective_s: float | None = None,
    title: str = "Latency over load",
) -> Chart:
    """Return open-loop runs as points, one series an option, over the rate at which requests were due.

    Args:
        records: Load records of one machine; only open-loop ones are drawn.
        q: Percentile to show; the mean when None.
        theories: Formulas by name, drawn as curves.
        objective_s: The latency to stay under, in seconds.
        title: Heading.

    Raises:
        ValueError: There is no open-loop record; a closed loop has no rate to draw it at.
        DifferentMachinesError: They come from several machines.
    """
    runs = [one for one in measured(records, "load") if one.load.mode == "open"]
    if not runs:
        raise ValueError("no open-loop record to draw: a closed loop has no rate of its own, so run an open one")
    require_same_machine(runs)
    runs.sort(key=due_rps)
    what = "mean latency" if q is None else f"p{q:g}"
    names = list(dict.fromkeys(one.option for one in runs))
    points = []
    for one in runs:
        found = latency_of(one, q)
        points.append(
            {"option": one.option, "rps": due_rps(one), "ms": found.value * 1e3, "low": found.low * 1e3,
             "high": found.high * 1e3, "due": rate(due_rps(one), "req/s"), what: milliseconds(found.value),
             "95 % interval": _interval_words(found)}
        )  # fmt: skip
    curves = _curves(theories or {}, runs)
    # A formula runs to infinity near full load; the points and the objective decide how far the axis goes.
    ends = [point[name] for point in points for name in ("ms", "low", "high")]
    ends += [] if objective_s is None else [objective_s * 1e3]
    ends += [min(point["ms"] for point in curves)] if curves else []
    x = alt.X(
        "rps:Q", title="requests a second that were due", scale=alt.Scale(domain=[0, max(map(due_rps, runs)) * 1.06])
    )
    scale = axis_scale(ends, far=1.0)
    y = alt.Y("ms:Q", title=f"{what} in ms", scale=scale)
    base = alt.Chart(data(points)).encode(
        x=x, color=colours(names), tooltip=tips("option", "due", what, "95 % interval")
    )  # fmt: skip
    drawn = base.mark_rule(opacity=0.7).encode(y=alt.Y("low:Q", title=f"{what} in ms", scale=scale), y2="high:Q")
    drawn += base.mark_point(filled=True, size=90, opacity=1).encode(y=y, shape=marks(names))
    if curves:
        shown = [point for point in curves if point["ms"] <= max(ends) * 1.15]
        lines = ink("line", alt.Chart(data(shown)), opacity=0.75)
        order = list(dict.fromkeys(point["formula"] for point in curves))
        dash = alt.StrokeDash("formula:N", sort=order, title=None, legend=alt.Legend(orient="top", title=None))
        drawn += lines.encode(x=x, y=y, strokeDash=dash, tooltip=tips("formula"))
    if objective_s is not None:
        drawn += target_line(objective_s * 1e3, f"objective: {milliseconds(objective_s)}", axis="y")
    header, rows = _curve_table(runs, q, what, theories or {}, objective_s)
    return Chart(
        drawn.properties(width=WIDTH_PX, height=300),
        title,
        sentence="; ".join(f"{p['option']} at {p['due']}: {p[what]}" for p in points) + ".",
        header=header,
        rows=rows,
        footer=machines(runs),
    )


def due_rps(record: Measurement) -> float:
    """Return the requests a second that were really due in an open loop: a Poisson count differs from its mean."""
    return (len(record.samples) + len(record.load.failures)) / record.load.duration_s


def latency_of(record: Measurement, q: float | None) -> Interval:
    """Return a record's percentile, or its mean when ``q`` is None, with an interval.

    The mean's interval comes from blocks of neighbouring requests, since they waited in the same queue.
    """
    if q is not None:
        return percentile_interval(record, q)
    blocks = [float(part.mean()) for part in np.array_split(np.asarray(record.samples), 12) if len(part)]
    if len(blocks) < 2:
        return Interval(blocks[0], blocks[0], blocks[0], 0.0)
    return replace(stats.mean_interval(blocks), value=float(np.mean(record.samples)))


def queue_compute(records: Iterable[object], *, title: str = "Where a request's time went") -> Chart:
    """Return one bar a load record: mean seconds in the queue, in the model, and outside the server's counters.

    'Around' is what the client saw beyond what the server counted: the network, the protocol, and waiting for a
    processor. A server that counts nothing has one grey bar.

    Args:
        records: Load records; others among them are passed over.
        title: Heading.

    Raises:
        ValueError: There is no load record.
    """
    loads = measured(records, "load")
    if not loads:
        raise ValueError("no load record to draw: run a closed or an open loop first")
    split = [parts_of(one) for one in loads]
    bars, ends, order = [], [], list(PARTS)
    names = [f"{one.option}, {level(one)}" for one in loads]
    # Two runs with the same words still get a bar each.
    names = [name if names.count(name) == 1 else f"{name} ({index})" for index, name in enumerate(names, 1)]
    for name, one, parts in zip(names, loads, split, strict=True):
        begin = 0.0
        for part, seconds in parts.items():
            bars.append(
                {"run": name, "part": part, "begin": begin * 1e3, "end": (begin + seconds) * 1e3,
                 "middle": (begin + seconds / 2) * 1e3, "ms": seconds * 1e3, "mean time": milliseconds(seconds),
                 "written": f"{seconds * 1e3:.3g}"}
            )  # fmt: skip
            begin += seconds
        ends.append({"run": name, "end": begin * 1e3, "said": rate(one.throughput_rps.value, "req/s")})
    longest_ms = max(end["end"] for end in ends)
    scale = alt.Scale(domain=[0, longest_ms * 1.02], nice=False)
    y = alt.Y("run:N", sort=names, title=None, axis=alt.Axis(labelLimit=220, domain=False, ticks=False))
    x = alt.X("begin:Q", title="mean time of a request in ms", scale=scale)
    colour = alt.Color(
        "part:N", sort=order, scale=alt.Scale(domain=order, range=list(PARTS.values())),
        legend=alt.Legend(orient="top", title=None),
    )  # fmt: skip
    base = alt.Chart(data(bars))
    drawn = base.mark_bar(height=22, stroke="white", strokeWidth=0.6).encode(
        y=y, x=x, x2="end:Q", color=colour, tooltip=tips("run", "part", "mean time")
    )
    wide = base.transform_filter(f"datum.ms > {longest_ms * 0.08}")
    drawn += wide.mark_text(color="white", fontWeight="bold").encode(
        y=y, x=alt.X("middle:Q", scale=scale), text="written:N"
    )
    drawn += ink("text", alt.Chart(data(ends)), align="left", dx=6).encode(
        y=y, x=alt.X("end:Q", scale=scale), text="said:N"
    )
    header, rows = _parts_table(loads, split)
    return Chart(
        drawn.properties(width=WIDTH_PX - 150, height=alt.Step(34)),
        title,
        sentence="; ".join(
            f"{name}: " + ", ".join(f"{part} {milliseconds(seconds)}" for part, seconds in parts.items())
            for name, parts in zip(names, split, strict=True)
        ) + ".",
        header=header,
        rows=rows,
        footer=machines(loads),
    )  # fmt: skip


def parts_of(record: Measurement) -> dict[str, float]:
    """Return a load record's mean seconds by the names of ``PARTS``; only 'around' where the server tells nothing."""
    whole_s, server = float(np.mean(record.samples)), record.load.server
    if server is None:
        return {"around": whole_s}
    parts = {"queue": server.queue_s, "input": server.input_s, "model": server.infer_s, "output": server.output_s}
    return {**parts, "around": max(whole_s - sum(parts.values()), 0.0)}


def level(record: Measurement) -> str:
    """Return a load record's level in two words: '8 clients' or '120 req/s due'."""
    if record.load.mode == "open":
        return f"{rate(record.load.offered_rps, 'req/s')} due"
    batch = f" × {record.batch_size}" if record.batch_size > 1 else ""
    return f"{record.concurrency} client{'s' * (record.concurrency > 1)}{batch}"


def batch_histogram(statistics: object, *, title: str = "Which batches were made") -> Chart:
    """Return a bar a batch size: the share of all images that ran in batches of that size.

    Images and not runs are counted, since a user has an image: one run of 16 serves as many as sixteen of 1.

    Args:
        statistics: A load record of a server that counts its batches; or statistics with ``batches``, executions by
            size, as ``triton.statistics(name)`` and ``ServerSide`` have them.
        title: Heading.

    Raises:
        ValueError: No batch was counted.
    """
    source = statistics.load.server if isinstance(statistics, Measurement) and statistics.load else statistics
    found = getattr(source, "batches", None) or {}
    runs = {int(size): count for size, count in sorted(found.items(), key=lambda one: int(one[0]))}
    if not runs:
        raise ValueError(
            "no batch was counted: this server does not tell, or nothing was sent since it loaded its model"
        )
    images = sum(size * count for size, count in runs.items())
    bars = [
        {"size": str(size), "share": 100 * size * count / images, "images in a run": str(size), "runs": f"{count:,}",
         "share of the images": percent(size * count / images), "over": f"{count:,} ×"}
        for size, count in runs.items()
    ]  # fmt: skip
    fields = ["images in a run", "runs", "share of the images"]
    base = alt.Chart(data(bars)).encode(
        x=alt.X("size:N", sort=list(map(str, runs)), title="images in a run", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("share:Q", title="share of the images in %"),
        tooltip=tips(*fields),
    )
    drawn = base.mark_bar(color=SERIES[0], opacity=0.85, width={"band": 0.62}) + ink("text", base, dy=-9).encode(
        text="over:N"
    )
    sentence = (
        f"{images:,} images in {sum(runs.values()):,} runs: {images / sum(runs.values()):.2f} in a run on average."
    )
    return Chart(
        drawn.properties(width=min(WIDTH_PX, 84 * max(len(runs), 4)), height=190),
        title,
        sentence=sentence,
        subtitle="Over each bar: how many runs of that size there were.",
        header=fields,
        rows=[[Cell(bar[name]) for name in fields] for bar in bars],
        footer=sentence,
    )


def endurance(record: Measurement, *, title: str = "Under load without a pause") -> Chart:
    """Return a sustained run over time, one strip for each thing that the machine tells.

    Args:
        record: From the task 'sustained'.
        title: Heading.

    Raises:
        ValueError: The record is of another kind.
    """
    windows = record.details.get("windows")
    if not windows:
        raise ValueError(f"{record.option} was not measured under load without a pause: it has no windows")
    known = [strip for strip in _STRIPS if any(window[strip[0]] is not None for window in windows)]
    strips = [_strip(windows, one, SERIES[index], last=index == len(known) - 1) for index, one in enumerate(known)]
    sentence = _endurance_sentence(record)
    footer = f"{machines([record])}. {sentence}"
    if record.details["unreadable"]:
        footer += f" This machine does not tell: {'; '.join(record.details['unreadable'])}."
    header, rows = _endurance_table(record)
    return Chart(
        alt.vconcat(*strips, spacing=12),
        title,
        subtitle=f"{record.option}: {record.details['calls']:,} images in {duration(windows[-1]['t_s'])}, one by one.",
        sentence=sentence,
        header=header,
        rows=rows,
        footer=footer,
        table_open=True,
    )


def _interval_words(found: Interval) -> str:
    return f"{milliseconds(found.low)} – {milliseconds(found.high)}" if found.confidence else "run too short"


def _curves(theories: Mapping[str, Theory], runs: Sequence[Measurement]) -> list[dict]:
    """Return each formula's points, as far as it has an answer."""
    last, found = max(map(due_rps, runs)) * 1.06, []
    for name, theory in theories.items():
        for at in np.linspace(last / 120, last, 120):
            try:
                found.append({"formula": name, "rps": float(at), "ms": theory(float(at)) * 1e3})
            except ValueError:
                break
    return found


def _curve_table(
    runs: Sequence[Measurement], q: float | None, what: str, theories: Mapping[str, Theory], objective_s: float | None
) -> tuple[list[str], list[list[Cell]]]:
    header = ["option", "due", "answered", what, *theories] + (["objective"] if objective_s else [])
    rows = []
    for one in runs:
        found = latency_of(one, q)
        row = [Cell(one.option), Cell(rate(due_rps(one), "req/s")), Cell(rate(one.throughput_rps.value, "req/s"))]
        row.append(Cell(milliseconds(found.value), _interval_words(found)))
        for theory in theories.values():
            try:
                row.append(Cell(milliseconds(theory(due_rps(one)))))
            except ValueError:
                row.append(Cell("no answer", kind="msl-soft"))
        if objective_s:
            said = stats.verdict(found, objective_s, above="✗ broken", below="✓ kept")
            kind = {"✓ kept": "msl-good", "✗ broken": "msl-bad"}.get(said, "msl-soft")
            row.append(Cell(said, kind=kind, words=True))
        rows.append(row)
    return header, rows


def _parts_table(loads: Sequence[Measurement], split: Sequence[dict[str, float]]) -> tuple[list[str], list[list[Cell]]]:
    rows = []
    for one, parts in zip(loads, split, strict=True):
        server = one.load.server
        cells = [Cell(milliseconds(parts[name])) if name in parts else Cell("–", kind="msl-soft") for name in PARTS]
        batch = f"{server.mean_batch:.1f}" if server is not None and server.batches else "–"
        answered = Cell(rate(one.throughput_rps.value, "req/s"))
        rows.append([Cell(f"{one.option}, {level(one)}"), *cells, Cell(batch), answered])
    return ["run", *PARTS, "mean batch", "throughput"], rows


def _strip(windows: Sequence[dict], strip: tuple, colour: str, *, last: bool) -> alt.Chart:
    key, heading, factor, unit = strip
    points = [
        {"s": window["t_s"], "value": window[key] * factor, "time": f"{window['t_s']:.1f} s",
         heading: f"{window[key] * factor:.4g} {unit}"}
        for window in windows if window[key] is not None
    ]  # fmt: skip
    seconds = alt.Scale(domain=[0, windows[-1]["t_s"]], nice=False)
    values = alt.Scale(domain=list(span([point["value"] for point in points], 0.12)), nice=False, zero=False)
    axis = alt.Axis(title="seconds") if last else alt.Axis(title=None, labels=False, ticks=False)
    return (
        alt.Chart(data(points))
        .mark_line(color=colour, point={"color": colour, "size": 26})
        .encode(
            x=alt.X("s:Q", scale=seconds, axis=axis),
            y=alt.Y("value:Q", scale=values, title=[heading, f"in {unit}"], axis=alt.Axis(tickCount=3)),
            tooltip=tips("time", heading),
        )
        .properties(width=WIDTH_PX, height=84)
    )


def _endurance_table(record: Measurement) -> tuple[list[str], list[list[Cell]]]:
    windows = record.details["windows"]
    rows = []
    for name, window in (("before", record.details["idle"]), ("first", windows[0]), ("last", windows[-1])):
        row = [Cell(name)]
        for key, _, factor, unit in _STRIPS:
            value = window.get(key)
            row.append(Cell("–", kind="msl-soft") if value is None else Cell(f"{value * factor:.3g} {unit}"))
        bits = window["throttle_bits"]
        words = "not told" if bits is None else ", ".join(w for bit, w in FLAGS.items() if bits >> bit & 1) or "none"
        rows.append([*row, Cell(words, kind="msl-soft" if bits is None else "", words=True)])
    return ["", *(heading for _, heading, _, _ in _STRIPS), "flags"], rows


def _endurance_sentence(record: Measurement) -> str:
    windows, joules = record.details["windows"], energy_a_picture_j(record)
    first, last = milliseconds(windows[0]["p50_s"]), milliseconds(windows[-1]["p50_s"])
    told = windows[-1]["throttle_bits"] is not None
    since_s = held_back_from_s(record)
    held = "" if not told else " It was not held back." if since_s is None else f" Held back from {since_s:.0f} s on."
    energy = f" An image takes {joules:.3g} J ({record.details['energy_covers']})." if joules is not None else ""
    return f"The last windows take {times(slowdown(record))} as long as the first ({first} to {last}).{held}{energy}"
