"""A narrower network that needs no training: take channels out, and let the next layer make up for them.

Inside each block of a MobileNetV2 a wide layer feeds a linear projection, and the last wide layer feeds the linear
classifier. A channel of a wide layer can be removed together with its column of that projection. How much is lost when
the remaining columns are refitted by least squares has a closed form, so channels are removed one at a time, cheapest
first, until the block's output would change by more than a tolerance. What is left runs on any backend.

Tried on the course's model (128 training images, tolerance 0.001): 2.24 to 1.70 million weights; in INT8, 1.90 MB for
2.45 MB, and as many validation images right as in float32 (262 of 330; with twice the tolerance 256). On evaluation
80.3 %, float32 81.2 %. Most comes out of the last wide layer.

Source: Hassibi and Stork 1993, 'Second order derivatives for network pruning: Optimal Brain Surgeon' (the closed form),
applied to whole channels as in He et al. 2017, https://arxiv.org/abs/1707.06168.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from labs.runtimes.progress import OnProgress, silent

if TYPE_CHECKING:
    import torch
    from torch import nn

#: Kept channels are a multiple of this, which is what vector instructions work on at once.
MULTIPLE: int = 16

#: Images in one forward pass.
_BATCH = 16


@dataclass(frozen=True)
class PrunedLayer:
    """What became of one wide layer."""

    #: Name of the module, such as 'features.17'.
    name: str
    #: Channels before and after.
    before: int
    after: int
    #: Share of the output's energy that is lost on the images it was fitted on, 0 to 1.
    relative_error: float


@dataclass(frozen=True)
class PrunedModel:
    """A narrower copy of a model."""

    #: The module, in evaluation mode; its layers have other widths, so the original's weights do not fit it.
    module: nn.Module
    #: What became of each layer.
    layers: tuple[PrunedLayer, ...]
    #: Numbers of weights before and after.
    weights_before: int
    weights_after: int

    def table(self) -> pd.DataFrame:
        """Return one row a layer: channels before and after, and the energy lost."""
        return pd.DataFrame([vars(layer) for layer in self.layers])


def prune_channels(
    model: nn.Module,
    images: np.ndarray,
    *,
    tolerance: float = 0.001,
    head_tolerance: float | None = None,
    on_progress: OnProgress = silent,
) -> PrunedModel:
    """Return a copy of a MobileNetV2 without the channels that the rest can make up for.

    Args:
        model: torchvision's MobileNetV2 in evaluation mode; left as it is.
        images: float32 (N, 3, H, W), training images; a few hundred. Labels are not needed.
        tolerance: Share of energy that each block's output may lose to its own cut, 0 to 1.
        head_tolerance: The same for the classifier's output; three times ``tolerance`` when None, since no layer comes
            after it whose error could add up.
        on_progress: Told after each block.

    Raises:
        ValueError: The model is in training mode, or is not a MobileNetV2.
    """
    import torch

    if model.training or not hasattr(model, "features"):
        raise ValueError("prune_channels needs a MobileNetV2 in evaluation mode")
    head_tolerance = 3 * tolerance if head_tolerance is None else head_tolerance
    with torch.no_grad():
        return _prune(model, torch.from_numpy(images), tolerance, head_tolerance, on_progress)


def _prune(model, images, tolerance: float, head_tolerance: float, on_progress: OnProgress) -> PrunedModel:
    narrow = copy.deepcopy(model).eval()
    # What flows between the blocks, in the original and in the copy: errors of earlier blocks are seen and corrected.
    right = [model.features[0](batch) for batch in images.split(_BATCH)]
    real, layers = list(right), []
    last = len(model.features) - 1
    for index in range(1, last):
        block, name = narrow.features[index], f"features.{index}"
        targets = [model.features[index](batch) for batch in right]
        if len(block.conv) == 4:  # the first block has no wide layer of its own
            expand, depthwise = block.conv[0], block.conv[1]
            wide = _Moments()
            for batch, target in zip(real, targets, strict=True):
                wide.add(depthwise(expand(batch)), target - batch if block.use_res_connect else target, target)
            kept, weights, bias, error = wide.eliminate(tolerance)
            layers.append(PrunedLayer(name, wide.width, len(kept), error))
            block.conv[0], block.conv[1] = _kept(expand, kept), _kept(depthwise, kept, depthwise=True)
            block.conv[2], block.conv[3] = _linear(weights, bias)
            on_progress(index / (last + 1), f"{name}: {len(kept)} of {wide.width} channels kept")
        right, real = targets, [block(batch) for batch in real]
    head, classifier = narrow.features[last], narrow.classifier[1]
    wide = _Moments()
    for batch, other in zip(real, right, strict=True):
        # The classifier is linear, so it may be asked at each position before the mean is taken: many more equations.
        logits = classifier(model.features[last](other).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        wide.add(head(batch), logits, logits)
    kept, weights, bias, error = wide.eliminate(head_tolerance)
    layers.append(PrunedLayer(f"features.{last}", wide.width, len(kept), error))
    narrow.features[last] = _kept(head, kept)
    narrow.last_channel = len(kept)
    narrow.classifier[1] = _classifier(weights, bias)
    on_progress(1.0, f"{_count(narrow):,} of {_count(model):,} weights kept")
    return PrunedModel(narrow, tuple(layers), _count(model), _count(narrow))


def smallest_norms(weight: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the output channels whose weights have the smallest Euclidean norms."""
    return np.argsort(np.linalg.norm(weight.reshape(len(weight), -1), axis=1))[:count]


