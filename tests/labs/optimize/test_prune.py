"""Channels that others can stand in for are removed, and only those."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from labs.optimize.export import export_onnx
from labs.optimize.predict import logits_of, signal_to_noise_db
from labs.optimize.prune import MULTIPLE, elimination_order, prune_channels


def logits(module, images: np.ndarray) -> np.ndarray:
    """Return a module's logits."""
    with torch.inference_mode():
        return module(torch.from_numpy(images)).numpy()


def test_duplicate_channels_are_found_and_cost_nothing(model, images) -> None:
    """A wide layer whose second half repeats its first loses that half, and the logits stay."""
    twin = copy.deepcopy(model)
    expand, depthwise = twin.features[3].conv[0], twin.features[3].conv[1]
    width = expand[0].out_channels
    with torch.no_grad():
        for layer in (expand, depthwise):
            for tensor in (layer[0].weight, *layer[1].parameters(), *layer[1].buffers()):
                if tensor.ndim:
                    tensor[width // 2 :] = tensor[: width // 2]
    pruned = prune_channels(twin, images, tolerance=1e-5, head_tolerance=1e-9)
    layer = next(layer for layer in pruned.layers if layer.name == "features.3")
    assert (layer.before, layer.after) == (width, width // 2)
    assert signal_to_noise_db(logits(twin, images), logits(pruned.module, images)) > 40


def test_the_first_channel_removed_is_the_one_that_costs_least() -> None:
    """The closed form agrees with refitting without each channel in turn, for the choice and for its cost."""
    generator = np.random.default_rng(0)
    features = np.c_[np.maximum(generator.normal(size=(400, 40)) @ generator.normal(size=(40, 40)), 0), np.ones(400)]
    targets = generator.normal(size=(400, 3))
    gram, cross = features.T @ features, features.T @ targets

    def squared_error(columns: list[int]) -> float:
        fit, *_ = np.linalg.lstsq(features[:, columns], targets, rcond=None)
        return float(np.sum((features[:, columns] @ fit - targets) ** 2))

    everything = list(range(41))
    costs = [
        squared_error([c for c in everything if c != channel]) - squared_error(everything) for channel in range(40)
    ]
    least = int(np.argmin(costs))
    assert elimination_order(gram, cross, allowed=min(costs) * 1.01)[:1] == [least]
    assert elimination_order(gram, cross, allowed=min(costs) * 0.99) == []


@pytest.fixture(scope="module")
def pruned(model, images) -> dict:
    """The network pruned with little, some and much tolerance, after a look that it was left alone."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    results = {tolerance: prune_channels(model, images, tolerance=tolerance) for tolerance in (1e-4, 1e-2, 5e-2)}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    return results


def test_more_tolerance_means_fewer_weights_and_more_error(pruned, model, images) -> None:
    """The knob trades weights for accuracy, and the stated error keeps its promise on the pictures it was fitted on."""
    weights = [result.weights_after for result in pruned.values()]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] < pruned[5e-2].weights_before
    ratios = [signal_to_noise_db(logits(model, images), logits(result.module, images)) for result in pruned.values()]
    assert ratios[0] > ratios[-1]
    for tolerance, result in pruned.items():
        first = result.layers[0]  # later ones also carry what earlier ones lost
        assert first.relative_error <= 1.05 * tolerance


def test_widths_suit_vector_instructions(pruned) -> None:
    """Kept channels come in sixteens, none are lost altogether, and the table has a row a layer."""
    for result in pruned.values():
        assert all(layer.after % MULTIPLE == 0 and layer.after > 0 for layer in result.layers)
        assert len(result.table()) == len(result.layers)


def test_a_pruned_model_exports_like_any_other(pruned, images, image_size_px, tmp_path) -> None:
    """Its ONNX file is smaller and agrees with it."""
    narrow = pruned[5e-2]
    path = export_onnx(narrow.module, tmp_path / "pruned.onnx", image_size_px=image_size_px)
    assert np.abs(logits_of(path, images) - logits(narrow.module, images)).max() < 1e-3
    assert path.stat().st_size < 4.2 * narrow.weights_after + 50_000


def test_training_mode_is_refused(make_model, images) -> None:
    """BatchNorm would use the batch's own statistics."""
    with pytest.raises(ValueError, match="evaluation mode"):
        prune_channels(make_model().train(), images, tolerance=0.01)
