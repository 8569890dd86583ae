"""Training the last layers again: a loop over what the frozen layers before them said, which is worked out once."""

from __future__ import annotations

import torch

from labs.runtimes.progress import silent


def fit(module, maps, loss, *, seed, epochs, learning_rate=5e-4, batch_size=32, on_progress=silent):
    """Train a module in place and return it, in evaluation mode.

    AdamW, with a learning rate that rises for a tenth of the steps and then falls to nothing along a cosine. Everything
    that is random is drawn from the seed, so two runs that differ in their loss alone see the same images in the same
    order.

    Args:
        module: A torch module; its parameters are changed.
        maps: Its inputs, a tensor of which the first axis counts the images.
        loss: Called with the module's outputs for a batch and the batch's places in ``maps``; returns a scalar.
        seed: For the order of the images.
        epochs: How often each image is seen.
        learning_rate: The highest.
        batch_size: Images in a step; what is left over at the end of an epoch is left out.
        on_progress: Told after each step.
    """
    generator, steps = torch.Generator().manual_seed(seed), epochs * (len(maps) // batch_size)
    optimizer = torch.optim.AdamW(module.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
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
