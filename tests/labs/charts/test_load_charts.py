"""Charts of load: parts that add up, batches counted in images, and no verdict without an interval."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from labs import charts
from labs.charts.changes import changes
from labs.charts.load import parts_of
from labs.records.load import Failure
from labs.serve.triton.control import Counters

from .conftest import window


def rows_with(chart, field: str) -> list[dict]:
    """Return the drawn rows that have a field."""
    return [row for rows in chart.spec["datasets"].values() for row in rows if field in row]


def test_queue_and_compute_add_up(make_load) -> None:
    """The parts of a bar are the whole mean latency, and the text names each."""
    made = make_load()
    assert sum(parts_of(made).values()) == pytest.approx(np.mean(made.samples))
    chart = charts.queue_compute([made])
    assert "8 clients" in chart.text
    assert [row["part"] for row in rows_with(chart, "part")] == ["queue", "input", "model", "output", "around"]
    assert rows_with(chart, "part")[0]["mean time"] == "6.00 ms"


def test_a_silent_server_has_one_part(make_load) -> None:
    """What is not told is not made up: one grey bar, and dashes in the table."""
    assert list(parts_of(make_load(server=None))) == ["around"]
    assert "–" in charts.queue_compute([make_load(server=None)]).text


def test_a_formula_is_drawn_as_far_as_it_has_an_answer(make_load) -> None:
    """Beyond it nothing is made up, and the table says so; the objective is judged in words."""

    def theory(rps: float) -> float:
        if rps > 80:
            raise ValueError("overloaded")
        return 0.008

    chart = charts.latency_curve([make_load(rps=100.0)], q=None, theories={"M/D/1": theory}, objective_s=0.005)
    assert 79 < max(row["rps"] for row in rows_with(chart, "formula")) <= 80
    assert "no answer" in chart.text
    assert "✗ broken" in chart.text


def test_batches_are_counted_in_images(make_load) -> None:
    """Eighty runs of eight serve 640 of 660 images; a record and Triton's statistics show the same."""
    text = charts.batch_histogram(make_load()).text
    assert "660 images in 100 runs: 6.60 in a run" in text
    assert "97.0 %" in text
    told = Counters.of(
        {
            "name": "m",
            "batch_stats": [
                {"batch_size": size, "compute_infer": {"count": count}} for size, count in ((8, 80), (1, 20))
            ],
        }
    )
    assert charts.batch_histogram(told).text == text


def test_a_verdict_needs_an_interval(make_load) -> None:
    """Twice as fast is better; the same is not told apart; a mean without an interval gets no verdict at all."""
    slow, fast = make_load("before"), make_load("after", scale=0.5)
    found = {row.name: row for row in changes(slow, fast)}
    assert found["p50"].verdict == "better"
    assert found["p50"].ratio.value == pytest.approx(0.5)
    assert found["throughput"].verdict == "cannot tell"
    assert found["in the queue"].verdict == ""
    assert {row.name: row.verdict for row in changes(fast, slow)}["p95"] == "worse"
    assert "✓ better" in charts.before_after(slow, fast).text


def test_an_open_loop_that_was_too_short_gives_no_verdict(make_load) -> None:
    """Requests of one queue are not independent: where too few busy periods were seen, nothing is claimed."""
    jammed = tuple(0.010 + 0.02 * step for step in range(400))
    slow, fast = (dataclasses.replace(make_load(name, rps=100.0), samples=jammed) for name in ("before", "after"))
    assert {row.name: row.verdict for row in changes(slow, fast)}["p95"] == ""


def test_failures_are_compared_as_proportions(make_load) -> None:
    """A hundred refusals where there were none is worse, and shown."""
    failing = make_load("after", load={"failures": tuple(Failure(0.01 * n, 0.0, 503) for n in range(100))})
    row = next(row for row in changes(make_load(), failing) if row.name == "failed")
    assert row.after.value == pytest.approx(0.2)
    assert "failed" in charts.before_after(make_load(), failing).text


def test_a_busy_device_is_told_in_words(busy) -> None:
    """The slow-down, the flags and the joules stand in the text as well as in the chart's four strips."""
    chart = charts.endurance(busy)
    for words in ("1.50 ×", "soft temperature limit", "Held back from 10 s on.", "0.275 J (the board)", "86 °C"):
        assert words in chart.text
    assert len(chart.spec["vconcat"]) == 4


def test_what_a_device_does_not_tell_is_not_drawn(make_measurement) -> None:
    """A rehearsal without a thermometer has one strip, and says what is missing."""
    windows = [window(1, 0.003), window(2, 0.003)]
    details = {"windows": windows, "idle": windows[0], "calls": 200, "energy_covers": ""}
    chart = charts.endurance(make_measurement(details={**details, "unreadable": ["temperature", "throttle flags"]}))
    assert len(chart.spec["vconcat"]) == 1
    assert "eld back" not in chart.text
    assert "does not tell: temperature; throttle flags" in chart.text
    with pytest.raises(ValueError, match="no windows"):
        charts.endurance(make_measurement())


def test_a_curve_needs_no_objective(make_load):
    """The mean against a theory is drawn without any promise to keep."""
    chart = charts.latency_curve([make_load(rps=100.0)], q=None, theories={"flat": lambda _: 0.01})
    assert "objective" not in str(chart.drawing.to_dict() if hasattr(chart, "drawing") else chart.text)
