"""One thing changed: the same quantized file, with one scale for a whole weight tensor instead of one for each channel.

Same graph, same bytes, same ranges of the activations. What such a file loses more is what the common scale costs, and
nothing else. It is the counter-example to the files of the course, and no option of anybody's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx


def with_one_scale(path: str | Path, coarse_path: str | Path) -> Path:
    """Write a QDQ file whose every weight tensor has one scale, its widest channel's, and return where.

    The integers are rounded a second time, from the fine scale to the common one. That moves no value by more than the
    fine scale's half step; the common scale's own rounding is what is felt.

    Args:
        path: A QDQ file with signed weights and a scale for each channel.
        coarse_path: Where to write.

    Raises:
        ValueError: It has no such weights: often it is a dynamic, a QOperator or a float file.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    readers = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    changed = 0
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm") or not _per_channel(readers.get(node.input[1]), stored):
            continue
        weights = readers[node.input[1]]
        integers, scales = (numpy_helper.to_array(stored[name]) for name in weights.input[:2])
        # By what the integers reach, and not by their scales alone: a channel of zeros may have any scale.
        reach = np.abs(integers.astype(np.int32)).reshape(len(integers), -1).max(axis=1)
        share = scales / (reach * scales).max() * np.iinfo(integers.dtype).max
        for reader in (weights, readers.get(node.input[2]) if len(node.input) > 2 else None):
            if reader is not None:
                _rescale(graph, stored, reader, share)
        changed += 1
    kept = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in kept]:
        graph.initializer.remove(tensor)
    if not changed:
        raise ValueError(f"{Path(path).name} has no weights with a scale a channel between Quantize and Dequantize")
    coarse_path = Path(coarse_path)
    partial = coarse_path.with_suffix(".partial")
    partial.write_bytes(model.SerializeToString())
    partial.replace(coarse_path)
    return coarse_path


def _per_channel(reader: onnx.NodeProto | None, stored: dict[str, onnx.TensorProto]) -> bool:
    """Return whether a node reads stored integers with a scale for each channel."""
    return reader is not None and set(reader.input[:2]) <= set(stored) and len(stored[reader.input[1]].dims) == 1


def _rescale(
    graph: onnx.GraphProto, stored: dict[str, onnx.TensorProto], reader: onnx.NodeProto, share: np.ndarray
) -> None:
    """Round stored integers to a coarser scale for each channel, and let their reader know it."""
    from onnx import numpy_helper

    integers, scales = (numpy_helper.to_array(stored[name]) for name in reader.input[:2])
    by_channel = share.reshape(-1, *[1] * (integers.ndim - 1))
    made = (np.rint(integers * by_channel).astype(integers.dtype), (scales / share).astype(scales.dtype))
    # Under new names: slimming lets several layers read one constant, and the others keep theirs.
    for place, array in enumerate(made):
        tensor = numpy_helper.from_array(array, f"{reader.input[place]}:one_scale:{reader.output[0]}")
        graph.initializer.append(tensor)
        reader.input[place] = tensor.name
