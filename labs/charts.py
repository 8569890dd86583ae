"""Latencies of options as a chart: where the samples lie, their percentiles, and the target.

JupyterLab 4 brings Vega-Lite 5.6 along and draws ``application/vnd.vegalite.v5+json`` without the
internet; that is why Altair stays below 6, whose charts are Vega-Lite 6. Everything that is not
data is drawn in ``currentColor``, so that one chart fits a light and a dark theme.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

import altair as alt
import numpy as np
from IPython.display import display

from labs import stats
from labs.display.format import milliseconds, percent
from labs.display.shown import Shown
from labs.display.table import Cell, Row, html_table, text_table
from labs.display.theme import SERIES, STYLE
from labs.records import Measurement
from labs.records.busy import busy_words

#: What JupyterLab 4 draws, and the version behind it.
VEGA_LITE = "application/vnd.vegalite.v5+json"
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.6.1.json"

#: Sent beside the chart: SVG, whose letters stay sharp and grow with the browser's zoom; and saving
#: it as an image as the menu's only entry, since the others lead to a page in the internet.
METADATA = {
    VEGA_LITE: {
        "embed_options": {
            "renderer": "svg",
            "actions": {"export": True, "source": False, "compiled": False, "editor": False},
        }
    }
}

#: Width of the plotting area in pixels, which fits a notebook of 1280 pixels without scrolling.
_WIDTH_PX = 700
_INK = "currentColor"
_BINS, _DOTS = 72, 400
_QUANTILES = (50, 95, 99)


def latency_distribution(
    records: Measurement | Sequence[Measurement], target_s: float | None = None
) -> Chart:
    """Return all samples as dots and as a histogram, one row a record, with p50, p95 and p99 and
    the target.

    Args:
        records: Latency records; others among them are passed over.
        target_s: The latency to stay under, in seconds.

    Raises:
        ValueError: No latency record among them; a measurement that was cancelled early has none.
    """
    if isinstance(records, Measurement):
        records = [records]
    records = [record for record in records if record.kind == "latency"]
    if not records:
        raise ValueError(
            "no latency record to draw: measure the option first, or let the measurement run to "
            "its end"
        )
    # All but the slowest half percent: an outlier is counted at the edge and does not squeeze the
    # rest.
    low = min(min(record.samples) for record in records)
    high = max(record.percentile(99.5) for record in records)
    if target_s is not None:
        low = min(low, target_s)
        high = max(high, target_s)
    scale = _axis_scale(low * 1e3, high * 1e3)
    rows = []
    for place, record in enumerate(records):
        colour = SERIES[place % len(SERIES)]
        is_last = record is records[-1]
        row = _distribution(record, colour, scale, target_s, first=place == 0, last=is_last)
        rows.append(row)
    header, table = _table(records, target_s)
    machines = dict.fromkeys(record.machine.label for record in records)
    footer = f"Measured on {'; '.join(machines)}"
    if busy := busy_words(records):
        footer += f". The machine was busy: {busy}"
    return Chart(
        alt.vconcat(*rows, spacing=14),
        "Where the latencies lie",
        subtitle=[
            "Each dot is one request, the bars count them. Lines: p50 (half of all requests are "
            "left of it),",
            "p95 dashed, p99 dotted.",
        ],
        sentence=_sentence(records, target_s),
        header=header,
        rows=table,
        footer=footer,
    )


class Chart(Shown):
    """A chart with its table; ``chart`` is the Altair chart, to be changed or saved."""

    def __init__(
        self,
        chart: alt.TopLevelMixin,
        title: str,
        *,
        subtitle: list[str],
        sentence: str,
        header: Sequence[str],
        rows: Sequence[Row],
        footer: str,
    ) -> None:
        """Put the parts together; the sentence describes the chart for screen readers."""
        heading = alt.TitleParams(title, anchor="start", frame="group", fontSize=15, offset=12)
        heading.subtitle = subtitle
        heading.subtitleFontSize = 12
        described = chart.properties(title=heading, description=f"{title}. {sentence}")
        self.chart = described.configure(**_config())
        table = html_table(header, rows, caption=title)
        html = (
            f'{STYLE}<section class="msl" aria-label="{escape(title)}"><details><summary>The '
            f"same as a table</summary>{table}</details><p "
            f'class="msl-foot">{escape(footer)}</p></section>'
        )
        text = "\n".join([title, sentence, text_table(header, rows), footer])
        # A notebook stores the title as text/plain, so that no measured number is in it.
        super().__init__(html, text, plain=title)

    @property
    def spec(self) -> dict:
        """The chart as Vega-Lite."""
        return self.chart.to_dict() | {"$schema": _SCHEMA}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Any:
        """Return the drawing alone: beside HTML, JupyterLab would choose the HTML."""
        return {VEGA_LITE: self.spec, "text/plain": repr(self)}, METADATA

    def _ipython_display_(self) -> None:
        """Show the drawing, and its table below it."""
        bundle, metadata = self._repr_mimebundle_()
        display(bundle, metadata=metadata, raw=True)
        display({"text/html": self.html, "text/plain": ""}, raw=True)


def _distribution(
    record: Measurement,
    colour: str,
    scale: alt.Scale,
    target_s: float | None,
    *,
    first: bool,
    last: bool,
) -> alt.LayerChart:
    """Return one record's row: bars above the line, dots below it, percentiles across both."""
    low, high = scale.domain
    spaced = np.linspace if scale.type is alt.Undefined else np.geomspace
    edges = spaced(low, high, _BINS + 1)
    samples_ms = np.asarray(record.samples) * 1e3
    counts, _ = np.histogram(samples_ms, edges)
    top = max(int(counts.max()), 1)
    if last:
        axis = alt.Axis(title="latency in ms")
    else:
        axis = alt.Axis(labels=False, ticks=False, title=None)
    x = alt.X("ms:Q", scale=scale, axis=axis)
    x_of_bars = alt.X("from:Q", scale=scale, axis=axis)
    y: dict[str, Any] = {"scale": alt.Scale(domain=[-0.45 * top, 1.3 * top]), "axis": None}
    bars = alt.Chart(_data(_bars(edges, counts))).mark_rect(color=colour, opacity=0.45)
    drawn = bars.encode(
        x=x_of_bars,
        x2="to:Q",
        y=alt.Y("count:Q", **y),
        y2="base:Q",
        tooltip=_tips("requests", "between"),
    )
    dots = alt.Chart(_data(_dots(samples_ms, top, high)))
    circles = dots.mark_circle(color=colour, opacity=0.5, size=11, aria=False)
    drawn += circles.encode(x=x, y=alt.Y("place:Q", **y), tooltip=_tips("latency"))
    # Names of close percentiles would overlap, so the heading has the numbers, and the lines differ
    # in dashes.
    percentiles = [_percentile(record, q) for q in _QUANTILES]
    dashes = alt.Scale(range=[[1, 0], [6, 3], [2, 2]])
    dash = alt.StrokeDash("percentile:N", sort=None, legend=None, scale=dashes)
    lines = alt.Chart(_data(percentiles)).mark_rule(color=_INK, strokeWidth=1.6)
    drawn += lines.encode(x=x, strokeDash=dash, tooltip=_tips("percentile", "latency"))
    if target_s is not None:
        mark = {"at": target_s * 1e3, "words": f"target: under {milliseconds(target_s)}"}
        target = alt.Chart(_data([mark]))
        rule = target.mark_rule(color=SERIES[1], strokeDash=[5, 4], strokeWidth=1.5)
        drawn += rule.encode(x="at:Q")
        if first:
            label = target.mark_text(color=SERIES[1], fontWeight="bold", align="left")
            drawn += label.encode(text="words:N", x="at:Q", y=alt.value(-8))
    has_label = target_s is not None and first
    heading = alt.TitleParams(
        record.option,
        subtitle=_subtitle(percentiles, samples_ms[samples_ms > high]),
        anchor="start",
        fontSize=13,
        subtitleFontSize=12,
        offset=18 if has_label else 4,
    )
    return drawn.properties(width=_WIDTH_PX, height=96, title=heading)


