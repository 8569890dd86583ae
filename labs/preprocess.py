"""One recipe from a picture to the model's input, and from logits to probabilities, for the whole course.

Measuring, calibrating and serving all import this module, so a figure measured in one lesson is valid in
the next. It needs numpy and Pillow only: a small server or a Raspberry Pi does not have to install torch.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

#: Side of the square that the model sees, in pixels.
INPUT_SIZE_PX: int = 224

#: Channel means that are subtracted, for red, green and blue in the range 0 to 1.
#: Source: torchvision's ImageNet recipe, https://pytorch.org/vision/stable/models.html
IMAGENET_MEAN: tuple[float, float, float] = (0.485, 0.456, 0.406)

#: Channel standard deviations that are divided by. Source: as for `IMAGENET_MEAN`.
IMAGENET_STD: tuple[float, float, float] = (0.229, 0.224, 0.225)


class ImageDecodeError(ValueError):
    """The bytes are not a picture that Pillow can read; a server answers this with 4xx, not 500."""


def load_image(source: str | Path | bytes) -> Image.Image:
    """Return a picture as RGB.

    Args:
        source: Path of an image file, or the file's bytes.

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
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageDecodeError(
            f"cannot decode {name} as an image ({error}); send the raw bytes of a JPEG or PNG file, "
            "not base64 text, and check that the upload was complete"
        ) from error


def crop(image: Image.Image, size_px: int = INPUT_SIZE_PX) -> Image.Image:
    """Return the central square of a picture after its shorter side was resized to that square's side.

    Args:
        image: Picture of any size and mode.
        size_px: Side of the square, in pixels.

    Returns:
        An RGB picture of `size_px` by `size_px`.
    """
    image = image.convert("RGB")
    width, height = image.size
    # Floor, as torchvision's Resize does, so that both recipes agree on every aspect ratio.
    if width <= height:
        width, height = size_px, max(size_px, int(size_px * height / width))
    else:
        width, height = max(size_px, int(size_px * width / height)), size_px
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size_px) / 2), round((height - size_px) / 2)
    return image.crop((left, top, left + size_px, top + size_px))


def to_input(image: Image.Image) -> np.ndarray:
    """Return a picture as the model's input, without the batch axis.

    Args:
        image: Picture of any size and mode.

    Returns:
        float32 array of shape (3, 224, 224), channels red, green, blue, about -2.2 to 2.7.
    """
    pixels = np.asarray(crop(image), dtype=np.float32) / 255.0
    pixels = (pixels - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_STD, np.float32)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def load_batch(paths: Iterable[str | Path]) -> np.ndarray:
    """Return pictures from files as one batch of inputs.

    Args:
        paths: Paths of image files, in the order wanted.

    Returns:
        float32 array of shape (N, 3, 224, 224); N may be 0.

    Raises:
        ImageDecodeError: One of the files is not an image.
    """
    inputs = [to_input(load_image(path)) for path in paths]
    if not inputs:
        return np.empty((0, 3, INPUT_SIZE_PX, INPUT_SIZE_PX), np.float32)
    return np.stack(inputs)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities over the last axis.

    Args:
        logits: Raw model outputs, shape (…, classes).

    Returns:
        float32 array of the same shape; each row lies in 0 to 1 and sums to 1.
    """
    # In float64, and shifted by the largest logit, so that exp cannot overflow and rows sum to 1.
    shifted = np.asarray(logits, np.float64)
    shifted = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    return (shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)
