"""Keeping a layer in float32 so that it stays in float32.

ONNX Runtime quantizes the weights of a convolution or matrix product by itself when it opens a file, wherever one
stands between a Dequantize and a Quantize (its 'WeightBiasQuantization' transformer). That is just where a layer stands
which ``nodes_to_exclude`` left out: the file says float32, the machine computes INT8, and the layer's precision is lost
in silence. Tried with ONNX Runtime 1.32: all 52 convolutions ran as QLinearConv, although one had been excluded.

The transformer asks for one scale for the whole input. So the layer is given its own Dequantize with the same scale
written once a channel: the numbers are the same to the last bit, and the layer is left alone. OpenVINO reads it too.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx


def keep_float(path: str | Path, names: Collection[str]) -> Path:
    """Rewrite a QDQ file so that the named layers, excluded from quantization, really run in float32; return its path.

    Args:
        path: What ``quantize_static(…, nodes_to_exclude=names)`` wrote.
        names: Convolutions and matrix products with float weights.
    """
    import onnx

    model = onnx.load(path)
    protect_float(model, names)
    onnx.save(model, path)
    return Path(path)


def protect_float(model: onnx.ModelProto, names: Collection[str]) -> int:
    """Give each named node that reads a dequantized value its own per-channel Dequantize; return how many."""
    from onnx import helper, numpy_helper

    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    nodes, protected = [], 0
    for node in graph.node:
        source = made_by.get(node.input[0]) if node.name in names else None
        if source is not None and source.op_type == "DequantizeLinear":
            scale, zero_point = (numpy_helper.to_array(stored[name]) for name in source.input[1:3])
            channels = _input_channels(node, numpy_helper.to_array(stored[node.input[1]]).shape)
            ends = [f"{node.name}_kept_{part}" for part in ("scale", "zero_point", "input")]
            for name, value in zip(ends, (scale, zero_point), strict=False):
                graph.initializer.append(numpy_helper.from_array(np.full(channels, value), name))
            inputs = [source.input[0], *ends[:2]]
            nodes.append(helper.make_node("DequantizeLinear", inputs, ends[2:], name=f"{node.name}_kept", axis=1))
            node.input[0] = ends[2]
            protected += 1
        nodes.append(node)
    read = {name for node in nodes for name in node.input} | {value.name for value in graph.output}
    kept = [node for node in nodes if node.op_type != "DequantizeLinear" or node.output[0] in read]
    # Copies: emptying the repeated field would free the messages that the list still points to.
    kept = [type(node).FromString(node.SerializeToString()) for node in kept]
    graph.ClearField("node")
    graph.node.extend(kept)
    return protected


def _input_channels(node: onnx.NodeProto, weight_shape: tuple[int, ...]) -> int:
    """Return how many channels a convolution or matrix product reads."""
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    if node.op_type == "Conv":
        return weight_shape[1] * max(1, attributes.get("group", 1))
    # Gemm stores its weights as (out, in) when transB is set; MatMul never does.
    return weight_shape[1] if attributes.get("transB") else weight_shape[0]
