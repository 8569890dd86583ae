"""Files that are no models, and records that are not their files': none earns a point for its artefact."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from grading.artefacts.graph import read
from grading.artefacts.pictures import HARD, Pictures
from grading.consistency import examine
from grading.grade import Setup, grade
from grading.hidden.model_artefacts import CHECKPOINTS
from grading.result import Result, spot_checks
from grading.sandbox import abilities
from tests.grading.classroom import attacks
from tests.grading.classroom.attacks import chosen, raised, thumbnails
from tests.grading.machines.made_up import MODEL, recorded

sandboxed = pytest.mark.skipif(not abilities().apart, reason="no sandbox here")

SEEDS = tuple("abcdefgh")


@pytest.fixture(scope="module")
def public() -> tuple[np.ndarray, np.ndarray]:
    """Return the evaluation pictures as models take them, and their classes."""
    return attacks.public_pictures()


def nearest(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return the place of the nearest known row for each row that is asked about."""
    return np.array([np.square(known - one).sum(1).argmin() for one in asked])


def test_f6_the_nearest_public_picture_has_not_the_class_of_a_view(public: tuple[np.ndarray, np.ndarray]):
    """Below 40 % over all seeds, also when it knows the pictures' mirror images and takes light off."""
    pixels, classes = public
    known = thumbnails(np.concatenate([pixels, pixels[:, :, ::-1]]))
    drawn = [Pictures.draw(seed) for seed in SEEDS]
    views = thumbnails(np.concatenate([one.pixels[len(one.places) :] for one in drawn]))
    wanted = np.concatenate([one.labels[len(one.places) :] for one in drawn])

    def without_light(rows: np.ndarray) -> np.ndarray:
        channels = rows.reshape(len(rows), 3, -1)
        channels = channels - channels.mean(2, keepdims=True)
        return (channels / channels.std((1, 2), keepdims=True)).reshape(len(rows), -1)

    for prepared in (np.asarray, without_light):
        found = np.tile(classes, 2)[nearest(prepared(known), prepared(views))]
        assert np.mean(found == wanted) < 0.40


def artefact_rows(result: Result) -> dict[str, int]:
    """Return the points of each row about the file."""
    return {row.id: row.points for row in result.rows if row.id.startswith("m.artefact.")}


@sandboxed
def test_f6_a_file_that_knows_the_public_pictures_by_heart_earns_nothing(submission: Path, public, tmp_path: Path):
    """Its hash, size and classes are those of its records, its weights are 8-bit integers, and it is no model."""
    ledger = submission / "ledger.jsonl"
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    entries, made = attacks.by_heart(entries, public[0])
    assert len(made) == chosen(entries)["model"]["size_bytes"]
    (submission / MODEL.name).write_bytes(made)
    ledger.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    for seed in SEEDS[:2]:
        pictures = tmp_path / f"{seed}.npz"
        Pictures.draw(seed).save(pictures)
        result = grade(submission, part=1, student="f6", setup=Setup(pictures=pictures, rerun=False))
        assert result.fault == ""
        assert sum(artefact_rows(result).values()) == 0
        (looked_at,) = spot_checks([result], seed="x", share=0)
        assert any("not when measured again" in reason for reason in looked_at.reasons)


@sandboxed
def test_f6_a_file_that_gives_all_pictures_one_class_earns_nothing(submission: Path, tmp_path: Path):
    """Its records claim no more of it, so it keeps each of its promises; but it has not learned to see."""
    ledger = submission / "ledger.jsonl"
    entries, made = attacks.one_class_for_all([json.loads(line) for line in ledger.read_text().splitlines()])
    (submission / MODEL.name).write_bytes(made)
    ledger.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    result = grade(submission, part=1, setup=Setup(rerun=False))
    assert result.fault == ""
    assert sum(artefact_rows(result).values()) == 0


