"""Ways of serving one customer: how long an answer takes, what a day costs and how accurate it is, on one frontier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt

from labs.charts.frame import WIDTH_PX, Chart, axis_scale, colours, data, marks, target_line, tips
from labs.display.format import duration, milliseconds, percent
from labs.display.table import Cell
from labs.records.customers import Customer


def design_frontier(designs: Sequence[Mapping], customer: Customer) -> Chart:
    """Return cost over wait; filled are the designs that no other beats in wait, cost and accuracy.

    Args:
        designs: Dictionaries with "design", "pixels", "wait_s", "usd_per_day" and "accuracy" (0 to 1).
        customer: Whose limits are drawn and judged.

    Raises:
        ValueError: There is no design.
    """
    if not designs:
        raise ValueError("there is no design to draw: give at least one")
    most = max(designs, key=lambda one: one["pixels"])["accuracy"]
    points, rows = [], []
    for one in designs:
        beaten_by = next((other for other in designs if _beats(other, one)), None)
        frontier = "no" if beaten_by else "yes"
        breaks = _broken(one, customer, most)
        wait, usd, accuracy = _wait(one["wait_s"]), _dollars(one["usd_per_day"]), percent(one["accuracy"])
        points.append(
            {"design": one["design"], "pixels": f"{one['pixels']:g}", "x": float(one["wait_s"]),
             "y": float(one["usd_per_day"]), "wait": wait, "a day": usd, "accuracy": accuracy,
             "right": float(one["accuracy"]), "on the frontier": frontier, "limits": breaks or "kept"}
        )  # fmt: skip
        standing = Cell(f"beaten by {_name(beaten_by)}", kind="msl-soft", words=True) if beaten_by else _ON_IT
        limits = Cell(breaks, kind="msl-bad", words=True) if breaks else Cell("kept", kind="msl-good", words=True)
        rows.append([Cell(_name(one), words=True), Cell(wait), Cell(usd), Cell(accuracy), standing, limits])
    kept = [_name(one) for one in designs if not _broken(one, customer, most)]
    return Chart(
        _panel(points, customer.may_wait_s),
        f"Designs for {customer.title.partition(':')[0]}",
        subtitle="Filled: beaten by no other in wait, cost and accuracy. The larger, the more accurate.",
        sentence=f"{len(kept)} of {len(designs)} designs keep both limits: {'; '.join(kept) or 'none'}.",
        header=["design", "wait", "a day", "accuracy", "frontier", "limits"],
        rows=rows,
        table_open=True,
    )


_ON_IT = Cell("on the frontier", kind="msl-good", words=True)


def _name(one: Mapping) -> str:
    return f"{one['design']}, {one['pixels']:g} px"


def _wait(seconds: float) -> str:
    return milliseconds(seconds) if seconds < 1 else f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def _dollars(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 0.1 else f"${usd:.3f}"


def _beats(one: Mapping, other: Mapping) -> bool:
    """Return whether one design is nowhere worse than another, and better in one of the three goals."""
    goals = [(one["wait_s"], other["wait_s"]), (one["usd_per_day"], other["usd_per_day"])]
    goals.append((-one["accuracy"], -other["accuracy"]))
    return all(mine <= theirs for mine, theirs in goals) and any(mine < theirs for mine, theirs in goals)


def _broken(one: Mapping, customer: Customer, most: float) -> str:
    """Return which of the customer's limits a design breaks, in words; accuracy counts against the largest images."""
    late = ["too late"] if one["wait_s"] > customer.may_wait_s else []
    # The difference of two shares is not exact.
    coarse = ["too inaccurate"] if one["accuracy"] < most - customer.may_lose - 1e-9 else []
    return " and ".join(late + coarse)


def _panel(points: Sequence[dict], may_wait_s: float) -> alt.LayerChart:
    names = list(dict.fromkeys(point["design"] for point in points))
    x_scale, y_scale = axis_scale([*(point["x"] for point in points), may_wait_s]), axis_scale([p["y"] for p in points])
    axis = alt.Axis(tickCount=5)
    # The largest first, so that a smaller mark at the same place lies on top and can be pointed at.
    base = alt.Chart(data(sorted(points, key=lambda point: -point["right"]))).encode(
        x=alt.X("x:Q", title="seconds until the answer is there (fewer is better)", scale=x_scale, axis=axis),
        y=alt.Y("y:Q", title="dollars a day (fewer is better)", scale=y_scale, axis=axis),
        color=colours(names, "design"),
        shape=marks(names, "design"),
        size=alt.Size("right:Q", scale=alt.Scale(range=[50, 350], zero=False), legend=None),
        tooltip=tips("design", "pixels", "wait", "a day", "accuracy", "on the frontier", "limits"),
    )
    # Whoever hears the chart would be told of a layer that shows nothing.
    drawn = [
        base.transform_filter(f"datum['on the frontier'] == '{word}'").mark_point(**look)
        for word, look in {"no": {"strokeWidth": 1.5}, "yes": {"filled": True, "opacity": 0.6}}.items()
        if any(point["on the frontier"] == word for point in points)
    ]
    return alt.layer(*drawn, target_line(may_wait_s, "may wait")).properties(width=WIDTH_PX, height=260)
