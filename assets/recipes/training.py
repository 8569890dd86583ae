"""The common code of both trainings: loop, schedule, journal, and a model's accuracy on unseen
artists.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timm.utils import ModelEmaV3
from torch import nn

from assets.recipes.drawings import Drawing
from labs.data.dataset import iterate, load_split
from labs.data.labels import CLASS_NAMES, NUM_CLASSES
from labs.stats import proportion_interval

_log = logging.getLogger(__name__)

#: From a step's number, from 0, the loss and what the journal tells of it.
LossOf = Callable[[int], tuple[torch.Tensor, dict[str, float]]]


@dataclass(frozen=True)
class Phase:
    """One part of a training."""

    #: Name in the journal.
    name: str
    size_px: int
    batch_size: int
    steps: int
    learning_rate: float
    #: Steps until the learning rate is highest.
    warmup: int = 50
    #: Weight of the old average of weights at a late step.
    decay: float = 0.997
    clip: float = 5.0


def cosine(step: int, phase: Phase) -> float:
    """Return the learning rate of a step, from 0: a straight rise, then half a cosine to a
    hundredth of the highest.
    """
    if step < phase.warmup:
        return phase.learning_rate * (step + 1) / phase.warmup
    falling = max(1, phase.steps - phase.warmup)
    share = (step - phase.warmup) / falling
    height = 0.5 * (1.0 + math.cos(math.pi * share))
    return phase.learning_rate * (0.01 + 0.99 * height)


#: Shares of classes that are all alike.
EVENLY = torch.full((NUM_CLASSES,), 1 / NUM_CLASSES)


class Training:
    """One model's training: its training and validation data, its random numbers, and the files of
    its parts.
    """

    def __init__(
        self,
        drawings: Sequence[Drawing],
        validation: tuple[torch.Tensor, torch.Tensor],
        work: Path,
        seed: int,
    ) -> None:
        """Begin with a seed.

        Args:
            drawings: All drawings of the training artists, foods and others.
            validation: Inputs and labels that accuracy is reported on; they choose nothing here.
            work: Folder for the journal, and for the files of finished parts.
            seed: Of weights that start at random; the next one is the pictures'.
        """
        torch.manual_seed(seed)
        self.drawings, self.validation, self.work = drawings, validation, work
        self.generator = torch.Generator().manual_seed(seed + 1)
        self.journal = work / "journal.jsonl"

    def note(self, **entry: str | int | float) -> None:
        """Append one JSON object to the journal; numbers are kept to six digits."""
        rounded = dict(entry)
        for key, value in entry.items():
            if isinstance(value, float):
                rounded[key] = float(f"{value:.6g}")
        self.work.mkdir(parents=True, exist_ok=True)
        with self.journal.open("a") as file:
            file.write(json.dumps(rounded) + "\n")
        _log.info("%s", rounded)

    def spent(self) -> dict[str, int]:
        """Return what the training took: steps, and pictures that it has seen."""
        entries = map(json.loads, self.journal.read_text().splitlines())
        last = {entry["stage"]: entry for entry in entries}.values()
        return {
            "steps": sum(entry["step"] for entry in last),
            "images": sum(entry["images"] for entry in last),
        }

    def run(
        self, phase: Phase, model: nn.Module, groups: list[dict[str, Any]], loss_of: LossOf
    ) -> nn.Module:
        """Train a model through a phase, or read what an earlier run has left, and return the
        average of its weights.

        Args:
            model: Changed in place.
            groups: Its parameters as AdamW takes them, each group with the `scale` of its learning
                rate.
        """
        optimizer = torch.optim.AdamW(groups, lr=phase.learning_rate, weight_decay=0.02)
        # timm's average of weights, which generalizes better than the last step's. Step n weighs
        # the old average with n / (9 + n), until that reaches the decay: early on the average would
        # mostly hold the start. Source: Tarvainen and Valpola 2017,
        # https://arxiv.org/abs/1703.01780.
        average = ModelEmaV3(
            model, decay=phase.decay, use_warmup=True, warmup_gamma=9.0, warmup_power=1.0
        )
        path = self.work / f"{phase.name}.pt"
        if path.is_file():
            state = torch.load(path, weights_only=True)
            model.load_state_dict(state["model"])
            average.module.load_state_dict(state["average"])
            self.generator.set_state(state["generator"])
            return average.module.eval()
        began_s = time.monotonic()
        for step in range(phase.steps):
            model.train()
            for group in optimizer.param_groups:
                group["lr"] = group["scale"] * cosine(step, phase)
            loss, parts = loss_of(step)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), phase.clip)
            optimizer.step()
            average.update(model, step + 1)
            done = step + 1
            if done % 100 == 0 or done == phase.steps:
                score = accuracy(average.module, *self.validation)
                elapsed_s = time.monotonic() - began_s
                images = done * phase.batch_size
                counts = {"stage": phase.name, "step": done, "images": images}
                self.note(**counts, **parts, validation_accuracy=score, elapsed_s=elapsed_s)
        states = {"model": model.state_dict(), "average": average.module.state_dict()}
        # In one step, so that an interrupted training goes on here.
        torch.save(
            {"generator": self.generator.get_state(), **states}, path.with_suffix(".partial")
        )
        path.with_suffix(".partial").replace(path)
        return average.module.eval()


@torch.no_grad()
def predict(model: nn.Module, inputs: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """Return float32 logits (N, classes) of a model in evaluation mode."""
    model.eval()
    logits = []
    for part in inputs.split(batch_size):
        batch = part.contiguous(memory_format=torch.channels_last)
        logits.append(model(batch))
    return torch.cat(logits)


def accuracy(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of pictures whose highest logit is their label, 0 to 1."""
    right = predict(model, inputs).argmax(1) == labels
    return right.double().mean().item()


