"""A small real model, and one quantized in both forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labs.optimize.export import export_onnx


@pytest.fixture(scope="session")
def small_model(tmp_path_factory) -> Path:
    """Return a convolutional ONNX model with the course's input and output shapes and random weights."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 11))
    module = nn.Sequential(nn.Conv2d(3, 16, 3, 4), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU(), *head).eval()
    return export_onnx(module, tmp_path_factory.mktemp("small") / "small.onnx")


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
