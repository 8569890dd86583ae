"""Facts about ONNX files: in which types their weights are stored, and what they answer."""

from pathlib import Path

import numpy as np
import onnx

from labs import assets
from labs.data.dataset import load_split
from labs.optimize.predict import answers
from labs.workspace import models_dir

#: Every so many of the evaluation photos: 60 of 660, five to six a class.
_EVERY = 11


def agreement(path: Path) -> float:
    """Return on what share of 60 photos a file names the same class as the workspace's ``food11.onnx``."""
    images = load_split(assets.dataset(), "evaluation")[0][::_EVERY]
    return float(np.mean(answers(path, images) == answers(models_dir() / "food11.onnx", images)))


def share_by_type(path: str | Path) -> dict[str, float]:
    """Return the share of the weights of convolutions and matrix products that is stored in each type, by ONNX name."""
    graph = onnx.load(path).graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    counts: dict[str, int] = {}
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        source = made_by.get(node.input[1])
        name = node.input[1] if source is None else source.input[0]
        if name in stored:
            kind = onnx.TensorProto.DataType.Name(stored[name].data_type)
            counts[kind] = counts.get(kind, 0) + int(np.prod(stored[name].dims))
    return {kind: count / sum(counts.values()) for kind, count in counts.items()}
