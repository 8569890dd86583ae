"""What settings refuse, and what they become as a configuration: read back by Triton's own grammar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from labs.machine.fingerprint import Gpu, fingerprint
from labs.serve.triton import catalogue, opening
from labs.serve.triton.catalogue import copies
from labs.serve.triton.render import ConfigError, config_diff, parse, render
from labs.serve.triton.settings import EnsembleSettings, InstanceGroup

ONNX = catalogue.food_classifier_onnx(Path("model.onnx")).settings


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"dynamic_batching": {"preferred_batch_sizes": (4, 32)}}, "preferred batch size 32 is larger"),
        ({"max_batch_size": 1, "dynamic_batching": {}}, "nothing to do at max_batch_size 1"),
        ({"max_batch_size": 0}, "greater than or equal to 1"),
        ({"instances": ()}, "at least 1 item"),
        ({"name": "Food Classifier"}, "should match pattern"),
        ({"dynamic_batching": {"max_queue_delay_ms": 5}}, "Extra inputs are not permitted"),
        ({"outputs": ONNX.inputs}, "two tensors share a name"),
    ],
)
def test_what_cannot_work_is_refused_before_a_server_sees_it(changes, says):
    """The message names the setting and what is wrong with it."""
    with pytest.raises(ValidationError, match=says):
        ONNX.but(**changes)


def test_gpus_are_named_for_gpu_groups_only():
    """A group on the CPU that names GPUs would be ignored by nobody but its author."""
    with pytest.raises(ValidationError, match="say KIND_GPU"):
        InstanceGroup(kind="KIND_CPU", gpus=(0,))


def test_an_ensemble_that_is_not_wired_is_refused():
    """A misspelt tensor: named, beside what the steps make."""
    good = catalogue.food_ensemble().settings
    wrong = good.steps[1].but(inputs={"input": "pixel"})
    with pytest.raises(ValidationError, match=r"nothing makes pixel; the steps and inputs make .*pixels"):
        EnsembleSettings(**{**dict(good), "steps": (good.steps[0], wrong, good.steps[2])})


def test_the_contract_of_the_classifier_is_kept():
    """Names, types and shapes are what clients rely on."""
    config = parse(render(catalogue.food_classifier(Path("w.safetensors")).settings))
    tensors = [(one.name, one.data_type, list(one.dims)) for one in (*config.input, *config.output)]
    string, fp32 = 13, 11  # DataType in model_config.proto
    assert tensors == [("INPUT_IMAGE", string, [1]), ("FOOD_LABEL", string, [1]), ("PROBABILITY", fp32, [1])]
    onnx = parse(render(ONNX))
    tensors = [(one.name, one.data_type, list(one.dims)) for one in (*onnx.input, *onnx.output)]
    assert (onnx.backend, tensors) == ("onnxruntime", [("input", fp32, [3, 224, 224]), ("output", fp32, [11])])


def test_every_setting_arrives_in_the_configuration():
    """Read back by the real parser, field by field."""
    config = parse(
        render(
            ONNX.but(
                max_batch_size=32,
                instances=(*copies(2, gpus=(0, 1)), *copies(3)),
                intra_op_threads=4,
                parameters={"note": 'a "quoted" \\ word'},
                dynamic_batching={
                    "preferred_batch_sizes": (4, 8),
                    "max_queue_delay_us": 500,
                    "max_queue_size": 64,
                    "queue_timeout_us": 1000,
                },
            )
        )
    )
    groups = [(one.count, one.kind, list(one.gpus)) for one in config.instance_group]
    assert groups == [(2, 1, [0, 1]), (3, 2, [])]  # KIND_GPU and KIND_CPU
    batching = config.dynamic_batching
    assert (list(batching.preferred_batch_size), batching.max_queue_delay_microseconds) == ([4, 8], 500)
    policy = batching.default_queue_policy
    assert (policy.max_queue_size, policy.default_timeout_microseconds, policy.timeout_action) == (64, 1000, 0)
    parameters = {key: one.string_value for key, one in config.parameters.items()}
    assert parameters == {"intra_op_thread_count": "4", "note": 'a "quoted" \\ word'}
    assert config.max_batch_size == 32
    assert not parse(render(ONNX)).HasField("dynamic_batching")


def test_an_ensemble_becomes_its_steps():
    """Model names and both maps of each step."""
    steps = parse(render(catalogue.food_ensemble("food_classifier_int8").settings)).ensemble_scheduling.step
    assert [one.model_name for one in steps] == ["food_preprocess", "food_classifier_int8", "food_label"]
    assert dict(steps[1].input_map) == {"input": "pixels"}
    assert dict(steps[2].output_map) == {"FOOD_LABEL": "FOOD_LABEL", "PROBABILITY": "PROBABILITY"}


def test_a_text_that_is_no_configuration_is_refused_with_its_place():
    """Line, column and what to look for."""
    with pytest.raises(ConfigError, match=r"line:column 2:1 .*max_batch_sise.*misspelt"):
        parse('name: "x"\nmax_batch_sise: 4\n')


def test_a_diff_shows_what_changed_and_nothing_else():
    """One line out, one line in; nothing where nothing changed."""
    diff = config_diff(render(ONNX), render(ONNX.but(instances=copies(2))), "x/config.pbtxt").splitlines()
    changed = [line for line in diff if line[0] in "+-" and not line.startswith(("+++", "---"))]
    assert changed == ["-  { count: 1 kind: KIND_CPU }", "+  { count: 2 kind: KIND_CPU }"]
    assert diff[0] == "--- x/config.pbtxt (served)"
    assert config_diff(render(ONNX), render(ONNX)) == ""


@pytest.mark.parametrize(
    ("gpus", "renders"),
    [(0, "{ count: 2 kind: KIND_CPU }"), (1, "{ count: 2 kind: KIND_GPU gpus: [ 0 ] }"), (2, "gpus: [ 0 ] }")],
)
def test_so_many_instances_are_so_many_whatever_gpus_there_are(gpus: int, renders: str, monkeypatch):
    """On a node with two GPUs one instance is one, on the first of them, and not one on each (A8)."""
    cards = (Gpu("Tesla P100", "", 16 * 2**30, "6.0", "560.35"),) * gpus
    monkeypatch.setattr(opening, "fingerprint", lambda: replace(fingerprint(), gpus=cards))
    settings = ONNX.but(instances=opening.place(2))
    assert settings.copies == 2
    assert renders in render(settings)
