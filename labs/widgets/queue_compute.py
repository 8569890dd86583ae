"""Where a request's time went, as stacked bars: waiting in the server's queue, computing, and everything around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from labs.records import Measurement
from labs.records.format import milliseconds, rate
from labs.widgets.plot import Axis, Drawing
from labs.widgets.shown import Shown
from labs.widgets.table import Cell, html_table, text_table
from labs.widgets.theme import SERIES, card

#: The parts in the order in which a request meets them: heading, and the colour.
PARTS = {"queue": SERIES[1], "input": SERIES[4], "model": SERIES[0], "output": SERIES[3], "around": "var(--msl-soft)"}

_WIDTH_PX, _LEFT_PX, _RIGHT_PX = 800, 176, 690
_ROW_PX, _BAR_PX, _TOP_PX = 40, 22, 34


def queue_compute(records: Iterable[object], *, title: str = "Where a request's time went") -> Shown:
    """Return one bar a load record: mean seconds in the queue, in the model, and outside the server's counters.

    'Around' is what the sender saw beyond what the server counted: the network, the protocol, and waiting for a
    processor. A server that counts nothing has one grey bar.

    Args:
        records: Load records; others among them are passed over.
        title: Heading of the card.

    Raises:
        ValueError: There is no load record.
    """
    loads = [one for one in records if isinstance(one, Measurement) and one.load is not None]
    if not loads:
        raise ValueError("no load record to draw: run a closed or an open loop first")
    split = [parts_of(one) for one in loads]
    longest_s = max(sum(parts.values()) for parts in split)
    axis = Axis(0.0, longest_s * 1.02, _LEFT_PX, _RIGHT_PX)
    sentence = "; ".join(_sentence(one, parts) for one, parts in zip(loads, split, strict=True))
    drawing = Drawing(_WIDTH_PX, _TOP_PX + _ROW_PX * len(loads) + 44, title, sentence)
    _draw_legend(drawing)
    bottom = _TOP_PX + _ROW_PX * len(loads)
    for tick in axis.ticks(6):
        drawing.line(axis(tick), _TOP_PX, axis(tick), bottom, kind="msl-grid")
        drawing.text(axis(tick), bottom + 16, f"{tick * 1e3:g}", anchor="middle", kind="msl-tick")
    drawing.text(_RIGHT_PX, bottom + 34, "mean time of a request in ms", anchor="end", kind="msl-tick")
    for index, (one, parts) in enumerate(zip(loads, split, strict=True)):
        _draw_bar(drawing, axis, one, parts, _TOP_PX + _ROW_PX * index)
    header, rows = _table(loads, split)
    machines = "; ".join(dict.fromkeys(one.machine.label for one in loads))
    body = f"{drawing.svg()}<details><summary>The same as a table</summary>{html_table(header, rows)}</details>"
    html = card(title, body, footer=f"Measured on {machines}")
    return Shown(html, f"{title}\n{text_table(header, rows)}\nMeasured on {machines}", plain=title)


def parts_of(record: Measurement) -> dict[str, float]:
    """Return a load record's mean seconds by the names of ``PARTS``; only 'around' where the server tells nothing."""
    whole_s, server = float(np.mean(record.samples)), record.load.server
    if server is None:
        return {"around": whole_s}
    parts = {"queue": server.queue_s, "input": server.input_s, "model": server.infer_s, "output": server.output_s}
    return {**parts, "around": max(whole_s - sum(parts.values()), 0.0)}


def level(record: Measurement) -> str:
    """Return a load record's level in two words: '8 senders' or '120 req/s due'."""
    if record.load.mode == "open":
        return f"{rate(record.load.offered_rps, 'req/s')} due"
    batch = f" × {record.batch_size}" if record.batch_size > 1 else ""
    return f"{record.concurrency} sender{'s' * (record.concurrency > 1)}{batch}"


def _draw_legend(drawing: Drawing) -> None:
    x = float(_LEFT_PX)
    for name, colour in PARTS.items():
        drawing.rectangle(x, 6, 11, 11, style=f"fill:{colour}")
        drawing.text(x + 16, 16, name, kind="msl-tick")
        x += 30 + 7 * len(name)


def _draw_bar(drawing: Drawing, axis: Axis, record: Measurement, parts: dict[str, float], top: float) -> None:
    drawing.text(4, top + 14, record.option, kind="msl-strong")
    drawing.text(4, top + 29, level(record), kind="msl-tick")
    begin_s = 0.0
    for name, seconds in parts.items():
        left, right = axis(begin_s), axis(begin_s + seconds)
        tip = f"{name}: {milliseconds(seconds)}"
        drawing.rectangle(left, top + 8, max(right - left, 0.0), _BAR_PX, style=f"fill:{PARTS[name]}", tip=tip)
        # The paper between two parts tells them apart where their colours look alike.
        drawing.line(right, top + 8, right, top + 8 + _BAR_PX, style="stroke:var(--msl-paper);stroke-width:1.5")
        if right - left > 46:
            words = f"{seconds * 1e3:.3g}"
            drawing.text(
                (left + right) / 2,
                top + 23,
                words,
                anchor="middle",
                kind="msl-strong",
                more='style="fill:var(--msl-paper)"',
            )
        begin_s += seconds
    drawing.text(
        min(axis(begin_s) + 8, _RIGHT_PX + 8),
        top + 23,
        rate(record.throughput_rps.value, "req/s"),
        kind="msl-tick msl-halo",
    )


def _table(loads: Sequence[Measurement], split: Sequence[dict[str, float]]) -> tuple[list[str], list[list[Cell]]]:
    rows = []
    for one, parts in zip(loads, split, strict=True):
        told = one.load.server is not None
        cells = [Cell(milliseconds(parts[name])) if name in parts else Cell("–", kind="msl-soft") for name in PARTS]
        server = one.load.server
        batch = f"{server.mean_batch:.1f}" if told and server.batches else "–"
        rows.append([Cell(f"{one.option}, {level(one)}"), *cells, Cell(batch)])
        rows[-1].append(Cell(rate(one.throughput_rps.value, "req/s")))
    return ["run", *PARTS, "mean batch", "throughput"], rows


def _sentence(record: Measurement, parts: dict[str, float]) -> str:
    words = ", ".join(f"{name} {milliseconds(seconds)}" for name, seconds in parts.items())
    return f"{record.option}, {level(record)}: {words}"
