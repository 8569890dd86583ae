"""Train the last layers again, on the stored outputs of the frozen layers before them."""

import copy

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse
from torch.nn.utils import parametrize

from labs.data.models import load_mobilenet_v2
from labs.runtimes.progress import silent


def fit(module, maps, loss, *, seed, epochs, learning_rate=5e-4, batch_size=32, on_progress=silent):
    """Return a trained copy of a module, in evaluation mode.

    AdamW, with a learning rate that rises for a tenth of the steps and then falls to nothing along
    a cosine. Everything that is random is drawn from the seed, so two runs that differ in their
    loss alone see the same images in the same order.

    Args:
        module: A torch module; left as it is.
        maps: Its inputs, a tensor of which the first axis counts the images.
        loss: Called with the module's outputs for a batch and the batch's places in ``maps``;
            returns a scalar.
        learning_rate: The highest.
        batch_size: Images in a step; a remainder at the end of an epoch is left out.
    """
    module = copy.deepcopy(module)
    generator = torch.Generator().manual_seed(seed)
    epoch_steps = len(maps) // batch_size
    steps = epochs * epoch_steps
    optimizer = torch.optim.AdamW(module.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=0.1
    )
    module.train()
    for step in range(steps):
        if step % epoch_steps == 0:
            order = torch.randperm(len(maps), generator=generator)
            batches = iter(order.split(batch_size))
        rows = next(batches)
        lost = loss(module(maps[rows]), rows)
        optimizer.zero_grad()
        lost.backward()
        optimizer.step()
        schedule.step()
        done = step + 1
        on_progress(done / steps, f"step {done} of {steps}, loss {lost.item():.3f}")
    return module.eval()


class Through(nn.Module):
    """A function before a weight: the layer uses the function's result."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, weight):
        return self.function(weight)


def reading_through(module, function):
    """Return a copy whose layers read their weights through a function.

    Training changes the weights before it.
    """
    module = copy.deepcopy(module)
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", Through(function))
    return module


def split(path, stages):
    """Return (trunk, tail) of a file's model: its first stages; the rest, BatchNorm folded."""
    net = load_mobilenet_v2(path)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), net.classifier[1]]
    tail = nn.Sequential(*net.features[stages:], *head)
    return net.features[:stages], fuse(tail.eval())


def share_right(module, maps, labels):
    """Return the share of maps to which a module gives their label, 0 to 1."""
    with torch.no_grad():  # in small batches: large ones wait for memory
        answers = [module(batch).argmax(dim=1) for batch in maps.split(32)]
    is_right = torch.cat(answers).numpy() == labels
    return float(is_right.mean())
