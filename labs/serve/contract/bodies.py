"""Files that a photo service must refuse, each with the reason."""

import functools
import io

from PIL import Image

from labs.data.intake import MOST_BYTES
from labs.serve.photos import photo


def png(width_px: int, height_px: int) -> bytes:
    """Return a whole PNG of some thousand bytes that has so many pixels."""
    content = io.BytesIO()
    Image.new("1", (width_px, height_px)).save(content, "PNG")
    return content.getvalue()


def many_scans() -> bytes:
    """Return a progressive JPEG that would keep the decoder for half a minute."""
    content = io.BytesIO()
    Image.new("RGB", (2000, 2000), "olive").save(content, "JPEG", progressive=True)
    whole = content.getvalue()
    begin, end = whole.rindex(b"\xff\xda"), len(whole) - 2
    scan = whole[begin:end]
    return whole[:end] + scan * 20_000 + whole[end:]


def half_a_photo() -> bytes:
    """Return the first half of a JPEG."""
    whole = photo(0)
    return whole[: len(whole) // 2]


@functools.cache
def too_large() -> dict[str, bytes]:
    """Return files with too many bytes or pixels, by words for them."""
    return {
        "96 megapixels": png(12_000, 8_000),
        "192 megapixels": png(16_000, 12_000),
        "ten million bytes and one": bytes(MOST_BYTES + 1),
    }


@functools.cache
def no_photos() -> dict[str, bytes]:
    """Return files that are no photo, by words for them."""
    return {
        "half a JPEG": half_a_photo(),
        "twenty thousand scans": many_scans(),
        "a text": b"hello",
        "an empty file": b"",
    }