def _bars(edges: np.ndarray, counts: np.ndarray) -> Iterator[dict]:
    """Yield the bars of a histogram that are not empty; edges in milliseconds."""
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            yield {
                "from": left,
                "to": right,
                "count": int(count),
                "base": 0,
                "requests": f"{count:,}",
                "between": f"{left:.3g} and {right:.3g} ms",
            }


def _dots(samples_ms: np.ndarray, top: int, high_ms: float) -> Iterator[dict]:
    """Yield some hundreds of the samples, which a browser redraws easily, up to the axis's end.

    They are shaken vertically, so that equal samples do not hide each other.
    """
    shaken = np.random.default_rng(0).uniform(-0.42, -0.1, len(samples_ms)) * top
    step = max(1, len(samples_ms) // _DOTS)
    for ms, place in zip(samples_ms[::step], shaken[::step], strict=True):
        if ms <= high_ms:
            yield {"ms": float(ms), "place": float(place), "latency": milliseconds(ms / 1e3)}


def _percentile(record: Measurement, q: int) -> dict:
    latency_s = record.percentile(q)
    return {"ms": latency_s * 1e3, "percentile": f"p{q}", "latency": milliseconds(latency_s)}


def _subtitle(percentiles: Sequence[Mapping], beyond_ms: np.ndarray) -> str:
    """Return the percentiles in words, and the number of samples beyond the axis's end."""
    parts = [f"{line['percentile']} {line['latency']}" for line in percentiles]
    if beyond_ms.size:
        slowest = milliseconds(beyond_ms.max() / 1e3)
        parts.append(f"{beyond_ms.size} slower than the axis, up to {slowest}")
    return " · ".join(parts)


def _table(
    records: Sequence[Measurement], target_s: float | None
) -> tuple[list[str], list[list[Cell]]]:
    header = ["option", "p50", "p95", "p99", "slowest", "samples"]
    if target_s is not None:
        header.append(f"under {milliseconds(target_s)}")
    rows = []
    for record in records:
        count = len(record.samples)
        slowest = milliseconds(max(record.samples))
        row = [Cell(record.option)]
        row += [_interval_cell(stats.steady_interval(record.samples, q=q)) for q in _QUANTILES]
        row += [Cell(slowest), Cell(f"{count:,}")]
        if target_s is not None:
            under = sum(sample < target_s for sample in record.samples)
            row.append(Cell(percent(under / count)))
        rows.append(row)
    return header, rows


def _interval_cell(interval: stats.Interval) -> Cell:
    ends = "run too short"
    if interval.confidence:
        ends = f"[{milliseconds(interval.low)}, {milliseconds(interval.high)}]"
    return Cell(milliseconds(interval.value), ends)


def _sentence(records: Sequence[Measurement], target_s: float | None) -> str:
    parts = []
    for record in records:
        p50, p95, p99 = (milliseconds(record.percentile(q)) for q in _QUANTILES)
        parts.append(f"{record.option}: median {p50}, 95th percentile {p95}, 99th percentile {p99}")
    sentence = f"{'; '.join(parts)}."
    if target_s is not None:
        sentence += f" Target: under {milliseconds(target_s)}."
    return sentence


def _data(rows: Iterable[Mapping]) -> alt.InlineData:
    return alt.InlineData(values=list(rows))


def _tips(*fields: str) -> list[alt.Tooltip]:
    """Return tooltips of fields that hold written values ('2.69 ms'); the field's name is the
    label.
    """
    return [alt.Tooltip(f"{field}:N", title=field) for field in fields]


def _axis_scale(low: float, high: float) -> alt.Scale:
    """Return a scale with some room at both ends, logarithmic if it spans a wide range."""
    if high > 6 * low > 0:
        ends = [low / 1.15, high * 1.15]
        return alt.Scale(type="log", domain=ends, nice=False)
    room = 0.06 * (high - low or high or 1.0)
    ends = [low - room, high + room]
    return alt.Scale(domain=ends, nice=False, zero=False)


def _config() -> dict:
    font = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
    guide = {
        "labelColor": _INK,
        "titleColor": _INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": 500,
    }
    axis = {
        "domainColor": _INK,
        "domainOpacity": 0.5,
        "tickColor": _INK,
        "tickOpacity": 0.5,
        "gridColor": _INK,
    }
    return {
        "background": "transparent",
        "font": font,
        "axis": {**guide, **axis, "gridOpacity": 0.14, "labelFlush": False},
        "title": {"color": _INK, "subtitleColor": _INK, "subtitlePadding": 4},
        "view": {"stroke": None},
        "text": {"fontSize": 12},
    }
