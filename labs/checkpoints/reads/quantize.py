"""Facts about a quantized file: how it writes its numbers down, and what it answers."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from labs import assets
from labs.data.dataset import load_split
from labs.optimize.predict import answers
from labs.optimize.static_quantization import activations_of
from labs.workspace import models_dir

#: Activations that are looked at, the last ones of those that lie on both sides of 0; and how near an end must be.
_ACTIVATIONS, _NEAR = 12, 2e-5

#: Photos whose activations are held in memory at a time.
_AT_ONCE = 66

#: Every so many of the evaluation photos: 60 of 660, five to six a class.
_EVERY = 11


def quantized_file(path: Path) -> dict:
    """Return how a file writes its numbers down, and its ``agreement`` with the float model."""
    graph = onnx.load(path).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kinds = {node.op_type for node in graph.node}
    weights = [
        node
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in stored
    ]
    weights = [node for node in weights if stored[node.input[0]].ndim > 1]
    signs = {
        str(stored[node.input[2]].dtype) for node in graph.node if node.op_type == "QuantizeLinear"
    }
    layouts = ("DynamicQuantizeLinear", "QLinearConv", "QuantizeLinear")
    return {
        "layout": next((name for name in layouts if name in kinds), ""),
        "weights": " and ".join(sorted({str(stored[node.input[0]].dtype) for node in weights})),
        "activations": " and ".join(sorted(signs)),
        "per_channel": any(stored[node.input[1]].size > 1 for node in weights),
        "largest_weight": max(
            (int(np.abs(stored[node.input[0]].astype(int)).max()) for node in weights), default=0
        ),
        "agreement": agreement(path),
        "of_evaluation": ranges_of_evaluation(graph, stored),
    }


def agreement(path: Path) -> float:
    """Return on what share of 60 photos a file names the same class as the workspace's ``food11.onnx``."""
    images = load_split(assets.dataset(), "evaluation")[0][::_EVERY]
    return float(np.mean(answers(path, images) == answers(models_dir() / "food11.onnx", images)))


def ranges_of_evaluation(graph: onnx.GraphProto, stored: Mapping[str, np.ndarray]) -> float:
    """Return the share of activations, 0 to 1, whose range begins and ends just where evaluation photos do.

    Calibration takes the smallest and the largest number that any of its photos makes of a layer (``MinMax``, ONNX
    Runtime's default), so each end of a range is one photo's own number. Of a file that was calibrated with evaluation
    photos, however many, that holds for all ranges; of others it is a coincidence, for one or two of ten. Only
    activations on both sides of 0 tell: after ReLU6, nearly every range is 0 to 6. 0 if there is nothing to look at.
    """
    inside = {
        output
        for node in onnx.load(models_dir() / "food11.onnx").graph.node
        for output in node.output
    }
    ranges = {
        node.input[0]: (float(stored[node.input[1]]), int(stored[node.input[2]]))
        for node in graph.node
        if node.op_type == "QuantizeLinear"
        and node.input[0] in inside
        and stored[node.input[2]].dtype == np.uint8
    }
    ranges = dict(
        [(name, (scale, zero)) for name, (scale, zero) in ranges.items() if 0 < zero < 255][
            -_ACTIVATIONS:
        ]
    )
    if not ranges:
        return 0.0
    images, _ = load_split(assets.dataset(), "evaluation")
    parts = []
    for start in range(0, len(images), _AT_ONCE):
        seen = activations_of(
            models_dir() / "food11.onnx", images[start : start + _AT_ONCE], list(ranges)
        )
        flat = [values.reshape(len(values), -1) for values in seen.values()]
        parts.append([(values.min(axis=1), values.max(axis=1)) for values in flat])
    ends = np.concatenate(parts, axis=-1)  # (activations, 2, photos)
    return float(
        np.mean(
            [
                _attained(low, high, *one)
                for (low, high), one in zip(ends, ranges.values(), strict=True)
            ]
        )
    )


def _attained(low: np.ndarray, high: np.ndarray, scale: float, zero: int) -> bool:
    """Return whether a range of 255 gaps goes from the smallest number of one photo to the largest of one."""
    begins = low[np.abs(-low / scale - zero) <= 0.51]
    return bool(np.any(np.abs((high[:, None] - begins) / (255 * scale) - 1) < _NEAR))
