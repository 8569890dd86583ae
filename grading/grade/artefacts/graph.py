"""Check the content of an ONNX file, in the child, before any runtime opens it.

A model of this course is a straight line of operators. With loops and branches, a file of 244 bytes
can keep a runtime busy for ever, so they are refused. Custom operators and weights in other files
are refused too.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from google.protobuf.message import DecodeError, Message

from grading.grade.artefacts.published import published_share
from labs.optimize.exported import exported_facts
from labs.optimize.multiplications import multiplications_of


def _messages_of_onnx() -> ModuleType:
    """Return the module of ONNX's message types alone, because importing the whole package takes
    four times the time.
    """
    if "onnx" in sys.modules:
        return importlib.import_module("onnx.onnx_ml_pb2")
    package = importlib.util.find_spec("onnx")
    module = ModuleType("onnx_ml_pb2")
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
_REFUSED = frozenset(["Loop", "Scan", "If", "SequenceMap", "EPContext", "PyOp", "ATen"])

#: A MobileNetV2 has 66 convolutions and some 400 nodes in its most talkative form.
_MAX_NODES = 5_000

#: By which a quantized file is known, the first one that is there.
_LAYOUTS = ("DynamicQuantizeLinear", "QLinearConv", "QuantizeLinear")

#: numpy's names of the types that weights have.
_FORMS: dict[int, str] = {
    onnx.TensorProto.FLOAT: "<f4",
    onnx.TensorProto.DOUBLE: "<f8",
    onnx.TensorProto.FLOAT16: "<f2",
    onnx.TensorProto.INT8: "i1",
    onnx.TensorProto.UINT8: "u1",
}

#: Share of multiplications by integers from which a file is optimized, whatever its weights are.
#: Some layers of a good INT8 file may stay in float32 ("An accuracy budget").
OPTIMIZED = 2 / 3


class UnfitModelError(ValueError):
    """A file that is not opened by a runtime; the message says why, for the student."""


def read(path: Path) -> dict:
    """Return facts about an ONNX file: its multiplications, the share of a published network's
    weights that it holds (of one that multiplies in float32), and its ``graph``.

    Raises:
        UnfitModelError: It is no ONNX model, or no model of this course could look like that.
    """
    try:
        model = onnx.ModelProto.FromString(path.read_bytes())
    except (DecodeError, ValueError, OSError):
        raise UnfitModelError("it is not an ONNX model") from None
    messages = list(_messages(model))
    if any(_is_elsewhere(part) for part in messages if isinstance(part, onnx.TensorProto)):
        raise UnfitModelError("it keeps weights in another file; export it in one piece")
    nodes = [message for message in messages if isinstance(message, onnx.NodeProto)]
    operators = {node.op_type for node in nodes}
    foreign = {node.domain for node in nodes} - _DOMAINS
    if len(nodes) > _MAX_NODES or model.functions:
        raise UnfitModelError(
            f"it has {len(nodes)} nodes, or defines functions; no model of this course does"
        )
    if foreign or operators & _REFUSED:
        names = ", ".join(sorted(foreign | (operators & _REFUSED)))[:100]
        raise UnfitModelError(f"it uses {names}, which no model of this course needs")
    counted = multiplications_of(model)
    share = counted.integer_share
    published = 0.0 if share >= OPTIMIZED else published_share(_layers(model))
    graph = described(model) | {"integers": share}
    return {"multiplications": counted.total, "published_share": published, "graph": graph}


def _is_elsewhere(tensor: onnx.TensorProto) -> bool:
    """Return whether a tensor's numbers are in another file."""
    return tensor.data_location == onnx.TensorProto.EXTERNAL or bool(tensor.external_data)


def described(model: onnx.ModelProto) -> dict[str, str | bool | int]:
    """Return what questions ask of how a file writes numbers down, under their names
    (``labs.checkpoints.reads``).
    """
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    operators = {node.op_type for node in model.graph.node}
    layouts = [layout for layout in _LAYOUTS if layout in operators]
    weights: list[onnx.TensorProto] = []
    per_channel = False
    zero_points: list[onnx.TensorProto] = []
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear":
            weight = stored.get(node.input[0])
            if weight is None or len(weight.dims) < 2:
                continue
            weights.append(weight)
            scale = stored.get(node.input[1])
            if scale is not None and math.prod(scale.dims) > 1:
                per_channel = True
        elif node.op_type == "QuantizeLinear":
            zero_points += [stored[name] for name in node.input[2:3] if name in stored]
    batch, height, width = _input_sizes(model)
    return exported_facts(model) | {
        "layout": layouts[0] if layouts else "",
        "weights": _kinds_of(weights),
        "activations": _kinds_of(zero_points),
        "per_channel": per_channel,
        "largest_weight": max(map(_largest, weights), default=0),
        "batch": batch,
        "height": height,
        "width": width,
        "changed": True,
    }


def _kinds_of(tensors: list[onnx.TensorProto]) -> str:
    """Return which kinds of numbers tensors hold, such as 'int8 and uint8'."""
    kinds = {onnx.TensorProto.DataType.Name(tensor.data_type).lower() for tensor in tensors}
    return " and ".join(sorted(kinds))


def _largest(tensor: onnx.TensorProto) -> int:
    """Return the largest absolute value of a tensor of 8-bit integers; 0 of an empty one."""
    values = set(tensor.raw_data) or {value & 255 for value in tensor.int32_data}
    return max((min(value, 256 - value) for value in values), default=0)


def _input_sizes(model: onnx.ModelProto) -> tuple[int | str, int | str, int | str]:
    """Return batch, height and width of a model's input: 'free' if any size is allowed, empty if
    the input is no picture.
    """
    shape: list[int | str] = []
    if model.graph.input:
        dims = model.graph.input[0].type.tensor_type.shape.dim
        shape = [dim.dim_value or "free" for dim in dims]
    if len(shape) != 4:
        return "", "", ""
    batch, _, height, width = shape
    return batch, height, width


def _layers(model: onnx.ModelProto) -> Iterator[np.ndarray]:
    """Yield the numbers of each tensor with two axes or more; of a quantized one, its steps from
    the zero point.
    """
    tensors = dict(_named_tensors(model))
    zero_points = {}
    for node in model.graph.node:
        zero_point = node.input[2] if len(node.input) > 2 else ""
        if node.op_type == "DequantizeLinear" and zero_point in tensors:
            zero_points[node.input[0]] = tensors[zero_point]
    for name, tensor in tensors.items():
        if len(tensor.dims) < 2:
            continue
        values = _values(tensor)
        if values is None or not values.size:
            continue
        if name in zero_points:
            zero = _values(zero_points[name])
            if zero is not None and zero.size:
                values = values - zero.ravel()[0]
        yield values


def _named_tensors(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Yield the tensors that a file holds, each with the name by which nodes take it."""
    for tensor in model.graph.initializer:
        yield tensor.name, tensor
    for node in model.graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield node.output[0], attribute.t


def _values(tensor: onnx.TensorProto) -> np.ndarray | None:
    """Return a tensor's numbers as float32 in its shape; None of types that no weights have."""
    form = _FORMS.get(tensor.data_type)
    if form is None:
        return None
    if tensor.raw_data:
        values = np.frombuffer(tensor.raw_data, form)
    elif form == "<f2":  # kept as the bits of each number
        values = np.array(tensor.int32_data, np.uint16).view("<f2")
    else:
        values = np.array(tensor.float_data or tensor.double_data or tensor.int32_data, form)
    return values.astype(np.float32).reshape(tuple(tensor.dims))


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
