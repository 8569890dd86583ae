"""Configurations: each field of the requested text dropped or changed once, and its message."""

import ast
import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from grading.builder.notebook import build
from grading.builder.questions import written
from grading.builder.sources import sources
from labs.course.rules import fault

LESSONS = {lesson.id: lesson for lesson in sources()}

CPU = "instance_group [ { count: 1 kind: KIND_CPU } ]"

#: A text of the solution, its replacement, and the message; empty if the replacement is right, too.
CHANGES = {
    "triton.config": [
        ("", "", ""),
        ('name: "food_classifier"', 'name: "food"', "name is 'food'"),
        ('backend: "python"', "", "backend is ''"),
        ("max_batch_size: 16", "", "max_batch_size` is 0"),
        ("max_batch_size: 16", "max_batch_size: 32", ""),
        ("count: 1", "count: 2", "instances are '2 on CPU'"),
        ("KIND_CPU", "KIND_GPU", "instances are '1 on every GPU'"),
        ("KIND_CPU", "KIND_AUTO", "instances are '1 on any device'"),
        (" kind: KIND_CPU", "", "instances are '1 on any device'"),
        (CPU, "", "instances are ''"),
        (CPU, f"{CPU}\ndynamic_batching {{ }}", "Leave it out"),
        ("TYPE_STRING dims: [ 1 ] } ]\noutput", "TYPE_UINT8 dims: [ 1 ] } ]\noutput", "inputs are"),
        ('"INPUT_IMAGE"', '"IMAGE"', "inputs are"),
        ("TYPE_FP32 dims: [ 1 ]", "TYPE_FP32 dims: [ 11 ]", "outputs are"),
        ("TYPE_FP32", "TYPE_FP64", "outputs are"),
        ("input [", "inputs [", "Triton cannot read it"),
    ],
    "batching.config": [
        ("", "", ""),
        ("5000", "5", "may wait 5 microseconds"),
        ("  max_queue_delay_microseconds: 5000\n", "", "may wait 0 microseconds"),
        (
            "dynamic_batching {\n  max_queue_delay_microseconds: 5000\n}",
            "",
            "no `dynamic_batching`",
        ),
        ('name: "food_classifier"', 'name: "food"', "`name` is 'food'"),
        ('backend: "python"', "", "`backend` is ''"),
        ("max_batch_size: 16", "max_batch_size: 1", "`max_batch_size` is 1 instead of 16"),
        ('"INPUT_IMAGE"', '"IMAGE"', "`input` is"),
        ("TYPE_FP32", "TYPE_FP64", "`output` is"),
        ("count: 1", "count: 2", "`instance_group` is '2 on CPU'"),
        (CPU, "", "`instance_group` is ''"),
    ],
    "ensemble.onnx": [
        ("", "", ""),
        ("KIND_CPU", "KIND_GPU", "'1 on every GPU'.*KIND_CPU"),
        ("KIND_CPU", "KIND_AUTO", "'1 on any device'.*KIND_CPU"),
        (" kind: KIND_CPU", "", "'1 on any device'.*KIND_CPU"),
        ("count: 1 ", "", ""),
        ("count: 1", "count: 2", "2 instances"),
        (CPU, "", "0 instances"),
        ('name: "food_classifier_onnx"', 'name: "food"', "name is 'food'"),
        ('backend: "onnxruntime"', 'backend: "python"', "backend is 'python'"),
        ("max_batch_size: 16", "max_batch_size: 8", "8 instead of 16"),
        ("dims: [ 3, 224, 224 ]", "dims: [ -1, 3, 224, 224 ]", "inputs are"),
        ("dims: [ 11 ]", "dims: [ 1 ]", "outputs are"),
        ('"output"', '"logits"', "outputs are"),
    ],
    "scale.team": [
        ("", "", ""),
        ("$least", "0", "at least 1 replicas and gets 0"),
        ("$least", "1", "at least 0 replicas and gets 1"),
        ("$most", "3", "at most 5 replicas and gets 3"),
        ("$queued", "7", "queue of 40 and gets 7"),
        ("/$team", "/noodles", "soups gets the address /noodles"),
        ("/$team", "$team", "gets the address noodles"),
        ("$model", "/models/noodles.onnx", "args\\['model'\\]"),
        ("- name: $team", "- name: noodles", "soups is called noodles"),
        ("app:build", "app:app", "instead of `app:build`"),
        ("name: Food", "name: Model", "instead of `Food`"),
        ("min_replicas: $least", "initial_replicas: $least", "at least 0 replicas and gets 1"),
    ],
}