def narrow(
    module: nn.Module, weakest: Callable[[np.ndarray, int], Sequence[int]] = smallest_norms, share: float = 0.5
) -> nn.Module:
    """Return a copy of a network's end of which each wide layer keeps only its strongest channels.

    A channel that goes takes its filters with it, and the weights of the next layer that read it. Nothing is fitted
    anew, so this costs accuracy that training has to win back.

    Args:
        module: The end of a MobileNetV2, with batch normalization merged into the convolutions: blocks of three
            convolutions (wide, depthwise, narrow), then a wide one, then a linear layer.
        weakest: Called with the weight of a wide layer and a count; returns the places of that many output channels.
        share: Of the channels that stay, above 0 to 1.

    Raises:
        ValueError: The share is not above 0, or is above 1.
    """
    import torch
    from torch import nn

    if not 0 < share <= 1:
        raise ValueError(f"a share of {share:g} of the channels cannot stay: it lies above 0 and is 1 at most")
    module = copy.deepcopy(module)
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    blocks = [layers[at - 1 : at + 2] for at, layer in enumerate(layers) if getattr(layer, "groups", 1) > 1]
    with torch.no_grad():
        for *makers, reader in [*blocks, layers[-2:]]:
            width = len(makers[0].weight)
            gone = weakest(makers[0].weight.detach().numpy(), width - max(1, round(share * width)))
            kept = torch.from_numpy(np.setdiff1d(np.arange(width), gone))
            for layer in makers:
                layer.weight, layer.bias = nn.Parameter(layer.weight[kept]), nn.Parameter(layer.bias[kept])
                layer.out_channels = len(kept)
            makers[-1].groups = len(kept) if len(makers) > 1 else 1
            makers[-1].in_channels = len(kept) if len(makers) > 1 else makers[-1].in_channels
            reader.weight = nn.Parameter(reader.weight[:, kept])
            setattr(reader, "in_channels" if isinstance(reader, nn.Conv2d) else "in_features", len(kept))
    return module


