"""Warm-up, latency, throughput and comparison on a fake clock: percentiles come out exactly."""

import itertools
import os
from dataclasses import replace

import numpy as np
import pytest

from labs import bench
from labs.bench.sustained import MOST_SAMPLES, sustained
from labs.bench.timing import SETTLE_S, Stopwatch, record, warm_up
from labs.machine.busy import ProcessorTime
from labs.machine.sensors import Heat
from labs.records import Ledger
from tests.labs.conftest import FakeModel

ONE = np.zeros((1, 3, 224, 224), np.float32)


def test_warm_up_waits_for_a_slow_start(fake_model, fake_clock) -> None:
    """It ends only after two blocks that agree; for a model that becomes slower and slower, it ends
    at the limit.
    """
    model = fake_model(itertools.chain([5.0], [0.05] * 5, [0.02] * 5, itertools.repeat(0.01)))
    warming = warm_up(model, ONE, clock=fake_clock)
    assert (warming.count, warming.settled) == (1 + 20, True)
    slowing = fake_model(0.01 * 1.05**n for n in itertools.count())
    assert not warm_up(slowing, ONE, limit_s=20, clock=fake_clock).settled, "and the record tells"


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


def test_a_record_says_how_much_of_the_machine_others_used(fake_model) -> None:
    """Between the stopwatch's start and the record, whatever the calls took."""
    half_s = 10 * (os.cpu_count() or 1) / 2
    readings = iter([ProcessorTime(0, 100, 3), ProcessorTime(10, 101 + half_s, 4)])
    watch = Stopwatch(usage=lambda: next(readings))
    about = bench.describe(fake_model(itertools.repeat(0.01)))
    made = record("latency", "x", [0.01], about, watch)
    assert made.others_share == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call_s", "warming", "most_calls"),
    [(0.01, False, 59), (2.0, True, 4)],
    ids=["measuring", "warming up"],
)
def test_cancelling_stops_at_once_and_records_nothing(
    fake_model, fake_clock, call_s, warming, most_calls
) -> None:
    """Raising from the reporter ends it between two calls: twenty seconds of warm-up are no reason
    to wait for them.
    """
    heard = []

    def stop(fraction: float, text: str) -> None:
        heard.append(text)
        if len(heard) == 3 if warming else fraction > 0:
            raise bench.Cancelled

    model = fake_model(itertools.repeat(call_s))
    with pytest.raises(bench.Cancelled):
        bench.latency(model, ONE, option="x", clock=fake_clock, on_progress=stop)
    assert not warming or set(heard) == {"x: warming up"}
    assert model.calls <= most_calls


def test_throughput_has_a_record_for_each_batch_size(fake_model, fake_clock) -> None:
    """Batches are filled by repeating images, and images a second follow from the batch's time."""

    def records(*seconds: float) -> list:
        model = fake_model(itertools.cycle(seconds))
        return bench.throughput(model, ONE, option="x", batch_sizes=(1, 32), clock=fake_clock)

    (single, quick), (_, slow) = records(0.1), records(1.0, 1.2, 1.1)
    assert (single.batch_size, quick.batch_size) == (1, 32)
    assert quick.throughput_fps.value == pytest.approx(320)
    assert (len(slow.samples), len(quick.samples)) == (10, 20)
    assert (slow.value.low, slow.value.high) == (pytest.approx(1.0), pytest.approx(1.2))


def test_comparison_takes_turns_in_both_orders(fake_model, fake_clock) -> None:
    """Options alternate, every second round in reverse, and the ratio is the true one despite a
    drift.
    """
    order = []

    def slowing(name: str, seconds: float):
        for n in itertools.count():
            order.append(name)
            yield seconds * (1 + n / 500)

    a, b = fake_model(slowing("a", 0.02)), fake_model(slowing("b", 0.01))
    virtual_time = {"clock": fake_clock, "sleep": lambda seconds: None}
    settings = {"rounds": 6, "block_calls": 4, "settle_calls": 1}
    run = bench.compare({"a": a, "b": b}, ONE, **settings, **virtual_time)
    turns = [name for name, _ in itertools.groupby(order[-6 * 2 * 5 :])]
    assert turns == ["a", "b", "a", "b", "a", "b", "a"]
    assert run.ratio("a", "b").interval.value == pytest.approx(2.0, rel=0.05)
    assert [len(block) for block in run.records[0].blocks] == [4] * 6


def test_threads_of_the_last_option_come_to_rest_before_the_next_is_measured(
    fake_model, fake_clock
) -> None:
    """Whoever follows a runtime whose threads still spin would be slowed by them, and only by
    them.
    """
    busy_until_s = 0.0

    class Spinning(FakeModel):
        """Takes 10 ms a call, twice that while the other option's threads spin; its own spin for 40
        ms after a call.
        """

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
        run = bench.compare(options, ONE, clock=fake_clock, sleep=sleep, **settings)
        assert rested == [settle_s] * 8
        assert run.records[0].details["settle_s"] == settle_s
        return run.ratio("next", "spins").interval.value

    assert ratio(SETTLE_S) == pytest.approx(1)
    assert ratio(0.0) > 1.3


