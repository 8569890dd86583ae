"""Cold start, in real fresh processes."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from labs import bench
from labs.bench.cold import ColdStartError


@pytest.fixture
def tiny_model(tmp_path):
    """Return the file of a model that averages each channel."""
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["input"], ["output"])],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 224, 224])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 3, 1, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, tmp_path / "tiny.onnx")
    return tmp_path / "tiny.onnx"


def test_each_sample_is_a_fresh_process(tiny_model) -> None:
    """A big parent does not make the child's peak memory look big."""
    ballast = np.ones(100_000_000, np.float64)  # 800 MB in this process
    records = {r.kind: r for r in bench.cold_start(tiny_model, option="t", samples=2)}
    assert set(records) == {"load_time", "first_prediction", "peak_memory"}
    assert 10e6 < records["peak_memory"].value.value < ballast.nbytes / 2
    assert len(records["load_time"].samples) == 2
    assert records["load_time"].providers_used == {"CPUExecutionProvider": 1}


def test_a_process_that_fails_shows_why(tmp_path) -> None:
    """The error ends with what the fresh process printed."""
    with pytest.raises(ColdStartError, match="no model at"):
        bench.cold_start(tmp_path / "missing.onnx", option="t", samples=1)
