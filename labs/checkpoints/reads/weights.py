"""Facts about files whose layers have different precisions: bits of their weights, and what they lose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

from labs import assets
from labs.data.dataset import load_split
from labs.optimize.predict import answers
from labs.workspace import models_dir

#: The files of "An accuracy budget".
BUDGETS = ("int8-budget-05", "int8-budget-01")

#: Every so many of the evaluation photos: 60 of 660, five to six a class.
_EVERY = 11


def within_budgets(paths: Mapping[str, Path]) -> dict:
    """Return what the file of each budget loses on the validation photos, against the workspace's ``food11.onnx``.

    Args:
        paths: The files, by name.
    """
    if missing := [name for name in BUDGETS if name not in paths]:
        return {"missing": " and ".join(missing)}
    images, labels = load_split(assets.dataset(), "validation")
    right = {name: np.sum(answers(paths[name], images) == labels) for name in BUDGETS}
    target = np.sum(answers(models_dir() / "food11.onnx", images) == labels)
    loose, tight = (Path(paths[name]).stat().st_size for name in BUDGETS)
    return {
        "missing": "",
        "float_share": max(share_by_type(paths[name]).get("FLOAT", 0.0) for name in BUDGETS),
        "looser_is_larger": loose > tight,
        **{name: float(target - count) / len(labels) for name, count in right.items()},
    }


def four_bit_file(path: Path) -> dict:
    """Return how much of a file's weights has four bits, and on what share of 60 photos it agrees with the float model.

    Args:
        path: The ``.onnx`` file; the float model is the workspace's ``food11.onnx``.
    """
    images = load_split(assets.dataset(), "evaluation")[0][::_EVERY]
    shares = share_by_type(path)
    return {
        "four_bits": shares.get("INT4", 0.0) + shares.get("UINT4", 0.0),
        "float32": shares.get("FLOAT", 0.0),
        "agreement": float(np.mean(answers(path, images) == answers(models_dir() / "food11.onnx", images))),
    }


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
