"""Saying the precision of a provider explicitly, and checking that it is what happens.

Left alone, accelerators choose: OpenVINO takes bf16 on processors that have it, CUDA and TensorRT take TF32 on Ampere
and later. A table that says 'fp32' then compares different things on different machines. So the course always states
the precision, and the worker compares the logits with the CPU provider's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from labs.preprocess import INPUT_SIZE_PX

if TYPE_CHECKING:
    from labs.backends.base import Backend

#: Precisions that can be asked for, by provider; the first is the default. Quantized layers run in INT8 regardless.
PRECISIONS = {
    "CPUExecutionProvider": ("fp32",),
    "OpenVINOExecutionProvider": ("fp32", "bf16"),
    "CUDAExecutionProvider": ("fp32", "tf32"),
    "TensorrtExecutionProvider": ("fp32", "tf32", "fp16"),
    "MIGraphXExecutionProvider": ("fp32", "fp16"),
}

#: Logits that differ from the CPU's by more than this, relative to the largest, were not computed in fp32. Summing fp32
#: in another order gives about 1e-6; tf32 and fp16 (10 bits kept) and bf16 (7 bits) give about 1e-3 and more.
FP32_TOLERANCE = 5e-5


def stated_options(provider: str, precision: str, intra_op_threads: int) -> dict[str, str]:
    """Return provider options that fix precision and, where ONNX Runtime's own setting is not heard, threads.

    Args:
        provider: Execution provider.
        precision: One of ``PRECISIONS[provider]``.
        intra_op_threads: Threads for one operator.

    Raises:
        ValueError: This provider cannot be told to compute in that precision.

    Source: ONNX Runtime documentation of each execution provider, 1.24 and 1.25.
    """
    offered = PRECISIONS.get(provider, ("fp32",))
    if precision not in offered:
        raise ValueError(f"{provider} computes in {' or '.join(offered)}, not in {precision!r}")
    if provider == "OpenVINOExecutionProvider":
        # It has thread pools of its own and does not look at the session's thread settings. Both hints go through
        # load_config, because its 'precision' option knows no bf16 on the CPU and then drops the provider in silence.
        hints = {
            "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
            "INFERENCE_NUM_THREADS": str(intra_op_threads),
        }
        return {"device_type": "CPU", "load_config": json.dumps({"CPU": hints})}
    if provider == "CUDAExecutionProvider":
        return {"use_tf32": str(int(precision == "tf32"))}
    if provider == "TensorrtExecutionProvider":
        return {"trt_fp16_enable": str(int(precision == "fp16"))}
    if provider == "MIGraphXExecutionProvider":
        return {"migraphx_fp16_enable": str(int(precision == "fp16"))}
    return {}


def stated_variables(provider: str, precision: str) -> dict[str, str]:
    """Return environment variables that a worker needs for the stated precision.

    TensorRT has no provider option against TF32; NVIDIA's libraries all obey this variable.

    Source: NVIDIA cuBLAS and TensorRT documentation, ``NVIDIA_TF32_OVERRIDE``.
    """
    nvidia = provider in {"CUDAExecutionProvider", "TensorrtExecutionProvider"}
    return {"NVIDIA_TF32_OVERRIDE": "0"} if nvidia and precision == "fp32" else {}


def computes_in_fp32(backend: Backend) -> bool:
    """Return whether a loaded ONNX backend's logits agree with the CPU provider's to fp32 precision.

    Args:
        backend: A loaded ONNX Runtime backend; its file is run on the CPU provider beside it.
    """
    from labs.backends.onnxruntime_backend import OnnxRuntimeBackend

    images = np.random.default_rng(0).standard_normal((1, 3, INPUT_SIZE_PX, INPUT_SIZE_PX)).astype(np.float32)
    with OnnxRuntimeBackend(backend.model_path) as reference:
        expected = reference.predict(images)
    return relative_difference(backend.predict(images), expected) <= FP32_TOLERANCE


def relative_difference(logits: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference between two arrays of logits over the largest expected one."""
    return float(np.abs(logits - expected).max() / max(float(np.abs(expected).max()), 1e-30))


def used_precision(asked: str, described: str, *, fell_back: bool, in_fp32: bool | None) -> str:
    """Return the precision to record.

    Args:
        asked: Precision that was stated.
        described: Precision that the backend read from the model: 'int8' or 'fp32'.
        fell_back: Whether the asked provider ran nothing.
        in_fp32: Result of ``computes_in_fp32``; None when it was not checked.

    Returns:
        'int8' for a quantized model; 'fp32' when the CPU took over or the logits say so; 'reduced' when fp32 was asked
        for and the logits show something coarser; otherwise what was asked for.
    """
    if described == "int8":
        return "int8"
    if fell_back or in_fp32:
        return "fp32"
    return "reduced" if asked == "fp32" and in_fp32 is False else asked
