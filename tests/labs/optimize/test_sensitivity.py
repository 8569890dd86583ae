"""Triage finds the layer that hurts; a layer that is kept runs in float32; what flows inside can be read."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_static

from labs.optimize.predict import logits_of, signal_to_noise_db
from labs.optimize.static_quantization import ImageReader, activations_of, keep_float, layer_sensitivity, layers_of

U8S8 = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
PLANTED = "classifier.1/Gemm"


def test_the_planted_layer_is_found_to_be_the_worst(prepared, images, tmp_path) -> None:
    """A huge, unused weight leaves no integers for the others of its layer: triage puts that layer first."""
    model = onnx.load(prepared)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    by_name = {node.name: node for node in model.graph.node}
    head, gemm = by_name["features.6.0/Conv"], by_name[PLANTED]
    weights, bias = (numpy_helper.to_array(stored[name]).copy() for name in head.input[1:3])
    weights[0], bias[0] = 0, -1  # after ReLU6 this channel is always 0
    classifier = numpy_helper.to_array(stored[gemm.input[1]]).copy()
    classifier[:, 0] = 400 * np.abs(classifier).max()
    for name, value in zip([*head.input[1:3], gemm.input[1]], [weights, bias, classifier], strict=True):
        stored[name].CopyFrom(numpy_helper.from_array(value, name))
    fragile, ranges = tmp_path / "fragile.onnx", tmp_path / "ranges.json"
    onnx.save(model, fragile)
    quantize_static(fragile, tmp_path / "q.onnx", ImageReader(images[:32]), calibration_cache_path=ranges, **U8S8)
    table = layer_sensitivity(fragile, images[:16], ranges, U8S8)
    assert table["layer"].iloc[0] == PLANTED
    assert set(table["layer"]) == set(layers_of(fragile))
    assert table["alone_db"].is_monotonic_increasing


def test_a_layer_kept_float_runs_float(quantized, prepared, operators, optimize_graph, tmp_path) -> None:
    """Exactly the excluded layers are float in the graph that ONNX Runtime really runs."""
    kept = ["features.2.conv.1.0/Conv", "features.0.0/Conv", PLANTED]
    path = keep_float(quantized("kept", nodes_to_exclude=kept), kept)
    run = operators(optimize_graph(path, "ORT_ENABLE_EXTENDED", tmp_path / "run.onnx"))
    assert run["QLinearConv"] == operators(prepared)["Conv"] - 2
    assert run.get("Conv", 0) + run.get("FusedConv", 0) == 2
    assert run["Gemm"] == 1


def test_excluding_alone_is_undone_on_opening(quantized, prepared, operators, optimize_graph, tmp_path) -> None:
    """Why ``keep_float`` exists: without it, an excluded layer runs in INT8 again."""
    path = quantized("excluded", nodes_to_exclude=["features.2.conv.1.0/Conv"])
    run = operators(optimize_graph(path, "ORT_ENABLE_EXTENDED", tmp_path / "run.onnx"))
    assert run["QLinearConv"] == operators(prepared)["Conv"]


def test_all_layers_kept_lose_less_than_none(quantized, prepared, images, logits) -> None:
    """With nothing but shortcuts quantized, little is lost."""
    names = list(layers_of(prepared))
    kept = keep_float(quantized("all", nodes_to_exclude=names), names)
    ratios = [signal_to_noise_db(logits, logits_of(path, images)) for path in (kept, quantized())]
    assert ratios[0] > ratios[1] + 3


def test_activations_are_the_values_inside(prepared, images) -> None:
    """What a ReLU6 hands on lies between 0 and 6, for each image."""
    clip = next(node for node in onnx.load(prepared).graph.node if node.op_type == "Clip")
    values = activations_of(prepared, images[:3], [clip.output[0]])[clip.output[0]]
    assert len(values) == 3
    assert 0 <= values.min() < values.max() <= 6


def test_the_reader_ends() -> None:
    """One image a call with its batch axis, then None, again and again."""
    reader = ImageReader(np.zeros((2, 3, 4, 4), np.float32))
    assert [reader.get_next()["input"].shape for _ in range(2)] == [(1, 3, 4, 4)] * 2
    assert reader.get_next() is None
    with pytest.raises(StopIteration):
        next(iter(reader))
