"""Making one artist's drawing look a little like another's: used for training only, never in the data set."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

#: Luminance weights of red, green and blue. Source: ITU-R BT.601.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _recolour(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return colours turned around the grey axis, stretched in saturation and bent by a gamma."""
    angle = rng.normal(0.0, 0.22)
    cosine, sine = np.cos(angle), np.sin(angle)
    # Rodrigues' rotation about (1, 1, 1): the hue turns and grey stays grey.
    third, root = (1.0 - cosine) / 3.0, sine / np.sqrt(3.0)
    matrix = np.full((3, 3), third) + np.eye(3) * cosine
    matrix += root * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    turned = pixels @ matrix.T.astype(np.float32)
    grey = (turned @ _LUMA)[..., None]
    turned = grey + (turned - grey) * np.float32(rng.uniform(0.6, 1.4))
    return np.clip(turned, 0.0, 1.0) ** np.exp(rng.normal(0.0, 0.25, 3)).astype(np.float32)


def _shade(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the drawing with soft light and dark areas, as artists who paint volume do."""
    height, width = pixels.shape[:2]
    cells = int(rng.integers(2, 5))
    grid = Image.fromarray(rng.integers(0, 256, (cells, cells), dtype=np.uint8))
    field = np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 127.5 - 1.0
    tint = 1.0 + rng.normal(0.0, 0.3, 3).astype(np.float32)
    return np.clip(pixels + field[..., None] * tint * np.float32(rng.uniform(0.05, 0.3)), 0.0, 1.0)


def _bend(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the drawing with its four corners moved: another point of view."""
    width, height = drawing.size
    moved = rng.uniform(-0.14, 0.14, (4, 2)) * (width, height)
    corners = np.array([(0, 0), (0, height), (width, height), (width, 0)]) + moved
    return drawing.transform(
        drawing.size, Image.Transform.QUAD, tuple(corners.ravel().tolist()), Image.Resampling.BILINEAR
    )


def _outline(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the drawing inside a contour, as artists who ink do."""
    side = 2 * int(rng.integers(1, 4)) + 1
    padded = Image.new("RGBA", (drawing.width + 2 * side, drawing.height + 2 * side))
    padded.paste(drawing, (side, side))
    grown = padded.getchannel("A").filter(ImageFilter.MaxFilter(side))
    ink = Image.new("RGBA", padded.size, (*(int(v) for v in rng.integers(0, 70, 3)), 255))
    ink.putalpha(ImageChops.lighter(grown, padded.getchannel("A")))
    return Image.alpha_composite(ink, padded)


def restyle(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a drawing with other colours, shading, contour and point of view.

    Args:
        drawing: RGBA picture.
        rng: Source of every choice.

    Returns:
        An RGBA picture of about the same size.
    """
    rgba = np.asarray(drawing, np.float32) / 255.0
    pixels = rgba[..., :3]
    if rng.random() < 0.8:
        pixels = _recolour(pixels, rng)
    if rng.random() < 0.6:
        pixels = _shade(pixels, rng)
    drawing = Image.fromarray((np.concatenate([pixels, rgba[..., 3:]], 2) * 255.0).astype(np.uint8))
    if rng.random() < 0.6:
        drawing = _bend(drawing, rng)
    if rng.random() < 0.2:
        drawing = _outline(drawing, rng)
    return drawing
