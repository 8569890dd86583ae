"""Facts about ONNX files: how numbers are written down in them, and what they answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from labs import assets
from labs.data.dataset import load_split
from labs.optimize.predict import answers
from labs.workspace import models_dir

#: Every so many of the evaluation photos: 60 of 660, five to six a class.
_EVERY = 11


def quantized_file(path: Path) -> dict:
    """Return how a file writes its numbers down, and on what share of 60 photos it agrees with the float model.

    Args:
        path: The ``.onnx`` file; the float model is the workspace's ``food11.onnx``.
    """
    graph = onnx.load(path).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kinds = {node.op_type for node in graph.node}
    weights = [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in stored]
    weights = [node for node in weights if stored[node.input[0]].ndim > 1]
    signs = {str(stored[node.input[2]].dtype) for node in graph.node if node.op_type == "QuantizeLinear"}
    images = load_split(assets.dataset(), "evaluation")[0][::_EVERY]
    layouts = ("DynamicQuantizeLinear", "QLinearConv", "QuantizeLinear")
    return {
        "layout": next((name for name in layouts if name in kinds), ""),
        "weights": " and ".join(sorted({str(stored[node.input[0]].dtype) for node in weights})),
        "activations": " and ".join(sorted(signs)),
        "per_channel": any(stored[node.input[1]].size > 1 for node in weights),
        "agreement": float(np.mean(answers(path, images) == answers(models_dir() / "food11.onnx", images))),
    }


def resized_file(path: Path) -> dict:
    """Return what photos a file takes, and on what share of 33 it names the class of the signed static INT8 file."""
    full = models_dir() / "int8-static-s8s8.onnx"
    batch, _, height, width = (
        side.dim_value or "free" for side in onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    )
    facts = {"changed": path.read_bytes() != full.read_bytes(), "height": height, "width": width, "batch": batch}
    if (height, width, batch) != (160, 160, "free"):
        return facts | {"agreement": 0.0}
    small, large = (load_split(assets.dataset(), "validation", limit=33, size_px=side)[0] for side in (160, 224))
    return facts | {"agreement": float(np.mean(answers(path, small) == answers(full, large)))}
