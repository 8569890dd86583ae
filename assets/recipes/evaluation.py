"""What the model is worth on artists it has never seen: accuracy with its interval, by class and by pack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from assets.recipes.training import predict
from labs.dataset import iterate, load_split
from labs.labels import CLASS_NAMES
from labs.stats import proportion_interval


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
