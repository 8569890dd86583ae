"""Photos as people send them, stored without loss, upright and lying: every path must see the same
pixels in both.
"""

import io
from collections.abc import Iterator

from PIL import ExifTags, Image

from assets.recipes.sent import STORED
from labs.data.intake import open_photo
from labs.serve.photos import sent_photos

#: Longer side in pixels: small enough that no path decodes it at half of its size.
_LONGER_PX = 640


def stored_both_ways() -> Iterator[tuple[bytes, bytes]]:
    """Yield the files of three photos, upright and lying, for EXIF's orientations 3, 6 and 8."""
    missing = dict(STORED)
    for content, _ in sent_photos():
        with Image.open(io.BytesIO(content)) as stored:
            orientation = stored.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation not in missing:
            continue
        upright = open_photo(content)
        upright.thumbnail((_LONGER_PX, _LONGER_PX))
        lying = upright.transpose(missing.pop(orientation))
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        yield _png(upright), _png(lying, exif=exif)


def _png(image: Image.Image, **how: object) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG", **how)
    return content.getvalue()
