"""Which batches a server made of its requests: how many runs of each size, and what one of them took."""

from __future__ import annotations

from collections.abc import Mapping

from labs.records import Measurement
from labs.records.format import milliseconds, percent
from labs.widgets.plot import Axis, Drawing
from labs.widgets.shown import Shown
from labs.widgets.table import Cell, html_table, text_table
from labs.widgets.theme import SERIES, card

_WIDTH_PX, _LEFT_PX, _RIGHT_PX = 800, 56, 780
_TOP_PX, _HEIGHT_PX = 30, 170


def batch_histogram(statistics: object, *, title: str = "Which batches were made") -> Shown:
    """Return a bar a batch size: the share of all pictures that ran in batches of that size.

    Pictures and not runs are counted, since a user has a picture: one run of 16 serves as many as sixteen of 1.

    Args:
        statistics: A load record of a server that counts its batches; or statistics with ``batches``, as
            ``triton.statistics(name)`` and ``ServerSide`` have them.
        title: Heading of the card.

    Raises:
        ValueError: No batch was counted.
    """
    source = statistics.load.server if isinstance(statistics, Measurement) and statistics.load else statistics
    runs, seconds = _runs(getattr(source, "batches", None) or ())
    if not runs:
        raise ValueError(
            "no batch was counted: this server does not tell, or nothing was sent since it loaded its model"
        )
    pictures = sum(size * count for size, count in runs.items())
    shares = {size: size * count / pictures for size, count in runs.items()}
    mean = pictures / sum(runs.values())
    sentence = f"{pictures:,} pictures in {sum(runs.values()):,} runs: {mean:.2f} in a run on average"
    drawing = Drawing(_WIDTH_PX, _TOP_PX + _HEIGHT_PX + 56, title, sentence)
    _draw(drawing, runs, shares, seconds)
    header = ["pictures in a run", "runs", "share of the pictures"] + (["mean run"] if seconds else [])
    rows = [
        [Cell(str(size)), Cell(f"{count:,}"), Cell(percent(shares[size]))]
        + ([Cell(milliseconds(seconds[size]))] if seconds else [])
        for size, count in runs.items()
    ]
    body = f"{drawing.svg()}<details><summary>The same as a table</summary>{html_table(header, rows)}</details>"
    html = card(title, body, subtitle=sentence)
    return Shown(html, f"{title}\n{sentence}\n{text_table(header, rows)}", plain=title)


def _runs(batches: object) -> tuple[dict[int, int], dict[int, float]]:
    """Return runs by batch size, and the mean seconds of one where they are told."""
    if isinstance(batches, Mapping):
        return {int(size): count for size, count in sorted(batches.items(), key=lambda one: int(one[0]))}, {}
    found = sorted(batches, key=lambda one: one.batch_size)
    return (
        {one.batch_size: one.executions for one in found},
        {one.batch_size: one.mean_infer_s for one in found},
    )


def _draw(drawing: Drawing, runs: dict[int, int], shares: dict[int, float], seconds: dict[int, float]) -> None:
    base = _TOP_PX + _HEIGHT_PX
    axis = Axis(0.0, max(shares.values()) * 1.02, base, _TOP_PX)
    for tick in axis.ticks(4):
        drawing.line(_LEFT_PX, axis(tick), _RIGHT_PX, axis(tick), kind="msl-grid")
        drawing.text(_LEFT_PX - 8, axis(tick) + 4, f"{tick * 100:g} %", anchor="end", kind="msl-tick")
    step = (_RIGHT_PX - _LEFT_PX) / max(len(runs), 6)
    for index, (size, count) in enumerate(runs.items()):
        centre = _LEFT_PX + step * (index + 0.5)
        width = min(step * 0.62, 64)
        tip = f"batches of {size}: {count} runs, {percent(shares[size])} of the pictures"
        drawing.rectangle(
            centre - width / 2, axis(shares[size]), width, base - axis(shares[size]), style=f"fill:{SERIES[0]}", tip=tip
        )
        drawing.text(centre, axis(shares[size]) - 7, f"{count:,} ×", anchor="middle", kind="msl-tick msl-halo")
        drawing.text(centre, base + 17, str(size), anchor="middle", kind="msl-strong")
        if seconds and step > 44:
            drawing.text(centre, base + 33, milliseconds(seconds[size]), anchor="middle", kind="msl-tick")
    drawing.line(_LEFT_PX, base, _RIGHT_PX, base, kind="msl-axis")
    words = "pictures in a run" + (", and what a run took" if seconds else "")
    drawing.text(_RIGHT_PX, base + 50, words, anchor="end", kind="msl-tick")
