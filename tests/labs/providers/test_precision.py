"""Precision is stated for every provider, and what is recorded is what the logits show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from labs.backends.onnxruntime_backend import OnnxRuntimeBackend
from labs.providers.precision import (
    FP32_TOLERANCE,
    PRECISIONS,
    computes_in_fp32,
    relative_difference,
    stated_options,
    stated_variables,
    used_precision,
)


class RoundingBackend(OnnxRuntimeBackend):
    """The real model with logits rounded to as many mantissa bits as a coarser type keeps."""

    def __init__(self, model_path: Path, kept_bits: int) -> None:
        super().__init__(model_path)
        self.kept_bits = kept_bits

    def predict(self, images: np.ndarray) -> np.ndarray:
        mantissa, exponent = np.frexp(super().predict(images))
        scale = 2.0 ** (self.kept_bits + 1)
        return np.ldexp(np.round(mantissa * scale) / scale, exponent).astype(np.float32)


@pytest.mark.parametrize(("kept_bits", "is_fp32"), [(23, True), (10, False), (7, False)])
def test_coarser_logits_are_found_out(small_model: Path, kept_bits: int, is_fp32: bool) -> None:
    """fp32 (23 bits of mantissa) passes; TF32's and fp16's 10 bits and bf16's 7 do not."""
    with RoundingBackend(small_model, kept_bits) as backend:
        assert computes_in_fp32(backend) is is_fp32


def test_relative_difference_survives_zeros() -> None:
    """Equal zeros differ by nothing, and the largest logit sets the scale."""
    zeros = np.zeros((1, 11), np.float32)
    assert relative_difference(zeros, zeros) == 0
    assert relative_difference(np.array([4.0, 1.0]), np.array([4.0, 1.2])) == pytest.approx(0.05)
    assert 1e-6 < FP32_TOLERANCE < 2.0**-11


@pytest.mark.parametrize(
    ("asked", "described", "fell_back", "in_fp32", "recorded"),
    [
        ("fp32", "fp32", False, True, "fp32"),
        ("bf16", "fp32", False, False, "bf16"),
        ("bf16", "fp32", False, True, "fp32"),
        ("fp32", "fp32", False, False, "reduced"),
        ("fp16", "fp32", True, None, "fp32"),
        ("fp16", "fp32", False, None, "fp16"),
        ("bf16", "int8", False, None, "int8"),
    ],
)
def test_recorded_precision_is_the_used_one(
    asked: str, described: str, fell_back: bool, in_fp32: bool | None, recorded: str
) -> None:
    """A wish is recorded only when nothing speaks against it; fp32 that is none is called reduced."""
    assert used_precision(asked, described, fell_back=fell_back, in_fp32=in_fp32) == recorded


def test_openvino_is_told_precision_and_threads() -> None:
    """Both as hints for the CPU device, since the provider hears neither from the session."""
    options = stated_options("OpenVINOExecutionProvider", "bf16", 3)
    assert json.loads(options["load_config"]) == {
        "CPU": {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": "3"}
    }


def test_nvidia_computes_fp32_only_when_told() -> None:
    """TF32 is switched off for 'fp32' and on for 'tf32'."""
    assert stated_options("CUDAExecutionProvider", "fp32", 1) == {"use_tf32": "0"}
    assert stated_options("CUDAExecutionProvider", "tf32", 1) == {"use_tf32": "1"}
    assert stated_variables("TensorrtExecutionProvider", "fp32") == {"NVIDIA_TF32_OVERRIDE": "0"}
    assert stated_variables("TensorrtExecutionProvider", "tf32") == {}
    assert stated_variables("OpenVINOExecutionProvider", "fp32") == {}


def test_an_impossible_precision_is_refused() -> None:
    """A precision that a provider cannot be told is an error, not a silent fp32."""
    for provider, offered in PRECISIONS.items():
        with pytest.raises(ValueError, match=" or ".join(offered)):
            stated_options(provider, "fp8", 1)
