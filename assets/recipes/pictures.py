"""Batches of training pictures: drawings composed as photographs are, then varied once more, all at
random.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from assets.recipes.compose import compose, restyle
from assets.recipes.drawings import Drawing, drawings_of, render, sources_of
from labs.data.labels import NUM_CLASSES
from labs.data.preprocess import IMAGENET_MEAN, IMAGENET_STD

#: Side of the composed pictures: larger than the model's 224, so that crops can move.
COMPOSED_SIZE_PX = 256


def training_drawings(cache: Path) -> list[Drawing]:
    """Return every drawing of the training artists, foods and others; `cache` keeps the packs'
    tarballs.

    Skin-tone variants, which repeat one drawing five times, are left out.
    """
    drawings = [
        drawing for source in sources_of("training") for drawing in drawings_of(source, cache)
    ]
    return [drawing for drawing in drawings if "skin-tone" not in drawing.glyph]


@lru_cache(maxsize=6000)
def _rendered(drawing: Drawing) -> Image.Image:
    return render(drawing, COMPOSED_SIZE_PX)


def _composed(drawing: Drawing, rng: np.random.Generator) -> np.ndarray:
    """Return a picture of a drawing, uint8 (256, 256, 3)."""
    picture = _rendered(drawing)
    # A fifth stays as the artist drew it, since the model will see such pictures.
    if rng.random() < 0.8:
        picture = restyle(picture, rng)
    return np.asarray(compose(picture, rng, COMPOSED_SIZE_PX))


def _views(count: int, generator: torch.Generator) -> torch.Tensor:
    """Return random affine views as (N, 2, 3): mirrored, turned, zoomed and shifted."""

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.empty(count).uniform_(low, high, generator=generator)

    angle = uniform(-0.3, 0.3)
    zoom = uniform(0.72, 1.08)
    stretch = torch.exp(uniform(-0.15, 0.15))
    mirror = torch.sign(uniform(-1.0, 1.0))
    cosine = torch.cos(angle) * zoom
    sine = torch.sin(angle) * zoom
    # A view smaller than the picture may move; a larger one stays centred.
    room = (1.0 - zoom).clamp(min=0.0)
    shift_x = uniform(-1.0, 1.0) * room
    shift_y = uniform(-1.0, 1.0) * room
    row_x = torch.stack([cosine * stretch * mirror, -sine * stretch, shift_x], 1)
    row_y = torch.stack([sine / stretch * mirror, cosine / stretch, shift_y], 1)
    return torch.stack([row_x, row_y], 1)


def _recolour(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return pictures from 0 to 1 with other exposure, contrast, saturation and colour cast."""
    count = len(images)

    def factor(low: float, high: float, channels: int = 1) -> torch.Tensor:
        return torch.empty(count, channels, 1, 1).uniform_(low, high, generator=generator)

    grey = images.mean(1, keepdim=True)
    # One picture in twelve loses all colour, so that shape has to be enough.
    saturation = factor(0.5, 1.4)
    saturation = saturation * (factor(0.0, 1.0) > 1.0 / 12.0)
    images = grey + (images - grey) * saturation
    level = images.mean((1, 2, 3), keepdim=True)
    images = level + (images - level) * factor(0.65, 1.3)
    images = images * factor(0.7, 1.25)
    images = images * factor(0.88, 1.12, 3)
    return images.clamp(0.0, 1.0)


def _erase(images: torch.Tensor, generator: torch.Generator) -> None:
    """Cover a random box in a third of the pictures, in place."""
    side = images.shape[-1]
    for image in images:
        chance, tall, wide, down, across = torch.rand(5, generator=generator).tolist()
        if chance < 0.33:
            height = int(side * (0.1 + 0.3 * tall))
            width = int(side * (0.1 + 0.3 * wide))
            top = int((side - height) * down)
            left = int((side - width) * across)
            colour = torch.rand(3, 1, 1, generator=generator)
            image[:, top : top + height, left : left + width] = colour


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Return pictures from 0 to 1 in the model's input scale, as `labs.data.preprocess.to_input`
    does.
    """
    mean = torch.tensor(IMAGENET_MEAN)[:, None, None]
    deviation = torch.tensor(IMAGENET_STD)[:, None, None]
    return (images - mean) / deviation


def draw_batch(
    drawings: Sequence[Drawing],
    batch_size: int,
    size_px: int,
    generator: torch.Generator,
    class_shares: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a batch of pictures composed and varied at random.

    Args:
        size_px: Side of the pictures returned, in pixels.
        class_shares: How often each class is drawn, shape (classes,), and within it each food
            alike; None draws every drawing alike, be it a food or not.

    Returns:
        float32 inputs (N, 3, size, size) in the model's scale, and int64 labels (N,), -1 where
        there is none.
    """
    seed = int(torch.randint(2**31, (1,), generator=generator))
    rng = np.random.default_rng(seed)
    labels = np.array([-1 if drawing.label is None else drawing.label for drawing in drawings])
    chances = np.full(len(labels), 1 / len(labels))
    if class_shares is not None:
        counts = np.bincount(labels[labels >= 0], minlength=NUM_CLASSES)
        shares = class_shares.double().numpy()
        of_class = shares[labels] / np.maximum(counts, 1)[labels]
        chances = np.where(labels >= 0, of_class, 0.0)
    chosen = rng.choice(len(labels), batch_size, p=chances / chances.sum())
    pictures = np.stack([_composed(drawings[index], rng) for index in chosen])
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255.0
    grid = functional.affine_grid(
        _views(batch_size, generator), [batch_size, 3, size_px, size_px], align_corners=False
    )
    images = functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    images = _recolour(images, generator)
    _erase(images, generator)
    inputs = normalise(images).contiguous(memory_format=torch.channels_last)
    return inputs, torch.from_numpy(labels[chosen])


def mix(
    inputs: torch.Tensor, targets: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the batch blended with its own reverse, or with a box of it pasted in (mixup or
    CutMix).

    Args:
        inputs: (N, 3, size, size).
        targets: Class probabilities (N, classes), mixed in the same proportion; (N, 0) when there
            are none.

    Source: Zhang et al. 2018, https://arxiv.org/abs/1710.09412; Yun et al. 2019,
    https://arxiv.org/abs/1905.04899.
    """
    kind, share, across, down = torch.rand(4, generator=generator).tolist()
    if kind < 0.5:
        share = 0.35 * share
        mixed = inputs * (1.0 - share) + inputs.flip(0) * share
    else:
        side = inputs.shape[-1]
        box = int(side * (0.2 + 0.35 * share))
        left = int((side - box) * across)
        top = int((side - box) * down)
        rows = slice(top, top + box)
        columns = slice(left, left + box)
        mixed = inputs.clone()
        mixed[:, :, rows, columns] = inputs.flip(0)[:, :, rows, columns]
        share = (box / side) ** 2
    mixed_targets = targets * (1.0 - share) + targets.flip(0) * share
    return mixed.contiguous(memory_format=torch.channels_last), mixed_targets
