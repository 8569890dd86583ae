"""A narrower network: of each wide layer the channels with the smallest norms go.

Training makes up for them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import nn


def smallest_norms(weight: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the output channels whose weights have the smallest Euclidean norms."""
    channels = weight.reshape(len(weight), -1)
    norms = np.linalg.norm(channels, axis=1)
    return np.argsort(norms)[:count]


def narrow(
    module: nn.Module,
    weakest: Callable[[np.ndarray, int], Sequence[int] | np.ndarray] = smallest_norms,
) -> nn.Module:
    """Return a copy of a network's end with the stronger half of each wide layer's channels.

    A removed channel takes its filters with it, and the next layer's weights that read it. This
    function does not train, so later training must recover the lost accuracy.

    Args:
        module: The end of a MobileNetV2, with batch normalization merged into the convolutions:
            blocks of three convolutions (wide, depthwise, narrow), then a wide one, then a linear
            layer.
        weakest: Called with the weight of a wide layer and ``count``; returns the places of
            ``count`` output channels.
    """
    import torch
    from torch import nn

    module = copy.deepcopy(module)
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    depthwise = [at for at, layer in enumerate(layers) if getattr(layer, "groups", 1) > 1]
    blocks = [layers[at - 1 : at + 2] for at in depthwise]
    with torch.no_grad():
        for *makers, reader in [*blocks, layers[-2:]]:
            weight = makers[0].weight.detach().numpy()
            gone = weakest(weight, len(weight) // 2)
            stronger = torch.from_numpy(np.setdiff1d(np.arange(len(weight)), gone))
            width = len(stronger)
            for layer in makers:
                layer.weight = nn.Parameter(layer.weight[stronger])
                layer.bias = nn.Parameter(layer.bias[stronger])  # type: ignore[index]
                layer.out_channels = width
            last = makers[-1]
            if len(makers) > 1:
                last.groups = width
                last.in_channels = width
            else:
                last.groups = 1
            reader.weight = nn.Parameter(reader.weight[:, stronger])
            if isinstance(reader, nn.Conv2d):
                reader.in_channels = width
            else:
                reader.in_features = width
    return module
