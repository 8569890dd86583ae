"""The numbers shown to students are the model's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from labs.optimize.quantize import weighted_nodes
from labs.optimize.tensors import layer_tensors, tensor_statistics


def test_activations_equal_torch_s(model, exported, images) -> None:
    """What leaves the first layer, its ReLU6 included, is what torch computes there."""
    layer = layer_tensors(exported, images[:4], ["features.0.0/Conv"])["features.0.0/Conv"]
    with torch.inference_mode():
        expected = model.features[0](torch.from_numpy(images[:4])).numpy().ravel()
    assert (layer.low, layer.high) == pytest.approx((expected.min(), expected.max()), abs=1e-5)
    np.testing.assert_allclose(np.sort(layer.activations), np.sort(expected), rtol=1e-4, atol=1e-5)


def test_weights_are_the_folded_ones(model, exported, images) -> None:
    """Weights carry BatchNorm's factor, as they are quantized."""
    layer = layer_tensors(exported, images[:1], ["features.0.0/Conv"])["features.0.0/Conv"]
    convolution, norm = model.features[0][0], model.features[0][1]
    factor = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
    expected = (convolution.weight * factor[:, None, None, None]).detach().numpy()
    np.testing.assert_allclose(layer.weights, expected, rtol=1e-4, atol=1e-6)


def test_statistics_cover_every_layer(exported, images) -> None:
    """One row a layer, in running order, and ends that fit each other."""
    table = tensor_statistics(exported, images[:4])
    assert tuple(table["node"]) == weighted_nodes(exported)
    assert (table["activation_low"] <= table["activation_p99"]).all()
    assert (table["activation_p99"] <= table["activation_high"]).all()
    assert (table["channel_spread"] >= 1).all()


def test_an_unknown_layer_is_named(exported, images) -> None:
    """The message says where the names are."""
    with pytest.raises(ValueError, match="weighted_nodes"):
        layer_tensors(exported, images[:1], ["features.99/Conv"])