def interval_over_drawings(hits: np.ndarray, drawings: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy, 0 to 1, if the sample is drawings, not pictures.

    Several pictures show one drawing and stand or fall together, so an interval that counts
    pictures is too narrow.

    Source: cluster bootstrap, Davison and Hinkley 1997, section 3.8.
    """
    _, which = np.unique(drawings, return_inverse=True)
    right = np.bincount(which, hits)
    count = np.bincount(which)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(count), size=(4000, len(count)))
    accuracies = right[drawn].sum(1) / count[drawn].sum(1)
    low, high = np.percentile(accuracies, [2.5, 97.5])
    return float(low), float(high)


def evaluate(
    model: nn.Module, root: Path, split: str, files: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return a model's accuracy on a split as plain JSON, with its 95 % intervals over pictures and
    over drawings.

    With it, the same share by class, by pack, and for each drawing that is missed in more than half
    of its pictures.
    """
    inputs, labels = load_split(root, split)
    predicted = predict(model, torch.from_numpy(inputs)).argmax(1).numpy()
    hits = (predicted == labels).astype(np.float64)
    names = [path.relative_to(root).as_posix() for path, _ in iterate(root, split)]
    packs = np.array([files[name]["pack"] for name in names])
    glyphs = [files[name]["glyph"] for name in names]
    drawings = np.array([f"{pack}:{glyph}" for pack, glyph in zip(packs, glyphs, strict=True)])
    by_drawing = _shares(hits, drawings)
    classes = np.array(CLASS_NAMES)[labels]
    interval = proportion_interval(int(hits.sum()), len(hits))
    over_drawings = interval_over_drawings(hits, drawings)
    hard_drawings = {name: share for name, share in by_drawing.items() if share < 0.5}
    return {
        "accuracy": interval.value,
        "interval": [interval.low, interval.high],
        "interval_over_drawings": list(over_drawings),
        "drawings": len(by_drawing),
        "pictures": len(hits),
        "by_class": _shares(hits, classes, CLASS_NAMES),
        "by_pack": _shares(hits, packs),
        "hard_drawings": hard_drawings,
    }


def _shares(
    hits: np.ndarray, groups: np.ndarray, names: Sequence[str] | None = None
) -> dict[str, float]:
    """Return the mean of ``hits`` in each group, by its name; in alphabetical order if None."""
    shares = {}
    for name in np.unique(groups) if names is None else names:
        shares[str(name)] = float(hits[groups == name].mean())
    return shares
