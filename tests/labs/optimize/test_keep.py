"""Why a layer that is left float needs protection, and that the protection changes no number."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from labs.optimize import quantize as quantizing
from labs.optimize.forms import FORMS
from labs.optimize.graph import optimize_graph, read_graph
from labs.optimize.predict import logits_of
from labs.optimize.quantize import quantize_static

KEPT = "features.2.conv.1.0/Conv"


@pytest.fixture
def unprotected(prepared, calibration, tmp_path, monkeypatch):
    """The file that ONNX Runtime's quantizer writes when a layer is excluded."""
    with monkeypatch.context() as patch:
        patch.setattr(quantizing, "protect_float", lambda model, names: 0)
        form = FORMS["qdq-u8s8-channel"]
        return quantize_static(prepared, tmp_path / "u.onnx", calibration, form, keep_float=[KEPT]).path


def test_onnx_runtime_quantizes_an_excluded_layer_by_itself(unprotected, prepared, tmp_path) -> None:
    """The trap is real. If this fails, ONNX Runtime has changed, and labs.optimize.keep may go."""
    run = read_graph(optimize_graph(unprotected, "ORT_ENABLE_EXTENDED", tmp_path / "run.onnx"))
    assert run.op_counts["QLinearConv"] == read_graph(prepared).op_counts["Conv"]


def test_protection_changes_no_number(unprotected, prepared, calibration, images, tmp_path) -> None:
    """With optimization off, protected and unprotected files compute the same to the last bit."""
    form = FORMS["qdq-u8s8-channel"]
    made = quantize_static(prepared, tmp_path / "p.onnx", calibration, form, keep_float=[KEPT])
    results = [logits_of(path, images[:8], level="ORT_DISABLE_ALL") for path in (unprotected, made.path)]
    assert np.array_equal(*results)
    onnx.checker.check_model(onnx.load(made.path), full_check=True)


def test_protected_layers_stay_float_in_openvino_too(prepared, calibration, images, tmp_path) -> None:
    """OpenVINO reads the protected file and agrees with ONNX Runtime."""
    openvino = pytest.importorskip("openvino")
    form = FORMS["qdq-u8s8-channel"]
    made = quantize_static(prepared, tmp_path / "p.onnx", calibration, form, keep_float=[KEPT])
    compiled = openvino.Core().compile_model(str(made.path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    expected = logits_of(made.path, images[:8])
    got = next(iter(compiled(images[:8]).values()))
    assert np.abs(got - expected).max() < 0.05 * np.abs(expected).max()
