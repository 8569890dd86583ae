"""Warm-up, latency, throughput and comparison on a fake clock: percentiles come out exactly."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from labs import bench
from labs.bench.timing import SETTLE_S, warm_up

from ..conftest import FakeModel

ONE = np.zeros((1, 3, 224, 224), np.float32)


def test_warm_up_waits_for_a_slow_start(fake_model, fake_clock) -> None:
    """Ten slow calls after the first are warm-up: it ends only after two blocks that agree."""
    model = fake_model(itertools.chain([5.0], [0.05] * 5, [0.02] * 5, itertools.repeat(0.01)))
    found = warm_up(model, ONE, clock=fake_clock)
    assert (found.count, found.settled) == (1 + 20, True)


def test_warm_up_that_never_settles_says_so(fake_model, fake_clock) -> None:
    """A model that keeps getting slower is given up on after the limit, and the record tells."""
    model = fake_model(0.01 * 1.05**n for n in itertools.count())
    found = warm_up(model, ONE, limit_s=20, clock=fake_clock)
    assert not found.settled


def test_latency_percentiles_are_exact(fake_model, fake_clock) -> None:
    """With durations of 1 to 100 ms, each once, the record's percentiles are the textbook's."""
    durations = itertools.chain([0.05] * 11, itertools.cycle(n / 1000 for n in range(1, 101)))
    settings = {"half_width": 1.0, "min_samples": 100}
    record = bench.latency(fake_model(durations), ONE, option="x", clock=fake_clock, **settings)
    assert len(record.samples) == 100
    assert record.percentile(50) == pytest.approx(0.0505)
    assert record.percentile(99) == pytest.approx(0.09901)
    assert record.monotonic_end_s - record.monotonic_start_s == pytest.approx(5.05)
    assert record.warmup_count == 11
    assert record.warmup_settled


def test_latency_measures_until_it_is_precise(fake_model, fake_clock) -> None:
    """A noisy model is called more often than a quiet one for the same precision."""
    rng = np.random.default_rng(0)
    quiet = fake_model(itertools.repeat(0.01))
    noisy = fake_model(float(x) for x in iter(lambda: 0.01 * rng.lognormal(0, 0.3), None))
    few = bench.latency(quiet, ONE, option="quiet", min_samples=100, clock=fake_clock)
    many = bench.latency(noisy, ONE, option="noisy", min_samples=100, limit_s=600, clock=fake_clock)
    assert len(few.samples) == 100
    assert len(many.samples) > 300
    assert many.value.relative_half_width <= 0.02


def test_latency_stops_when_its_time_is_spent(fake_model, fake_clock) -> None:
    """A model too noisy for the wanted precision is not measured for ever."""
    durations = itertools.cycle([0.1, 0.5])
    settings = {"half_width": 1e-6, "min_samples": 100, "limit_s": 60}
    record = bench.latency(fake_model(durations), ONE, option="x", clock=fake_clock, **settings)
    assert 60 <= record.monotonic_end_s - record.monotonic_start_s < 70


def test_cancelling_stops_at_once_and_records_nothing(fake_model, fake_clock) -> None:
    """Raising from the reporter ends the measurement; there is no half record."""

    def stop(fraction: float, text: str) -> None:
        if fraction > 0:
            raise bench.Cancelled

    model = fake_model(itertools.repeat(0.01))
    with pytest.raises(bench.Cancelled):
        bench.latency(model, ONE, option="x", clock=fake_clock, on_progress=stop)
    assert model.calls < 60


def test_throughput_has_a_record_for_each_batch_size(fake_model, fake_clock) -> None:
    """Batches are filled by repeating images, and images a second follow from the batch's time."""
    records = bench.throughput(
        fake_model(itertools.repeat(0.1)), ONE, option="x", batch_sizes=(1, 32), clock=fake_clock
    )
    assert [record.batch_size for record in records] == [1, 32]
    assert records[1].throughput_fps.value == pytest.approx(320)
    assert len(records[1].samples) >= 20


def test_slow_batches_are_timed_half_as_often(fake_model, fake_clock) -> None:
    """A batch of a second gets ten turns and one of a tenth gets twenty, with the interval that so many allow."""
    slow, quick = (fake_model(itertools.cycle(seconds)) for seconds in ((1.0, 1.2, 1.1), (0.1,)))
    settings = {"option": "x", "batch_sizes": (32,), "clock": fake_clock}
    (few,), (many,) = (bench.throughput(model, ONE, **settings) for model in (slow, quick))
    assert (len(few.samples), len(many.samples)) == (10, 20)
    assert (few.value.low, few.value.high) == (pytest.approx(1.0), pytest.approx(1.2))


def test_comparison_takes_turns_in_both_orders(fake_model, fake_clock) -> None:
    """Options alternate, every second round in reverse, and the ratio is the true one despite a drift."""
    order = []

    def slowing(name: str, seconds: float):
        for n in itertools.count():
            order.append(name)
            yield seconds * (1 + n / 500)

    a, b = fake_model(slowing("a", 0.02)), fake_model(slowing("b", 0.01))
    told = {"clock": fake_clock, "sleep": lambda seconds: None}
    found = bench.compare({"a": a, "b": b}, ONE, rounds=6, block_calls=4, settle_calls=1, **told)
    turns = [name for name, _ in itertools.groupby(order[-6 * 2 * 5 :])]
    assert turns == ["a", "b", "a", "b", "a", "b", "a"]
    assert found.ratio("a", "b").interval.value == pytest.approx(2.0, rel=0.05)
    assert [len(block) for block in found.records[0].blocks] == [4] * 6


