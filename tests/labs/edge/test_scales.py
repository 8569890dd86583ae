"""One scale for a whole weight tensor: one thing is changed, and what it costs can be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labs.edge.scales import with_one_scale

onnx = pytest.importorskip("onnx")

#: Weights of three channels: a wide one, a narrow one, and a silenced one, to which a quantizer gives the scale 1.
WEIGHTS, SCALES = np.array([[127, -64], [100, -127], [0, 0]], np.int8), np.array([0.02, 0.0001, 1.0], np.float32)
BIAS, INPUT_SCALE = np.array([500, 70_000, 3], np.int32), np.float32(0.01)


@pytest.fixture
def fine(tmp_path: Path) -> Path:
    """A matrix product as a quantizer writes it, with a scale for each channel; two readers share one constant."""
    from onnx import TensorProto, helper, numpy_helper

    arrays = {"w": WEIGHTS, "s": SCALES, "z": np.zeros(3, np.int8), "b": BIAS, "bs": INPUT_SCALE * SCALES}
    arrays |= {"bz": np.zeros(3, np.int32), "xs": INPUT_SCALE, "xz": np.int8(0), "other": np.ones(3, np.int8)}
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()]
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "xs", "xz"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["x"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wf"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["bf"], axis=0),
        helper.make_node("DequantizeLinear", ["other", "s", "z"], ["of"], axis=0),
        helper.make_node("Gemm", ["x", "wf", "bf"], ["g"], transB=1),
        helper.make_node("Add", ["g", "of"], ["output"]),
    ]
    ends = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 2])]
    made = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3])]
    graph = helper.make_graph(nodes, "fine", ends, made, stored)
    path = tmp_path / "fine.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def answer(path: Path) -> np.ndarray:
    """Return what a file answers to two numbers."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": np.array([[0.5, 0.25]], np.float32)})[0][0]


def test_the_widest_channel_keeps_its_answer_and_the_narrow_one_loses_it(fine: Path, tmp_path: Path) -> None:
    """A step of 0.02 makes 0 and −0.02 of 0.01 and −0.0127; whoever else reads that constant still reads it."""
    before, after = answer(fine), answer(with_one_scale(fine, tmp_path / "coarse.onnx"))
    assert after[[0, 2]] == pytest.approx(before[[0, 2]], abs=1e-3)
    fine_part, coarse_part = 0.5 * 0.01 - 0.25 * 0.0127, -0.25 * 0.02
    assert before[1] - after[1] == pytest.approx(fine_part - coarse_part, abs=2e-4)


def test_the_file_given_is_not_touched_and_the_new_one_has_one_step(fine: Path, tmp_path: Path) -> None:
    """One scale in every place, the silenced channel's included, and no constant that nobody reads."""
    from onnx import numpy_helper

    content = fine.read_bytes()
    graph = onnx.load(with_one_scale(fine, tmp_path / "coarse.onnx")).graph
    assert fine.read_bytes() == content
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    (reader,) = [node for node in graph.node if node.output[0] == "wf"]
    assert stored[reader.input[1]] == pytest.approx([0.02] * 3)
    assert stored[reader.input[0]].tolist() == [[127, -64], [0, -1], [0, 0]]
    assert set(stored) == {name for node in graph.node for name in node.input} & set(stored)


def test_a_file_without_such_weights_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    """A float model has nothing to make coarser, and nothing is written."""
    with pytest.raises(ValueError, match="no weights with a scale a channel"):
        with_one_scale(tiny_model, tmp_path / "coarse.onnx")
    assert not (tmp_path / "coarse.onnx").exists()
