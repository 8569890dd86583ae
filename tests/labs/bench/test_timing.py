"""Warm-up, latency, throughput and comparison on a clock that is told: percentiles come out exactly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from labs import bench
from labs.backends import BackendInfo
from labs.bench.compare import SETTLE_S, blocks_of
from labs.bench.warmup import warm_up

ONE = np.zeros((1, 3, 224, 224), np.float32)


def test_warm_up_waits_for_a_slow_start(told_backend, told_clock) -> None:
    """Ten slow calls after the first are warm-up: it ends only after two blocks that agree."""
    backend = told_backend(itertools.chain([5.0], [0.05] * 5, [0.02] * 5, itertools.repeat(0.01)))
    found = warm_up(backend, ONE, clock=told_clock)
    assert (found.count, found.settled) == (1 + 20, True)


def test_warm_up_that_never_settles_says_so(told_backend, told_clock) -> None:
    """A backend that keeps getting slower is given up on after the limit, and the record tells."""
    backend = told_backend(0.01 * 1.05**n for n in itertools.count())
    found = warm_up(backend, ONE, limit_s=20, clock=told_clock)
    assert not found.settled


def test_latency_percentiles_are_exact(told_backend, told_clock) -> None:
    """With told durations of 1 to 100 ms, each once, the record's percentiles are the textbook's."""
    durations = itertools.chain([0.05] * 11, itertools.cycle(n / 1000 for n in range(1, 101)))
    settings = {"precision": 1.0, "min_samples": 100}
    record = bench.latency(told_backend(durations), ONE, option="x", clock=told_clock, **settings)
    assert len(record.samples) == 100
    assert record.percentile(50) == pytest.approx(0.0505)
    assert record.percentile(99) == pytest.approx(0.09901)
    assert record.wall_time_s == pytest.approx(5.05)
    assert record.warmup_count == 11
    assert record.warmup_settled


def test_latency_measures_until_it_is_precise(told_backend, told_clock) -> None:
    """A noisy backend is called more often than a quiet one for the same precision."""
    rng = np.random.default_rng(0)
    quiet = told_backend(itertools.repeat(0.01))
    noisy = told_backend(float(x) for x in iter(lambda: 0.01 * rng.lognormal(0, 0.3), None))
    few = bench.latency(quiet, ONE, option="quiet", min_samples=100, clock=told_clock)
    many = bench.latency(noisy, ONE, option="noisy", min_samples=100, clock=told_clock)
    assert len(few.samples) == 100
    assert len(many.samples) > 300
    assert many.value.relative_half_width <= 0.02


def test_latency_takes_as_many_samples_as_an_interval_of_its_p99_needs(told_backend, told_clock) -> None:
    """However quiet the backend: with fewer, the slowest sample would be no upper end for the 99th percentile."""
    record = bench.latency(told_backend(itertools.repeat(0.01)), ONE, option="x", clock=told_clock)
    assert 0.99 ** len(record.samples) <= 0.025


def test_latency_stops_when_its_time_is_spent(told_backend, told_clock) -> None:
    """A backend too noisy for the wanted precision is not measured for ever."""
    durations = itertools.cycle([0.1, 0.5])
    settings = {"precision": 1e-6, "min_samples": 100, "limit_s": 60}
    record = bench.latency(told_backend(durations), ONE, option="x", clock=told_clock, **settings)
    assert 60 <= record.wall_time_s < 70


def test_cancelling_stops_at_once_and_records_nothing(told_backend, told_clock) -> None:
    """Raising from the reporter ends the measurement; there is no half record."""

    def stop(fraction: float, text: str) -> None:
        if fraction > 0:
            raise bench.Cancelled

    backend = told_backend(itertools.repeat(0.01))
    with pytest.raises(bench.Cancelled):
        bench.latency(backend, ONE, option="x", clock=told_clock, on_progress=stop)
    assert backend.calls < 60


def test_throughput_has_a_record_for_each_batch_size(told_backend, told_clock) -> None:
    """Batches are filled by repeating pictures, and pictures a second follow from the batch's time."""
    records = bench.throughput(
        told_backend(itertools.repeat(0.1)), ONE, option="x", batch_sizes=(1, 32), clock=told_clock
    )
    assert [record.batch_size for record in records] == [1, 32]
    assert records[1].throughput_fps.value == pytest.approx(320)
    assert len(records[1].samples) >= 20


def test_slow_batches_are_timed_half_as_often(told_backend, told_clock) -> None:
    """A batch of a second gets ten turns and one of a tenth gets twenty, with the interval that so many allow."""
    slow, quick = (told_backend(itertools.cycle(seconds)) for seconds in ((1.0, 1.2, 1.1), (0.1,)))
    settings = {"option": "x", "batch_sizes": (32,), "clock": told_clock}
    (few,), (many,) = (bench.throughput(backend, ONE, **settings) for backend in (slow, quick))
    assert (len(few.samples), len(many.samples)) == (10, 20)
    assert (few.value.low, few.value.high) == (pytest.approx(1.0), pytest.approx(1.2))


def test_comparison_takes_turns_in_both_orders(told_backend, told_clock) -> None:
    """Options alternate, every second round in reverse, and the ratio is the true one despite a drift."""
    order = []

    def slowing(name: str, seconds: float):
        for n in itertools.count():
            order.append(name)
            yield seconds * (1 + n / 500)

    a, b = told_backend(slowing("a", 0.02)), told_backend(slowing("b", 0.01))
    told = {"clock": told_clock, "sleep": lambda seconds: None}
    found = bench.compare({"a": a, "b": b}, ONE, rounds=6, block_calls=4, settle_calls=1, **told)
    turns = [name for name, _ in itertools.groupby(order[-6 * 2 * 5 :])]
    assert turns == ["a", "b", "a", "b", "a", "b", "a"]
    assert found.ratio("a", "b").interval.value == pytest.approx(2.0, rel=0.05)
    assert [len(block) for block in blocks_of(found.records[0])] == [4] * 6


