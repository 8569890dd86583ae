"""A load run while it goes on: throughput, where the time goes, and how busy the machine is; with Cancel."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import altair as alt
from IPython.display import display

from labs.charts.frame import Chart, colours, data
from labs.display.format import milliseconds, percent, rate
from labs.display.table import Cell
from labs.display.theme import STYLE, tiles
from labs.load import Snapshot
from labs.load.usage import Reading
from labs.widgets.explorers import draw, live_chart
from labs.widgets.progress import Progress

Result = TypeVar("Result")

#: Work that reports: a loop, a sweep or a search, given both hooks by name.
Work = Callable[..., Result]

#: Snapshots that are drawn; older ones scroll out. Four a second make a minute.
_KEPT = 240

_WIDTH_PX, _HEIGHT_PX = 190, 110


def live_load(run: Work, title: str = "Load", *, kept: str = "Finished runs are in the ledger.") -> Result:
    """Run load in this cell under a live chart, and return what the run returns.

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
    """A progress bar with a chart of the run below it; ``text`` says the newest numbers in words."""

    def __init__(self, title: str, *, kept: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        """Describe the run; nothing is shown before ``with``.

        Args:
            title: What is being done.
            kept: What stays when it is stopped, as a sentence.
            clock: Monotonic clock in seconds.
        """
        super().__init__(title, kept=kept, clock=clock)
        self.chart = live_chart(250)
        self.live.children = (*self.live.children[:1], self.chart, *self.live.children[1:])
        self._seen: list[tuple[float, Snapshot]] = []

    @property
    def text(self) -> str:
        """The newest numbers in words."""
        return f"{self.title}: {words(self._seen[-1][1])}" if self._seen else f"{self.title}: nothing sent yet"

    def see(self, snapshot: Snapshot) -> None:
        """Take note of how the run stands; this is the ``on_snapshot`` that the run is given."""
        # The run's own clock starts anew with each run of a sweep; the chart's does not.
        self._seen = [*self._seen[-_KEPT:], (self._clock() - self._begin_s, snapshot)]

    def _draw(self) -> None:
        super()._draw()
        if self._seen:
            newest = self._seen[-1][1]
            self.status.value += f'{STYLE}<div class="msl">{tiles(numbers(newest))}</div>'
            draw(self.chart, run_chart(self._seen).spec, words(newest))

    def _finish(self, sign: str, outcome: str) -> None:
        super()._finish(sign, outcome)
        self.chart.close()
        if self._seen and self._handle is not None:
            display(run_chart(self._seen, title=f"{self.title}: the run"))


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


def numbers(one: Snapshot) -> dict[str, str]:
    """Return the newest numbers by their names."""
    return {
        "throughput": rate(one.rate_rps, "req/s"),
        "p50": milliseconds(one.p50_s),
        "p95": milliseconds(one.p95_s),
        "in flight": f"{one.in_flight}",
        "failed": f"{one.failed:,} of {one.done:,}",
        "processors busy": percent(one.busy.cpu) if one.busy else "–",
    }


def run_chart(seen: Sequence[tuple[float, Snapshot]], *, title: str = "The run so far") -> Chart:
    """Return three panels over time: throughput, latency (or queue and compute), and processors."""
    at = [moment for moment, _ in seen]
    shots = [one for _, one in seen]
    rates = {"answers": [one.rate_rps for one in shots]}
    if any(one.server for one in shots):
        # Stacked: what lies between the two lines is compute, what lies below is queue.
        served = {
            "queue": [one.server.queue_s * 1e3 if one.server else None for one in shots],
            "compute": [one.server.compute_s * 1e3 if one.server else None for one in shots],
        }
        middle = _panel("mean ms in the server", at, served, stacked=True)
    else:
        tails = {name: [getattr(one, f"{name}_s") * 1e3 for one in shots] for name in ("p95", "p50")}
        middle = _panel("latency in ms", at, tails)
    readings = filled([one.busy for one in shots])
    busy = {"CPU": [one.cpu * 100 if one else 0.0 for one in readings]}
    for index in range(max((len(one.gpus) for one in readings if one), default=0)):
        busy[f"GPU {index}"] = [one.gpus[index][0] * 100 if one and len(one.gpus) > index else 0.0 for one in readings]
    panels = [_panel("answers a second", at, rates), middle, _panel("busy in %", at, busy, top=100)]
    newest = numbers(shots[-1])
    return Chart(
        alt.hconcat(*panels, spacing=26).resolve_scale(color="independent", strokeDash="independent"),
        title,
        sentence=words(shots[-1]),
        header=list(newest),
        rows=[[Cell(value) for value in newest.values()]],
    )


def filled(readings: Sequence[Reading | None]) -> list[Reading | None]:
    """Return the readings with the first one in the places before it: the sampler begins a moment after the run."""
    first = next((one for one in readings if one is not None), None)
    return [one or first for one in readings]


def _panel(
    name: str,
    at: Sequence[float],
    columns: dict[str, list[float | None]],
    *,
    top: float | None = None,
    stacked: bool = False,
) -> alt.Chart:
    """Return one panel: a line, or a filled layer, for each column."""
    rows = [
        {"s": moment, "value": value, "series": series}
        for series, values in columns.items()
        for moment, value in zip(at, values, strict=True)
        if value is not None
    ]
    names = list(columns)
    scale = alt.Scale(domain=[0, top]) if top else alt.Scale(zero=True)
    base = alt.Chart(data(rows), title=alt.TitleParams(name, anchor="start", fontSize=12))
    mark = base.mark_area(opacity=0.85) if stacked else base.mark_line(strokeWidth=2)
    dash = {} if stacked else {"strokeDash": alt.StrokeDash("series:N", sort=names, legend=None)}
    return mark.encode(
        x=alt.X("s:Q", title="seconds", axis=alt.Axis(tickCount=4)),
        y=alt.Y("value:Q", title=None, scale=scale, stack="zero" if stacked else None, axis=alt.Axis(tickCount=3)),
        color=colours(names, "series", legend_at="bottom"),
        order=alt.Order("series:N", sort="descending") if stacked else alt.Undefined,
        **dash,
    ).properties(width=_WIDTH_PX, height=_HEIGHT_PX)
