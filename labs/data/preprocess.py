"""Turn picture files into the model's inputs, and logits into probabilities, for the whole course.

Measuring and calibrating import this module. Serving imports its recipe (``labs.data.intake``). So
a figure measured in one lesson is valid in the next. It needs numpy and Pillow only: a small server
or a Raspberry Pi does not have to install torch.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from labs.data.intake import IMAGENET_MEAN as IMAGENET_MEAN
from labs.data.intake import IMAGENET_STD as IMAGENET_STD
from labs.data.intake import INPUT_SIZE_PX, MOST_PIXELS, PhotoError, open_photo, to_input
from labs.data.intake import crop as crop


def load_image(path: str | Path) -> Image.Image:
    """Return a picture's file as RGB, decoded at its full size; servers use ``intake.open_photo``.

    Raises:
        FileNotFoundError: There is no file at this path.
        PhotoError: It is no whole picture; the message names the file.
    """
    try:
        return open_photo(Path(path).read_bytes(), least_px=MOST_PIXELS)
    except PhotoError as error:
        raise PhotoError(error.status, f"{path}: {error}") from None


def load_batch(paths: Iterable[str | Path], *, size_px: int = INPUT_SIZE_PX) -> np.ndarray:
    """Return pictures from files as one batch of inputs.

    Returns:
        float32 array of shape (N, 3, size_px, size_px); N may be 0.

    Raises:
        PhotoError: One of the files is no whole picture.
    """
    paths = list(paths)
    # Written in place: a picture at a time, and then all of them copied, would take twice as long
    # and twice the memory.
    inputs = np.empty((len(paths), 3, size_px, size_px), np.float32)
    for path, out in zip(paths, inputs, strict=True):
        to_input(load_image(path), out, size_px=size_px)
    return inputs


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities, float32 in 0 to 1, over the last axis of logits (…, classes)."""
    # In float64, and shifted by the largest logit, so that exp cannot overflow and rows sum to 1.
    precise = np.asarray(logits, np.float64)
    largest = precise.max(axis=-1, keepdims=True)
    powers = np.exp(precise - largest)
    probabilities = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities.astype(np.float32)
