"""Facts about a quantized file: how it writes its numbers down, and what it answers."""

from pathlib import Path

import onnx
from onnx import numpy_helper

from labs.checkpoints.reads.onnx_files import agreement


def quantized_file(path: Path) -> dict:
    """Return how a file writes its numbers down, and its ``agreement`` with the float model."""
    graph = onnx.load(path).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kinds = {node.op_type for node in graph.node}
    weights = [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in stored]
    weights = [node for node in weights if stored[node.input[0]].ndim > 1]
    signs = {str(stored[node.input[2]].dtype) for node in graph.node if node.op_type == "QuantizeLinear"}
    layouts = ("DynamicQuantizeLinear", "QLinearConv", "QuantizeLinear")
    return {
        "layout": next((name for name in layouts if name in kinds), ""),
        "weights": " and ".join(sorted({str(stored[node.input[0]].dtype) for node in weights})),
        "activations": " and ".join(sorted(signs)),
        "per_channel": any(stored[node.input[1]].size > 1 for node in weights),
        "agreement": agreement(path),
    }
