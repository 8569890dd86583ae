"""Training the last layers again: a loop over what the frozen layers before them said, which is worked out once."""

import copy

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse
from torch.nn.utils import parametrize

from labs.data.models import load_mobilenet_v2
from labs.runtimes.progress import silent


def fit(module, maps, loss, *, seed, epochs, learning_rate=5e-4, batch_size=32, on_progress=silent):
    """Return a trained copy of a module, in evaluation mode.

    AdamW, with a learning rate that rises for a tenth of the steps and then falls to nothing along a cosine. Everything
    that is random is drawn from the seed, so two runs that differ in their loss alone see the same images in the same
    order.

    Args:
        module: A torch module; left as it is.
        maps: Its inputs, a tensor of which the first axis counts the images.
        loss: Called with the module's outputs for a batch and the batch's places in ``maps``; returns a scalar.
        learning_rate: The highest.
        batch_size: Images in a step; what is left over at the end of an epoch is left out.
    """
    module = copy.deepcopy(module)
    generator, steps = torch.Generator().manual_seed(seed), epochs * (len(maps) // batch_size)
    optimizer = torch.optim.AdamW(module.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=0.1
    )
    module.train()
    for step in range(steps):
        if step % (len(maps) // batch_size) == 0:
            batches = iter(torch.randperm(len(maps), generator=generator).split(batch_size))
        rows = next(batches)
        lost = loss(module(maps[rows]), rows)
        optimizer.zero_grad()
        lost.backward()
        optimizer.step()
        schedule.step()
        on_progress((step + 1) / steps, f"step {step + 1} of {steps}, loss {lost.item():.3f}")
    return module.eval()


class Through(nn.Module):
    """What stands before a weight: the layer sees what the function makes of it."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, weight):
        return self.function(weight)


def reading_through(module, function):
    """Return a copy whose layers read their weights through a function; training changes the weights before it."""
    module = copy.deepcopy(module)
    for layer in [one for one in module.modules() if isinstance(one, nn.Conv2d | nn.Linear)]:
        parametrize.register_parametrization(layer, "weight", Through(function))
    return module


def split(path, stages):
    """Return (trunk, tail) of the model in a file: its first stages, and the rest with each BatchNorm folded."""
    net = load_mobilenet_v2(path)
    rest = [*net.features[stages:], nn.AdaptiveAvgPool2d(1), nn.Flatten(), net.classifier[1]]
    return net.features[:stages], fuse(nn.Sequential(*rest).eval())


def share_right(module, maps, labels):
    """Return the share of maps to which a module gives their label, 0 to 1."""
    with torch.no_grad():  # in small batches: large ones wait for memory
        answers = torch.cat([module(some).argmax(dim=1) for some in maps.split(32)])
    return float((answers.numpy() == labels).mean())
