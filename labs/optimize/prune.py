"""A narrower network: of each wide layer the channels with the smallest norms go; training makes up for them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import nn


def smallest_norms(weight: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the output channels whose weights have the smallest Euclidean norms."""
    return np.argsort(np.linalg.norm(weight.reshape(len(weight), -1), axis=1))[:count]


def narrow(
    module: nn.Module,
    weakest: Callable[[np.ndarray, int], Sequence[int] | np.ndarray] = smallest_norms,
) -> nn.Module:
    """Return a copy of a network's end of which each wide layer keeps only the stronger half of its channels.

    A channel that goes takes its filters with it, and the weights of the next layer that read it. Nothing is fitted
    anew, so this costs accuracy that training has to win back.

    Args:
        module: The end of a MobileNetV2, with batch normalization merged into the convolutions: blocks of three
            convolutions (wide, depthwise, narrow), then a wide one, then a linear layer.
        weakest: Called with the weight of a wide layer and a count; returns the places of that many output channels.
    """
    import torch
    from torch import nn

    module = copy.deepcopy(module)
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    blocks = [
        layers[at - 1 : at + 2]
        for at, layer in enumerate(layers)
        if getattr(layer, "groups", 1) > 1
    ]
    with torch.no_grad():
        for *makers, reader in [*blocks, layers[-2:]]:
            width = len(makers[0].weight)
            gone = weakest(makers[0].weight.detach().numpy(), width // 2)
            kept = torch.from_numpy(np.setdiff1d(np.arange(width), gone))
            for layer in makers:
                layer.weight = nn.Parameter(layer.weight[kept])
                layer.bias = nn.Parameter(layer.bias[kept])  # type: ignore[index]
                layer.out_channels = len(kept)
            makers[-1].groups = len(kept) if len(makers) > 1 else 1
            makers[-1].in_channels = len(kept) if len(makers) > 1 else makers[-1].in_channels
            reader.weight = nn.Parameter(reader.weight[:, kept])
            setattr(
                reader, "in_channels" if isinstance(reader, nn.Conv2d) else "in_features", len(kept)
            )
    return module
