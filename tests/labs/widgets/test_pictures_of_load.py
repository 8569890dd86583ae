"""Pictures of load records: the same content as text, and nothing claimed that the samples do not show."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from labs.load.usage import Reading
from labs.records import DifferentMachinesError
from labs.records.load import Failure, Load, ServerSide, Usage
from labs.serve.triton.statistics import BatchStatistics
from labs.widgets.batch_histogram import batch_histogram
from labs.widgets.before_after import before_after, rows_of
from labs.widgets.queue_compute import parts_of, queue_compute

SERVER = ServerSide(400, 100, queue_s=0.006, input_s=0.0005, infer_s=0.002, output_s=0.0005, batches={"1": 20, "8": 80})


@pytest.fixture
def make_load(make_measurement):
    """Return a builder of load records with 400 requests in 4 s."""

    def build(option: str = "one", scale: float = 1.0, server: ServerSide | None = SERVER, **changes):
        offsets = tuple(np.arange(400) / 100)
        samples = tuple(0.010 * scale * np.random.default_rng(1).uniform(0.9, 1.1, 400))
        load = Load("closed", "POST /predict", 4.0, offsets, server=server, usage=Usage((1.0, 2.0), (0.5, 0.7)))
        load = dataclasses.replace(load, **changes.pop("load", {}))
        return make_measurement(kind="load", option=option, samples=samples, concurrency=8, load=load, **changes)

    return build


def test_queue_and_compute_add_up(make_load) -> None:
    """The parts of a bar are the whole mean latency, and the text names each."""
    made = make_load()
    parts = parts_of(made)
    assert sum(parts.values()) == pytest.approx(np.mean(made.samples))
    assert parts["queue"] == 0.006
    shown = queue_compute([made])
    assert "8 senders" in shown.text
    assert "6.00 ms" in shown.text
    assert shown.html.count("<rect") == len(parts) * 2


def test_a_silent_server_has_one_part(make_load) -> None:
    """What is not told is not made up: one grey bar, and dashes in the table."""
    shown = queue_compute([make_load(server=None)])
    assert list(parts_of(make_load(server=None))) == ["around"]
    assert "–" in shown.text


def test_without_a_load_record_there_is_nothing_to_draw(make_measurement) -> None:
    """The message says what to run."""
    with pytest.raises(ValueError, match="run a closed or an open loop first"):
        queue_compute([make_measurement()])


def test_batches_are_counted_in_pictures(make_load) -> None:
    """Eighty runs of eight serve 640 of 660 pictures; a record and Triton's statistics show the same."""
    text = batch_histogram(make_load()).text
    assert "660 pictures in 100 runs: 6.60 in a run" in text
    assert "97.0 %" in text
    told = dataclasses.make_dataclass("Statistics", ["batches"])(
        (BatchStatistics(1, 20, 0.0, 0.06, 0.0), BatchStatistics(8, 80, 0.0, 0.64, 0.0))
    )
    assert "8.00 ms" in batch_histogram(told).text
    with pytest.raises(ValueError, match="no batch was counted"):
        batch_histogram(make_load(server=None))


def test_a_verdict_needs_an_interval(make_load) -> None:
    """Twice as fast is better; the same is not told apart; a mean without an interval gets no verdict at all."""
    slow, fast = make_load("before"), make_load("after", scale=0.5)
    found = {row.name: row for row in rows_of(slow, fast)}
    assert found["p50"].verdict == "better"
    assert found["p50"].ratio.value == pytest.approx(0.5)
    assert found["throughput"].verdict == "cannot tell"
    assert found["in the queue"].verdict == ""
    assert {row.name: row.verdict for row in rows_of(fast, slow)}["p95"] == "worse"
    assert "✓ better" in before_after(slow, fast).text


def test_failures_are_compared_as_proportions(make_load) -> None:
    """A hundred refusals where there were none is worse, and shown."""
    failing = make_load("after", load={"failures": tuple(Failure(0.01 * n, 0.0, 503) for n in range(100))})
    row = next(row for row in rows_of(make_load(), failing) if row.name == "failed")
    assert row.after.value == pytest.approx(0.2)
    assert "failed" in before_after(make_load(), failing).text


def test_two_machines_are_not_compared(make_load) -> None:
    """Before on one machine and after on another is no comparison."""
    one = make_load()
    other = make_load(machine=dataclasses.replace(one.machine, cpu_model="Other CPU"))
    with pytest.raises(DifferentMachinesError):
        before_after(one, other)


def test_the_live_picture_says_the_same_in_words() -> None:
    """Numbers, queue and compute, processors and GPUs of the newest snapshot, as text and in the picture's label."""
    from labs.load import Snapshot
    from labs.widgets.live_load import LiveLoad, picture

    now = iter(np.arange(0, 100, 0.6))
    live = LiveLoad("Eight senders", clock=lambda: float(next(now)))
    assert live.text == "Eight senders: nothing sent yet"
    first = Snapshot(0.5, 50, 0, 8, 100.0, 0.010, 0.012)
    busy = Reading(1.0, 0.75, 0.1, 1.2, 10**9, ((0.4, 10**9),))
    live.see(first)
    live.see(Snapshot(1.0, 99, 1, 8, 98.0, 0.011, 0.020, busy=busy, server=SERVER))
    for part in (
        "98 requests/s",
        "queue 6.00 ms, compute 3.00 ms",
        "processors 75.0 % busy",
        "GPU 0 40.0 %",
        "1 failed",
    ):
        assert part in live.text
    drawn = picture([(0.5, first), (1.0, first)]).svg()
    assert "latency, ms" in drawn
    assert "98 requests/s" in live._still("✓", "done in 2 s")
    live._draw()
    assert "in flight" in live.picture.value
