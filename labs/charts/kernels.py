"""Kernels: which numbers are touched when, and how near a piece of work comes to what the machine can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt

from labs.charts.frame import WIDTH_PX, Chart, colours, data, ink, marks, tips
from labs.display.format import percent
from labs.display.table import Cell
from labs.optimize.traced import Touch, Traced, sectors

#: One matrix and what was touched of it.
Touched = tuple[Traced, Sequence[Touch]]

#: Points of the drawn roof, evenly spread over its logarithmic axis.
_ROOF_POINTS = 60


def access_map(panels: Mapping[str, Touched], *, title: str = "Which numbers are touched, and in which order") -> Chart:
    """Return matrices side by side, what was touched coloured by its order: of accesses, or of a warp's threads.

    Args:
        panels: By name, a matrix and touches from its log: the first of a kernel on the processor, or one instruction
            of a warp (``labs.optimize.traced.instructions``).
        title: Heading.

    Raises:
        ValueError: Nothing was touched: the kernel did not run, or ran on the values themselves.
    """
    if not any(touches for _, touches in panels.values()):
        raise ValueError("nothing was touched: hand the kernel the traced matrices, and draw after it ran")
    strips, rows = [], []
    for name, (matrix, touches) in panels.items():
        first: dict[int, int] = {}
        for one in touches:
            first.setdefault(one.place, one.thread if one.block is not None else len(first))
        whose = "thread" if touches and touches[0].block is not None else "order"
        width = matrix.shape[1]
        cells = [
            {"row": at // width, "column": at % width, "order": first.get(at), whose: str(first.get(at, "–"))}
            for at in range(matrix.size)
        ]
        base = alt.Chart(data(cells), title=name).encode(
            x=alt.X("column:O", title="column", axis=alt.Axis(labels=False, ticks=False)),
            y=alt.Y("row:O", title="row", axis=alt.Axis(labels=False, ticks=False)),
            tooltip=tips("row", "column", whose),
        )
        scale = alt.Scale(scheme="viridis", domain=[0, max(first.values(), default=1) or 1])
        ground = base.mark_rect(color="currentColor", opacity=0.07)
        drawn = base.transform_filter("datum.order !== null").mark_rect().encode(
            color=alt.Color("order:Q", scale=scale, legend=None)
        )  # fmt: skip
        side = WIDTH_PX / len(panels) / 1.25
        strips.append((ground + drawn).properties(width=side, height=side * min(1.0, matrix.shape[0] / width)))
        rows.append((name, len(touches), len(first), sectors(touches)))
    header = ["matrix", "accesses", "different numbers", "sectors of 32 bytes"]
    said = "; ".join(f"{name}: {count} accesses, sectors of 32 bytes: {places}" for name, count, _, places in rows)
    return Chart(
        alt.hconcat(*strips).resolve_scale(color="independent"),
        title,
        subtitle="Dark came first, or is the thread with the lowest number; pale was not touched.",
        sentence=said + ".",
        header=header,
        rows=[[Cell(name), *(Cell(str(value)) for value in values)] for name, *values in rows],
    )


def roofline(
    points: Sequence[Mapping], peak_flops: float, bandwidth_bytes_per_s: float, *, title: str = "Under the roofline"
) -> Chart:
    """Return pieces of work under the two ceilings of a machine: what it computes, and what its memory delivers.

    Args:
        points: Of each piece ``name``, ``group`` (its series), ``operations``, ``bytes`` and ``seconds``.
        peak_flops: Operations a second that this machine was seen to reach.
        bandwidth_bytes_per_s: Bytes a second that its memory was seen to deliver.
        title: Heading.

    Raises:
        ValueError: There is no point.
    """
    if not points:
        raise ValueError("a roofline without work under it says nothing: hand over at least one point")
    drawn_points = []
    for one in points:
        intensity = one["operations"] / one["bytes"]
        rate = one["operations"] / one["seconds"]
        roof = min(peak_flops, intensity * bandwidth_bytes_per_s)
        drawn_points.append(
            {"name": one["name"], "group": one["group"], "intensity": intensity, "gflops": rate / 1e9,
             "operations per byte": f"{intensity:.3g}", "reached": f"{rate / 1e9:.3g} GFLOP/s",
             "of the roof": percent(rate / roof)}
        )  # fmt: skip
    ridge = peak_flops / bandwidth_bytes_per_s
    low = min(one["intensity"] for one in drawn_points) / 2
    high = max(*(one["intensity"] for one in drawn_points), ridge) * 2
    at = [low * (high / low) ** (step / _ROOF_POINTS) for step in range(_ROOF_POINTS + 1)]
    roof = [
        {"intensity": one, "gflops": min(peak_flops, one * bandwidth_bytes_per_s) / 1e9,
         "bound by": "memory" if one < ridge else "arithmetic"}
        for one in sorted([*at, ridge])
    ]  # fmt: skip
    groups = list(dict.fromkeys(one["group"] for one in drawn_points))
    x = alt.X("intensity:Q", title="operations per byte", scale=alt.Scale(type="log", domain=[low, high], nice=False))
    rates = [one["gflops"] for one in (*drawn_points, *roof)]
    heights = alt.Scale(type="log", domain=[min(rates) / 1.5, max(rates) * 1.5], nice=False)
    y = alt.Y("gflops:Q", title="GFLOP/s", scale=heights)
    line = ink("line", alt.Chart(data(roof)), strokeWidth=2).encode(x=x, y=y, tooltip=tips("bound by"))
    dots = alt.Chart(data(drawn_points)).mark_point(filled=True, size=55, opacity=0.75).encode(
        x=x, y=y, color=colours(groups, "group"), shape=marks(groups, "group"),
        tooltip=tips("name", "group", "operations per byte", "reached", "of the roof"),
    )  # fmt: skip
    ceilings = f"{peak_flops / 1e9:.0f} GFLOP/s and {bandwidth_bytes_per_s / 1e9:.0f} GB/s"
    header = ["name", "group", "operations per byte", "reached", "of the roof"]
    return Chart(
        (line + dots).properties(width=WIDTH_PX - 20, height=340),
        title,
        subtitle="Left of the bend, memory is the limit; right of it, arithmetic. Data that come from a cache may lie "
        "above the slope, which is main memory's.",
        sentence=f"The ceilings are {ceilings}; they meet at {ridge:.1f} operations per byte.",
        header=header,
        rows=[[Cell(one[name]) for name in header] for one in drawn_points],
        footer=f"Ceilings measured here: {ceilings}, one thread.",
    )
