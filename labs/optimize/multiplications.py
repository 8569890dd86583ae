"""How often an ONNX file multiplies for one picture, and how much of it in 8-bit integers.

A file may hold quantized values and still multiply in float32. So each multiplication is traced:
it is one of integers if both what it reads and its weights were quantized to eight bits just
before. It needs no ``onnx``, only a message of its type: the grader reads files without that
package.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Operators that multiply by weights, and those that do so in integers.
_MULTIPLIES = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_INTEGERS = frozenset(
    {
        "QLinearConv",
        "QLinearMatMul",
        "QGemm",
        "ConvInteger",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "DynamicQuantizeMatMul",
    }
)

#: Operators that move a window over the picture, and those after which no picture is left.
_WINDOWS = frozenset(
    {"Conv", "QLinearConv", "ConvInteger", "MaxPool", "AveragePool", "QLinearAveragePool"}
)
_FLATTEN = frozenset(
    {"Flatten", "Reshape", "Squeeze", "ReduceMean", "GlobalAveragePool", "QLinearGlobalAveragePool"}
)

#: Operators that move numbers and change none.
_MOVES = frozenset(
    {"Flatten", "Identity", "MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
)

#: ``TensorProto.UINT8`` and ``INT8``. Source: onnx/onnx.proto.
INT8_TYPES = frozenset({2, 3})

#: A file is INT8 from this share of its multiplications on.
IN_INTEGERS = 0.9

#: Side of the pictures in pixels of a model that takes any.
_SIDE_PX = 224

#: Multiplications of the course's MobileNetV2. Source: Sandler et al. 2018, table 4.
_MOBILENET_V2 = 300_000_000


@dataclass(frozen=True)
class Multiplications:
    """Multiplications for one picture; each goes with one addition."""

    total: int = 0
    in_integers: int = 0

    @property
    def integer_share(self) -> float:
        """The share of multiplications by 8-bit integers, 0 to 1.

        A file could hide its float32 network behind a larger one of integers. So the share is that
        of the course's network if the file multiplies more often than this one.
        """
        in_float = self.total - self.in_integers
        usual = min(self.total, _MOBILENET_V2)
        return max(0.0, 1 - in_float / usual) if usual else 0.0


def multiplications_of(model: Any) -> Multiplications:
    """Count the multiplications of an ONNX ``ModelProto`` by convolutions and layers.

    Weights that cannot be found count as a float32 network: they were computed in the graph.
    """
    dims = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    stored = {tensor.name for tensor in model.graph.initializer if tensor.data_type in INT8_TYPES}
    quantized: set[str] = set()
    dequantized: set[str] = set()
    sides: dict[str, tuple[int, ...]] = {}
    for given in model.graph.input:
        shape = [dim.dim_value for dim in given.type.tensor_type.shape.dim]
        sides[given.name] = tuple(side_px or _SIDE_PX for side_px in shape[2:4])
    total = in_integers = 0
    for node in model.graph.node:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        source = node.input[0] if node.input else ""
        side = next((sides[name] for name in node.input if name in sides), ())
        shapes = [dims.get(name, ()) for name in node.input[1:]]
        weights = next((shape for shape in shapes if len(shape) > 1), ())
        if node.op_type == "Constant" and "value" in attributes:
            tensor = attributes["value"].t
            dims[node.output[0]] = tuple(tensor.dims)
            if tensor.data_type in INT8_TYPES:
                stored.add(node.output[0])
        elif node.op_type == "QuantizeLinear" and _is_to_8_bits(node, attributes, stored):
            quantized.update(node.output)
        elif node.op_type == "DequantizeLinear":
            if source in dims:
                dims[node.output[0]] = dims[source]
            if source in stored | quantized:
                dequantized.update(node.output)
        elif node.op_type in _MOVES:
            for names in (quantized, dequantized):
                if source in names:
                    names.update(node.output)
        if node.op_type in _WINDOWS:
            numbers = {name: tuple(attribute.ints) for name, attribute in attributes.items()}
            window = numbers.get("kernel_shape", weights[2:])
            side = _behind_window(side, window, numbers)
        if node.op_type in _MULTIPLIES | _INTEGERS:
            count = _count(weights, side)
            total += count
            if node.op_type in _INTEGERS or dequantized.issuperset(node.input[:2]):
                in_integers += count
        if side and node.op_type not in _FLATTEN:
            sides |= dict.fromkeys(node.output, side)
    return Multiplications(total, in_integers)


def _is_to_8_bits(node: Any, attributes: Mapping[str, Any], stored: set[str]) -> bool:
    """Return whether a QuantizeLinear makes bytes: by its zero point's type, else its attribute's,
    else by default."""
    if len(node.input) > 2 and node.input[2]:
        return node.input[2] in stored
    return "output_dtype" not in attributes or attributes["output_dtype"].i in INT8_TYPES


def _count(weights: tuple[int, ...], side: tuple[int, ...]) -> int:
    """Return how often a layer multiplies; where a picture's side is lost, as on a whole one."""
    if not weights:
        return _MOBILENET_V2
    if len(weights) < 4:
        return math.prod(weights)
    return math.prod(weights) * math.prod(side or (_SIDE_PX, _SIDE_PX))


def _behind_window(
    side: tuple[int, ...], window: tuple[int, ...], attributes: Mapping[str, tuple[int, ...]]
) -> tuple[int, ...]:
    """Return a picture's sides in pixels behind a convolution or a pool.

    Source: ONNX's operators, Conv:
    ``floor((side + pads - dilation * (window - 1) - 1) / stride) + 1``.
    """
    axes = len(side)
    strides = attributes.get("strides") or (1,) * axes
    dilations = attributes.get("dilations") or (1,) * axes
    pads = attributes.get("pads") or (0,) * 2 * axes
    begins = pads[:axes]
    ends = pads[axes:]
    lengths = {len(numbers) for numbers in (window, strides, dilations, begins, ends)}
    if lengths != {axes} or 0 in strides:
        return ()
    behind = []
    for axis in range(axes):
        padded_px = side[axis] + begins[axis] + ends[axis]
        spanned_px = dilations[axis] * (window[axis] - 1) + 1
        steps = max(0, padded_px - spanned_px) // strides[axis]
        behind.append(steps + 1)
    return tuple(behind)
