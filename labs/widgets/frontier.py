"""The frontier of accuracy, latency, throughput and size: which options are worth choosing between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labs.records.format import megabytes, milliseconds, percent, rate
from labs.records.frontier import OBJECTIVES, dominators
from labs.records.options import OptionSummary, summarize
from labs.stats import Interval
from labs.widgets.plot import Axis, Drawing, padded
from labs.widgets.shown import Shown
from labs.widgets.table import Cell, html_table, text_table
from labs.widgets.theme import SERIES, card

#: Heading, how a value is written, factor to the axis's unit, and the axis's words.
NUMBERS = {
    "accuracy": ("accuracy", percent, 100, "accuracy in % — higher is better ↑"),
    "p50_s": ("p50", milliseconds, 1e3, "← lower is better — median latency in ms"),
    "batch_fps": ("throughput", rate, 1, "batch throughput in frames/s — higher is better →"),
    "size_bytes": ("size", megabytes, 1e-6, "size in MB — lower is better ↓"),
}

_WIDTH_PX, _HEIGHT_PX, _DOT_PX, _BADGE_PX = 800, 340, 5.5, 8.5
#: Where a number may stand beside its dot, nearest first.
_PLACES = [(dx * reach, dy * reach) for reach in (15, 26, 38) for dx, dy in
           ((0.75, -0.75), (-0.75, -0.75), (0.75, 0.75), (-0.75, 0.75), (1, 0), (-1, 0), (0, -1), (0, 1))]  # fmt: skip


def frontier(records: Iterable[object], *, title: str = "Which options are worth choosing between") -> Shown:
    """Return a picture of all options in four measures, those on the frontier filled, and a table that says why.

    Args:
        records: Measurements of one machine; a whole ledger will do.
        title: Heading of the card.

    Raises:
        DifferentMachinesError: The records come from several machines; a frontier across machines chooses the machine.
        ValueError: No option has all four measured.
    """
    options = summarize(records)
    beaten_by = dominators(options)
    shown = [one for one in options if one.option in beaten_by]
    if not shown:
        raise ValueError("no option has accuracy, latency, throughput and size: measure at least one in full")
    winners = [one.option for one in shown if not beaten_by[one.option]]
    sentence = f"On the frontier: {', '.join(winners)}."
    drawing = Drawing(_WIDTH_PX, _HEIGHT_PX, title, sentence)
    _draw_panel(drawing, shown, beaten_by, "p50_s", "accuracy", 52)
    _draw_panel(drawing, shown, beaten_by, "batch_fps", "size_bytes", 462)
    header, rows = _table(shown, beaten_by)
    missing = [one.option for one in options if one.option not in beaten_by]
    where = f"Measured on {shown[0].machine}." + (f" Not measured in full: {', '.join(missing)}." if missing else "")
    subtitle = "Filled: no other option is at least as good in all four measures. Hollow: some other option is."
    html = card(title, drawing.svg() + html_table(header, rows), subtitle=subtitle, footer=where)
    return Shown(html, f"{title}\n{sentence}\n{text_table(header, rows)}\n{where}")


def _draw_panel(
    drawing: Drawing, options: Sequence[OptionSummary], beaten_by: dict, across: str, up: str, left: float
) -> None:
    """Draw two of the four measures as one panel."""
    x, y = _axis(options, across, left, left + 326), _axis(options, up, _HEIGHT_PX - 46, 12)
    for tick in x.ticks(5):
        drawing.line(x(tick), y.begin_px, x(tick), y.end_px, kind="msl-grid")
        drawing.text(x(tick), y.begin_px + 16, f"{tick:,g}", anchor="middle", kind="msl-tick")
    for tick in y.ticks(5):
        drawing.line(x.begin_px, y(tick), x.end_px, y(tick), kind="msl-grid")
        drawing.text(x.begin_px - 7, y(tick) + 4, f"{tick:,g}", anchor="end", kind="msl-tick")
    drawing.text((x.begin_px + x.end_px) / 2, _HEIGHT_PX - 8, NUMBERS[across][3], anchor="middle", kind="msl-tick")
    turn = f'transform="rotate(-90 {left - 40} 150)"'
    drawing.text(left - 40, 150, NUMBERS[up][3], anchor="middle", kind="msl-tick", more=turn)
    places = [(x(_scaled(one, across).value), y(_scaled(one, up).value)) for one in options]
    for one, (px, py) in zip(options, places, strict=True):
        _draw_intervals(drawing, x, y, _scaled(one, across), _scaled(one, up), px, py)
    taken = [(px, py, _DOT_PX) for px, py in places]
    for number, (one, (px, py)) in enumerate(zip(options, places, strict=True), start=1):
        style = f"stroke:{SERIES[0]};stroke-width:2;fill:" + (
            "var(--msl-paper)" if beaten_by[one.option] else SERIES[0]
        )
        tip = f"{one.option}: " + ", ".join(NUMBERS[name][1](getattr(one, name).value) for name in OBJECTIVES)
        drawing.circle(px, py, _DOT_PX, style=style, tip=tip)
        bx, by = _free_place(px, py, taken, x, y)
        taken.append((bx, by, _BADGE_PX))
        drawing.text(bx, by + 4, str(number), anchor="middle", kind="msl-strong msl-halo")


def _draw_intervals(drawing: Drawing, x: Axis, y: Axis, across: Interval, up: Interval, px: float, py: float) -> None:
    style = f"stroke:{SERIES[0]};stroke-width:1.2;opacity:.45"
    drawing.line(x(across.low), py, x(across.high), py, style=style)
    drawing.line(px, y(up.low), px, y(up.high), style=style)


def _axis(options: Sequence[OptionSummary], name: str, begin_px: float, end_px: float) -> Axis:
    """Return an axis that holds every interval; logarithmic where the options lie far apart."""
    intervals = [_scaled(one, name) for one in options]
    low, high = min(one.low for one in intervals), max(one.high for one in intervals)
    if name != "accuracy" and high / low > 5:
        return Axis(low / 1.2, high * 1.2, begin_px, end_px, logarithmic=True)
    return Axis(*padded(low, high, 0.1), begin_px, end_px)


def _scaled(one: OptionSummary, name: str) -> Interval:
    interval, factor = getattr(one, name), NUMBERS[name][2]
    return Interval(*(factor * value for value in (interval.value, interval.low, interval.high)))


def _free_place(px: float, py: float, taken: list, x: Axis, y: Axis) -> tuple[float, float]:
    """Return the nearest place beside a dot where its number covers nothing."""
    for dx, dy in _PLACES:
        bx, by = px + dx, py + dy
        inside = x.begin_px + 6 < bx < x.end_px - 2 and y.end_px + 4 < by < y.begin_px - 4
        if inside and all((bx - tx) ** 2 + (by - ty) ** 2 > (r + _BADGE_PX) ** 2 for tx, ty, r in taken):
            return bx, by
    return px + _PLACES[0][0], py + _PLACES[0][1]


def _table(options: Sequence[OptionSummary], beaten_by: dict) -> tuple[list[str], list[list[Cell]]]:
    header = ["option", *(NUMBERS[name][0] for name in OBJECTIVES), "frontier"]
    rows = []
    for number, one in enumerate(options, start=1):
        winners = beaten_by[one.option]
        verdict = Cell("on the frontier", kind="msl-good", words=True)
        if winners:
            more = f" and {len(winners) - 1} more" if len(winners) > 1 else ""
            verdict = Cell(f"beaten by {winners[0]}{more}", kind="msl-soft", words=True)
        cells = [Cell(NUMBERS[name][1](getattr(one, name).value)) for name in OBJECTIVES]
        rows.append([Cell(f"{number}  {one.option}"), *cells, verdict])
    return header, rows
