"""Series over time, as Prometheus' HTTP API gives them: the panels of a dashboard, one below the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np

from labs.charts.frame import WIDTH_PX, Chart, colours, data, ink, tips
from labs.display.table import Cell
from labs.display.theme import SERIES

#: Points of each series: pairs of Unix time in seconds and value.
Series = Mapping[str, Sequence[Sequence[float]]]

_HEIGHT_PX = 110


def over_time(
    panels: Mapping[str, Series], *, events: Mapping[str, float] | None = None, title: str = "What Prometheus recorded"
) -> Chart:
    """Return panels over one axis of time.

    Args:
        panels: Series by name, by the panel's title; the title says the unit.
        events: Unix times in seconds by what happened then, each drawn as a line through all panels.
        title: Heading.

    Raises:
        ValueError: No panel has a point to draw.
    """
    begin_s = min((point[0] for one in panels.values() for points in one.values() for point in points), default=None)
    if begin_s is None:
        raise ValueError("there is no point to draw: was anything scraped in this span of time?")
    names = list(dict.fromkeys(name for one in panels.values() for name in one))
    strips, rows = [], []
    for panel, found in panels.items():
        points = [
            {"seconds": round(at_s - begin_s, 3), "value": value, "series": name, "reading": f"{value:.4g}"}
            for name, pairs in found.items()
            for at_s, value in pairs
        ]
        base = alt.Chart(data(points))
        x = alt.X("seconds:Q", title="seconds" if panel == list(panels)[-1] else None)
        y = alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=4))
        colour = colours(names, "series") if len(names) > 1 else alt.value(SERIES[0])
        line = base.mark_line(point={"size": 12}, strokeWidth=1.5)
        line = line.encode(x, y, color=colour, tooltip=tips("series", "seconds", "reading"))
        layers = [line, *_events(events or {}, begin_s)]
        strips.append(
            alt.layer(*layers).properties(
                width=WIDTH_PX, height=_HEIGHT_PX, title=alt.TitleParams(panel, anchor="start", fontSize=12)
            )
        )
        for name, pairs in found.items():
            values = np.array([value for _, value in pairs]) if len(pairs) else np.array([np.nan])
            levels = [Cell(f"{level:.4g}") for level in (values.min(), np.median(values), values.max(), values[-1])]
            rows.append([Cell(panel, words=True), Cell(name, words=True), *levels])
    sentence = f"{len(panels)} panels over time: {', '.join(panels)}."
    header = ["Panel", "Series", "Least", "Median", "Most", "Last"]
    return Chart(alt.vconcat(*strips, spacing=8), title, sentence=sentence, header=header, rows=rows)


def _events(events: Mapping[str, float], begin_s: float) -> list[alt.Chart]:
    if not events:
        return []
    base = alt.Chart(data({"seconds": at_s - begin_s, "event": words} for words, at_s in events.items()))
    rule = ink("rule", base, strokeDash=[4, 4], opacity=0.6).encode(x="seconds:Q", tooltip=tips("event"))
    words = ink("text", base, align="left", dx=4, baseline="top").encode(x="seconds:Q", text="event:N", y=alt.value(2))
    return [rule, words]
