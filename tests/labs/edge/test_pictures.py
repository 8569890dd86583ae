"""The same weights on smaller pictures."""

from pathlib import Path

import numpy as np
import pytest

from labs import bench
from labs.edge.files import with_input_size
from labs.edge.job import Candidate, Effort, Job
from labs.edge.measuring import measure
from labs.runtimes.opening import open_model


def test_a_smaller_input_keeps_every_weight(tiny_model: Path, tmp_path: Path) -> None:
    """The file takes other pictures, and is as large as before."""
    resized = with_input_size(tiny_model, tmp_path / "small.onnx", 160)
    assert abs(resized.stat().st_size - tiny_model.stat().st_size) < 20
    session = open_model(resized)
    assert bench.caller(session)(np.zeros((2, 3, 160, 160), np.float32)).shape == (2, 11)
    assert bench.describe(session).providers_used["CPUExecutionProvider"] > 0


@pytest.mark.parametrize("size_px", [0, 100, 225])
def test_a_size_that_cannot_be_halved_five_times_is_refused(tiny_model: Path, tmp_path: Path, size_px: int) -> None:
    """And nothing is written."""
    with pytest.raises(ValueError, match="multiple of 32"):
        with_input_size(tiny_model, tmp_path / "odd.onnx", size_px)
    assert not (tmp_path / "odd.onnx").exists()


def test_a_device_measures_a_small_input_in_every_way(tiny_model: Path, tmp_path: Path) -> None:
    """Size, accuracy on small pictures, latency, throughput, and a cold start."""
    with_input_size(tiny_model, tmp_path / "small.onnx", 64)
    one = Candidate("edge-small", "small.onnx", threads=1, input_px=64)
    effort = Effort(20, 0.01, 5, 1, 2, 2, 1, 0.2, 0.1)
    made = [*measure(Job("options", (one,), effort, (1,)), models=tmp_path)]
    assert [record.kind for record in made] == ["size", "accuracy", "latency", "throughput"]
    assert made[1].details["dataset"] == "food11-mini/evaluation at 64 px"
    assert {record.option for record in made} == {"edge-small"}
    cold = [*measure(Job("cold", (one,), effort), models=tmp_path)]
    assert [record.kind for record in cold] == ["load_time", "first_prediction", "peak_memory"]
