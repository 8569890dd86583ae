"""The numbers inside the model: each layer's weights, and its activations on real pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from labs.machine.fingerprint import usable_cpu_count
from labs.optimize.graph import read_graph
from labs.optimize.quantize import weighted_nodes

#: Values of an activation that are kept for a histogram; more would only cost memory.
_KEPT_VALUES = 200_000


@dataclass(frozen=True)
class LayerTensors:
    """What a student can quantize by hand: one layer's numbers."""

    #: Name of the layer's node in the graph.
    node: str
    #: Its weights, float32; for a convolution (out, in, height, width).
    weights: np.ndarray
    #: A sample of what leaves the layer (after its ReLU6, if it has one), float32, one axis.
    activations: np.ndarray
    #: Smallest and largest activation over all pictures, sampled or not.
    low: float
    high: float


def layer_tensors(path: str | Path, images: np.ndarray, nodes: Iterable[str] | None = None) -> dict[str, LayerTensors]:
    """Return weights and activations of a model's layers on some pictures.

    Args:
        path: A float ``.onnx`` file, as exported or prepared.
        images: float32 (N, 3, H, W); 8 to 32 pictures suffice to see a distribution.
        nodes: Names from ``weighted_nodes``; all of them when None.

    Returns:
        One entry a layer, in running order.

    Raises:
        ValueError: There is no such layer.
    """
    import onnx
    from onnx import numpy_helper

    wanted = list(weighted_nodes(path) if nodes is None else nodes)
    graph = read_graph(path)
    by_name = {node.name: node for node in graph.nodes}
    missing = [name for name in wanted if name not in by_name]
    if missing:
        raise ValueError(f"no layer {missing[0]!r}; weighted_nodes() lists them")
    clips = {node.inputs[0]: node.outputs[0] for node in graph.nodes if node.op in {"Clip", "Relu"}}
    values = {name: clips.get(by_name[name].outputs[0], by_name[name].outputs[0]) for name in wanted}
    model = onnx.load(path)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    seen = _observe(model, list(dict.fromkeys(values.values())), images)
    return {
        name: LayerTensors(name, numpy_helper.to_array(stored[by_name[name].inputs[1]]), *seen[values[name]])
        for name in wanted
    }


def tensor_statistics(path: str | Path, images: np.ndarray) -> pd.DataFrame:
    """Return one row a layer: the spread of its weights and of its activations.

    Args:
        path: A float ``.onnx`` file.
        images: float32 (N, 3, H, W).

    Returns:
        Columns ``node``, ``weights`` (how many), ``weight_low``, ``weight_high``, ``channel_spread`` (largest reach of
        a channel's weights over the smallest: the higher, the more per-channel scales help), ``activation_low``,
        ``activation_high`` and ``activation_p99`` (99 % of the values lie below).
    """
    rows = []
    for name, layer in layer_tensors(path, images).items():
        reach = np.abs(layer.weights).reshape(len(layer.weights), -1).max(axis=1)
        rows.append(
            {
                "node": name,
                "weights": layer.weights.size,
                "weight_low": float(layer.weights.min()),
                "weight_high": float(layer.weights.max()),
                "channel_spread": float(reach.max() / max(reach.min(), 1e-12)),
                "activation_low": layer.low,
                "activation_high": layer.high,
                "activation_p99": float(np.percentile(layer.activations, 99)),
            }
        )
    return pd.DataFrame(rows)


def _observe(model, values: list[str], images: np.ndarray) -> dict[str, tuple[np.ndarray, float, float]]:
    """Return a sample, the minimum and the maximum of named values over all pictures."""
    import onnxruntime
    from onnx import TensorProto, helper

    outputs = {value.name for value in model.graph.output}
    for name in values:
        if name not in outputs:
            model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    generator = np.random.default_rng(0)
    share = max(1, _KEPT_VALUES // max(1, len(images)))
    samples: dict[str, list[np.ndarray]] = {name: [] for name in values}
    ends = dict.fromkeys(values, (np.inf, -np.inf))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cpu_count()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for index in range(len(images)):
        # One picture at a time: all activations of a picture together take 27 MB.
        found = session.run(values, {session.get_inputs()[0].name: images[index : index + 1]})
        for name, value in zip(values, found, strict=True):
            flat = value.ravel()
            low, high = ends[name]
            ends[name] = min(low, float(flat.min())), max(high, float(flat.max()))
            # With replacement: without it numpy would shuffle all values for each draw.
            samples[name].append(flat if flat.size <= share else flat[generator.integers(0, flat.size, share)])
    return {name: (np.concatenate(samples[name]), *ends[name]) for name in values}
