"""Which layers lose most when they are quantized: the triage before anything is kept in float32."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
from onnxruntime.quantization import quantize_static

from labs.optimize.keep import keep_float
from labs.optimize.predict import logits_of, signal_to_noise_db
from labs.progress import silent


def layers_of(path):
    """Return each layer that can be quantized with the nodes that go with it: itself, and the Clip (ReLU6) after it."""
    import onnx

    nodes = onnx.load(path, load_external_data=False).graph.node
    clips = {node.input[0]: node.name for node in nodes if node.op_type == "Clip"}
    weighted = [node for node in nodes if node.op_type in ("Conv", "Gemm", "MatMul")]
    return {node.name: [node.name, *(clips[out] for out in node.output if out in clips)] for node in weighted}


def layer_sensitivity(path, images, ranges_path, settings, *, on_progress=silent):
    """Return how much each layer's quantization disturbs the logits, the worst layer first.

    Each layer is quantized alone, weights and activations, with all others in float32, and the logits are compared with
    those of the float model. No labels are needed, and a dozen images suffice.

    Args:
        path: The float model, as ``quant_pre_process`` wrote it.
        images: float32 (N, 3, H, W), from training or validation.
        ranges_path: ``calibration_cache_path`` of an earlier ``quantize_static``.
        settings: Further words for ``quantize_static``: types, ``per_channel``, ``reduce_range``.
        on_progress: Told after each layer.

    Returns:
        One row a layer: ``layer`` (its name) and ``alone_db`` (logits with and without it quantized, in decibels; 20 dB
        is an error of a tenth, 40 dB of a hundredth).
    """
    layers, reference, rows = layers_of(path), logits_of(path, images), []
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "alone.onnx"
        for name, nodes in layers.items():
            quantize_static(path, alone, calibration_cache_path=ranges_path, nodes_to_quantize=nodes, **settings)
            keep_float(alone, layers.keys() - {name})
            rows.append((name, signal_to_noise_db(reference, logits_of(alone, images))))
            on_progress(len(rows) / len(layers), f"layer {len(rows)} of {len(layers)}: {name}")
    return pd.DataFrame(rows, columns=["layer", "alone_db"]).sort_values("alone_db", ignore_index=True)
