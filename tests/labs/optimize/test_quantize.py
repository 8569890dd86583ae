"""Quantized files hold the integers they claim to hold and still say what the float model says."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from labs.optimize.calibrate import Calibration
from labs.optimize.forms import FORMS
from labs.optimize.graph import optimize_graph, read_graph
from labs.optimize.predict import logits_of, signal_to_noise_db
from labs.optimize.quantize import quantize_dynamic, quantize_static, weighted_nodes

KINDS = {"u8": TensorProto.UINT8, "s8": TensorProto.INT8}


def stored_weights(path) -> list[onnx.TensorProto]:
    """Return the 8-bit constants that have a weight's shape."""
    return [t for t in onnx.load(path).graph.initializer if t.data_type in KINDS.values() and len(t.dims) in {2, 4}]


@pytest.mark.parametrize("name", FORMS)
def test_each_form_keeps_the_logits(name, prepared, calibration, images, logits, tmp_path) -> None:
    """Every form's logits follow the float model's (noise a tenth of the signal), in a much smaller file."""
    made = quantize_static(prepared, tmp_path / "q.onnx", calibration, FORMS[name])
    assert signal_to_noise_db(logits, logits_of(made.path, images)) > 15
    assert made.size_bytes == made.path.stat().st_size < 0.6 * prepared.stat().st_size
    assert (made.form, made.calibration, made.calibration_images) == (name, "minmax", 32)


@pytest.mark.parametrize("name", FORMS)
def test_weights_have_the_form_s_type_and_scales(name, prepared, calibration, tmp_path) -> None:
    """Weights are signed or not, in 7 or 8 bits, with one scale a channel or one in all, as the form says."""
    form = FORMS[name]
    made = quantize_static(prepared, tmp_path / "q.onnx", calibration, form)
    weights = stored_weights(made.path)
    assert len(weights) == len(weighted_nodes(prepared))
    assert {tensor.data_type for tensor in weights} == {KINDS[form.weights]}
    if form.weights == "s8":
        reach = max(int(np.abs(numpy_helper.to_array(tensor).astype(int)).max()) for tensor in weights)
        assert reach <= (64 if form.reduce_range else 127)
    stored = {tensor.name: tensor for tensor in onnx.load(made.path).graph.initializer}
    scales = [t for key, t in stored.items() if key.endswith("weight_scale") and "Gemm" not in key]
    assert any(t.dims and t.dims[0] > 1 for t in scales) == form.per_channel


def test_layouts_differ_in_the_file_but_not_in_what_onnx_runtime_runs(prepared, calibration, tmp_path) -> None:
    """QDQ keeps float operators between pairs, QOperator stores integer ones; optimized, the integer ones are equal."""
    graphs = {}
    for name in ("qdq-u8s8-channel", "qoperator-u8s8-channel"):
        made = quantize_static(prepared, tmp_path / f"{name}.onnx", calibration, FORMS[name])
        graphs[name] = read_graph(made.path).op_counts
        run = optimize_graph(made.path, "ORT_ENABLE_EXTENDED", tmp_path / "o.onnx")
        graphs[name, "run"] = read_graph(run).op_counts
    assert "QLinearConv" not in graphs["qdq-u8s8-channel"]
    assert "Conv" not in graphs["qoperator-u8s8-channel"]
    convolutions = read_graph(prepared).op_counts["Conv"]
    assert graphs["qdq-u8s8-channel", "run"]["QLinearConv"] == convolutions
    assert graphs["qoperator-u8s8-channel", "run"]["QLinearConv"] == convolutions


def test_dynamic_needs_no_calibration(prepared, images, logits, tmp_path) -> None:
    """Dynamic quantization measures activations while it runs."""
    made = quantize_dynamic(prepared, tmp_path / "d.onnx")
    assert "ConvInteger" in read_graph(made.path).op_counts
    assert signal_to_noise_db(logits, logits_of(made.path, images)) > 15
    assert made.calibration == "at run time"


@pytest.mark.parametrize("name", ["qdq-u8s8-channel", "qoperator-u8s8-channel"])
def test_a_layer_kept_float_runs_float(name, prepared, calibration, tmp_path) -> None:
    """Exactly the kept layers are float in the graph that ONNX Runtime really runs."""
    kept = ("features.2.conv.1.0/Conv", "features.0.0/Conv", "classifier.1/Gemm")
    made = quantize_static(prepared, tmp_path / "q.onnx", calibration, FORMS[name], keep_float=kept)
    run = read_graph(optimize_graph(made.path, "ORT_ENABLE_EXTENDED", tmp_path / "run.onnx")).op_counts
    assert run["QLinearConv"] == read_graph(prepared).op_counts["Conv"] - 2
    assert run.get("Conv", 0) + run.get("com.microsoft:FusedConv", 0) == 2
    assert run["Gemm"] == 1
    assert made.kept_float == kept


def test_keeping_every_layer_float_gives_float_logits_back(prepared, calibration, images, logits, tmp_path) -> None:
    """With nothing but shortcuts quantized, little is lost."""
    names = weighted_nodes(prepared)
    form = FORMS["qdq-u8s8-channel"]
    made = quantize_static(prepared, tmp_path / "q.onnx", calibration, form, keep_float=names)
    whole = quantize_static(prepared, tmp_path / "w.onnx", calibration, form)
    ratios = [signal_to_noise_db(logits, logits_of(path, images)) for path in (made.path, whole.path)]
    assert ratios[0] > ratios[1] + 3


def test_mistakes_are_named_and_leave_nothing_behind(prepared, calibration, tmp_path) -> None:
    """A layer that does not exist, and a calibration of another model."""
    form = FORMS["qdq-u8s8-channel"]
    with pytest.raises(ValueError, match=r"features\.99/Conv"):
        quantize_static(prepared, tmp_path / "q.onnx", calibration, form, keep_float=["features.99/Conv"])
    foreign = Calibration("minmax", {"somewhere/Else": (0.0, 1.0)}, 8)
    with pytest.raises(ValueError, match="calibrated"):
        quantize_static(prepared, tmp_path / "q.onnx", foreign, form)
    assert not list(tmp_path.glob("*.onnx"))
