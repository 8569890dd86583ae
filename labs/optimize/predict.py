"""Logits and classes of an ONNX file, the baseline for all optimizations."""

from pathlib import Path
from typing import Any

import numpy as np

from labs.runtimes.opening import open_model


def logits_of(path: str | Path, images: np.ndarray, *, level: str = "ORT_ENABLE_ALL") -> np.ndarray:
    """Return logits, float32 (N, classes), for images (N, 3, H, W), in batches on the CPU."""
    session: Any = open_model(path, settings={"graph_optimization_level": level})
    name = session.get_inputs()[0].name
    batches: list[np.ndarray] = []
    for start in range(0, len(images), 16):
        batch = images[start : start + 16]
        batches += session.run(None, {name: batch})
    return np.concatenate(batches)


def answers(path: str | Path, images: np.ndarray) -> np.ndarray:
    """Return the class that a file gives to each image: integers (N,)."""
    return logits_of(path, images).argmax(axis=1)


def signal_to_noise_db(reference: np.ndarray, approximation: np.ndarray) -> float:
    """Return how far an error lies below the signal, in dB; infinite if there is none.

    Both arrays have the same shape, whichever it is.
    """
    reference = np.asarray(reference, np.float64)
    error = reference - np.asarray(approximation, np.float64)
    noise = float(np.sum(error**2))
    signal = float(np.sum(reference**2))
    if noise == 0:
        return float("inf")
    if signal == 0:
        return float("-inf")
    return 10 * float(np.log10(signal / noise))
