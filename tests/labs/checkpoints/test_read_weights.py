"""Readers of files whose layers have different precisions."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from labs.checkpoints.reads.weights import share_by_type, within_budgets


def test_weights_are_counted_by_the_type_that_is_stored(tmp_path: Path):
    """A float layer, one in bytes and one in half bytes; scales and biases are no weights."""
    nodes, stored = [], []
    for name, kind, size in (("a", TensorProto.FLOAT, 2), ("b", TensorProto.INT8, 4), ("c", TensorProto.INT4, 4)):
        stored.append(helper.make_tensor(name, kind, [size, 1], [1] * size))
        weight = name
        if kind != TensorProto.FLOAT:
            stored.append(numpy_helper.from_array(np.float32(1), f"{name}_scale"))
            nodes.append(helper.make_node("DequantizeLinear", [name, f"{name}_scale"], [f"{name}_real"]))
            weight = f"{name}_real"
        nodes.append(helper.make_node("MatMul", ["x", weight], [f"{name}_out"]))
    onnx.save(helper.make_model(helper.make_graph(nodes, "mixed", [], [], stored)), tmp_path / "mixed.onnx")
    assert share_by_type(tmp_path / "mixed.onnx") == pytest.approx({"FLOAT": 0.2, "INT8": 0.4, "INT4": 0.4})


def test_a_missing_file_is_named():
    """By the budget that it is for."""
    assert within_budgets({"int8-budget-05": Path("somewhere.onnx")}) == {"missing": "int8-budget-01"}
