"""What an ONNX file holds, and whether a runtime may open it: read in the child, before any runtime does.

A model of this course is a straight line of operators. Loops and branches are how a file of 244 bytes keeps a runtime
busy for ever, so they are refused, as are operators from elsewhere and weights in other files.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError, Message


def _messages_of_onnx() -> ModuleType:
    """Return the module of ONNX's message types alone: importing all of the package takes four times as long."""
    if "onnx" in sys.modules:
        return importlib.import_module("onnx.onnx_ml_pb2")
    package, module = importlib.util.find_spec("onnx"), ModuleType("onnx_ml_pb2")
    path = Path(str(package and package.origin)).with_name("onnx_ml_pb2.py")
    SourceFileLoader(module.__name__, str(path)).exec_module(module)
    return module


if TYPE_CHECKING:
    import onnx
else:
    onnx = _messages_of_onnx()

#: Operator sets that the course's tools write.
_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft", "com.microsoft.nchwc"})

#: Operators that run a graph within the graph, or fetch something from outside.
_REFUSED = frozenset("Loop Scan If SequenceMap EPContext PyOp ATen".split())

#: A MobileNetV2 has 66 convolutions and some 400 nodes in its most talkative form.
_MAX_NODES = 5_000

#: Operators that multiply by weights, and those that do so in integers.
_MULTIPLIES = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_INTEGERS = frozenset(
    {"QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger"}
    | {"MatMulIntegerToFloat", "DynamicQuantizeMatMul"}
)

#: By which a quantized file is known, the first one that is there.
_LAYOUTS = ("DynamicQuantizeLinear", "QLinearConv", "QuantizeLinear")

#: Operators that move a window over the picture, and those after which no picture is left.
_WINDOWS = frozenset(
    {"Conv", "QLinearConv", "ConvInteger", "MaxPool", "AveragePool", "QLinearAveragePool"}
)
_FLATTEN = frozenset(
    {"Flatten", "Reshape", "Squeeze", "ReduceMean", "GlobalAveragePool", "QLinearGlobalAveragePool"}
)

#: Side of the pictures in pixels of a model that takes any.
_SIDE_PX = 224

_INT8 = frozenset({onnx.TensorProto.INT8, onnx.TensorProto.UINT8})


class UnfitModelError(ValueError):
    """A file that is not opened by a runtime; the message says why, for the student."""


def read(path: Path) -> dict:
    """Return facts about an ONNX file: its weights' bytes, those of integers, its multiplications, its ``graph``.

    Raises:
        UnfitModelError: It is no ONNX model, or no model of this course could look like that.
    """
    try:
        model = onnx.ModelProto.FromString(path.read_bytes())
    except (DecodeError, ValueError, OSError):
        raise UnfitModelError("it is not an ONNX model") from None
    for message in _messages(model):
        if isinstance(message, onnx.TensorProto) and (
            message.data_location == onnx.TensorProto.EXTERNAL or message.external_data
        ):
            raise UnfitModelError("it keeps weights in another file; export it in one piece")
    nodes = [message for message in _messages(model) if isinstance(message, onnx.NodeProto)]
    operators = {node.op_type for node in nodes}
    foreign = {node.domain for node in nodes} - _DOMAINS
    if len(nodes) > _MAX_NODES or model.functions:
        raise UnfitModelError(
            f"it has {len(nodes)} nodes, or functions of its own; no model of this course has"
        )
    if foreign or operators & _REFUSED:
        names = ", ".join(sorted(foreign | (operators & _REFUSED)))[:100]
        raise UnfitModelError(f"it uses {names}, which no model of this course needs")
    return _weights(model) | {"multiplications": _multiplications(model), "graph": described(model)}


def described(model: onnx.ModelProto) -> dict[str, str | bool | int]:
    """Return what questions ask of how a file writes numbers down, under their names (``labs.checkpoints.reads``)."""
    kinds = {number: name for name, number in onnx.TensorProto.DataType.items()}
    stored = {one.name: one for one in model.graph.initializer}
    found = {node.op_type for node in model.graph.node}
    scaled = [
        one
        for one in model.graph.node
        if one.op_type == "DequantizeLinear" and one.input[0] in stored
    ]
    scaled = [one for one in scaled if len(stored[one.input[0]].dims) > 1]
    signs = {
        kinds[stored[one.input[2]].data_type]
        for one in model.graph.node
        if one.op_type == "QuantizeLinear" and len(one.input) > 2 and one.input[2] in stored
    }
    as_bytes = (
        set(one.raw_data) or {value & 255 for value in one.int32_data}
        for one in (stored[one.input[0]] for one in scaled)
    )
    shape = (
        [one.dim_value or "free" for one in model.graph.input[0].type.tensor_type.shape.dim]
        if model.graph.input
        else []
    )
    batch, _, height, width = shape if len(shape) == 4 else ("", "", "", "")
    return {
        "layout": next((one for one in _LAYOUTS if one in found), ""),
        "weights": " and ".join(
            sorted({kinds[stored[one.input[0]].data_type].lower() for one in scaled})
        ),
        "activations": " and ".join(sorted(one.lower() for one in signs)),
        "per_channel": any(
            math.prod(stored[one.input[1]].dims) > 1 for one in scaled if one.input[1] in stored
        ),
        "largest_weight": max(
            (min(value, 256 - value) for held in as_bytes for value in held), default=0
        ),
        **{"batch": batch, "height": height, "width": width, "changed": True},
    }


