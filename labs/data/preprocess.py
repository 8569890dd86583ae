"""One recipe from a picture to the model's input, and from logits to probabilities, for the whole course.

Measuring, calibrating and serving all import this module, so a figure measured in one lesson is valid in
the next. It needs numpy and Pillow only: a small server or a Raspberry Pi does not have to install torch.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
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

#: Longest side of what is looked at, in times the shorter one. Resized as it is, a line of a pixel by a million would
#: become a picture of fifty billion.
LONGEST_SIDE: int = 32


#: What each of the 256 levels of a colour becomes, one row a channel: (level / 255 - mean) / deviation in float32.
#: Looking a level up gives the very bits that computing it for each pixel gives, in a tenth of the time.
_NORMALIZED: np.ndarray = (
    (np.arange(256, dtype=np.float32) / 255.0)[None, :] - np.array(IMAGENET_MEAN, np.float32)[:, None]
) / np.array(IMAGENET_STD, np.float32)[:, None]


#: Most scans of a JPEG where pixels are limited: a megabyte can hold twenty thousand, and the decoder goes over every
#: pixel for each. Encoders make about ten.
MAX_SCANS: int = 100

#: How Pillow says that a file claims absurdly many pixels: it warns from 89 million on, and refuses from 179 million.
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


class ImageDecodeError(ValueError):
    """The bytes are not a picture that Pillow can read; a server answers this with 4xx, not 500."""


class ImageTooLargeError(ImageDecodeError):
    """The picture has more pixels than were allowed; it was not decoded."""


class TooManyScansError(ImageDecodeError):
    """The JPEG is stored in more scans than any camera or editor makes; it was not decoded."""


def load_image(
    source: str | Path | bytes,
    *,
    formats: Sequence[str] | None = None,
    max_pixels: int | None = None,
) -> Image.Image:
    """Return a picture as RGB.

    Args:
        source: Path of an image file, or the file's bytes.
        formats: Formats that are tried, by Pillow's names such as 'JPEG'; all that it knows when None.
        max_pixels: Most pixels that are decoded. A few hundred bytes can claim to be a gigapixel.

    Returns:
        The decoded picture, any size, mode RGB.

    Raises:
        FileNotFoundError: There is no file at this path.
        ImageTooLargeError: It has more than ``max_pixels``.
        TooManyScansError: It has more than ``MAX_SCANS``.
        ImageDecodeError: The content is empty, truncated or not an image; often it is still base64 text
            or a data URL that has to be decoded first.
    """
    if isinstance(source, bytes):
        name, content = f"{len(source)} bytes", source
    else:
        name, content = str(source), Path(source).read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=formats) as image:
            if max_pixels is not None and image.width * image.height > max_pixels:
                raise ImageTooLargeError(
                    f"the picture has {image.width} × {image.height} pixels, and {max_pixels / 1e6:g} million are the "
                    "limit; make it smaller before sending it, the model sees 224 × 224 of them"
                )
            if max_pixels is not None and content.count(b"\xff\xda") > MAX_SCANS and image.format == "JPEG":
                raise TooManyScansError(
                    f"the JPEG is stored in more than {MAX_SCANS} scans; save it as a baseline JPEG"
                )
            return image.convert("RGB")
    except ImageDecodeError:
        raise
    except _BOMBS as error:
        raise ImageTooLargeError(f"{name} claim to be a picture of absurdly many pixels ({error})") from error
    # Pillow reports a broken file through any of these, depending on the format and on where it breaks.
    except (OSError, SyntaxError, ValueError) as error:
        # Its own words for an unknown format hold an address of this process's memory, which is nobody's business.
        reason = "in no known format" if isinstance(error, UnidentifiedImageError) else str(error)
        raise ImageDecodeError(
            f"cannot decode {name} as an image ({reason}); send the raw bytes of a JPEG or PNG file, "
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
    image = _middle(image if image.mode == "RGB" else image.convert("RGB"))
    width, height = image.size
    # Floor, as torchvision's Resize does, so that both recipes agree on every aspect ratio.
    if width <= height:
        width, height = size_px, max(size_px, int(size_px * height / width))
    else:
        width, height = max(size_px, int(size_px * width / height)), size_px
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size_px) / 2), round((height - size_px) / 2)
    return image.crop((left, top, left + size_px, top + size_px))


def _middle(image: Image.Image) -> Image.Image:
    """Return the middle of a picture that is longer than ``LONGEST_SIDE`` times its width, others as they are."""
    longest = LONGEST_SIDE * min(image.size)
    if max(image.size) <= longest:
        return image
    width, height = (min(side, longest) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def to_input(image: Image.Image, out: np.ndarray | None = None, *, size_px: int = INPUT_SIZE_PX) -> np.ndarray:
    """Return an image as the model's input, without the batch axis.

    Args:
        image: Image of any size and mode.
        out: float32 array of that shape to write into, such as one row of a batch; a new one when None.
        size_px: Side of what the model sees.

    Returns:
        float32 array of shape (3, size_px, size_px), channels red, green, blue, about -2.2 to 2.7.
    """
    pixels = np.asarray(crop(image, size_px))
    if out is None:
        out = np.empty((3, size_px, size_px), np.float32)
    for channel, levels in enumerate(_NORMALIZED):
        # 'clip' lets numpy write straight into `out`; a byte is never outside 0 to 255.
        np.take(levels, pixels[:, :, channel], out=out[channel], mode="clip")
    return out


def load_batch(paths: Iterable[str | Path], *, size_px: int = INPUT_SIZE_PX) -> np.ndarray:
    """Return pictures from files as one batch of inputs.

    Args:
        paths: Paths of image files, in the order wanted.
        size_px: Side of what the model sees.

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