#: The same of the four stanzas on GPUs: which one, and its text.
STANZAS = [
    ("one", "{ count: 1 kind: KIND_GPU gpus: [ 0 ] }", ""),
    ("one", "{ kind: KIND_GPU gpus: [ 0 ] }", ""),
    ("one", "{ count: 1 kind: KIND_GPU }", "1 on every GPU"),
    ("one", "{ count: 1 gpus: [ 0 ] }", "1 on any device"),
    ("one", "{ count: 1 kind: KIND_AUTO gpus: [ 0 ] }", "1 on any device"),
    ("one", "{ count: 1 kind: KIND_CPU }", "1 on CPU"),
    ("one", "{ count: 1 kind: KIND_GPU gpus: [ 1 ] }", "1 on GPU 1"),
    ("two", "{ count: 1 kind: KIND_GPU gpus: [ 0 ] }", "1 on GPU 0"),
    ("one_each", "{ count: 2 kind: KIND_GPU gpus: [ 0, 1 ] }", "2 on GPU 0, 2 on GPU 1"),
    ("two_each", "{ count: 2 kind: KIND_GPU gpus: [ 0 ] }", "2 on GPU 0"),
]


def solution(id: str) -> str:
    """Return the text that a lesson's solved cell writes."""
    cells = build(LESSONS[id.partition(".")[0]], solved=True).cells
    (cell,) = [cell for cell in cells if cell.metadata.get("question") == id]
    texts = [node.value for node in ast.walk(ast.parse(cell.source)) if is_text(node)]
    text = max(texts, key=len)
    if id == "batching.config":  # it follows the configuration of the lesson before
        return solution("triton.config") + text
    return text


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def message(id: str, text: str, path: Path) -> str:
    """Return what the lesson's check says of a text."""
    asked = written(LESSONS[id.partition(".")[0]])[id].values
    module, _, function = asked["reads"].partition(":")
    path.write_text(text, encoding="utf-8")
    return fault(asked["rules"], getattr(import_module(module), function)(path))


@pytest.mark.parametrize(
    ("id", "old", "new", "says"), [(id, *row) for id, rows in CHANGES.items() for row in rows]
)
def test_each_field_that_is_dropped_or_changed_has_its_message(
    id: str, old: str, new: str, says: str, tmp_path: Path
):
    """Or it does the same, which is right."""
    text = solution(id)
    assert old in text
    answer = message(id, text.replace(old, new, 1), tmp_path / "text")
    assert bool(answer) == bool(says), answer
    assert re.search(says, answer)


@pytest.mark.parametrize(("name", "group", "says"), STANZAS)
def test_a_stanza_names_number_kind_and_gpus(name: str, group: str, says: str, tmp_path: Path):
    """Each message says where its instances are."""
    gpus = {"one": (1, "0"), "two": (2, "0"), "one_each": (1, "0, 1"), "two_each": (2, "0, 1")}
    stanzas = {
        run: f"instance_group [ {{ count: {count} kind: KIND_GPU gpus: [ {numbers} ] }} ]"
        for run, (count, numbers) in gpus.items()
    }
    stanzas[name] = f"instance_group [ {group} ]"
    answer = message("gpus.stanza", json.dumps(stanzas), tmp_path / "stanzas.json")
    assert bool(answer) == bool(says), answer
    assert says in answer


def test_a_stanza_with_a_further_field_is_refused(tmp_path: Path):
    """A passive group answers no requests."""
    group = "instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] passive: true } ]"
    with pytest.raises(ValueError, match="it has passive"):
        message("gpus.stanza", json.dumps({"one": group}), tmp_path / "stanzas.json")
