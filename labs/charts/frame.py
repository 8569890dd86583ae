"""What all charts share: an Altair chart that JupyterLab draws by itself, with its table and its text.

JupyterLab 4 brings Vega-Lite 5.6 along and draws ``application/vnd.vegalite.v5+json`` without the internet; that is why
Altair stays below 6, whose charts are Vega-Lite 6. Everything that is not data is drawn in ``currentColor``, so that
one chart fits a light and a dark theme.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import altair as alt
from IPython.display import display

from labs.display.shown import Shown
from labs.display.table import Row, html_table, text_table
from labs.display.theme import SERIES, STYLE
from labs.records import Measurement

#: What JupyterLab 4 draws, and the version behind it.
VEGA_LITE = "application/vnd.vegalite.v5+json"
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.6.1.json"

#: Sent beside each chart: SVG, whose letters stay sharp and grow with the browser's zoom; and saving it as an image as
#: the menu's only entry, since the others lead to a page in the internet.
METADATA = {
    VEGA_LITE: {
        "embed_options": {
            "renderer": "svg",
            "actions": {"export": True, "source": False, "compiled": False, "editor": False},
        }
    }
}

#: Width of a chart's plotting area in pixels, at which it stands in a notebook of 1280 pixels without scrolling.
WIDTH_PX = 700

_INK = "currentColor"
#: Marks that can be told apart without colour, in the order of the series.
_SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")


class Chart(Shown):
    """A chart with its table: ``chart`` is the Altair chart, to be changed or saved like any other."""

    def __init__(
        self,
        chart: alt.TopLevelMixin,
        title: str,
        *,
        sentence: str,
        header: Sequence[str],
        rows: Sequence[Row],
        subtitle: str = "",
        footer: str = "",
        table_open: bool = False,
    ) -> None:
        """Put the parts together.

        Args:
            chart: The drawing, without title and settings.
            title: What it shows.
            sentence: What there is to see, in words: the chart's description for screen readers.
            header: Names of the table's columns.
            rows: The same numbers as a table.
            subtitle: How to read it.
            footer: Where the numbers come from.
            table_open: Show the table at once, where it says more than the drawing.
        """
        heading = alt.TitleParams(title, anchor="start", frame="group", fontSize=15, offset=12)
        if subtitle:
            heading.subtitle, heading.subtitleFontSize = wrapped(subtitle), 12
        self.chart = chart.properties(title=heading, description=f"{title}. {sentence}").configure(**_config())
        self.sentence = sentence
        table = html_table(header, rows, caption="" if table_open else title)
        if not table_open:
            table = f"<details><summary>The same as a table</summary>{table}</details>"
        foot = f'<p class="msl-foot">{escape(footer)}</p>' if footer else ""
        text = "\n".join(filter(None, [title, sentence, text_table(header, rows), footer]))
        html = f'{STYLE}<section class="msl" aria-label="{escape(title)}">{table}{foot}</section>'
        # A notebook stores the title as text/plain, so that no measured number is in it.
        super().__init__(html, text, plain=title)

    @property
    def spec(self) -> dict:
        """The chart as Vega-Lite."""
        return self.chart.to_dict() | {"$schema": _SCHEMA}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        """Return the drawing alone: beside HTML, JupyterLab would choose the HTML."""
        return {VEGA_LITE: self.spec, "text/plain": repr(self)}, METADATA

    def _ipython_display_(self) -> None:
        """Show the drawing, and its table below it."""
        bundle, metadata = self._repr_mimebundle_()
        display(bundle, metadata=metadata, raw=True)
        display({"text/html": self.html, "text/plain": ""}, raw=True)


def data(rows: Iterable[Mapping]) -> alt.InlineData:
    """Return rows as a chart's data; what is drawn from them is named in the rows' own words."""
    return alt.InlineData(values=[dict(row) for row in rows])


def tips(*fields: str) -> list[alt.Tooltip]:
    """Return tooltips of fields that hold written values ('2.69 ms'); the field's name is what is read."""
    return [alt.Tooltip(f"{field}:N", title=field) for field in fields]


