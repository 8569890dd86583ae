"""The texts of the course's own configurations, read by Triton's own grammar."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.serve.triton import catalogue
from labs.serve.triton.config import ConfigError, parse


def test_the_contract_of_the_classifier_is_kept():
    """Names, types and shapes are what clients rely on."""
    config = parse(catalogue.food_classifier(Path("w.safetensors")).config)
    tensors = [(one.name, one.data_type, list(one.dims)) for one in (*config.input, *config.output)]
    string, fp32 = 13, 11  # DataType in model_config.proto
    assert tensors == [("INPUT_IMAGE", string, [1]), ("FOOD_LABEL", string, [1]), ("PROBABILITY", fp32, [1])]
    onnx = parse(catalogue.food_classifier_onnx(Path("model.onnx")).config)
    tensors = [(one.name, one.data_type, list(one.dims)) for one in (*onnx.input, *onnx.output)]
    assert (onnx.backend, tensors) == ("onnxruntime", [("input", fp32, [3, 224, 224]), ("output", fp32, [11])])


@pytest.mark.parametrize(
    ("stanza", "count", "kind", "gpus"),
    [
        (catalogue.instances(), 1, "KIND_CPU", []),
        (catalogue.instances(3), 3, "KIND_CPU", []),
        (catalogue.instances(1, range(2)[:1]), 1, "KIND_GPU", [0]),
        (catalogue.instances(2, (0, 1)), 2, "KIND_GPU", [0, 1]),
    ],
)
def test_instances_are_where_they_are_said_to_be(stanza: str, count: int, kind: str, gpus: list[int]):
    """One group; a GPU is named, so that one instance on a node with two is one, and not one on each (A8)."""
    (group,) = parse(catalogue.food_palette(stanza).config).instance_group
    assert (group.count, type(group).Kind.Name(group.kind), list(group.gpus)) == (count, kind, gpus)


def test_an_ensemble_becomes_its_steps():
    """Model names and both maps of each step, and what goes in and out of them fits."""
    steps = parse(catalogue.food_ensemble("food_classifier_int8").config).ensemble_scheduling.step
    assert [one.model_name for one in steps] == ["food_preprocess", "food_classifier_int8", "food_label"]
    assert dict(steps[1].input_map) == {"input": "pixels"}
    assert dict(steps[2].output_map) == {"FOOD_LABEL": "FOOD_LABEL", "PROBABILITY": "PROBABILITY"}
    made, label = parse(catalogue.food_preprocess().config), parse(catalogue.food_label().config)
    assert [one.name for one in (*made.output, *label.input)] == ["input", "output"]


def test_a_text_that_is_no_configuration_is_refused_with_its_place():
    """Line, column and what to look for."""
    with pytest.raises(ConfigError, match=r"line:column 2:1 .*max_batch_sise.*misspelt"):
        parse('name: "x"\nmax_batch_sise: 4\n')
