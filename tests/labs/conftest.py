"""Builders for the tests of labs: a record with sensible values, a fake clock, and a model that
takes set times.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labs import bench
from labs.records import Measurement
from tests.entries import completed


@pytest.fixture
def make_measurement() -> Callable[..., Measurement]:
    """Return a builder of valid measurements; keyword arguments replace single fields."""
    fields = {
        "option": "onnx-all",
        "samples": [0.001, 0.002, 0.003],
        "providers_used": {"CPUExecutionProvider": 56},
    }
    plain = Measurement.from_json(completed(**fields, machine={"cpu_model": "Test CPU"}))
    return lambda **changes: replace(plain, **{"record_id": uuid.uuid4().hex, **changes})


class FakeClock:
    """A monotonic clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class FakeModel:
    """A function whose calls take exactly the given seconds on the given clock; it sees class 3 in
    everything.
    """

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
    """Return a clock that moves only when a test moves it."""
    return FakeClock()


@pytest.fixture
def fake_model(tmp_path: Path, fake_clock: FakeClock) -> Callable[..., FakeModel]:
    """Return a builder of models with given durations in seconds, described so that they can be
    measured.
    """
    path = tmp_path / "model.onnx"
    path.write_bytes(b"model")

    def build(
        durations_s: Iterator[float], kind: type[FakeModel] = FakeModel, **description: object
    ) -> FakeModel:
        model = kind(fake_clock, durations_s)
        bench.describe(
            model, **{"model_path": path, "backend": "fake", "precision": "fp32", **description}
        )
        return model

    return build


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model's file that averages a photo's colours; stride 32 stands for the network's
    five halvings.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    generator = np.random.default_rng(0)
    weights = {"w": generator.normal(size=(8, 3, 3, 3)), "m": generator.normal(size=(11, 8))}
    stored = [
        numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()
    ]
    convolution = helper.make_node(
        "Conv", ["input", "w"], ["a"], name="c/Conv", strides=[32, 32], pads=[1, 1, 1, 1]
    )
    pooling = helper.make_node("GlobalAveragePool", ["a"], ["p"])
    flatten = helper.make_node("Flatten", ["p"], ["f"])
    dense = helper.make_node("Gemm", ["f", "m"], ["output"], name="l/Gemm", transB=1)
    nodes = [convolution, pooling, flatten, dense]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 224, 224])]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 11])]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", inputs, outputs, stored),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    onnx.save(model, path)
    return path
