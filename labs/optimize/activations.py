"""What flows through a model: values inside the graph, read by making them outputs."""

from __future__ import annotations

import onnx
import onnxruntime as ort


def activations_of(path, images, names):
    """Return the values inside a model, such as ReLU6's outputs, that it computes for some images: arrays by name."""
    model = onnx.load(path)
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(list(names), {session.get_inputs()[0].name: images}), strict=True))
