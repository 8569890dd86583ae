"""A slim file is smaller and computes the same, bit for bit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from labs.optimize.forms import FORMS
from labs.optimize.graph import optimize_graph, read_graph
from labs.optimize.predict import logits_of, signal_to_noise_db
from labs.optimize.quantize import quantize_static
from labs.optimize.slim import slim_onnx


@pytest.fixture(params=["float", "qdq-u8s8-channel", "qoperator-u8s8-channel", "kept"])
def fat(request, prepared, calibration, tmp_path):
    """A file of each kind."""
    if request.param == "float":
        return prepared
    form = FORMS.get(request.param, FORMS["qdq-u8s8-channel"])
    keep = ["features.2.conv.1.0/Conv"] if request.param == "kept" else []
    return quantize_static(prepared, tmp_path / "fat.onnx", calibration, form, keep_float=keep).path


def test_same_logits_in_fewer_bytes(fat, images, tmp_path) -> None:
    """Bit for bit the same, optimized or not; the report's steps add up to what was saved."""
    report = slim_onnx(fat, tmp_path / "slim.onnx")
    for level in ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL"):
        before, after = (logits_of(path, images[:8], level=level) for path in (fat, report.path))
        assert np.array_equal(before, after)
    assert report.after_bytes == report.path.stat().st_size < report.before_bytes == fat.stat().st_size
    assert sum(report.saved_bytes.values()) == report.before_bytes - report.after_bytes


def test_onnx_runtime_fuses_it_just_as_well(fat, tmp_path) -> None:
    """Sharing constants must not hide a pattern from the optimizer."""
    report = slim_onnx(fat, tmp_path / "slim.onnx")
    counts = [
        read_graph(optimize_graph(path, "ORT_ENABLE_EXTENDED", tmp_path / "o.onnx")).op_counts
        for path in (fat, report.path)
    ]
    assert counts[0] == counts[1]


def test_inputs_and_outputs_keep_their_names(fat, tmp_path) -> None:
    """Whoever calls the model does not notice."""
    graph = read_graph(slim_onnx(fat, tmp_path / "slim.onnx").path)
    assert (graph.inputs, graph.outputs) == (("input",), ("output",))


def test_float_biases_save_more_and_cost_rounding_only(prepared, calibration, images, tmp_path) -> None:
    """Biases as float32 leave out their scales; the logits move by no more than rounding does."""
    fat = quantize_static(prepared, tmp_path / "fat.onnx", calibration, FORMS["qdq-u8s8-channel"]).path
    plain, lighter = (slim_onnx(fat, tmp_path / f"{flag}.onnx", float_bias=flag) for flag in (False, True))
    assert lighter.after_bytes < plain.after_bytes
    assert signal_to_noise_db(logits_of(plain.path, images), logits_of(lighter.path, images)) > 25


def test_a_file_may_be_slimmed_in_place(fat, images, tmp_path) -> None:
    """Reading and writing the same path works."""
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(fat.read_bytes())
    before = logits_of(copy, images[:4])
    slim_onnx(copy, copy)
    assert np.array_equal(before, logits_of(copy, images[:4]))
    assert not list(tmp_path.glob("*.partial"))


def test_external_weights_are_refused(prepared, tmp_path) -> None:
    """A file without its weights cannot be made smaller by itself."""
    path = tmp_path / "external.onnx"
    onnx.save(onnx.load(prepared), path, save_as_external_data=True, location="weights", size_threshold=0)
    with pytest.raises(ValueError, match="external_data=False"):
        slim_onnx(path, tmp_path / "slim.onnx")
