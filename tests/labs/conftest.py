"""Builders for the tests of labs: a record with sensible values, a fake clock, and a model that takes set times."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from labs import bench
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


class FakeClock:
    """A monotonic clock that moves only when somebody moves it."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class FakeModel:
    """A function whose calls take exactly the given seconds on the given clock; it sees class 3 in everything."""

    def __init__(self, clock: FakeClock, durations_s: Iterator[float]) -> None:
        self.clock, self.durations_s = clock, durations_s
        self.calls = 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Let the time pass, and answer class 3 for every image."""
        self.calls += 1
        self.clock.now_s += next(self.durations_s)
        logits = np.zeros((len(images), 11), np.float32)
        logits[:, 3] = 1
        return logits


@pytest.fixture
def fake_clock() -> FakeClock:
    """Return a clock that moves only when somebody moves it."""
    return FakeClock()


@pytest.fixture
def fake_model(tmp_path: Path, fake_clock: FakeClock) -> Callable[..., FakeModel]:
    """Return a builder of models with given durations in seconds, described so that they can be measured."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"model")

    def build(durations_s: Iterator[float], made: type[FakeModel] = FakeModel, **said: object) -> FakeModel:
        model = made(fake_clock, durations_s)
        bench.describe(model, **{"model_path": path, "backend": "fake", "precision": "fp32", **said})
        return model

    return build


@pytest.fixture
def measured(make_measurement):
    """Return a builder of an option's four records with exact values."""

    def build(option: str, p50_s: float, accuracy: float, fps: float, size_bytes: float, **changes):
        right = round(accuracy * 100)
        answers = (1.0,) * right + (0.0,) * (100 - right)
        return [
            make_measurement(option=option, kind="size", samples=(size_bytes,), **changes),
            make_measurement(option=option, kind="accuracy", samples=answers, details={"labels": [3] * 100}, **changes),
            make_measurement(option=option, samples=(p50_s,) * 100, **changes),
            make_measurement(option=option, kind="throughput", samples=(32 / fps,) * 20, batch_size=32, **changes),
        ]

    return build


@pytest.fixture
def part_1(measured):
    """Return records of three options."""
    return [
        *measured("eager", 0.012, 0.88, 130, 9.2e6),
        *measured("all", 0.0027, 0.88, 340, 8.9e6),
        *measured("int8", 0.0018, 0.86, 1200, 2.4e6),
    ]