def _multiplications(model: onnx.ModelProto) -> int:
    """Return how often convolutions and layers multiply for one picture; each goes with one addition."""
    dims = {one.name: tuple(one.dims) for one in model.graph.initializer}
    sides: dict[str, tuple[int, ...]] = {}
    for given in model.graph.input:
        shape = [one.dim_value for one in given.type.tensor_type.shape.dim]
        sides[given.name] = tuple(side or _SIDE_PX for side in shape[2:4])
    count = 0
    for node in model.graph.node:
        told = {one.name: one for one in node.attribute}
        side = next((sides[name] for name in node.input if name in sides), ())
        weights = next((dims[name] for name in node.input[1:] if len(dims.get(name, ())) > 1), ())
        if node.op_type == "Constant" and "value" in told:
            dims[node.output[0]] = tuple(told["value"].t.dims)
        elif node.op_type == "DequantizeLinear" and node.input[0] in dims:
            dims[node.output[0]] = dims[node.input[0]]
        if node.op_type in _WINDOWS:
            window = tuple(told["kernel_shape"].ints) if "kernel_shape" in told else weights[2:]
            side = _behind_window(
                side, window, {name: tuple(one.ints) for name, one in told.items()}
            )
        if node.op_type in _MULTIPLIES | _INTEGERS:
            count += (
                math.prod(weights) * math.prod(side if len(weights) == 4 else ()) if weights else 0
            )
        if side and node.op_type not in _FLATTEN:
            sides |= dict.fromkeys(node.output, side)
    return count


def _behind_window(
    side: tuple[int, ...], window: tuple[int, ...], told: Mapping[str, tuple[int, ...]]
) -> tuple:
    """Return a picture's sides in pixels behind a convolution or a pool.

    Source: ONNX's operators, Conv: ``floor((side + pads - dilation * (window - 1) - 1) / stride) + 1``.
    """
    ones, none = (1,) * len(side), (0,) * 2 * len(side)
    strides, dilations = told.get("strides") or ones, told.get("dilations") or ones
    pads = told.get("pads") or none
    if (
        not len(side) == len(window) == len(strides) == len(dilations) == len(pads) / 2
        or 0 in strides
    ):
        return ()
    return tuple(
        max(
            0,
            (
                one
                + pads[place]
                + pads[place + len(side)]
                - dilations[place] * (window[place] - 1)
                - 1
            ),
        )
        // strides[place]
        + 1
        for place, one in enumerate(side)
    )


def _weights(model: onnx.ModelProto) -> dict[str, int]:
    """Return the bytes of all tensors, wherever they stand, and of the 8-bit ones that the model multiplies by."""
    messages = list(_messages(model))
    tensors = [one for one in messages if isinstance(one, onnx.TensorProto)]
    # Where they are no raw bytes, those of the lists that hold its numbers.
    total = sum(len(one.raw_data) or one.ByteSize() for one in tensors)
    lists = [one for one in messages if isinstance(one, onnx.AttributeProto)]
    total += sum(
        4 * len(one.floats) + 8 * len(one.ints) + sum(map(len, one.strings)) + len(one.s)
        for one in lists
    )
    multiplied = _multiplied(model)
    held = [(one.name, one) for one in model.graph.initializer]
    constants = [node for node in model.graph.node if node.op_type == "Constant"]
    held += [
        (node.output[0], part.t)
        for node in constants
        for part in node.attribute
        if part.HasField("t")
    ]
    # By its shape: a name or a comment in a tensor is no weight.
    integers = sum(
        math.prod(one.dims) for name, one in held if name in multiplied and one.data_type in _INT8
    )
    return {"weight_bytes": total, "int8_bytes": integers}


def _multiplied(model: onnx.ModelProto) -> set[str]:
    """Return the tensors that operators multiply by as integers, or dequantized just before, on the way to an output.

    Two 8-bit halves that are put together first are no 8-bit weight, and what leads to no output is none at all.
    """
    needed = {one.name for one in model.graph.output}
    dequantized: set[str] = set()
    found: set[str] = set()
    # In a valid file, a node stands behind all that it takes from.
    for node in reversed(model.graph.node):
        if not needed & set(node.output):
            continue
        needed.update(node.input)
        if node.op_type in _MULTIPLIES:
            dequantized.update(node.input)
        elif node.op_type in _INTEGERS or (
            node.op_type == "DequantizeLinear" and dequantized & set(node.output)
        ):
            found.update(node.input)
    return found


def _messages(message: Message) -> Iterator[Message]:
    """Yield a message and all that it holds, however deep, without recursion."""
    queue = [message]
    while queue:
        part = queue.pop()
        yield part
        if isinstance(part, onnx.TensorProto):
            continue
        for field, value in part.ListFields():
            if field.message_type is not None:
                queue.extend(value if hasattr(value, "__len__") else [value])
