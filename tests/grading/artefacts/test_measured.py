"""Submitted models: an honest one is measured, and whatever else calls itself a model becomes one
clear sentence.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from grading.grade.artefacts import measured
from grading.grade.artefacts.measured import inspect_models
from grading.grade.artefacts.pictures import Pictures
from grading.grade.intake import Kind
from grading.grade.intake.take import Taken
from grading.grade.sandbox import Outcome, Sandbox
from labs.edge.files import with_input_size
from tests.tools import sandboxed

MODEL = Path(__file__).parents[1] / "fixtures" / "int8-static-qdq.onnx"

pytestmark = sandboxed


@pytest.fixture(autouse=True)
def _measured_anew(monkeypatch):
    """Keep nothing from one test to the next."""
    monkeypatch.setattr(measured, "_MEASURED", {})


def taken(path: Path) -> Taken:
    """Return a file as the intake would hand it over."""
    return Taken(
        Kind.MODEL,
        path.name,
        path,
        path.stat().st_size,
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def save(path: Path, nodes: list, *, initializers: list = (), shape=("n", 3, 224, 224)) -> Path:
    """Write a model with one input of pictures and one output of logits."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        initializer=list(initializers),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def loop(path: Path) -> Path:
    """Write a model that loops for ever: a few hundred bytes keep a runtime busy until it is
    killed.
    """
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c2"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("c2", TensorProto.BOOL, [])],
    )
    true = helper.make_tensor("t", TensorProto.BOOL, [], [True])
    most = helper.make_tensor("m", TensorProto.INT64, [], [2**62])
    return save(
        path, [helper.make_node("Loop", ["m", "t"], [], body=body)], initializers=[true, most]
    )


