"""A slim file is smaller and computes the same, bit for bit."""

from __future__ import annotations

import shutil

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import QuantFormat

from labs.optimize.graph import read_graph
from labs.optimize.predict import logits_of
from labs.optimize.slim import slim_onnx
from labs.optimize.static_quantization import keep_float

KEPT = ["features.2.conv.1.0/Conv"]


@pytest.fixture(params=["float", "qdq", "qoperator", "kept"])
def fat(request, prepared, quantized):
    """A file of each kind."""
    return {
        "float": lambda: prepared,
        "qdq": quantized,
        "qoperator": lambda: quantized("qoperator", quant_format=QuantFormat.QOperator),
        "kept": lambda: keep_float(quantized("kept", nodes_to_exclude=KEPT), KEPT),
    }[request.param]()


def test_same_logits_in_fewer_bytes(fat, images, tmp_path) -> None:
    """Bit for bit the same, optimized or not; the steps add up to what was saved; the model's own names stay."""
    slim = tmp_path / "slim.onnx"
    saved = slim_onnx(fat, slim)
    for level in ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL"):
        before, after = (logits_of(path, images[:8], level=level) for path in (fat, slim))
        assert np.array_equal(before, after)
    assert sum(saved.values()) == fat.stat().st_size - slim.stat().st_size > 0
    graph = read_graph(slim)
    assert (graph.inputs, graph.outputs) == (("input",), ("output",))


def test_onnx_runtime_fuses_it_just_as_well(fat, optimize_graph, tmp_path) -> None:
    """Sharing constants must not hide a pattern from the optimizer."""
    slim = tmp_path / "slim.onnx"
    slim_onnx(fat, slim)
    counts = [
        read_graph(optimize_graph(path, "ORT_ENABLE_EXTENDED", tmp_path / "o.onnx")).op_counts for path in (fat, slim)
    ]
    assert counts[0] == counts[1]


def test_a_file_may_be_slimmed_in_place(fat, images, tmp_path) -> None:
    """Reading and writing the same path works, and leaves nothing beside it."""
    copy = shutil.copy(fat, tmp_path / "copy.onnx")
    before = logits_of(copy, images[:4])
    slim_onnx(copy)
    assert np.array_equal(before, logits_of(copy, images[:4]))
    assert not list(tmp_path.glob("*.partial"))


def test_external_weights_are_refused(prepared, tmp_path) -> None:
    """A file without its weights cannot be made smaller by itself."""
    path = tmp_path / "external.onnx"
    onnx.save(onnx.load(prepared), path, save_as_external_data=True, location="weights", size_threshold=0)
    with pytest.raises(ValueError, match="external_data=False"):
        slim_onnx(path)
