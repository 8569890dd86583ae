"""A small real model, and one quantized in both forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def small_model(tmp_path_factory) -> Path:
    """Return a convolutional ONNX model with the course's input and output shapes and random weights."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["input", "w1", "b1"], ["c1"], strides=[4, 4], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], strides=[2, 2], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w3", "b3"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 11])],
        [
            weight("w1", 16, 3, 3, 3),
            weight("b1", 16),
            weight("w2", 32, 16, 3, 3),
            weight("b2", 32),
            weight("w3", 32, 11),
            weight("b3", 11),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path = tmp_path_factory.mktemp("small") / "small.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """Return two pictures' worth of noise."""
    return np.random.default_rng(1).normal(size=(2, 3, 224, 224)).astype(np.float32)


@pytest.fixture(scope="session")
def quantized_models(small_model: Path, images: np.ndarray) -> dict[str, Path]:
    """Return the model quantized as 'QDQ' and as 'QOperator', U8S8 per channel."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._rows = iter([{"input": images}])

        def get_next(self) -> dict | None:
            return next(self._rows, None)

    made = {}
    for form in (QuantFormat.QDQ, QuantFormat.QOperator):
        made[form.name] = small_model.with_name(f"{form.name}.onnx")
        quantize_static(
            small_model,
            made[form.name],
            Reader(),
            quant_format=form,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    return made
