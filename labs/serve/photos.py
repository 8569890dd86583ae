"""Images to send: shipped drawings, scaled to the size of people's uploads."""

import base64
import functools
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from labs import assets
from labs.data.dataset import iterate

#: Side in pixels: the published Food-11's images are about this large. A page uploads photos of any
#: size and shape.
SIDE_PX = 512


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