class _Moments:
    """Sums of products of a wide layer's channels and of its target: all that least squares needs to know."""

    def __init__(self) -> None:
        self.width = 0
        self._gram = self._cross = self._energy = None

    def add(self, wide: torch.Tensor, target: torch.Tensor, output: torch.Tensor) -> None:
        """Add maps: the wide layer's (N, K, H, W), its projection's target and the block's output, both (N, D, H, W).

        The tolerance is a share of the output's energy: a block that adds little to its shortcut may be cut more.
        """
        import torch

        # At most 196 positions an image: neighbours on a fine map say nearly the same.
        step = max(1, round((wide.shape[2] * wide.shape[3] / 196) ** 0.5))
        rows, goals, outputs = (
            maps[:, :, ::step, ::step].permute(0, 2, 3, 1).flatten(0, 2).double() for maps in (wide, target, output)
        )
        self.width = rows.shape[1]
        rows = torch.cat([rows, torch.ones_like(rows[:, :1])], 1)
        energy = torch.stack([(goals**2).sum(0), outputs.sum(0), (outputs**2).sum(0)])
        known = (self._gram, self._cross, self._energy)
        sums = (rows.T @ rows, rows.T @ goals, energy)
        self._gram, self._cross, self._energy = (s if k is None else k + s for s, k in zip(sums, known, strict=True))

    def eliminate(self, tolerance: float) -> tuple[list[int], np.ndarray, np.ndarray, float]:
        """Return the channels kept, the projection's weights (D, kept) and bias (D,), and the relative error."""
        gram, cross, (goal_squares, total, squares) = self._gram.numpy(), self._cross.numpy(), self._energy.numpy()
        energy = float(np.sum(squares - total**2 / gram[-1, -1]))
        ridge = 1e-6 * np.trace(gram[:-1, :-1]) / self.width
        gram = gram + np.diag([ridge] * self.width + [0.0])
        order = elimination_order(gram, cross, tolerance * energy)
        removed = (len(order) // MULTIPLE) * MULTIPLE if self.width % MULTIPLE == 0 else 0
        kept = sorted(set(range(self.width)) - set(order[:removed]))
        chosen = [*kept, self.width]
        solved = np.linalg.solve(gram[np.ix_(chosen, chosen)], cross[chosen])
        lost = float(np.sum(goal_squares) - np.sum(solved * cross[chosen]))
        return kept, solved[:-1].T, solved[-1], max(0.0, lost) / max(energy, 1e-12)


def elimination_order(gram: np.ndarray, cross: np.ndarray, allowed: float) -> list[int]:
    """Return channels in the order of removal, until the squared error reaches what is allowed; the constant stays.

    Removing channel c costs ``|w_c|² / (G⁻¹)_cc`` when all others are refitted; both are then updated for the rest.
    """
    # The constant goes first and the removed last, so that the living ones are always a leading block.
    channels = np.roll(np.arange(len(gram)), 1)
    inverse = np.linalg.inv(gram)[np.ix_(channels, channels)]
    weights = (np.linalg.solve(gram, cross))[channels]
    order, spent, live = [], 0.0, len(gram)
    while live - 1 > MULTIPLE:
        cost = (weights[1:live] ** 2).sum(1) / np.maximum(inverse.diagonal()[1:live], 1e-30)
        cheapest = 1 + int(np.argmin(cost))
        spent += float(cost[cheapest - 1])
        if spent > allowed:
            break
        column = inverse[:live, cheapest] / inverse[cheapest, cheapest]
        weights[:live] -= np.outer(column, weights[cheapest])
        inverse[:live, :live] -= np.outer(column, inverse[cheapest, :live])
        order.append(int(channels[cheapest]))
        live -= 1
        swap = [live, cheapest]
        channels[[cheapest, live]] = channels[swap]
        weights[[cheapest, live]] = weights[swap]
        inverse[[cheapest, live]] = inverse[swap]
        inverse[:, [cheapest, live]] = inverse[:, swap]
    return order


def _kept(layer: nn.Module, kept: list[int], depthwise: bool = False) -> nn.Module:
    """Return a copy of a convolution with BatchNorm and ReLU6 that makes only some of its channels."""
    from torch import nn

    layer = copy.deepcopy(layer)
    old, norm = layer[0], layer[1]
    layer[0] = nn.Conv2d(
        len(kept) if depthwise else old.in_channels,
        len(kept),
        old.kernel_size,
        old.stride,
        old.padding,
        groups=len(kept) if depthwise else 1,
        bias=False,
    )
    layer[0].weight.copy_(old.weight[kept])
    layer[1] = nn.BatchNorm2d(len(kept), eps=norm.eps)
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(layer[1], name).copy_(getattr(norm, name)[kept])
    return layer.eval()


def _linear(weights: np.ndarray, bias: np.ndarray) -> tuple[nn.Module, nn.Module]:
    """Return a refitted projection, and a BatchNorm in place of the old one that only adds the bias."""
    import torch
    from torch import nn

    projection, norm = nn.Conv2d(weights.shape[1], weights.shape[0], 1, bias=False), nn.BatchNorm2d(len(bias))
    projection.weight.copy_(torch.from_numpy(weights)[..., None, None])
    norm.running_var.fill_(1 - norm.eps)
    norm.bias.copy_(torch.from_numpy(bias))
    return projection.eval(), norm.eval()


def _classifier(weights: np.ndarray, bias: np.ndarray) -> nn.Module:
    """Return a refitted last layer."""
    import torch
    from torch import nn

    layer = nn.Linear(weights.shape[1], weights.shape[0])
    layer.weight.copy_(torch.from_numpy(weights))
    layer.bias.copy_(torch.from_numpy(bias))
    return layer.eval()


def _count(module: nn.Module) -> int:
    """Return how many weights and biases a module has."""
    return sum(parameter.numel() for parameter in module.parameters())
