"""Load without a pause, on a told clock: windows, heat, and no more samples than are needed."""

import itertools

import numpy as np
import pytest

from labs.bench.sustained import MOST_SAMPLES, sustained
from labs.machine.sensors import Heat
from labs.records import Ledger

IMAGE = np.zeros((1, 3, 224, 224), np.float32)


def heating():
    """Return a reader of a processor that grows ten degrees warmer at each look, and is capped at 80."""
    warmth = itertools.count(40.0, 10.0)

    def read() -> Heat:
        now = next(warmth)
        return Heat(now, 2.4e9 if now < 80 else 1.5e9, 0x20002 if now >= 80 else 0)

    return read


def test_windows_hold_latency_and_heat(fake_model, fake_clock, tmp_path) -> None:
    """Ten seconds in windows of two; the answer takes twice as long from the sixth second on."""
    fast, slow = [0.1] * 91, itertools.repeat(0.2)  # 31 calls go into warming up
    backend = fake_model(itertools.chain(fast, slow))
    settings = {"duration_s": 10.0, "window_s": 2.0, "clock": fake_clock, "heat": heating()}
    made = sustained(backend, IMAGE, option="edge-x", **settings)
    windows = made.details["windows"]
    assert [round(window["t_s"]) for window in windows] == [2, 4, 6, 8, 10]
    assert windows[0]["p50_s"] == pytest.approx(0.1)
    assert windows[-1]["p50_s"] == pytest.approx(0.2)
    assert [window["temperature_c"] for window in windows] == [50.0, 60.0, 70.0, 80.0, 90.0]
    assert windows[-1]["throttle_bits"] == 0x20002
    assert made.details["idle"]["temperature_c"] == 40.0
    assert made.details["calls"] == len(made.samples) == sum(window["calls"] for window in windows)
    assert Ledger(tmp_path / "ledger.jsonl").append(made) == made


def test_what_is_not_told_is_listed(fake_model, fake_clock) -> None:
    """A virtual machine: no thermometer, no figure."""
    backend = fake_model(itertools.repeat(0.1))
    settings = {"duration_s": 2.0, "window_s": 1.0, "clock": fake_clock, "heat": Heat}
    made = sustained(backend, IMAGE, option="edge-x", **settings)
    assert made.details["unreadable"] == ["temperature", "frequency", "throttle flags"]


def test_a_long_run_is_thinned_and_says_so(fake_model, fake_clock) -> None:
    """Minutes at 1 ms would fill the ledger; the windows have seen every call."""
    backend = fake_model(itertools.repeat(0.001))
    settings = {"duration_s": 12.0, "window_s": 1.0, "clock": fake_clock, "heat": Heat}
    made = sustained(backend, IMAGE, option="edge-x", **settings)
    assert made.details["calls"] > 2 * MOST_SAMPLES
    assert len(made.samples) <= MOST_SAMPLES
    assert len(made.samples) * made.details["kept_every"] >= made.details["calls"]
