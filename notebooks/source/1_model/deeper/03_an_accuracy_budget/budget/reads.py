"""Facts about files whose layers have different precisions: their losses."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

from labs import assets
from labs.data.dataset import load_split
from labs.optimize.predict import answers
from labs.records.targets import BUDGETS
from labs.workspace import models_dir


def within_budgets(paths: Mapping[str, Path]) -> dict:
    """Return what the file of each budget loses on the validation photos, against the workspace's
    ``food11.onnx``.
    """
    if missing := [name for name in BUDGETS if name not in paths]:
        return {"missing": " and ".join(missing)}
    images, labels = load_split(assets.dataset(), "validation")

    def count_right(path: str | Path) -> int:
        return int(np.sum(answers(path, images) == labels))

    float_right = count_right(models_dir() / "food11.onnx")
    losses = {}
    for name in BUDGETS:
        lost = float_right - count_right(paths[name])
        losses[name] = lost / len(labels)
    # Not bytes: a small layer in float32 may take fewer than the nodes that quantize it.
    loose_share, tight_share = (
        share_by_type(paths[name]).get("FLOAT", 0.0) for name in BUDGETS
    )
    return {
        "missing": "",
        "float_share": max(loose_share, tight_share),
        "looser_keeps_more": loose_share > tight_share,
        **losses,
    }


def share_by_type(path: str | Path) -> dict[str, float]:
    """Return the share of the weights of convolutions and matrix products that is stored in each
    type, by ONNX name.
    """
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
            weight = stored[name]
            kind = onnx.TensorProto.DataType.Name(weight.data_type)
            counts[kind] = counts.get(kind, 0) + int(np.prod(weight.dims))
    total = sum(counts.values())
    return {kind: count / total for kind, count in counts.items()}
