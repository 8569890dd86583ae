"""A device under load without a pause: latency, temperature, clock and power over time, as far as it tells them."""

from __future__ import annotations

from collections.abc import Sequence

from labs.edge.sustained import energy_a_picture_j, held_back_from_s, slowdown
from labs.machine.heat import FLAGS
from labs.records import Measurement
from labs.records.format import duration, milliseconds, times
from labs.widgets.plot import Axis, Drawing, padded
from labs.widgets.shown import Shown
from labs.widgets.table import Cell, html_table, text_table
from labs.widgets.theme import SERIES, card

#: What is drawn, one strip each: key of a window, heading, factor to the axis's unit, unit.
_STRIPS = (
    ("p50_s", "median latency", 1e3, "ms"),
    ("temperature_c", "temperature", 1, "°C"),
    ("frequency_hz", "clock", 1e-9, "GHz"),
    ("power_w", "power", 1, "W"),
)
_WIDTH_PX, _LEFT_PX, _RIGHT_PX, _STRIP_PX, _GAP_PX = 800, 150, 790, 84, 22


def endurance(record: Measurement, *, title: str = "Under load without a pause") -> Shown:
    """Return a picture of a sustained run, one strip for each thing that the machine tells, and the same as a table.

    Args:
        record: From the task 'sustained'.
        title: Heading of the card.

    Raises:
        ValueError: The record is of another kind.
    """
    windows = record.details.get("windows")
    if not windows:
        raise ValueError(f"{record.option} was not measured under load without a pause: it has no windows")
    strips = [strip for strip in _STRIPS if any(window[strip[0]] is not None for window in windows)]
    height = len(strips) * (_STRIP_PX + _GAP_PX) + 26
    drawing = Drawing(_WIDTH_PX, height, title, _sentence(record))
    seconds = Axis(0.0, windows[-1]["t_s"], _LEFT_PX, _RIGHT_PX)
    for index, strip in enumerate(strips):
        _draw_strip(drawing, windows, strip, seconds, index * (_STRIP_PX + _GAP_PX) + 6, SERIES[index])
    for tick in seconds.ticks(8):
        drawing.text(seconds(tick), height - 14, f"{tick:g}", anchor="middle", kind="msl-tick")
    drawing.text(_LEFT_PX - 12, height - 14, "seconds", anchor="end", kind="msl-tick")
    header, rows = _table(record)
    footer = f"Measured on {record.machine.label}. {_sentence(record)}"
    if record.details["unreadable"]:
        footer += f" This machine does not tell: {'; '.join(record.details['unreadable'])}."
    html = card(title, drawing.svg() + html_table(header, rows), subtitle=_subtitle(record), footer=footer)
    return Shown(html, f"{title}\n{text_table(header, rows)}\n{footer}", plain=title)


def _draw_strip(
    drawing: Drawing, windows: Sequence[dict], strip: tuple, seconds: Axis, top: float, colour: str
) -> None:
    key, heading, factor, unit = strip
    points = [(window["t_s"], window[key] * factor) for window in windows if window[key] is not None]
    low, high = padded(min(value for _, value in points), max(value for _, value in points), 0.1)
    values = Axis(low, high, top + _STRIP_PX, top)
    for tick in values.ticks(3):
        drawing.line(_LEFT_PX, values(tick), _RIGHT_PX, values(tick), kind="msl-grid")
        drawing.text(_LEFT_PX - 7, values(tick) + 4, f"{tick:g}", anchor="end", kind="msl-tick")
    drawing.text(0, top + 14, heading, kind="msl-strong")
    drawing.text(0, top + 31, f"in {unit}", kind="msl-tick")
    drawing.path(
        [(seconds(t), values(value)) for t, value in points], style=f"fill:none;stroke:{colour};stroke-width:2"
    )
    for t, value in points:
        drawing.circle(seconds(t), values(value), 2.6, style=f"fill:{colour}", tip=f"{t:.1f} s: {value:.4g} {unit}")


def _table(record: Measurement) -> tuple[list[str], list[list[Cell]]]:
    windows = record.details["windows"]
    header = ["", *(f"{heading}" for _, heading, _, _ in _STRIPS), "flags"]
    rows = []
    for name, window in (("before", record.details["idle"]), ("first", windows[0]), ("last", windows[-1])):
        row = [Cell(name)]
        for key, _, factor, unit in _STRIPS:
            value = window.get(key)
            row.append(Cell("–", kind="msl-soft") if value is None else Cell(f"{value * factor:.3g} {unit}"))
        bits = window["throttle_bits"]
        words = "not told" if bits is None else ", ".join(w for bit, w in FLAGS.items() if bits >> bit & 1) or "none"
        rows.append([*row, Cell(words, kind="msl-soft" if bits is None else "", words=True)])
    return header, rows


def _subtitle(record: Measurement) -> str:
    windows = record.details["windows"]
    return (
        f"{record.option}: {record.details['calls']:,} photos in {duration(windows[-1]['t_s'])}, one after the other."
    )


def _sentence(record: Measurement) -> str:
    windows, joules = record.details["windows"], energy_a_picture_j(record)
    first, last = milliseconds(windows[0]["p50_s"]), milliseconds(windows[-1]["p50_s"])
    told = windows[-1]["throttle_bits"] is not None
    since_s = held_back_from_s(record)
    held = "" if not told else " It was not held back." if since_s is None else f" Held back from {since_s:.0f} s on."
    energy = f" A photo takes {joules:.3g} J ({record.details['energy_covers']})." if joules is not None else ""
    return f"The last windows take {times(slowdown(record))} as long as the first ({first} to {last}).{held}{energy}"
