"""Lesson 10's questions, where the contract test of all questions does not look: a real file, and own records."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from grading.checkpoints.model.lesson_10 import _inspect_half, half_precision, normalize
from grading.checkpoints.model.lesson_10_accuracy import _own_predictions, half_width_points, hardest_class
from labs import assets, preprocess, stats
from labs.records import Records


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Return the tensors of the model's file."""
    return load_file(assets.model())


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (lambda name, tensor: tensor.half() if tensor.is_floating_point() else tensor, ""),
        (lambda name, tensor: tensor, "float32"),
        (lambda name, tensor: tensor.bfloat16() if tensor.is_floating_point() else tensor, "bfloat16"),
        (lambda name, tensor: None if "running" in name else tensor.half(), "incomplete"),
        (lambda name, tensor: (1.1 * tensor).half() if tensor.is_floating_point() else tensor, "other weights"),
    ],
)
def test_a_halved_file_is_told_from_what_looks_like_one(weights, tmp_path, change, mistake) -> None:
    """The model's own weights, halved, pass; each named mistake is found in a real file."""
    path = tmp_path / "half.safetensors"
    made = {name: change(name, tensor) for name, tensor in weights.items()}
    save_file({name: tensor for name, tensor in made.items() if tensor is not None}, path)
    facts = {**_inspect_half(path), "size_bytes": path.stat().st_size}
    verdict = half_precision(facts, Records())
    assert (verdict.ok, verdict.mistake) == (not mistake, mistake)


def test_the_reference_prepares_images_as_the_course_does() -> None:
    """What a student writes in numpy gives what `labs.preprocess` and torchvision give."""
    path = next(assets.dataset().glob("evaluation/*/*.jpg"))
    image = preprocess.crop(preprocess.load_image(path))
    ours = preprocess.to_input(image)
    np.testing.assert_allclose(normalize(np.asarray(image)), ours, rtol=1e-5, atol=1e-5)


def test_classes_that_are_equally_hard_are_not_asked_about(entries) -> None:
    """Where two classes tie on a student's own images, no answer could be the right one."""
    entries.measured("accuracy", "torch-eager", [0, 0], details={"labels": [0, 9], "predicted": [9, 0]})
    assert _own_predictions(Records.from_json(entries)) == []
    entries.measured("accuracy", "torch-eager", [0, 1], details={"labels": [0, 9], "predicted": [9, 9]})
    (case,) = _own_predictions(Records.from_json(entries))
    assert hardest_class(*case) == 0


@pytest.mark.parametrize(("right", "total"), [(172, 209), (560, 660), (3030, 3347)])
def test_wilsons_interval_is_as_good_an_answer(right: int, total: int) -> None:
    """The formula of the lesson and the course's own interval agree within what the check forgives."""
    interval = stats.proportion_interval(right, total)
    assert half_width_points(right, total) == pytest.approx(50 * (interval.high - interval.low), rel=0.03)