def colours(names: Sequence[str], field: str = "option", *, legend_at: str = "top") -> alt.Color:
    """Return the colour of each series; ``marks`` gives the same series a shape."""
    shown = alt.Legend(title=None, orient=legend_at, labelLimit=260, columns=4) if len(names) > 1 else None
    return alt.Color(f"{field}:N", scale=_scale(names, SERIES), legend=shown, sort=list(names))


def marks(names: Sequence[str], field: str = "option") -> alt.Shape:
    """Return the shape of each series."""
    shown = alt.Legend(title=None, orient="top", labelLimit=260, columns=4) if len(names) > 1 else None
    return alt.Shape(f"{field}:N", scale=_scale(names, _SHAPES), legend=shown, sort=list(names))


def ink(mark: str, chart: alt.Chart, **how: object) -> alt.Chart:
    """Return a chart's mark ('text' or 'rule') in the colour of the text around it."""
    return getattr(chart, f"mark_{mark}")(color=_INK, **how)


def target_line(value: float, words: str, *, axis: str = "x") -> alt.LayerChart:
    """Return a dashed line at a limit, with its words."""
    base = alt.Chart(data([{"at": value, "words": words}]))
    line = base.mark_rule(color=SERIES[1], strokeDash=[5, 4], strokeWidth=1.5).encode(**{axis: "at:Q"})
    place = {"y": alt.value(-8)} if axis == "x" else {"x": alt.value(WIDTH_PX - 4)}
    side = {"align": "left"} if axis == "x" else {"align": "right", "dy": -8}
    label = base.mark_text(color=SERIES[1], fontWeight="bold", **side)
    return line + label.encode(text="words:N", **{axis: "at:Q"}, **place)


def span(values: Iterable[float], room: float = 0.06) -> tuple[float, float]:
    """Return the range of some values with room at both ends; one value gets a little."""
    found = list(values)
    low, high = min(found), max(found)
    gap = (high - low) * room or abs(high) * room or 1.0
    return low - gap, high + gap


def axis_scale(values: Iterable[float], *, far: float = 6.0) -> alt.Scale:
    """Return a scale that holds all values: logarithmic where they are positive and lie far apart."""
    found = list(values)
    if min(found) > 0 and max(found) / min(found) > far:
        return alt.Scale(type="log", domain=[min(found) / 1.15, max(found) * 1.15], nice=False)
    return alt.Scale(domain=list(span(found)), nice=False, zero=False)


def measured(records: object, *kinds: str) -> list[Measurement]:
    """Return the measurements of some kinds among records; one record may stand alone."""
    several = [records] if isinstance(records, Measurement) else records
    return [one for one in several if isinstance(one, Measurement) and one.kind in kinds]


def newest(records: Iterable[Measurement], *fields: str) -> list[Measurement]:
    """Return the newest record for each combination of fields, in order of first appearance."""
    found: dict[tuple, Measurement] = {}
    for one in records:
        found[tuple(getattr(one, name) for name in fields)] = one
    return list(found.values())


def machines(records: Iterable[Measurement]) -> str:
    """Return where records come from, as a footer says it."""
    return "Measured on " + "; ".join(dict.fromkeys(one.machine.label for one in records))


def wrapped(text: str, width: int = 104) -> list[str]:
    """Return a subtitle's lines: Vega breaks none by itself."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _scale(names: Sequence[str], values: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=list(names), range=[values[index % len(values)] for index in range(len(names))])


def _config() -> dict:
    font = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
    guide = {"labelColor": _INK, "titleColor": _INK, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 500}
    axis = {"domainColor": _INK, "domainOpacity": 0.5, "tickColor": _INK, "tickOpacity": 0.5, "gridColor": _INK}
    return {
        "background": "transparent",
        "font": font,
        "axis": {**guide, **axis, "gridOpacity": 0.14, "labelFlush": False},
        "legend": {**guide, "symbolSize": 90},
        "title": {"color": _INK, "subtitleColor": _INK, "subtitlePadding": 4},
        "view": {"stroke": None},
        "text": {"fontSize": 12},
    }
