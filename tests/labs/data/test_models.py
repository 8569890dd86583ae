"""The model is torchvision's, its weights are data, and the shipped ones are worth what the manifest says."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import mobilenet_v2

from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2, save_weights

ASSETS = Path(__file__).resolve().parents[3] / "assets"


def test_weights_survive_the_file(tmp_path: Path) -> None:
    """A saved and loaded model gives the same logits, and is ready for inference."""
    torch.manual_seed(0)
    model, path = mobilenet_v2(num_classes=11).eval(), tmp_path / "folder" / "model.safetensors"
    save_weights(model, path, {"made by": "a test"})
    loaded = load_mobilenet_v2(path)
    assert not loaded.training
    inputs = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(loaded(inputs), model(inputs), rtol=0, atol=0)
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_the_shipped_model_has_its_stated_accuracy() -> None:
    """On the artists it has never seen, the shipped weights score what the manifest records, and at least 80 %."""
    manifest = json.loads((ASSETS / "manifest.json").read_text("utf-8"))
    entry = manifest["models"]["food11-mini-mobilenetv2"]
    model = load_mobilenet_v2(ASSETS / entry["path"])
    inputs, labels = load_split(ASSETS / "food11-mini", "evaluation")
    with torch.inference_mode():
        logits = torch.cat([model(batch) for batch in torch.from_numpy(inputs).split(32)])
    accuracy = float((logits.argmax(1).numpy() == labels).mean())
    # Kernels differ between machines in the last digits, which may turn a close call or two.
    assert accuracy == pytest.approx(entry["evaluation"]["accuracy"], abs=0.005)
    assert accuracy >= 0.80
    assert np.isfinite(logits.numpy()).all()
