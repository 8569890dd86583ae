"""Training a network's end again, and making it narrower first."""

from __future__ import annotations

import copy

import pytest

from labs.optimize.prune import narrow


@pytest.fixture(scope="module", autouse=True)
def _torch():
    """Import torch for this module's tests, and not when tests are collected: it takes seconds."""
    global fit, functional, mobilenet_v2, nn, reading_through, torch
    import torch
    from torch import nn
    from torch.nn import functional
    from torchvision.models import mobilenet_v2

    from labs.optimize.train import fit, reading_through


def learnt(seed: int, *, epochs: int = 3) -> tuple[nn.Module, list[float], list[float]]:
    """Return a small module that was trained, its losses and the reported fractions."""
    torch.manual_seed(0)
    module = nn.Linear(6, 3)
    maps = torch.randn(40, 6)
    targets = (maps[:, :3] * 2).argmax(1)
    losses: list[float] = []
    fractions: list[float] = []

    def loss(outputs, rows):
        entropy = functional.cross_entropy(outputs, targets[rows])
        losses.append(entropy.item())
        return entropy

    trained = fit(
        module,
        maps,
        loss,
        seed=seed,
        epochs=epochs,
        learning_rate=0.1,
        batch_size=8,
        on_progress=lambda fraction, text: fractions.append(fraction),
    )
    return trained, losses, fractions


def test_training_learns_and_tells_how_far_it_is():
    """Five steps an epoch; the loss of the last epoch is below that of the first."""
    module, losses, fractions = learnt(0)
    assert len(losses) == 15
    assert fractions == [step / 15 for step in range(1, 16)]
    assert sum(losses[-5:]) < sum(losses[:5])
    assert not module.training
    first, repeated, other = (learnt(seed)[0].weight for seed in (1, 1, 2))
    assert torch.equal(first, repeated)
    assert not torch.equal(first, other)


@pytest.fixture(scope="module")
def end() -> nn.Module:
    """Return the end of a MobileNetV2 of random weights, with batch normalization merged."""
    from torch.fx.experimental.optimization import fuse

    torch.manual_seed(0)
    net = mobilenet_v2(num_classes=11).eval()
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), net.classifier[1]]
    return fuse(nn.Sequential(*net.features[17:], *head).eval())


def test_a_narrow_end_has_fewer_weights_and_still_answers(end: nn.Module):
    """Half of each wide layer's channels, and the original as it was."""
    maps = torch.randn(2, 160, 7, 7)
    before = end(maps)
    half = narrow(end)
    assert half(maps).shape == (2, 11)
    shapes = [weight.shape[:2] for weight in half.parameters() if weight.dim() == 4]
    assert shapes == [(480, 160), (480, 1), (320, 480), (640, 320)]
    assert torch.equal(end(maps), before)


def test_the_strongest_channels_stay(end: nn.Module):
    """Channels that are always 0 go first, without any effect on the output."""
    end = copy.deepcopy(end)
    maps = torch.randn(2, 160, 7, 7)
    convolutions = [layer for layer in end.modules() if isinstance(layer, nn.Conv2d)]
    widen, depthwise, _, last = convolutions
    with torch.no_grad():
        for layer in (widen, last):
            layer.weight[1::2] = 0
            layer.bias[1::2] = 0
        depthwise.bias[1::2] = 0
    torch.testing.assert_close(narrow(end)(maps), end(maps), rtol=1e-4, atol=1e-5)


def test_a_layer_reads_its_weight_through_a_function(end: nn.Module):
    """Training changes the layers behind it; the original stays as it was."""
    maps = torch.randn(2, 160, 7, 7)
    halved = reading_through(end, lambda weight: weight / 2)
    layer, other = first_convolution(halved), first_convolution(end)
    torch.testing.assert_close(layer.weight, other.weight / 2)
    halved(maps).sum().backward()
    assert layer.parametrizations.weight.original.grad is not None
    assert next(end.parameters()).grad is None


def first_convolution(module: nn.Module) -> nn.Conv2d:
    """Return a network's first convolution."""
    return next(layer for layer in module.modules() if isinstance(layer, nn.Conv2d))
