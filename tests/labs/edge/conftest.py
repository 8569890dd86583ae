"""A model that takes moments: it averages a photo's colours and turns them into eleven logits."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its file; a convolution with stride 32 stands for the network's five halvings."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    generator = np.random.default_rng(0)
    weights = {"w": generator.normal(size=(8, 3, 3, 3)), "m": generator.normal(size=(11, 8))}
    stored = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["a"], name="c/Conv", strides=[32, 32], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["a"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "m"], ["output"], name="l/Gemm", transB=1),
    ]
    ends = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 224, 224])]
    made = [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 11])]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", ends, made, stored), opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    )
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    onnx.save(model, path)
    return path
