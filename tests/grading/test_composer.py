"""The composer's pieces one by one: files that it can fill in are for taking part, and files that
it wraps, copies or rounds are detected. The red team's table has its whole hand-ins.
"""

import importlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from grading.grade.artefacts.graph import read
from grading.grade.artefacts.published import SAMPLES, published_share, write
from labs.course.question import all_questions
from labs.judge.copied import copied_function
from labs.judge.program import Program, at_home
from labs.optimize.multiplications import Multiplications, multiplications_of
from tests.grading import composer


@pytest.mark.parametrize("id", sorted(set(composer.CONFIGURATIONS) - {"ensemble.steps"}))
def test_a_configuration_that_rules_fill_in_is_for_taking_part(id: str, tmp_path: Path):
    """Its check takes it, so the grader gives no point for it. Triton alone reads an ensemble."""
    asked = all_questions()[id]
    path = tmp_path / composer.CONFIGURATIONS[id]
    path.write_text(composer.from_rules(asked).text)
    assert asked.by_rules(asked.read(path)).ok
    assert not asked.opened


def test_what_the_grader_opens_is_a_program_or_a_model():
    """All other files could be filled in from the rules that ship."""
    for asked in all_questions().values():
        if asked.kind == "file" and asked.opened and asked.opened_by != "model":
            module = importlib.import_module(asked.reads.partition(":")[0])
            assert hasattr(module, "Program"), asked.id


TEXTS = [
    (id, composition)
    for id, candidates in composer.PROGRAMS.items()
    for composition in candidates()
    if "text" in composition.parts
]


@pytest.mark.parametrize(("id", "composition"), TEXTS, ids=[text.parts for _, text in TEXTS])
def test_a_copied_function_is_named(id: str, composition: composer.Composition):
    """Also in a text that the program runs; nothing of such a program runs."""
    name = copied_function(composition.text.encode())
    assert name.startswith("labs.")
    facts = all_questions()[id].read({"program.py": composition.text})
    assert f"`{name}`" in facts["lost"]


@pytest.mark.parametrize("name", ["labs.serve.app", "labs.bench.timing", "provisioning.lab"])
def test_a_program_finds_no_module_of_the_course(name: str):
    """At home neither, where all of them are there: the sentence says what it may import."""
    program = Program("script", f"import {name}\n".encode(), {}, at_home)
    with program:
        reply = program.ask({"complaint": str}, arguments=[])
    assert f"`{name.partition('.')[0]}" in reply["complaint"]
    assert "files beside it" in reply["complaint"]


def toy(quantized: tuple[bool, bool], extra: list = ()) -> onnx.ModelProto:
    """Return a model of one convolution, 3 × 3 pixels to 4 channels, of which the input and the
    weights are quantized or not.
    """
    weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    stored = {
        "w": weights,
        "w8": np.rint(weights * 30).astype(np.int8),
        "scale": np.float32(1 / 30),
        "zero": np.int8(0),
        "zero16": np.int16(0),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["dq"]),
        helper.make_node("DequantizeLinear", ["w8", "scale", "zero"], ["dw"]),
        *extra,
    ]
    given = ["dq" if quantized[0] else "x", "dw" if quantized[1] else "w"]
    nodes.append(helper.make_node("Conv", given, ["y"], pads=[1, 1, 1, 1]))
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 8, 8])
        for name, channels in (("x", 3), ("y", 4))
    ]
    return helper.make_model(helper.make_graph(nodes, "toy", ends[:1], ends[1:], tensors))


@pytest.mark.parametrize(
    ("quantized", "share"),
    [((True, True), 1.0), ((True, False), 0.0), ((False, True), 0.0), ((False, False), 0.0)],
)
def test_a_multiplication_is_one_of_integers_if_both_sides_are(quantized, share: float):
    """Quantized values that no multiplication reads do not count."""
    counted = multiplications_of(toy(quantized))
    assert (counted.total, counted.integer_share) == (4 * 3 * 9 * 64, share)


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Mul", ["dw", "scale"], ["dw2"]),
        helper.make_node("QuantizeLinear", ["x", "scale", "zero16"], ["q2"]),
    ],
    ids=["weights that are computed", "sixteen bits"],
)
def test_what_is_no_byte_or_no_stored_weight_counts_as_float32(node: onnx.NodeProto):
    """Computed weights count as a network of float32."""
    more = [node]
    if node.output[0] == "q2":
        more.append(helper.make_node("DequantizeLinear", ["q2", "scale", "zero16"], ["dq2"]))
    model = toy((True, True), more)
    last = model.graph.node[-1]
    last.input[:] = ["dq2", "dw"] if node.output[0] == "q2" else ["dq", "dw2"]
    assert multiplications_of(model).integer_share == 0


def test_a_larger_network_of_integers_hides_no_network_of_float32():
    """The share is of the course's network, not of whatever else the file computes."""
    counted = Multiplications(total=10_300_000_000, in_integers=10_000_000_000)
    assert counted.integer_share == 0


def test_a_published_network_is_known_folded_and_rounded_and_no_other_is(tmp_path: Path):
    """Whatever a converter does to its weights: a scale a channel, eight bits, a flat shape."""
    dice = np.random.default_rng(1)
    layers = {"a": dice.normal(size=(32, 16, 3, 3)), "b": dice.normal(size=(11, 64))}
    path = tmp_path / "published.npz"
    write({"net": layers}, path)
    scales = dice.uniform(0.5, 2, size=(32, 1, 1, 1))
    folded = [np.rint(layers["a"] * scales * 30).reshape(-1), layers["b"].T]
    assert published_share(folded, path) == 1
    assert published_share([dice.normal(size=layer.shape) for layer in folded], path) == 0


@pytest.mark.slow
def test_the_samples_are_those_of_the_networks_that_ship(tmp_path: Path):
    """If this fails: ``python -m grading.grade.artefacts.published`` writes them again."""
    from safetensors.numpy import load_file

    from labs import assets

    weights = {path.stem: load_file(path) for path in assets.model().parent.glob("*.safetensors")}
    write(weights, tmp_path / "published.npz")
    with np.load(tmp_path / "published.npz") as wanted, np.load(SAMPLES) as saved:
        for name in ("samples", "shapes", "networks"):
            assert np.array_equal(wanted[name], saved[name])


@pytest.mark.slow
@pytest.mark.parametrize("parts", composer.MODELS)
def test_a_composed_model_is_a_published_one(parts: str, tmp_path: Path):
    """And multiplies in float32, whatever else is in the file."""
    path = tmp_path / "composed.onnx"
    onnx.save(composer.MODELS[parts](tmp_path), path)
    facts = read(path)
    assert facts["graph"]["integers"] == 0
    assert facts["published_share"] == 1
