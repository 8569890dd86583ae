"""A load run while it goes on: throughput, where the time goes, and how busy the machine is; with Cancel."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from html import escape
from typing import TypeVar

import ipywidgets

from labs.load import Snapshot
from labs.load.usage import Reading
from labs.records.format import milliseconds, percent, rate
from labs.widgets.plot import Axis, Drawing
from labs.widgets.progress import Progress
from labs.widgets.theme import SERIES, STYLE

Result = TypeVar("Result")

#: Work that reports: a loop, a sweep or a search, given both hooks by name.
Work = Callable[..., Result]

#: Snapshots that are drawn; older ones scroll out. Four a second make a minute.
_KEPT = 240

_WIDTH_PX, _PANEL_PX, _GAP_PX, _TOP_PX, _HEIGHT_PX = 800, 216, 56, 26, 104


def live_load(run: Work, title: str = "Load", *, kept: str = "Finished runs are in the ledger.") -> Result:
    """Run load in this cell under a live picture, and return what the run returns.

    Args:
        run: Is called as ``run(on_progress=…, on_snapshot=…)``; a lambda around ``closed_loop``, ``open_loop`` or a
            sweep that passes both on.
        title: What is being done.
        kept: What stays when it is stopped, as a sentence.

    Raises:
        Stopped: Somebody pressed Cancel, or the toolbar's stop button.
    """
    live = LiveLoad(title, kept=kept)
    with live:
        return run(on_progress=live.report, on_snapshot=live.see)


class LiveLoad(Progress):
    """A progress bar with a picture of the run below it; ``text`` says the newest numbers in words."""

    def __init__(self, title: str, *, kept: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        """Describe the run; nothing is shown before ``with``.

        Args:
            title: What is being done.
            kept: What stays when it is stopped, as a sentence.
            clock: Monotonic clock in seconds.
        """
        super().__init__(title, kept=kept, clock=clock)
        self.picture = ipywidgets.HTML(layout=ipywidgets.Layout(width="100%", margin="0"))
        self.live.children = (*self.live.children[:1], self.picture, *self.live.children[1:])
        self._seen: list[tuple[float, Snapshot]] = []

    @property
    def text(self) -> str:
        """The newest numbers in words."""
        return f"{self.title}: {words(self._seen[-1][1])}" if self._seen else f"{self.title}: nothing sent yet"

    def see(self, snapshot: Snapshot) -> None:
        """Take note of how the run stands; this is the ``on_snapshot`` that the run is given."""
        # The run's own clock starts anew with each run of a sweep; the picture's does not.
        self._seen = [*self._seen[-_KEPT:], (self._clock() - self._begin_s, snapshot)]

    def _draw(self) -> None:
        super()._draw()
        if self._seen:
            self.picture.value = f'<div class="msl">{tiles(self._seen[-1][1])}{picture(self._seen).svg()}</div>'

    def _finish(self, sign: str, outcome: str) -> None:
        super()._finish(sign, outcome)
        self.picture.close()

    def _still(self, sign: str, outcome: str) -> str:
        still = super()._still(sign, outcome)
        if not self._seen:
            return still
        return f'{still}{STYLE}<div class="msl">{picture(self._seen).svg()}</div>'


def words(one: Snapshot) -> str:
    """Return a snapshot in one line."""
    parts = [f"{rate(one.rate_rps, 'requests/s')}", f"p50 {milliseconds(one.p50_s)}", f"p95 {milliseconds(one.p95_s)}"]
    parts += [f"{one.in_flight} in flight"]
    if one.server is not None:
        parts.append(f"queue {milliseconds(one.server.queue_s)}, compute {milliseconds(one.server.compute_s)}")
    if one.busy is not None:
        parts.append(f"processors {percent(one.busy.cpu)} busy")
        parts += [f"GPU {index} {percent(busy)} busy" for index, (busy, _) in enumerate(one.busy.gpus)]
    return ", ".join(parts) + (f", {one.failed} failed" if one.failed else "")


def tiles(one: Snapshot) -> str:
    """Return the newest numbers as HTML tiles."""
    facts = {
        "throughput": rate(one.rate_rps, "req/s"),
        "p50": milliseconds(one.p50_s),
        "p95": milliseconds(one.p95_s),
        "in flight": f"{one.in_flight}",
        "failed": f"{one.failed:,} of {one.done:,}",
        "processors busy": percent(one.busy.cpu) if one.busy else "–",
    }
    cells = "".join(
        f'<div class="msl-fact"><div class="msl-soft">{name}</div><div class="msl-figure">{escape(value)}</div></div>'
        for name, value in facts.items()
    )
    columns = "grid-template-columns:repeat(auto-fit,minmax(96px,1fr));margin:10px 0 6px"
    return f'<div class="msl-facts" style="{columns}">{cells}</div>'


def picture(seen: Sequence[tuple[float, Snapshot]]) -> Drawing:
    """Return three panels over time: throughput, latency (or queue and compute), and processors."""
    drawing = Drawing(_WIDTH_PX, _TOP_PX + _HEIGHT_PX + 24, "The run so far", words(seen[-1][1]))
    times = [at for at, _ in seen]
    shots = [one for _, one in seen]
    if any(one.server for one in shots):
        told = [one.server for one in shots]
        queue = [one.queue_s * 1e3 if one else 0.0 for one in told]
        whole = [(one.queue_s + one.compute_s) * 1e3 if one else 0.0 for one in told]
        # Stacked: what lies between the two lines is compute, what lies below is queue.
        middle = ("in the server, ms", {"compute": (whole, SERIES[0]), "queue": (queue, SERIES[1])}, True)
    else:
        p95, p50 = ([getattr(one, name) * 1e3 for one in shots] for name in ("p95_s", "p50_s"))
        middle = ("latency, ms", {"p95": (p95, SERIES[1]), "p50": (p50, SERIES[0])}, False)
    busy = filled([one.busy for one in shots])
    lines = {"CPU": ([one.cpu * 100 if one else 0.0 for one in busy], SERIES[2])}
    for index in range(max((len(one.gpus) for one in busy if one), default=0)):
        column = [one.gpus[index][0] * 100 if one and len(one.gpus) > index else 0.0 for one in busy]
        lines[f"GPU {index}"] = (column, SERIES[3 + index % 3])
    rates = ("answers a second", {"": ([one.rate_rps for one in shots], SERIES[0])}, False)
    for place, (name, columns, stacked) in enumerate((rates, middle, ("busy, %", lines, False))):
        top = 100.0 if place == 2 else max(max(values) for values, _ in columns.values())
        _panel(drawing, 36 + place * (_PANEL_PX + _GAP_PX), name, times, columns, max(top, 1e-6), stacked)
    return drawing


def filled(readings: Sequence[Reading | None]) -> list[Reading | None]:
    """Return the readings with the first one in the places before it: the sampler begins a moment after the run."""
    first = next((one for one in readings if one is not None), None)
    return [one or first for one in readings]


def _panel(drawing: Drawing, left: float, name: str, times: list, columns: dict, top: float, stacked: bool) -> None:
    """Draw one panel: its grid, and a line (or a filled layer) for each column."""
    bottom = _TOP_PX + _HEIGHT_PX
    x = Axis(times[0], max(times[-1], times[0] + 1), left, left + _PANEL_PX)
    y = Axis(0.0, top * 1.08, bottom, _TOP_PX)
    for tick in y.ticks(3):
        drawing.line(left, y(tick), left + _PANEL_PX, y(tick), kind="msl-grid")
        drawing.text(left - 6, y(tick) + 4, f"{tick:,g}", anchor="end", kind="msl-tick")
    drawing.text(left, 12, name, kind="msl-tick msl-strong")
    place = left
    for index, (label, (values, colour)) in enumerate(columns.items()):
        points = [(x(at), y(value)) for at, value in zip(times, values, strict=True)]
        dash = "" if stacked or not index else f";stroke-dasharray:{('5 3', '2 3')[index % 2]}"
        if stacked:
            ends = [(points[0][0], bottom), *points, (points[-1][0], bottom)]
            drawing.path(ends, style=f"fill:{colour};opacity:.85", closed=True)
        else:
            drawing.path(points, style=f"fill:none;stroke:{colour};stroke-width:2{dash}")
        if label:
            # The sample in the legend is drawn as the line is, so that it does not depend on the colour alone.
            width = 8 if stacked else 2.5
            drawing.line(
                place, bottom + 11, place + 15, bottom + 11, style=f"stroke:{colour};stroke-width:{width}{dash}"
            )
            drawing.text(place + 19, bottom + 15, label, kind="msl-tick")
            place += 6.3 * len(label) + 32
    drawing.line(left, bottom, left + _PANEL_PX, bottom, kind="msl-axis")
    drawing.text(left + _PANEL_PX, bottom + 15, f"{times[-1]:.0f} s", anchor="end", kind="msl-tick")