def test_threads_of_the_last_option_come_to_rest_before_the_next_is_measured(told_backend, told_clock) -> None:
    """Whoever follows a runtime whose threads still spin would be slowed by them, and only by them."""
    busy_until_s = 0.0

    class Spinning(type(told_backend(iter(())))):
        """Takes 10 ms a call, twice that while the other option's threads spin; its own spin for 40 ms after a call."""

        spins_s = 0.0

        def predict(self, images):
            nonlocal busy_until_s
            disturbed = told_clock.now_s < busy_until_s and not self.spins_s
            self.durations_s = iter([0.02 if disturbed else 0.01])
            logits = super().predict(images)
            busy_until_s = max(busy_until_s, told_clock.now_s + self.spins_s)
            return logits

    def ratio(settle_s: float) -> float:
        options = {
            name: Spinning(told_backend(iter(())).model_path, told_clock, iter(())) for name in ("spins", "next")
        }
        options["spins"].spins_s = 0.04
        rested = []

        def sleep(seconds: float) -> None:
            rested.append(seconds)
            told_clock.now_s += seconds

        settings = {"rounds": 4, "block_calls": 1, "settle_calls": 1, "settle_s": settle_s}
        found = bench.compare(options, ONE, clock=told_clock, sleep=sleep, **settings)
        assert rested == [settle_s] * 8
        assert found.records[0].details["settle_s"] == settle_s
        return found.ratio("next", "spins").interval.value

    assert ratio(SETTLE_S) == pytest.approx(1)
    assert ratio(0.0) > 1.3


def test_a_lone_record_has_no_ratio(told_backend, told_clock) -> None:
    """Only options that took turns can be put in a ratio."""
    record = bench.latency(told_backend(itertools.repeat(0.01)), ONE, option="x", clock=told_clock)
    with pytest.raises(ValueError, match="measured alone"):
        blocks_of(record)


def test_a_fall_back_is_never_recorded_under_the_wrong_name(told_backend, told_clock) -> None:
    """What the CPU ran in silence is named so, and said aloud."""
    backend = told_backend(itertools.repeat(0.01))
    backend.info = BackendInfo("onnxruntime", "CUDAExecutionProvider", {"CPUExecutionProvider": 56})
    with pytest.warns(UserWarning, match="CUDAExecutionProvider ran no node"):
        record = bench.latency(backend, ONE, option="cuda", clock=told_clock)
    assert record.option == "cuda (fell back to CPU)"


def test_accuracy_keeps_what_was_predicted(told_backend) -> None:
    """The record holds one sample a picture, and its predicted and its true class: enough for accuracy by class."""
    images, labels = np.zeros((5, 3, 8, 8), np.float32), np.array([3, 3, 0, 3, 1])
    backend = told_backend(itertools.repeat(0.01))
    record = bench.accuracy(backend, images, labels, option="x", dataset="mini/evaluation", batch_size=2)
    assert record.samples == (1.0, 1.0, 0.0, 1.0, 0.0)
    assert record.details == {"dataset": "mini/evaluation", "predicted": [3] * 5, "labels": [3, 3, 0, 3, 1]}
    with pytest.raises(ValueError, match="one label for each"):
        bench.accuracy(backend, images, labels[:2], option="x")


def test_accuracy_shows_every_batch_in_one_shape(told_backend) -> None:
    """A compiled model builds anew for a shape that it has not met; the pictures that fill a batch up do not count."""
    images, labels = np.arange(5, dtype=np.float32).reshape(5, 1, 1, 1), np.array([3, 3, 0, 3, 1])
    backend, seen = told_backend(itertools.repeat(0.01)), []
    predict = backend.predict
    backend.predict = lambda batch: seen.append(batch.ravel().tolist()) or predict(batch)
    record = bench.accuracy(backend, images, labels, option="x", batch_size=2)
    assert seen == [[0.0, 1.0], [2.0, 3.0], [4.0, 4.0]]
    assert len(record.samples) == 5
    assert len(bench.accuracy(backend, images[:1], labels[:1], option="x", batch_size=2).samples) == 1
    assert seen[-1] == [0.0]


def test_each_result_is_kept_before_the_next_begins(told_backend, told_clock, tmp_path) -> None:
    """Stopping in the last step leaves everything before it in the ledger."""
    from labs.records import Ledger

    ledger = Ledger(tmp_path / "ledger.jsonl")

    def stop_late(fraction: float, text: str) -> None:
        if fraction > 0.85:
            raise bench.Cancelled

    with pytest.raises(bench.Cancelled):
        bench.measure_option(
            told_backend(itertools.repeat(0.01)),
            ONE,
            np.array([3]),
            option="x",
            ledger=ledger,
            batch_sizes=(1, 32),
            clock=told_clock,
            on_progress=stop_late,
        )
    assert [record.kind for record in ledger] == ["size", "accuracy", "latency", "throughput"]


def test_accuracy_adds_no_batch_size_to_those_of_the_throughput(told_backend, told_clock) -> None:
    """A compiled model builds anew for each size: the pictures are shown in a size that is measured anyway."""
    images, labels = np.repeat(ONE, 5, axis=0), np.full(5, 3)
    settings = {"option": "x", "clock": told_clock}
    some = bench.measure_option(told_backend(itertools.repeat(0.01)), images, labels, batch_sizes=(1, 4), **settings)
    none = bench.measure_option(told_backend(itertools.repeat(0.01)), images, labels, batch_sizes=(), **settings)
    assert [made.batch_size for made in (*some, *none) if made.kind == "accuracy"] == [4, 8]
