"""What both trainings share: a schedule, an average of weights, a checkpoint that resumes, a journal."""

from __future__ import annotations

import copy
import functools
import json
import logging
import math
from pathlib import Path

import torch
from torch import nn

_log = logging.getLogger(__name__)


def cosine(step: int, steps: int, peak: float, warmup: int) -> float:
    """Return the learning rate of a step: a straight rise, then half a cosine down to a hundredth of the peak.

    Args:
        step: Number of the step, from 0.
        steps: Number of steps in all.
        peak: Highest learning rate.
        warmup: Number of rising steps.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    share = (step - warmup) / max(1, steps - warmup)
    return peak * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * share)))


def _forward_float32(convolution: nn.Conv2d, inputs: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", enabled=False):
        return type(convolution).forward(convolution, inputs.float())


def keep_strided_depthwise_float32(model: nn.Module) -> nn.Module:
    """Return the model with its strided depthwise convolutions kept out of bfloat16.

    Their bfloat16 gradient has no fast path on x86-64 CPUs: measured with torch 2.13 on Zen 5, 96 channels at 112 by
    112 take 115 ms in bfloat16 and 5 ms in float32, which was half of a whole training step.

    Args:
        model: Changed in place; its weights stay the same.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1 and module.stride[0] > 1:
            module.forward = functools.partial(_forward_float32, module)
    return model


class Average:
    """A running average of a model's weights, which generalizes better than the last step's.

    Source:
        Polyak and Juditsky 1992; as used by Tarvainen and Valpola 2017, https://arxiv.org/abs/1703.01780.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start the average at the model's present weights.

        Args:
            model: Model to follow.
            decay: Share of the old average that each update keeps, below 1.
        """
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._decay = decay
        self._updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the model."""
        self._updates += 1
        # Early on the average would mostly hold the start, so it follows faster then.
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        for mine, theirs in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True):
            if mine.dtype.is_floating_point:
                mine.lerp_(theirs, 1.0 - decay)
            else:
                mine.copy_(theirs)


class Checkpoint:
    """The state of a training on disk, replaced in one step, so that an interrupted training continues."""

    def __init__(self, path: Path, **parts: nn.Module | torch.optim.Optimizer) -> None:
        """Name the parts that are kept.

        Args:
            path: File of the checkpoint.
            parts: Everything with a `state_dict`.
        """
        self._path = path
        self._parts = parts

    def save(self, step: int, generator: torch.Generator) -> None:
        """Write all parts, the number of finished steps and the generator."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        state = {name: part.state_dict() for name, part in self._parts.items()}
        partial = self._path.with_suffix(".partial")
        torch.save({"step": step, "generator": generator.get_state(), **state}, partial)
        partial.replace(self._path)

    def restore(self, generator: torch.Generator) -> int:
        """Load all parts if there is a checkpoint, and return the number of finished steps."""
        if not self._path.is_file():
            return 0
        state = torch.load(self._path, weights_only=True)
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        generator.set_state(state["generator"])
        _log.info("continuing %s at step %d", self._path.name, state["step"])
        return state["step"]


class Journal:
    """The training log: one JSON object a line."""

    def __init__(self, path: Path) -> None:
        """Append to a file.

        Args:
            path: File to append to.
        """
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, **entry: str | int | float) -> None:
        """Append one entry; numbers are kept to six digits."""
        rounded = {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in entry.items()}
        with self._path.open("a") as file:
            file.write(json.dumps(rounded) + "\n")
        _log.info("%s", rounded)

    def spent(self) -> dict[str, int | float]:
        """Return what the training took: its steps, the pictures it has seen, and minutes over all resumptions."""
        last: dict[str, dict] = {}
        elapsed_s = 0.0
        for line in self._path.read_text().splitlines():
            entry = json.loads(line)
            before = last.get(entry["stage"], {})
            # A resumed training counts its time from nothing again.
            since_s, now_s = before.get("elapsed_s", 0.0), entry.get("elapsed_s", 0.0)
            elapsed_s += now_s - since_s if now_s >= since_s else now_s
            last[entry["stage"]] = entry
        total = {key: sum(int(entry.get(key, 0)) for entry in last.values()) for key in ("step", "images")}
        return {"steps": total["step"], "images": total["images"], "minutes": round(elapsed_s / 60, 1)}


@torch.no_grad()
def predict(model: nn.Module, inputs: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """Return float32 logits (N, classes) of a model in evaluation mode."""
    model.eval()
    return torch.cat([model(part.contiguous(memory_format=torch.channels_last)) for part in inputs.split(batch_size)])


def accuracy(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of pictures whose highest logit is their label, 0 to 1."""
    return (predict(model, inputs).argmax(1) == labels).double().mean().item()
