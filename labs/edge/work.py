"""The work in a model: multiply-accumulates and bytes of each layer, counted from its graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx
    import pandas as pd


@dataclass(frozen=True)
class Layer:
    """One convolution or matrix product."""

    #: Name of its node, or of the value that it makes where nodes have no names.
    name: str
    #: 'depthwise', where each channel is convolved for itself, or 'dense'.
    kind: str
    #: Multiply-accumulates for one picture.
    macs: int
    #: Numbers in its weights and bias.
    weights: int
    #: Numbers that it reads and writes beside them, for one picture.
    activations: int


@dataclass(frozen=True)
class Work:
    """What one prediction takes."""

    #: The layers with weights, in running order.
    layers: tuple[Layer, ...]
    #: Nodes beside those layers: additions, pooling.
    other_nodes: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one picture."""
        return sum(layer.macs for layer in self.layers)

    def of_kind(self, kind: str) -> tuple[Layer, ...]:
        """Return the layers of one kind."""
        return tuple(layer for layer in self.layers if layer.kind == kind)

    def table(self) -> pd.DataFrame:
        """Return one row a kind of layer: how many, millions of multiply-accumulates and of weights, and the shares."""
        import pandas as pd

        rows = []
        for kind in Counter(layer.kind for layer in self.layers):
            layers = self.of_kind(kind)
            macs, moved = sum(one.macs for one in layers), sum(one.activations + one.weights for one in layers)
            rows.append((kind, len(layers), macs / 1e6, macs / self.macs, moved / 1e6, macs / moved))
        columns = ["kind", "layers", "million MACs", "share of MACs", "million numbers moved", "MACs a number"]
        return pd.DataFrame(rows, columns=columns).set_index("kind").round(2)


def count_work(path: str | Path, *, input_px: int | None = None) -> Work:
    """Return the work in a float model.

    Quantizing changes how fast a multiplication is, not how many there are: count the float file.

    Args:
        path: A float ``.onnx`` file.
        input_px: Side of the input; the file's own when None.

    Raises:
        ValueError: The file has no convolution with float weights; often it is a quantized one.
    """
    import onnx

    model = onnx.load(path)
    given = model.graph.input[0].type.tensor_type.shape.dim
    input_px = input_px or given[2].dim_value or 224
    for dimension, size in zip(given, (1, 3, input_px, input_px), strict=True):
        dimension.dim_value = size
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = _shapes(inferred)
    found = [_layer(node, shapes) for node in inferred.node]
    layers = tuple(layer for layer in found if layer)
    if not any(node.op_type in ("Conv", "FusedConv") for node in inferred.node) or not layers:
        raise ValueError(f"{Path(path).name} has no float convolutions; count the float file that it was made from")
    fused = sum(node.op_type in ("Clip", "Relu", "BatchNormalization", "Constant") for node in inferred.node)
    return Work(layers, len(inferred.node) - len(layers) - fused)


def _shapes(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    found = {
        value.name: tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
        for value in _values(graph)
    }
    return found | {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}


def _values(graph: onnx.GraphProto) -> Iterable[onnx.ValueInfoProto]:
    yield from graph.input
    yield from graph.value_info
    yield from graph.output


def _layer(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> Layer | None:
    if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[1] not in shapes:
        return None
    weight, made, read = shapes[node.input[1]], shapes[node.output[0]], shapes[node.input[0]]
    if node.op_type == "Conv":
        # (out, in / groups, height, width): each output number takes as many products as one filter has weights.
        macs, depthwise = prod(made) * prod(weight[1:]), weight[1] == 1 and weight[0] > 1 and weight[2] > 1
    else:
        macs, depthwise = prod(weight) * made[0], False
    bias = prod(shapes[node.input[2]]) if len(node.input) > 2 and node.input[2] in shapes else 0
    kind = "depthwise" if depthwise else "dense"
    return Layer(node.name or node.output[0], kind, macs, prod(weight) + bias, prod(made) + prod(read))