def test_a_lone_record_has_no_ratio(fake_model, fake_clock) -> None:
    """Only options that took turns can be put in a ratio."""
    record = bench.latency(fake_model(itertools.repeat(0.01)), ONE, option="x", clock=fake_clock)
    assert 0.99 ** len(record.samples) <= 0.025, (
        "fewer samples have no upper end of a p99's interval"
    )
    with pytest.raises(ValueError, match="measured alone"):
        record.blocks  # noqa: B018


def test_a_fall_back_is_never_recorded_under_the_wrong_name(
    fake_model, fake_clock, monkeypatch
) -> None:
    """If the CPU ran a model without a message, the record names the CPU, and a warning says so."""
    asked = {"provider": "CUDAExecutionProvider"}
    model = fake_model(itertools.repeat(0.01), **asked)
    on_cpu = replace(bench.describe(model), providers_used={"CPUExecutionProvider": 56})
    monkeypatch.setattr("labs.bench.timing.describe", lambda target: on_cpu)
    with pytest.warns(UserWarning, match="CUDAExecutionProvider ran no node"):
        record = bench.latency(model, ONE, option="cuda", clock=fake_clock)
    assert record.option == "cuda (fell back to CPU)"


def test_accuracy_keeps_what_was_predicted_and_shows_every_batch_in_one_shape(fake_model) -> None:
    """The record holds one sample an image, and its predicted and its true class: enough for
    accuracy by class.
    """
    images, labels = np.arange(5, dtype=np.float32).reshape(5, 1, 1, 1), np.array([3, 3, 0, 3, 1])
    seen = []

    class Watched(FakeModel):
        """Notes what it is shown."""

        def __call__(self, batch):
            seen.append(batch.ravel().tolist())
            return super().__call__(batch)

    model, settings = fake_model(itertools.repeat(0.01), Watched), {"option": "x", "batch_size": 2}
    record = bench.accuracy(model, images, labels, dataset="mini/evaluation", **settings)
    assert seen == [[0.0, 1.0], [2.0, 3.0], [4.0, 4.0]]
    assert record.samples == (1.0, 1.0, 0.0, 1.0, 0.0)
    assert record.details == {
        "dataset": "mini/evaluation",
        "predicted": [3] * 5,
        "labels": [3, 3, 0, 3, 1],
    }
    assert len(bench.accuracy(model, images[:1], labels[:1], **settings).samples) == 1
    assert seen[-1] == [0.0]
    with pytest.raises(ValueError, match="one label for each"):
        bench.accuracy(model, images, labels[:2], option="x")


def test_a_function_without_arguments_is_measured_too(fake_clock, tmp_path) -> None:
    """Any piece of work has a latency; it says once what it is."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"x")

    def work() -> None:
        fake_clock.now_s += 0.25

    with pytest.raises(bench.UnknownTargetError, match="model_path=…, backend=…, precision=…"):
        bench.latency(work, option="work", clock=fake_clock)
    bench.describe(work, model_path=path, backend="litert", precision="int8")
    record = bench.latency(work, option="work", min_samples=20, clock=fake_clock)
    assert record.percentile(50) == 0.25
    assert record.backend == "litert"
    assert record.model.name == "model.bin"


def test_windows_hold_latency_and_heat(fake_model, fake_clock, tmp_path) -> None:
    """Ten seconds in windows of two; the answer takes twice as long from the sixth second on."""
    fast, slow = [0.1] * 91, itertools.repeat(0.2)  # 31 calls go into warming up
    backend = fake_model(itertools.chain(fast, slow))
    # Ten degrees warmer at each look, and capped at 80.
    looks = (
        Heat(now, *((2.4e9, 0) if now < 80 else (1.5e9, 0x20002)))
        for now in itertools.count(40.0, 10.0)
    )
    settings = {"duration_s": 10.0, "window_s": 2.0, "clock": fake_clock, "heat": looks.__next__}
    record = sustained(backend, ONE, option="edge-x", **settings)
    windows = record.details["windows"]
    assert [round(window["t_s"]) for window in windows] == [2, 4, 6, 8, 10]
    assert windows[0]["p50_s"] == pytest.approx(0.1)
    assert windows[-1]["p50_s"] == pytest.approx(0.2)
    assert [window["temperature_c"] for window in windows] == [50.0, 60.0, 70.0, 80.0, 90.0]
    assert windows[-1]["throttle_bits"] == 0x20002
    assert record.details["idle"]["temperature_c"] == 40.0
    calls_in_windows = sum(window["calls"] for window in windows)
    assert record.details["calls"] == len(record.samples) == calls_in_windows
    assert Ledger(tmp_path / "ledger.jsonl").append(record) == record


def test_a_long_run_is_thinned_and_says_so(fake_model, fake_clock) -> None:
    """Minutes at 1 ms would fill the ledger; the windows have seen every call."""
    backend = fake_model(itertools.repeat(0.001))
    settings = {"duration_s": 12.0, "window_s": 1.0, "clock": fake_clock, "heat": Heat}
    record = sustained(backend, ONE, option="edge-x", **settings)
    assert record.details["unreadable"] == ["temperature", "frequency", "throttle flags"]
    assert record.details["calls"] > 2 * MOST_SAMPLES
    assert len(record.samples) <= MOST_SAMPLES
    assert len(record.samples) * record.details["kept_every"] >= record.details["calls"]
