"""Which options are worth choosing between: two or four measures of each, and what beats what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import altair as alt

from labs.charts.frame import WIDTH_PX, Chart, axis_scale, data, ink, tips
from labs.display.format import NUMBERS, between
from labs.display.table import Cell
from labs.display.theme import SERIES
from labs.records import Measurement
from labs.records.options import OBJECTIVES, OptionSummary, dominators, summarize
from labs.stats import Interval

#: Factor to the axis's unit, and the axis's words.
_AXES = {
    "accuracy": (100, "accuracy in % (higher is better)"),
    "p50_s": (1e3, "median latency in ms (lower is better)"),
    "batch_fps": (1, "throughput in images/s (higher is better)"),
    "size_bytes": (1e-6, "size in MB (lower is better)"),
}


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
        subtitle="Hollow: another option is proven better in one of the four measures and worse in none.",
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


def accuracy_latency(records: Iterable[object], *, title: str = "Accuracy over latency") -> Chart:
    """Return accuracy over median latency with intervals; the line joins the options that no other beats in both.

    Args:
        records: Measurements of one machine; options without both numbers are passed over.
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
    rows = [[*row[:3], row[-1]] for row in _frontier_table(options, beaten_by)[1]]
    panel = _panel(options, beaten_by, "p50_s", "accuracy", alone=True)
    winners = [one.option for one in options if not beaten_by[one.option]]
    return Chart(
        panel,
        title,
        subtitle="Dashed: the best figures. Hollow: another option is proven better in one and worse in neither. "
        "Thin lines are 95 % intervals.",
        sentence=f"On the frontier of the two: {', '.join(winners)}.",
        header=["option", "accuracy", "p50", "frontier"],
        rows=rows,
        footer=f"Measured on {options[0].machine}.",
        table_open=True,
    )


def _panel(
    options: Sequence[OptionSummary],
    beaten_by: dict[str, list[str]],
    across: str,
    up: str,
    *,
    alone: bool = False,
) -> alt.LayerChart:
    """Return two measures of all options; where it stands alone, also names and a line along the frontier."""
    points = []
    for number, one in enumerate(options, start=1):
        x, y = (_scaled(one, name) for name in (across, up))
        written = {NUMBERS[name][0]: _write(one, name) for name in OBJECTIVES}
        points.append(
            {"option": one.option, "number": str(number), "x": x.value, "x1": x.low, "x2": x.high, "y": y.value,
             "y1": y.low, "y2": y.high, "on the frontier": "no" if beaten_by[one.option] else "yes",
             "below": number % 2, **written}
        )  # fmt: skip
    for point in points:
        # Of the figures as they stand: whether a difference is proven is what filled and hollow say.
        faster = [one["y"] for one in points if one["x"] < point["x"]]
        point["line"] = "yes" if not faster or point["y"] > max(faster) else "no"
    base = alt.Chart(data(points)).encode(
        tooltip=tips("option", *(NUMBERS[name][0] for name in OBJECTIVES), "on the frontier")
    )
    x_scale = axis_scale([p[n] for p in points for n in ("x1", "x2")], far=5)
    y_scale = axis_scale([p[n] for p in points for n in ("y1", "y2")], far=1e9 if up == "accuracy" else 5)

    def at(channel: type, field: str, scale: alt.Scale, name: str) -> alt.X | alt.Y:
        return channel(f"{field}:Q", title=_AXES[name][1], scale=scale, axis=alt.Axis(tickCount=5))

    place = {"x": at(alt.X, "x", x_scale, across), "y": at(alt.Y, "y", y_scale, up)}
    thin = {"color": SERIES[0], "opacity": 0.5}
    drawn = base.mark_rule(**thin).encode(x=at(alt.X, "x1", x_scale, across), x2="x2:Q", y=place["y"])
    drawn += base.mark_rule(**thin).encode(x=place["x"], y=at(alt.Y, "y1", y_scale, up), y2="y2:Q")
    best = base.transform_filter("datum['on the frontier'] == 'yes'")
    if alone:
        line = base.transform_filter("datum.line == 'yes'")
        drawn += line.mark_line(strokeDash=[3, 3], interpolate="step-after", **thin).encode(**place)
    beaten = base.transform_filter("datum['on the frontier'] == 'no'")
    drawn += beaten.mark_point(color=SERIES[0], size=90, strokeWidth=2).encode(**place)
    drawn += best.mark_point(color=SERIES[0], filled=True, size=110, opacity=1).encode(**place)
    for below, dy in ((0, -10), (1, 13)):  # neighbours in the list are often neighbours in the chart
        label = ink("text", base.transform_filter(f"datum.below == {below}"), align="left", dx=8, dy=dy)
        drawn += label.encode(**place, text="option:N" if alone else "number:N")
    return drawn.properties(width=WIDTH_PX if alone else 312, height=250)


def _scaled(one: OptionSummary, name: str) -> Interval:
    interval, factor = getattr(one, name), _AXES[name][0]
    return Interval(*(factor * value for value in (interval.value, interval.low, interval.high)))


def _write(one: OptionSummary, name: str) -> str:
    found = getattr(one, name)
    return "–" if found is None else NUMBERS[name][1](found.value)


def _value(one: OptionSummary, name: str) -> Cell:
    found = getattr(one, name)
    if found is None:
        return Cell("–", kind="msl-soft")
    return Cell(_write(one, name), between(found, NUMBERS[name][1]))


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
