"""`quantize.static`: a message for each argument of the requested call, dropped or changed once."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from grading.builder.questions import written
from grading.builder.sources import sources
from grading.grade.artefacts.graph import described
from labs.course.rules import fault

ort = pytest.importorskip("onnxruntime.quantization", reason="the light rooms lack onnxruntime")

#: Eight convolutions, which students could leave in float32, and one Gemm.
CONVOLUTIONS = [f"conv{place}" for place in range(8)]

ASKED = {
    "quant_format": ort.QuantFormat.QDQ,
    "activation_type": ort.QuantType.QUInt8,
    "weight_type": ort.QuantType.QInt8,
    "per_channel": True,
}

#: Changes of the call (None drops an argument), and the check's message; empty if it is right.
CALLS: dict[str, tuple[dict[str, Any], str]] = {
    "as requested": ({}, ""),
    "the layout dropped, which is the default": ({"quant_format": None}, ""),
    "the other layout": ({"quant_format": ort.QuantFormat.QOperator}, "QOperator"),
    "activations dropped": ({"activation_type": None}, "activations are int8.*QUInt8"),
    "16 bits": ({"activation_type": ort.QuantType.QUInt16}, "activations are uint16.*8 bits"),
    "weights dropped, which are signed by default": ({"weight_type": None}, ""),
    "unsigned weights": ({"weight_type": ort.QuantType.QUInt8}, "weights are uint8"),
    "one scale per layer": ({"per_channel": None}, "per_channel=True"),
    "seven bits": ({"reduce_range": True}, "reduce_range"),
    "one layer": ({"nodes_to_quantize": ["conv3"]}, "8 of 9 layers .*nodes_to_quantize"),
    "half left out": ({"nodes_to_exclude": CONVOLUTIONS[:4]}, "4 of 9 layers .*nodes_to_exclude"),
    "convolutions alone": ({"op_types_to_quantize": ["Conv"]}, "every Gemm.*op_types_to_quantize"),
    "layers alone, all of them": ({"op_types_to_quantize": ["Conv", "Gemm"]}, ""),
    "percentiles": ({"calibrate_method": ort.CalibrationMethod.Percentile}, "calibrate_method"),
    "a moving mean": ({"extra_options": {"CalibMovingAverage": True}}, "extra_options"),
    "symmetric": ({"extra_options": {"ActivationSymmetric": True}}, "not those of the training"),
}

#: Photos for calibration, made of (training, evaluation), and the check's message.
PHOTOS: dict[str, tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], str]] = {
    "half of the training photos": (lambda training, _: training[::2], ""),
    "in another order": (lambda training, _: training[::-1], ""),
    "one photo": (lambda training, _: training[:1], "too few photos"),
    "three photos": (lambda training, _: training[:3], "too few photos"),
    "evaluation photos": (lambda _, evaluation: evaluation, "evaluation photos"),
    "few evaluation photos": (lambda _, evaluation: evaluation[:20], "evaluation photos"),
    "evaluation photos, a little brighter": (
        lambda _, evaluation: 1.001 * evaluation,
        "not those of the training photos",
    ),
    "noise": (
        lambda training, _: np.random.default_rng(1).uniform(-3, 3, training.shape),
        "not those of the training photos",
    ),
}


@pytest.fixture(scope="module")
def photos() -> dict[str, np.ndarray]:
    """Return photos of a toy's size by split: float32 (60, 3, 6, 6)."""
    random = np.random.default_rng(0)
    return {
        split: random.normal(size=(60, 3, 6, 6)).astype(np.float32)
        for split in ("training", "evaluation")
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a toy network, float32."""
    random = np.random.default_rng(0)
    nodes, stored = [], []
    for place, name in enumerate(CONVOLUTIONS):
        weight = random.normal(size=(4, 3 if place == 0 else 4, 3, 3)) / 4
        stored.append(numpy_helper.from_array(weight.astype(np.float32), f"w{place}"))
        inputs = [f"x{place}", f"w{place}"]
        nodes.append(helper.make_node("Conv", inputs, [f"x{place + 1}"], name, pads=[1] * 4))
    layer = random.normal(size=(144, 2)).astype(np.float32)
    stored.append(numpy_helper.from_array(layer, "w8"))
    nodes.append(helper.make_node("Flatten", ["x8"], ["flat"], "flatten"))
    nodes.append(helper.make_node("Gemm", ["flat", "w8"], ["logits"], "gemm"))
    image = helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["n", 3, 6, 6])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph(nodes, "toy", [image], [logits], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path = tmp_path_factory.mktemp("quantized")
    onnx.save(model, path / "food11.onnx")
    return path


@pytest.fixture
def message_of(folder: Path, photos: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch):
    """Return a function that quantizes the toy and returns the check's message."""
    quantize = import_module("labs.checkpoints.reads.quantize")

    def load_split(dataset: object, split: str, limit: int | None = None):
        return photos[split][:limit], None

    monkeypatch.setattr(quantize, "models_dir", lambda: folder)
    monkeypatch.setattr(quantize, "agreement", lambda path: 1.0)
    monkeypatch.setattr(quantize, "load_split", load_split)
    lessons = {lesson.id: lesson for lesson in sources()}
    rules = written(lessons["quantize"])["quantize.static"].values["rules"]

    def message(changes: dict[str, Any], calibrating: np.ndarray) -> str:
        path = folder / "int8.onnx"
        feeds = iter([{"x0": photo[None].astype(np.float32)} for photo in calibrating])
        reader = SimpleNamespace(get_next=lambda: next(feeds, None))
        arguments = {name: value for name, value in (ASKED | changes).items() if value is not None}
        ort.quantize_static(folder / "food11.onnx", path, reader, **arguments)
        facts = quantize.quantized_file(path)
        graded = described(onnx.load(path))
        if facts["weights"] == "int8":
            assert facts["largest_weight"] == graded["largest_weight"]
        return fault(rules, facts)

    return message


@pytest.mark.parametrize("call", CALLS)
def test_each_argument_of_the_call_has_its_message(call: str, message_of, photos):
    """Or a default does the same, which is right."""
    changes, expected = CALLS[call]
    message = message_of(changes, photos["training"])
    print(f"{call}: {message}")
    assert bool(message) == bool(expected), message
    assert re.search(expected, message)


@pytest.mark.parametrize("calibrating", PHOTOS)
def test_photos_that_calibrate_are_the_training_photos(calibrating: str, message_of, photos):
    """Any of them, in any order, as long as they are more than a few."""
    choose, expected = PHOTOS[calibrating]
    message = message_of({}, choose(photos["training"], photos["evaluation"]))
    print(f"{calibrating}: {message}")
    assert bool(message) == bool(expected), message
    assert re.search(expected, message)
