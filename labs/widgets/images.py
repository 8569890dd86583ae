"""Images in a grid, each with what it shows and what a model takes it for."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import crop, load_image
from labs.display.format import percent
from labs.display.shown import Shown
from labs.display.theme import card

#: Side of a shown image in pixels: large enough to judge it, small enough that a dozen do not bloat the notebook.
_SIDE_PX = 124


def image_grid(
    paths: Sequence[str | Path],
    labels: Sequence[int],
    probs: np.ndarray | None = None,
    *,
    title: str = "Images",
) -> Shown:
    """Return images in a grid, as the model sees them (cropped to a square), with their classes.

    Args:
        paths: Image files.
        labels: True class of each, 0 to 10.
        probs: A model's probabilities, (N, 11); adds what it takes each image for, and how sure it is.
        title: Heading of the card.

    Raises:
        ValueError: There is not one label (and one row of probabilities) for each image.
    """
    if len(paths) != len(labels) or (probs is not None and len(probs) != len(paths)):
        raise ValueError("one label, and one row of probabilities, is needed for each image")
    rows = [None] * len(paths) if probs is None else list(np.asarray(probs))
    captions = [_caption(int(label), row) for label, row in zip(labels, rows, strict=True)]
    tiles = "".join(_tile(path, *caption) for path, caption in zip(paths, captions, strict=True))
    html = card(title, f'<div style="display:flex;flex-wrap:wrap;gap:12px">{tiles}</div>')
    lines = [f"{number}. {truth}{': ' if guess else ''}{guess}" for number, (truth, guess, _) in enumerate(captions, 1)]
    return Shown(html, "\n".join([title, *lines]), plain=f"{title}: {len(paths)} images")


def _caption(label: int, probs: np.ndarray | None) -> tuple[str, str, str]:
    """Return the true class, the model's guess in words, and the guess's style class."""
    truth = CLASS_NAMES[label]
    if probs is None:
        return truth, "", ""
    top = int(np.argmax(probs))
    sure = percent(float(probs[top]))
    if top == label:
        return truth, f"✓ right, {sure} sure", "msl-good"
    return truth, f"✗ {CLASS_NAMES[top]}, {sure} sure", "msl-bad"


def _tile(path: str | Path, truth: str, guess: str, style: str) -> str:
    spoken = escape(f"{truth}. {guess}".strip(), quote=True)
    caption = f"<strong>{escape(truth)}</strong>" + (
        f'<br><span class="{style}">{escape(guess)}</span>' if guess else ""
    )
    return (
        f'<figure style="margin:0;width:{_SIDE_PX}px"><img alt="{spoken}" width="{_SIDE_PX}" height="{_SIDE_PX}" '
        f'style="border-radius:6px;display:block" src="data:image/jpeg;base64,{_thumbnail(path)}">'
        f'<figcaption style="font-size:12px;margin-top:4px">{caption}</figcaption></figure>'
    )


def _thumbnail(path: str | Path) -> str:
    buffer = io.BytesIO()
    crop(load_image(path), _SIDE_PX).save(buffer, "JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode()