def outside(path: Path) -> Path:
    """Write a model whose weights are in another user's file."""
    tensor = TensorProto(
        name="w", data_type=TensorProto.FLOAT, dims=[11], data_location=TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    return save(path, [helper.make_node("Identity", ["w"], ["y"])], initializers=[tensor])


def bomb(path: Path) -> Path:
    """Write 300 bytes that ask for 64 GB when they are loaded."""
    size = helper.make_tensor("s", TensorProto.INT64, [2], [1 << 17, 1 << 17])
    nodes = [
        helper.make_node("ConstantOfShape", ["s"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["y"]),
    ]
    return save(path, nodes, initializers=[size])


def test_an_honest_model_is_measured(pictures: Path):
    """Its classes, in the pictures' order, and its integers."""
    inspected = inspect_models([taken(MODEL)], pictures)[MODEL.name]
    drawn = Pictures.load(pictures)
    assert inspected.fault == ""
    assert inspected.integer_share == 1
    # Source: Sandler et al., MobileNetV2, 2018, table 4: 300 million.
    assert round(inspected.multiplications / 1e6) == 300
    assert len(inspected.predicted) == 48
    # Hard pictures and views: far more than one in eleven, and fewer than of all pictures.
    assert np.mean(np.array(inspected.predicted) == drawn.labels) > 0.3


def test_each_hostile_model_is_one_sentence_and_the_honest_one_beside_them_is_measured(
    tmp_path: Path, pictures: Path
):
    """A loop, weights in another file, a memory bomb, junk, a page of HTML, the wrong shape, a
    custom operator.
    """
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(np.random.default_rng(0).bytes(5000))
    page = tmp_path / "page.onnx"
    page.write_text("<html>Log in</html>")
    pickle = tmp_path / "pickle.safetensors"
    pickle.write_bytes(b"\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00exitq\x01\x85q\x02Rq\x03.")
    identity = helper.make_node("Identity", ["x"], ["y"])
    relu = helper.make_node("Relu", ["x"], ["y"])
    own = helper.make_node("Run", ["x"], ["y"], domain="mine")
    files = dict.fromkeys((junk, page, pickle), "not an ONNX model")
    files[loop(tmp_path / "loop.onnx")] = "Loop"
    files[outside(tmp_path / "outside.onnx")] = "another file"
    files[bomb(tmp_path / "bomb.onnx")] = "memory|refused"
    files[save(tmp_path / "shape.onnx", [identity])] = "11 finite numbers"
    files[save(tmp_path / "long.onnx", [relu] * 6000)] = "6000 nodes"
    files[save(tmp_path / "own.onnx", [own])] = "mine"
    inspected = inspect_models([*map(taken, files), taken(MODEL)], pictures)
    assert inspected[MODEL.name].fault == ""
    for path, says in files.items():
        fault = inspected[path.name].fault
        assert any(word in fault for word in says.split("|")), f"{path.name}: {fault!r}"
        assert inspected[path.name].predicted == ()


def test_a_model_that_takes_for_ever_takes_no_others_result_with_it(
    tmp_path: Path, pictures: Path, monkeypatch
):
    """The limit ends the slow file, which is named, and another child measures the others."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [16, 3, 1, 1], np.ones(48, np.float32))
    wide = helper.make_node("Conv", ["x", "w"], ["h0"])
    more = [helper.make_node("Sin", [f"h{i}"], [f"h{i + 1}"]) for i in range(4000)]
    last = helper.make_node("Identity", ["h4000"], ["y"])
    # Larger than the honest one, so that it comes first.
    filler = helper.make_tensor("f", TensorProto.FLOAT, [10**6], np.ones(10**6, np.float32))
    slow = save(tmp_path / "slow.onnx", [wide, *more, last], initializers=[weight, filler])
    monkeypatch.setattr(measured, "SECONDS_A_MODEL", 0)
    inspected = inspect_models([taken(slow), taken(MODEL)], pictures)
    assert "in time" in inspected["slow.onnx"].fault
    assert inspected[MODEL.name].fault == ""


def test_a_child_that_was_taken_over_cannot_make_the_grader_stumble(
    tmp_path: Path, pictures: Path, monkeypatch
):
    """The child's output is not trusted, like the file."""
    lines = [
        "[1",
        "NaN",
        '{"name": "../../etc"}',
        '{"name": "int8-static-qdq.onnx", "predicted": [true, 99, "x"]}',
    ]
    monkeypatch.setattr(
        Sandbox, "run", lambda *a, **k: Outcome(0, False, "\n".join(lines), "", 0.1)
    )
    inspected = inspect_models([taken(MODEL)], pictures)
    assert inspected[MODEL.name].fault == "what was measured makes no sense"


def test_the_same_bytes_are_measured_once(tmp_path: Path, pictures: Path, monkeypatch):
    """A class on one kind of machine hands in few different files; each keeps its own name, and
    other pictures need a new measurement.
    """
    twin, others = tmp_path / "twin.onnx", tmp_path / "other.npz"
    twin.write_bytes(MODEL.read_bytes())
    Pictures.draw("another secret", count=8).save(others)
    first = inspect_models([taken(MODEL)], pictures)[MODEL.name]
    children: list[tuple] = []
    run = Sandbox.run
    monkeypatch.setattr(Sandbox, "run", lambda *a, **k: children.append(a) or run(*a, **k))
    assert inspect_models([taken(twin)], pictures) == {twin.name: replace(first, name=twin.name)}
    assert children == []
    inspect_models([taken(MODEL)], others)
    assert len(children) == 1


def test_of_a_child_only_what_nobody_else_could_have_said_is_kept(
    tmp_path: Path, pictures: Path, monkeypatch
):
    """The first model's line, before a second one was loaded; the second is asked again when it
    comes alone.
    """
    other = tmp_path / "other.onnx"
    other.write_bytes(MODEL.read_bytes() + b" ")
    claims = {"multiplications": 8}
    lines = [
        {"name": other.name, "begun": True},
        {"name": other.name, **claims, "predicted": [1]},
        {"name": MODEL.name, "begun": True},
        {"name": other.name, **claims, "predicted": [2]},
        {"name": MODEL.name, **claims, "predicted": [3]},
    ]
    text = "\n".join(map(json.dumps, lines))
    monkeypatch.setattr(Sandbox, "run", lambda *a, **k: Outcome(0, False, text, "", 0.1))
    inspected = inspect_models([taken(other), taken(MODEL)], pictures)
    assert (inspected[other.name].predicted, inspected[MODEL.name].predicted) == ((1,), (3,))
    assert [model.name for model in measured._MEASURED.values()] == [other.name]


def test_a_file_that_takes_fewer_pixels_is_shown_fewer(tmp_path: Path, pictures: Path):
    """The edge part makes such files; one that takes more than there are is refused in words."""
    small = with_input_size(MODEL, tmp_path / "small.onnx", 160)
    large = with_input_size(MODEL, tmp_path / "large.onnx", 256)
    inspected = inspect_models([taken(small), taken(large)], pictures)
    assert inspected["small.onnx"].fault == ""
    assert (
        np.mean(np.array(inspected["small.onnx"].predicted) == Pictures.load(pictures).labels) > 0.3
    )
    assert "256 pixels" in inspected["large.onnx"].fault
