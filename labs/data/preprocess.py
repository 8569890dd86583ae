"""From picture files to the model's inputs, and from logits to probabilities, for the whole course.

Measuring and calibrating import this module, and serving the recipe that it rests on (``labs.data.intake``), so a
figure measured in one lesson is valid in the next. It needs numpy and Pillow only: a small server or a Raspberry Pi
does not have to install torch.
"""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from labs.data.intake import IMAGENET_MEAN as IMAGENET_MEAN
from labs.data.intake import IMAGENET_STD as IMAGENET_STD
from labs.data.intake import INPUT_SIZE_PX, to_input
from labs.data.intake import crop as crop


class ImageDecodeError(ValueError):
    """The bytes are not a picture that Pillow can read."""


def load_image(source: str | Path | bytes) -> Image.Image:
    """Return a picture as RGB, decoded at its full size; what strangers send goes through ``intake.open_photo``.

    Returns:
        The decoded picture, any size, mode RGB.

    Raises:
        FileNotFoundError: There is no file at this path.
        ImageDecodeError: The content is empty, truncated or not an image; often it is still base64 text
            or a data URL that has to be decoded first.
    """
    if isinstance(source, bytes):
        name, content = f"{len(source)} bytes", source
    else:
        name, content = str(source), Path(source).read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.convert("RGB")
    # Pillow reports a broken file through any of these, depending on the format and on where it breaks.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # Its own words for an unknown format hold an address of this process's memory, which is nobody's business.
        reason = "in no known format" if isinstance(error, UnidentifiedImageError) else str(error)
        raise ImageDecodeError(
            f"cannot decode {name} as an image ({reason}); send the raw bytes of a JPEG or PNG file, "
            "not base64 text, and check that the upload was complete"
        ) from error


def load_batch(paths: Iterable[str | Path], *, size_px: int = INPUT_SIZE_PX) -> np.ndarray:
    """Return pictures from files as one batch of inputs.

    Returns:
        float32 array of shape (N, 3, size_px, size_px); N may be 0.

    Raises:
        ImageDecodeError: One of the files is not an image.
    """
    paths = list(paths)
    # Written in place: a picture at a time, and then all of them copied, would take twice as long and twice the memory.
    inputs = np.empty((len(paths), 3, size_px, size_px), np.float32)
    for path, out in zip(paths, inputs, strict=True):
        to_input(load_image(path), out, size_px=size_px)
    return inputs


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities, float32 in 0 to 1, over the last axis of logits (…, classes)."""
    # In float64, and shifted by the largest logit, so that exp cannot overflow and rows sum to 1.
    shifted = np.asarray(logits, np.float64)
    shifted = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    return (shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)
