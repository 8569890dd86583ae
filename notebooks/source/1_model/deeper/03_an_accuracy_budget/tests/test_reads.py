"""Tests of the reader of files whose layers have different precisions."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from labs.deeper.budget.reads import share_by_type, within_budgets


def test_weights_are_counted_by_the_type_that_is_stored(tmp_path: Path):
    """A float layer, one in bytes and one in half bytes; scales and biases are no weights."""
    weights = [
        ("a", TensorProto.FLOAT, 2),
        ("b", TensorProto.INT8, 4),
        ("c", TensorProto.INT4, 4),
    ]
    nodes, stored = [], []
    for name, kind, size in weights:
        ones = [1] * size
        stored.append(helper.make_tensor(name, kind, [size, 1], ones))
        weight = name
        if kind != TensorProto.FLOAT:
            scale, weight = f"{name}_scale", f"{name}_real"
            stored.append(numpy_helper.from_array(np.float32(1), scale))
            nodes.append(helper.make_node("DequantizeLinear", [name, scale], [weight]))
        nodes.append(helper.make_node("MatMul", ["x", weight], [f"{name}_out"]))
    graph = helper.make_graph(nodes, "mixed", [], [], stored)
    path = tmp_path / "mixed.onnx"
    onnx.save(helper.make_model(graph), path)
    shares = {"FLOAT": 0.2, "INT8": 0.4, "INT4": 0.4}
    assert share_by_type(path) == pytest.approx(shares)
    # A file that is missing is named by the budget that it is for.
    facts = within_budgets({"int8-budget-05": Path("somewhere.onnx")})
    assert facts == {"missing": "int8-budget-01"}
