"""What flows through a model: values inside the graph, read by making them outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def activations_of(path: str | Path, images: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the values of this name that a model computes for some images, by name."""
    import onnx
    import onnxruntime as ort

    model = onnx.load(path)
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(list(names), {session.get_inputs()[0].name: images}), strict=True))