def test_threads_of_the_last_option_come_to_rest_before_the_next_is_measured(fake_model, fake_clock) -> None:
    """Whoever follows a runtime whose threads still spin would be slowed by them, and only by them."""
    busy_until_s = 0.0

    class Spinning(FakeModel):
        """Takes 10 ms a call, twice that while the other option's threads spin; its own spin for 40 ms after a call."""

        spins_s = 0.0

        def __call__(self, images):
            nonlocal busy_until_s
            disturbed = fake_clock.now_s < busy_until_s and not self.spins_s
            self.durations_s = iter([0.02 if disturbed else 0.01])
            logits = super().__call__(images)
            busy_until_s = max(busy_until_s, fake_clock.now_s + self.spins_s)
            return logits

    def ratio(settle_s: float) -> float:
        options = {name: fake_model(iter(()), Spinning) for name in ("spins", "next")}
        options["spins"].spins_s = 0.04
        rested = []

        def sleep(seconds: float) -> None:
            rested.append(seconds)
            fake_clock.now_s += seconds

        settings = {"rounds": 4, "block_calls": 1, "settle_calls": 1, "settle_s": settle_s}
        found = bench.compare(options, ONE, clock=fake_clock, sleep=sleep, **settings)
        assert rested == [settle_s] * 8
        assert found.records[0].details["settle_s"] == settle_s
        return found.ratio("next", "spins").interval.value

    assert ratio(SETTLE_S) == pytest.approx(1)
    assert ratio(0.0) > 1.3


def test_a_lone_record_has_no_ratio(fake_model, fake_clock) -> None:
    """Only options that took turns can be put in a ratio."""
    record = bench.latency(fake_model(itertools.repeat(0.01)), ONE, option="x", clock=fake_clock)
    assert 0.99 ** len(record.samples) <= 0.025, "fewer samples have no upper end of a p99's interval"
    with pytest.raises(ValueError, match="measured alone"):
        record.blocks  # noqa: B018


def test_a_fall_back_is_never_recorded_under_the_wrong_name(fake_model, fake_clock, monkeypatch) -> None:
    """What the CPU ran in silence is named so, and said aloud."""
    asked = {"provider": "CUDAExecutionProvider"}
    model = fake_model(itertools.repeat(0.01), **asked)
    found = replace(bench.describe(model), providers_used={"CPUExecutionProvider": 56})
    monkeypatch.setattr("labs.bench.timing.describe", lambda target: found)
    with pytest.warns(UserWarning, match="CUDAExecutionProvider ran no node"):
        record = bench.latency(model, ONE, option="cuda", clock=fake_clock)
    assert record.option == "cuda (fell back to CPU)"


def test_accuracy_keeps_what_was_predicted(fake_model) -> None:
    """The record holds one sample a image, and its predicted and its true class: enough for accuracy by class."""
    images, labels = np.zeros((5, 3, 8, 8), np.float32), np.array([3, 3, 0, 3, 1])
    model = fake_model(itertools.repeat(0.01))
    record = bench.accuracy(model, images, labels, option="x", dataset="mini/evaluation", batch_size=2)
    assert record.samples == (1.0, 1.0, 0.0, 1.0, 0.0)
    assert record.details == {"dataset": "mini/evaluation", "predicted": [3] * 5, "labels": [3, 3, 0, 3, 1]}
    with pytest.raises(ValueError, match="one label for each"):
        bench.accuracy(model, images, labels[:2], option="x")


def test_accuracy_shows_every_batch_in_one_shape(fake_model) -> None:
    """A compiled model builds anew for a shape that it has not met; the images that fill a batch up do not count."""
    images, labels = np.arange(5, dtype=np.float32).reshape(5, 1, 1, 1), np.array([3, 3, 0, 3, 1])
    seen = []

    class Watched(FakeModel):
        """Notes what it is shown."""

        def __call__(self, batch):
            seen.append(batch.ravel().tolist())
            return super().__call__(batch)

    model = fake_model(itertools.repeat(0.01), Watched)
    record = bench.accuracy(model, images, labels, option="x", batch_size=2)
    assert seen == [[0.0, 1.0], [2.0, 3.0], [4.0, 4.0]]
    assert len(record.samples) == 5
    assert len(bench.accuracy(model, images[:1], labels[:1], option="x", batch_size=2).samples) == 1
    assert seen[-1] == [0.0]


def test_cancel_is_heard_while_a_slow_model_warms_up(fake_model, fake_clock) -> None:
    """Twenty seconds of warm-up are no reason to wait for them: the reporter may stop them between two calls."""
    heard = []

    def stop(fraction: float, text: str) -> None:
        heard.append(text)
        if len(heard) == 3:
            raise bench.Cancelled

    model = fake_model(itertools.repeat(2.0))
    with pytest.raises(bench.Cancelled):
        bench.latency(model, ONE, option="slow", clock=fake_clock, on_progress=stop)
    assert set(heard) == {"slow: warming up"}
    assert model.calls <= 4


def test_a_function_without_arguments_is_measured_too(fake_clock, tmp_path) -> None:
    """Any piece of work has a latency; it says once what it is."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"x")

    def work() -> None:
        fake_clock.now_s += 0.25

    with pytest.raises(bench.UnknownTargetError, match="model_path=…, backend=…, precision=…"):
        bench.latency(work, option="work", clock=fake_clock)
    bench.describe(work, model_path=path, backend="litert", precision="int8")
    found = bench.latency(work, option="work", min_samples=20, clock=fake_clock)
    assert (found.percentile(50), found.backend, found.model.name) == (0.25, "litert", "model.bin")
