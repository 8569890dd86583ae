"""What lessons 12 and 13 find in real files: each known mistake leaves the trace that its message speaks of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from grading.checkpoints.model.lesson_12 import export_file, inspect_export, inspect_properties, properties
from grading.checkpoints.model.lesson_13 import inspect_optimized, optimized_file
from labs import assets
from labs.models import load_mobilenet_v2
from labs.optimize.export import export_onnx
from labs.optimize.graph import optimize_graph
from labs.records import Records


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """The course's model, exported as the lesson's last cell does it."""
    return export_onnx(load_mobilenet_v2(assets.model()), tmp_path_factory.mktemp("export") / "food11.onnx")


def spoil(mistake: str, path: Path, spoiled: Path) -> None:
    """Write a file as somebody who makes this mistake would have it."""
    model = onnx.load(path)
    if mistake == "static_batch":
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    elif mistake == "training_mode":
        model.graph.node[-1].input[0] = "dropped"
        model.graph.node.insert(len(model.graph.node) - 1, onnx.helper.make_node("Dropout", ["flat"], ["dropped"]))
        model.graph.node[-3].output[0] = "flat"
    elif mistake == "input_name":
        model.graph.input[0].name = model.graph.node[0].input[0] = "x"
    elif mistake == "another_model":
        bias = next(one for one in model.graph.initializer if one.name == "classifier.1.bias")
        bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.05), bias.name))
    outside = {"save_as_external_data": True, "location": "weights.data"} if mistake == "external_data" else {}
    onnx.save(model, spoiled, **outside)


def test_the_course_s_own_export_passes(exported) -> None:
    """The function that the lesson ends with makes the file that the lesson asks for."""
    assert export_file(inspect_export(exported), Records()).ok
    assert properties(inspect_properties(exported), Records()).ok


@pytest.mark.parametrize("mistake", ["external_data", "static_batch", "training_mode", "input_name", "another_model"])
def test_a_spoiled_export_is_named(exported, tmp_path, mistake) -> None:
    """The facts about a real file lead to the mistake that was made."""
    spoil(mistake, exported, tmp_path / "spoiled.onnx")
    assert export_file(inspect_export(tmp_path / "spoiled.onnx"), Records()).mistake == mistake


def test_a_file_whose_weights_were_left_behind_is_named(exported, tmp_path) -> None:
    """It cannot even be loaded, and the message says why."""
    spoil("external_data", exported, tmp_path / "spoiled.onnx")
    (tmp_path / "weights.data").unlink()
    assert export_file(inspect_export(tmp_path / "spoiled.onnx"), Records()).mistake == "external_data"


@pytest.mark.parametrize(
    ("level", "mistake"),
    [("ORT_ENABLE_BASIC", "not_merged"), ("ORT_ENABLE_EXTENDED", None), ("ORT_ENABLE_ALL", "layout")],
)
def test_the_level_is_seen_in_the_file(exported, tmp_path, level, mistake) -> None:
    """Only the level that merges nodes, and keeps the layout, gives a file for any machine."""
    path = optimize_graph(exported, level, tmp_path / "optimized.onnx")
    facts = inspect_optimized(path)
    if level == "ORT_ENABLE_ALL" and not any("nchwc" in name for name in facts["operators"]):
        pytest.skip("this processor's build has no NCHWc layout")
    verdict = optimized_file(facts, Records())
    assert (verdict.ok, verdict.mistake) == (mistake is None, mistake or "")
