"""Silencing filters that never see anything, because they would ruin a quantization scale."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def silence_dead_filters(model: nn.Module, inputs: torch.Tensor) -> int:
    """Set depthwise filters to zero whose input is zero everywhere, and return how many there were.

    The activation before such a filter has died, so its own output has no variance, and folding the batch norm divides
    by next to nothing: weights above a thousand beside neighbours below ten. They multiply only zeros, but one scale
    for the whole tensor would round all other filters away.

    Args:
        model: Network in evaluation mode; changed in place, with the same logits.
        inputs: Pictures that show what is alive, float32 (N, 3, 224, 224).

    Returns:
        The number of filters silenced.
    """
    alive: dict[nn.Conv2d, torch.Tensor] = {}

    def watch(filters: nn.Conv2d, arguments: tuple[torch.Tensor]) -> None:
        seen = (arguments[0] != 0).any(3).any(2).any(0)
        alive[filters] = seen | alive.get(filters, torch.zeros_like(seen))

    depthwise = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.groups == m.in_channels > 1]
    hooks = [filters.register_forward_pre_hook(watch) for filters in depthwise]
    for part in inputs.split(32):
        model(part)
    for hook in hooks:
        hook.remove()
    for filters, seen in alive.items():
        filters.weight[~seen] = 0.0
    return sum(int((~seen).sum()) for seen in alive.values())
