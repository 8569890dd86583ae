"""Builders for the tests of labs: a record with sensible values, a clock that is told, a backend that counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from labs.backends import Backend, BackendInfo
from labs.machine import Fingerprint
from labs.records import Measurement, ModelFile, Threads

MACHINE = Fingerprint(
    cpu_model="Test CPU",
    architecture="x86_64",
    cpu_flags=("avx2",),
    cpu_count=2,
    memory_bytes=8 * 2**30,
    system="Linux 6",
    python="3.11.0",
)


@pytest.fixture
def make_measurement() -> Callable[..., Measurement]:
    """Return a builder of valid measurements; keyword arguments replace single fields."""

    def build(**changes: object) -> Measurement:
        values = {
            "kind": "latency",
            "option": "onnx-all",
            "samples": (0.001, 0.002, 0.003),
            "batch_size": 1,
            "model": ModelFile("model.onnx", "a" * 64, 9_000_000),
            "backend": "onnxruntime",
            "provider_requested": "CPUExecutionProvider",
            "providers_used": {"CPUExecutionProvider": 56},
            "precision": "fp32",
            "threads": Threads(2, 1),
            "warmup_count": 11,
            "warmup_settled": True,
            "started_at": "2026-01-02T03:04:05+00:00",
            "monotonic_start_s": 10.0,
            "monotonic_end_s": 11.0,
            "machine": MACHINE,
            "libraries": {"onnxruntime": "1.32.0"},
            "code_version": "0.1.0",
        }
        return Measurement(**{**values, **changes})

    return build


class ToldClock:
    """A monotonic clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class ToldBackend(Backend):
    """A backend whose predictions take exactly the seconds that it was told, on the clock that it was given."""

    def __init__(self, model_path: Path, clock: ToldClock, durations_s: Iterator[float]) -> None:
        self.model_path, self.clock, self.durations_s = model_path, clock, durations_s
        self.calls = 0
        self.info = BackendInfo("told", "CPUExecutionProvider", {"CPUExecutionProvider": 1})

    def load(self) -> None:
        """Need nothing."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Let the told time pass, and answer class 3 for every picture."""
        self.calls += 1
        self.clock.now_s += next(self.durations_s)
        logits = np.zeros((len(images), 11), np.float32)
        logits[:, 3] = 1
        return logits

    def describe(self) -> BackendInfo:
        """Return what the test says it is."""
        return self.info


@pytest.fixture
def told_clock() -> ToldClock:
    """Return a clock that moves only when it is told to."""
    return ToldClock()


@pytest.fixture
def told_backend(tmp_path: Path, told_clock: ToldClock) -> Callable[[Iterator[float]], ToldBackend]:
    """Return a builder of backends with given durations in seconds."""
    model = tmp_path / "model.onnx"
    model.write_bytes(b"model")
    return lambda durations_s: ToldBackend(model, told_clock, durations_s)
