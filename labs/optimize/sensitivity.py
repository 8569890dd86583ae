"""Which layers lose most when they are quantized: the triage before anything is kept in float32."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from labs.optimize.affine import choose_affine, rounding_error
from labs.optimize.calibrate import Calibration
from labs.optimize.forms import Form
from labs.optimize.graph import read_graph
from labs.optimize.predict import logits_of, signal_to_noise_db
from labs.optimize.quantize import quantize_static, weighted_nodes
from labs.progress import OnProgress, silent

#: Columns of the table, in order.
COLUMNS = ("node", "op", "weights", "float_bytes", "weight_snr_db", "alone_snr_db")


def layer_sensitivity(
    path: str | Path,
    calibration: Calibration,
    form: Form,
    images: np.ndarray,
    *,
    on_progress: OnProgress = silent,
) -> pd.DataFrame:
    """Return how much each layer's quantization disturbs the logits, the worst layer first.

    Each layer is quantized alone, weights and activations, with all others in float32, and the logits are compared with
    those of the float model. No labels are needed, and a few dozen pictures suffice.

    Args:
        path: The prepared float model.
        calibration: Ranges of its activations.
        form: How integers are written.
        images: float32 (N, 3, H, W), real pictures from training or validation.
        on_progress: Told after each layer.

    Returns:
        One row a layer: ``node``, ``op``, ``weights`` (how many), ``float_bytes`` (what keeping it in float32 adds),
        ``weight_snr_db`` (its weights against their rounded selves) and ``alone_snr_db`` (logits with and without this
        layer quantized). Decibels: lower is worse; 20 dB is an error of a tenth, 40 dB of a hundredth.
    """
    names = weighted_nodes(path)
    reference = logits_of(path, images)
    weights = _weights(path)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for index, name in enumerate(names):
            on_progress(index / len(names), f"layer {index + 1} of {len(names)}: {name}")
            alone = quantize_static(path, Path(folder) / "alone.onnx", calibration, form, only=(name,))
            op, values = weights[name]
            rows.append(
                {
                    "node": name,
                    "op": op,
                    "weights": values.size,
                    "float_bytes": values.size * 3,  # four bytes instead of one
                    "weight_snr_db": rounding_error(values, _weight_affine(values, op, form)).snr_db,
                    "alone_snr_db": signal_to_noise_db(reference, logits_of(alone.path, images)),
                }
            )
    on_progress(1.0, f"{len(names)} layers compared")
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("alone_snr_db", ignore_index=True)


def _weights(path: str | Path) -> dict[str, tuple[str, np.ndarray]]:
    """Return operator and weights of each layer."""
    import onnx
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in onnx.load(path).graph.initializer}
    names = set(weighted_nodes(path))
    nodes = [node for node in read_graph(path).nodes if node.name in names]
    return {node.name: (node.op, numpy_helper.to_array(stored[node.inputs[1]])) for node in nodes}


def _weight_affine(values: np.ndarray, op: str, form: Form):
    """Return the correspondence that a quantizer of this form gives these weights."""
    per_channel = form.per_channel and op == "Conv"
    return choose_affine(
        values,
        bits=7 if form.reduce_range else 8,
        signed=form.weights == "s8",
        symmetric=form.weights == "s8",
        axis=0 if per_channel else None,
    )
