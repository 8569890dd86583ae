"""Published networks, recognized in a file: their weights, sampled, beside the file's own.

A converter folds a BatchNorm into the convolution before it and rounds weights, and both leave the
direction of each output channel. So channels are compared by the cosine of their angle.
``python -m grading.grade.artefacts.published`` writes the samples again, from ``assets/models``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

SAMPLES = Path(__file__).with_name("published.npz")

#: Output channels of a layer that are compared, and numbers of each.
_CHANNELS, _NUMBERS = 8, 32

#: Median cosine from which a layer is a published one: rounding to four bits leaves 0.99, and the
#: channels of two networks are at 0.2.
_ALIKE = 0.9


def sampled(layer: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return some numbers of some channels of a layer, float32 (8, 32), each row of length 1 or 0.

    Args:
        layer: Weights in any shape.
        shape: Output channels, and numbers in each.
    """
    channels, numbers = shape
    rows = np.linspace(0, channels - 1, _CHANNELS).astype(int)
    columns = np.linspace(0, numbers - 1, min(numbers, _NUMBERS)).astype(int)
    taken = layer.reshape(shape)[np.ix_(rows, columns)].astype(np.float32)
    lengths = np.linalg.norm(taken, axis=1, keepdims=True)
    samples = np.zeros((_CHANNELS, _NUMBERS), np.float32)
    samples[:, : len(columns)] = taken / np.maximum(lengths, 1e-12)
    return samples


def published_share(layers: Iterable[np.ndarray], path: Path = SAMPLES) -> float:
    """Return the largest share of a published network's weights that a file holds, 0 to 1."""
    with np.load(path) as saved:
        samples, shapes, networks = saved["samples"], saved["shapes"], saved["networks"]
    sizes = shapes.prod(axis=1)
    held = np.zeros(len(sizes), bool)
    for layer in layers:
        for place in np.flatnonzero((sizes == layer.size) & ~held):
            channels, numbers = map(int, shapes[place])
            shape = (channels, numbers)
            published = samples[place]
            is_held = _are_alike(sampled(layer, shape), published)
            held[place] = is_held or _are_alike(sampled(layer.T, shape), published)
    shares = []
    for network in np.unique(networks):
        own = networks == network
        shares.append(sizes[held & own].sum() / sizes[own].sum())
    return float(max(shares))


def _are_alike(samples: np.ndarray, published: np.ndarray) -> bool:
    """Return whether the channels point where the published ones do; channels of zeros are left
    out.
    """
    published = published.astype(np.float32)
    is_there = np.linalg.norm(published, axis=1) > 0.5
    cosines = np.abs((samples * published).sum(axis=1))[is_there]
    return bool(cosines.size and np.median(cosines) > _ALIKE)


def write(weights: Mapping[str, Mapping[str, np.ndarray]], path: Path = SAMPLES) -> None:
    """Write the samples of networks, by name: the arrays of each; layers have two axes or more."""
    samples, shapes, networks = [], [], []
    for number, name in enumerate(sorted(weights)):
        for layer in weights[name].values():
            if layer.ndim < 2:
                continue
            shape = (len(layer), math.prod(layer.shape[1:]))
            samples.append(sampled(layer, shape))
            shapes.append(shape)
            networks.append(number)
    stacked = np.stack(samples).astype(np.float16)
    np.savez_compressed(
        path, samples=stacked, shapes=np.array(shapes), networks=np.array(networks, np.uint8)
    )


def main() -> None:
    """Write the samples of all networks that the course publishes."""
    from safetensors.numpy import load_file

    from labs import assets

    folder = assets.model().parent
    write({path.stem: load_file(path) for path in folder.glob("*.safetensors")})


if __name__ == "__main__":
    main()
