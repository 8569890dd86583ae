"""What both trainings share: schedule, average, journal, and what a model is worth on artists it has never seen."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from labs.data.dataset import iterate, load_split
from labs.data.labels import CLASS_NAMES, NUM_CLASSES
from labs.stats import proportion_interval

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


#: Shares of classes that are all alike.
EVENLY = torch.full((NUM_CLASSES,), 1 / NUM_CLASSES)

#: How timm's average of weights, which generalizes better than the last step's, follows: step n weighs the old average
#: with n / (9 + n), until that reaches the decay. Early on the average would mostly hold the start.
#: Source: Tarvainen and Valpola 2017, https://arxiv.org/abs/1703.01780.
QUICK_AT_FIRST: dict[str, Any] = {"use_warmup": True, "warmup_gamma": 9.0, "warmup_power": 1.0}


def restore(path: Path, generator: torch.Generator, **models: nn.Module) -> bool:
    """Load what a finished part of a training has left, and return whether there was something."""
    if not path.is_file():
        return False
    state = torch.load(path, weights_only=True)
    for name, model in models.items():
        model.load_state_dict(state[name])
    generator.set_state(state["generator"])
    return True


def keep(path: Path, generator: torch.Generator, **models: nn.Module) -> None:
    """Write what a finished part of a training leaves, in one step, so that an interrupted training goes on there."""
    state = {name: model.state_dict() for name, model in models.items()}
    partial = path.with_suffix(".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"generator": generator.get_state(), **state}, partial)
    partial.replace(path)


class Journal:
    """The training log: one JSON object a line."""

    def __init__(self, path: Path) -> None:
        """Append to a file, whose folder is made when needed."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, **entry: str | int | float) -> None:
        """Append one entry; numbers are kept to six digits."""
        rounded = {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in entry.items()}
        with self._path.open("a") as file:
            file.write(json.dumps(rounded) + "\n")
        _log.info("%s", rounded)

    def spent(self) -> dict[str, int]:
        """Return what the training took: steps, and pictures that it has seen."""
        entries = map(json.loads, self._path.read_text().splitlines())
        last = {entry["stage"]: entry for entry in entries}.values()
        return {"steps": sum(entry["step"] for entry in last), "images": sum(entry["images"] for entry in last)}


@torch.no_grad()
def predict(model: nn.Module, inputs: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """Return float32 logits (N, classes) of a model in evaluation mode."""
    model.eval()
    return torch.cat([model(part.contiguous(memory_format=torch.channels_last)) for part in inputs.split(batch_size)])


def accuracy(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of pictures whose highest logit is their label, 0 to 1."""
    return (predict(model, inputs).argmax(1) == labels).double().mean().item()


def interval_over_drawings(hits: np.ndarray, drawings: np.ndarray, resamples: int = 4000) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy when drawings, not pictures, are what was sampled.

    Several pictures show one drawing and stand or fall together, so an interval that counts pictures is too narrow.

    Args:
        hits: 1 where a picture was recognized, else 0, shape (N,).
        drawings: Which drawing each picture shows, shape (N,).
        resamples: Number of bootstrap draws.

    Returns:
        Lower and upper bound, 0 to 1.

    Source:
        Cluster bootstrap, Davison and Hinkley 1997, section 3.8.
    """
    _, which = np.unique(drawings, return_inverse=True)
    right, count = np.bincount(which, hits), np.bincount(which)
    drawn = np.random.default_rng(0).integers(len(count), size=(resamples, len(count)))
    low, high = np.percentile(right[drawn].sum(1) / count[drawn].sum(1), [2.5, 97.5])
    return float(low), float(high)


def evaluate(model: nn.Module, root: Path, split: str, files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the accuracy of a model on a split.

    Args:
        model: Maps (N, 3, 224, 224) to logits; switched to evaluation mode.
        root: Folder of the data set.
        split: `validation` or `evaluation`.
        files: The manifest's records of the pictures, which say who drew what.

    Returns:
        A JSON object: accuracy, its 95 % intervals over pictures and over drawings, the same share by class and by
        pack, and that share for each drawing that is missed in more than half of its pictures.
    """
    inputs, labels = load_split(root, split)
    hits = (predict(model, torch.from_numpy(inputs)).argmax(1).numpy() == labels).astype(np.float64)
    records = [files[path.relative_to(root).as_posix()] for path, _ in iterate(root, split)]
    packs = np.array([record["pack"] for record in records])
    drawings = np.array([f"{record['pack']}:{record['glyph']}" for record in records])
    shares = {str(name): float(hits[drawings == name].mean()) for name in np.unique(drawings)}
    interval = proportion_interval(int(hits.sum()), len(hits))
    return {
        "accuracy": interval.value,
        "interval": [interval.low, interval.high],
        "interval_over_drawings": list(interval_over_drawings(hits, drawings)),
        "drawings": len(shares),
        "pictures": len(hits),
        "by_class": {name: float(hits[labels == index].mean()) for index, name in enumerate(CLASS_NAMES)},
        "by_pack": {str(pack): float(hits[packs == pack].mean()) for pack in np.unique(packs)},
        "hard_drawings": {name: share for name, share in sorted(shares.items()) if share < 0.5},
    }
