"""Images to send: shipped drawings, scaled to the size of people's uploads."""

import base64
import functools
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from labs import assets
from labs.data.dataset import iterate

#: Side in pixels: the published Food-11's images are about this large. A page uploads photos of any
#: size and shape.
SIDE_PX = 512

#: Photos as people send them, by the name under which they come with the checkout.
SENT_PHOTOS = "sent-photos"

#: Width and height of a photo of 12 megapixels, as many phones take it.
PHONE_PX = (4000, 3000)


@functools.lru_cache(maxsize=8)
def photo(number: int = 0) -> bytes:
    """Return a JPEG of 512 × 512 pixels, of nearly the 30 KB that the course's figures mean.

    Args:
        number: Which evaluation image; they are taken in the data set's order.
    """
    images = list(iterate(assets.dataset(), "evaluation"))
    path, _ = images[number % len(images)]
    large = _large(path)
    encoded = [_jpeg(large, quality) for quality in range(30, 98, 2)]
    return min(encoded, key=lambda content: abs(len(content) - 30_000))


def evaluation_uploads() -> Iterator[tuple[bytes, int]]:
    """Yield each evaluation image as a JPEG of 512 × 512 pixels and one quality, with its class."""
    for path, label in iterate(assets.dataset(), "evaluation"):
        yield _jpeg(_large(path), 85), label


def sent_photos() -> Iterator[tuple[bytes, int]]:
    """Yield each photo as people send them, with its class: JPEGs of several qualities, 4:3 and
    3:4, 1,000 to 3,000 pixels wide.

    Cameras stored half of them lying on a side or upside down, with a note in EXIF data. Each of
    the hundred shows another drawing of the evaluation split: ``assets.drawings("evaluation",
    "food11-mini", SENT_PHOTOS)`` numbers the drawings of both.
    """
    for path, label in iterate(assets.dataset(SENT_PHOTOS), "evaluation"):
        yield path.read_bytes(), label


@functools.lru_cache(maxsize=2)
def phone_photo(number: int = 0) -> bytes:
    """Return a sent photo as a phone takes it: a JPEG of 4,000 × 3,000 pixels and about 1.8 MB.

    It is enlarged, and gets the grain of a camera's sensor, which fills a phone's file.

    Args:
        number: Which of the photos, in the order of ``sent_photos``.
    """
    path, _ = list(iterate(assets.dataset(SENT_PHOTOS), "evaluation"))[number]
    with Image.open(path) as image:
        large = image.convert("RGB").resize(PHONE_PX, Image.Resampling.BICUBIC)
    grain = np.random.default_rng(number).integers(-8, 9, (PHONE_PX[1], PHONE_PX[0], 1), np.int16)
    pixels = np.asarray(large, np.int16) + grain
    return _jpeg(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), 84)


def write_input_data(path: Path, images: Sequence[bytes]) -> Path:
    """Return a file of images for ``--input-data``, as ``food_classifier`` takes them."""
    rows = []
    for image in images:
        text = base64.b64encode(image).decode()
        rows.append({"INPUT_IMAGE": {"content": [text], "shape": [1]}})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"data": rows}), encoding="utf-8")
    return path


def _large(path: Path) -> Image.Image:
    with Image.open(path) as small:
        return small.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return content.getvalue()