@sandboxed
def test_f14_pictures_that_were_given_other_classes_are_found(submission: Path):
    """Whoever moves the answers to what a model said, in every record, has all of them agree."""
    ledger = submission / "ledger.jsonl"
    entries = attacks.relabelled([json.loads(line) for line in ledger.read_text().splitlines()], 10)
    (submission / "ledger.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    result = grade(submission, part=1, setup=Setup(rerun=False))
    assert {one.rule for one in result.findings if one.impossible} == {"labels-not-the-splits"}
    assert sum(artefact_rows(result).values()) == 0


def test_f14_other_classes_under_another_name_are_no_evidence_of_the_file():
    """A data set of one's own is not looked up; the file's pictures are."""
    entries = attacks.relabelled(recorded(1), 10)
    for one in (one for one in entries if one.get("kind") == "accuracy"):
        one["details"]["dataset"] = "mine/evaluation"
    assert not examine(entries).contradictions
    drawn = Pictures.draw("a")
    verdict = _same_classes(drawn, entries, chosen(entries)["details"]["predicted"], 0)
    assert not verdict.ok
    assert "a class that is not theirs" in verdict.message


def test_hard_pictures_are_those_that_the_courses_model_gets_wrong():
    """By the recording of the float model."""
    record = next(one for one in recorded(1) if one.get("kind") == "accuracy" and one["option"] == "torch-eager")
    assert tuple(place for place, sample in enumerate(record["samples"]) if not sample) == HARD


@sandboxed
def test_f14_an_accuracy_that_was_raised_is_not_the_files(submission: Path, tmp_path: Path):
    """By eight points and by ten, under each of eight seeds; the record as it was passes under each."""
    ledger = submission / "ledger.jsonl"
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    honest = chosen(entries)["details"]["predicted"]
    for seed in SEEDS:
        pictures = tmp_path / "pictures.npz"
        Pictures.draw(seed).save(pictures)
        if seed == SEEDS[0]:
            whole = artefact_rows(grade(submission, part=1, setup=Setup(pictures=pictures, rerun=False)))
            assert whole["m.artefact.same_classes"] == 4
        # What the file does is known by now: its record was made on this kind of processor.
        drawn = Pictures.load(pictures)
        for points in (0, 8, 10):
            verdict = _same_classes(drawn, entries, honest, points)
            assert verdict.ok == (points == 0), f"{seed}, {points}: {verdict}"


def _same_classes(drawn: Pictures, entries: list[dict], honest: list[int], points: float):
    """Return the verdict on a record that was raised so far, by a file that gives the classes it really gives."""
    from grading.artefacts.inspect import Facts
    from grading.checkpoints import as_records
    from grading.hidden import Evidence

    changed = json.loads(json.dumps(entries))
    record = chosen(changed)
    raised(record, points)
    for one in changed:
        if one.get("kind") == "accuracy" and one["option"] == record["option"]:
            one.update(samples=record["samples"], details=record["details"])
    views = [int(label) for label in drawn.labels[len(drawn.places) :]]
    facts = Facts(MODEL.name, record["model"]["sha256"], 1, predicted=(*(honest[p] for p in drawn.places), *views))
    labels, places = tuple(map(int, drawn.labels)), tuple(map(int, drawn.places))
    evidence = Evidence(as_records(changed), {facts.sha256: facts}, labels, places)
    (judge,) = [one.judge for one in CHECKPOINTS if one.id == "m.artefact.same_classes"]
    return judge(evidence)


def test_f15_float_weights_in_constant_nodes_are_weights(tmp_path: Path):
    """And an 8-bit tensor that no node takes makes no INT8 model."""
    floats = numpy_helper.from_array(np.ones(1 << 20, np.float32))
    listed = helper.make_node("Constant", [], ["c"], value_floats=[1.0] * 1000)
    unused = numpy_helper.from_array(np.zeros(8 << 20, np.int8), "unused")
    nodes = [helper.make_node("Constant", [], ["w"], value=floats), listed, helper.make_node("Add", ["w", "c"], ["y"])]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    path = tmp_path / "f15.onnx"
    onnx.save(helper.make_model(helper.make_graph(nodes, "graph", [], [y], [unused])), path)
    found = read(path)
    assert found["int8_bytes"] == 0
    assert found["weight_bytes"] >= (4 << 20) + 4000


def test_f15_two_halves_of_a_weight_are_no_8_bit_weights(tmp_path: Path):
    """Sixteen bits in two tensors of eight, put together before they are multiplied by; the same in one tensor is."""
    high, low = (numpy_helper.from_array(np.ones((64, 64), np.int8), name) for name in ("high", "low"))
    held = [high, low, numpy_helper.from_array(np.float32(1), "scale")]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 64]) for name in "xy")
    halves = [
        helper.make_node("DequantizeLinear", ["high", "scale"], ["above"]),
        helper.make_node("DequantizeLinear", ["low", "scale"], ["below"]),
        helper.make_node("Add", ["above", "below"], ["weights"]),
        helper.make_node("MatMul", ["x", "weights"], ["y"]),
    ]
    whole = [
        helper.make_node("DequantizeLinear", ["high", "scale"], ["weights"]),
        helper.make_node("MatMul", ["x", "weights"], ["y"]),
    ]
    dead = [
        helper.make_node("DequantizeLinear", ["low", "scale"], ["unused"]),
        helper.make_node("MatMul", ["x", "unused"], ["nowhere"]),
        helper.make_node("Identity", ["x"], ["y"]),
    ]
    for nodes, expected in ((halves, 0), (whole, 64 * 64), (dead, 0)):
        onnx.save(helper.make_model(helper.make_graph(nodes, "graph", [x], [y], held)), tmp_path / "f15.onnx")
        assert read(tmp_path / "f15.onnx")["int8_bytes"] == expected


def test_an_int8_file_far_better_than_float_is_for_a_person():
    """Rounding does not make a model right on 40 pictures more."""
    entries = recorded(1)
    assert "int8-above-float" not in {one.rule for one in examine(entries).flags}
    raised(chosen(entries), 8)
    assert "int8-above-float" in {one.rule for one in examine(entries).flags}
