"""The model is torchvision's, its weights are data, and the shipped ones are worth what the manifest says."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from labs.dataset import load_split
from labs.models import WeightsError, build_mobilenet_v2, load_mobilenet_v2, save_weights

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def test_the_model_has_eleven_logits_and_mobilenets_size() -> None:
    """MobileNetV2 at width 1 with eleven outputs has 2,237,963 parameters."""
    model = build_mobilenet_v2().eval()
    assert sum(parameter.numel() for parameter in model.parameters()) == 2_237_963
    with torch.no_grad():
        assert model(torch.zeros(2, 3, 224, 224)).shape == (2, 11)


def test_weights_survive_the_file(tmp_path: Path) -> None:
    """A saved and loaded model gives the same logits, and is ready for inference."""
    torch.manual_seed(0)
    model, path = build_mobilenet_v2().eval(), tmp_path / "folder" / "model.safetensors"
    save_weights(model, path, {"made by": "a test"})
    loaded = load_mobilenet_v2(path)
    assert not loaded.training
    inputs = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(loaded(inputs), model(inputs), rtol=0, atol=0)
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    """Missing, foreign and mismatched weights each say so."""
    with pytest.raises(FileNotFoundError, match="no weights"):
        load_mobilenet_v2(tmp_path / "model.safetensors")
    pickled = tmp_path / "model.pth"
    torch.save(build_mobilenet_v2().state_dict(), pickled)
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_mobilenet_v2(pickled)
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="another model"):
        load_mobilenet_v2(tmp_path / "other.safetensors")
    save_weights(build_mobilenet_v2(5), tmp_path / "five.safetensors")
    with pytest.raises(WeightsError, match="another model"):
        load_mobilenet_v2(tmp_path / "five.safetensors")


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
