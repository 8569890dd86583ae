"""The live chart around a real run: drawn while it goes on, stopped by its button, still to be seen afterwards."""

from __future__ import annotations

import psutil
import pytest

from labs.load import Snapshot, closed_loop
from labs.load.usage import Reading
from labs.records.load import ServerSide
from labs.widgets import Stopped, live_load, load_run
from labs.widgets import progress as module_of_progress


@pytest.fixture
def shown(monkeypatch) -> list:
    """Return what is displayed, in order, in a kernel that handles clicks while a cell runs."""
    displayed: list = []
    handle = type("Handle", (), {"update": staticmethod(displayed.append)})

    def display(thing: object, display_id: bool = False) -> type:
        displayed.append(thing)
        return handle

    for module in (module_of_progress, load_run):
        monkeypatch.setattr(module, "display", display)
    monkeypatch.setattr(module_of_progress, "heard_while_busy", lambda: True)
    return displayed


def test_cancel_ends_the_run_and_leaves_its_picture(shown, told_target) -> None:
    """A click stops the senders at the next report; what was seen so far stays as a chart with its words."""
    before = {child.pid for child in psutil.Process().children()}
    drawn: list[str] = []

    def run(on_progress, on_snapshot):
        def see(snapshot) -> None:
            on_snapshot(snapshot)
            status, chart, button, _ = shown[0].live.children
            drawn.append(status.value if chart.outputs else "")
            if any(drawn):
                button.click()

        return closed_loop(
            told_target, concurrency=2, duration_s=60, option="long", on_progress=on_progress, on_snapshot=see
        )

    with pytest.raises(Stopped, match="A long run: stopped at"):
        live_load(run, "A long run")
    assert "in flight" in drawn[-1]
    assert "stopped after" in shown[-2].text
    assert "requests/s, p50" in shown[-1].text
    assert {child.pid for child in psutil.Process().children()} <= before


def test_a_run_that_ends_gives_its_record(shown, told_target) -> None:
    """What the run returns is returned, and the live widget is replaced by a still one."""
    made = live_load(lambda **hooks: closed_loop(told_target, concurrency=1, requests=5, option="short", **hooks))
    assert len(made.samples) == 5
    assert shown[0].live is not None
    assert {thing.live for thing in shown[1:]} == {None}


def test_the_live_chart_says_the_same_in_words() -> None:
    """Numbers, queue and compute, processors and GPUs of the newest snapshot, as text and in the description."""
    server = ServerSide(400, 100, queue_s=0.006, input_s=0.0005, infer_s=0.002, output_s=0.0005)
    busy = Reading(1.0, 0.75, 0.1, 1.2, 10**9, ((0.4, 10**9),))
    first = Snapshot(50, 0, 8, 100.0, 0.010, 0.012)
    second = Snapshot(99, 1, 8, 98.0, 0.011, 0.020, busy=busy, server=server)
    drawn = load_run.run_chart([(0.5, first), (1.0, second)])
    for part in (
        "98 requests/s",
        "queue 6.00 ms, compute 3.00 ms",
        "processors 75.0 % busy",
        "GPU 0 40.0 %",
        "1 failed",
    ):
        assert part in drawn.spec["description"]
    assert [panel["title"]["text"] for panel in drawn.spec["hconcat"]][1] == "mean ms in the server"
    assert [panel["title"]["text"] for panel in load_run.run_chart([(0.5, first)]).spec["hconcat"]][
        1
    ] == "latency in ms"
