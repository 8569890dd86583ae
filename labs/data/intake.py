"""One intake for all code that takes photos: it counts bytes, reads pixels from the header, and
raises one error.

It needs only the standard library, numpy and Pillow, so it can be copied unchanged: into a
container beside a student's app, into the folders of Triton's Python models, to a device.
``PhotoError`` has a status that each framework turns into its own refusal:
``HTTPException(error.status, …)``, ``TritonError(…, TritonError.INVALID_ARG)``.
"""

import base64
import contextlib
import io
import json
from collections.abc import Iterator

import numpy as np
from PIL import Image

#: Most bytes of a photo, and most pixels. A few hundred bytes can claim to be a gigapixel.
MOST_BYTES = 10_000_000
MOST_PIXELS = 25_000_000

#: Most bytes of a request's whole body: a photo of ``MOST_BYTES`` in base64, and what JSON puts
#: around it.
MOST_BODY_BYTES = 14_000_000

#: Formats that are decoded, by Pillow's names: fewer decoders are fewer ways in.
FORMATS = ("JPEG", "PNG", "WEBP")

#: Most scans of a JPEG: a megabyte can hold twenty thousand, and the decoder goes over every pixel
#: for each. Encoders make about ten.
MOST_SCANS = 100

#: Side of the square that the model sees, in pixels.
INPUT_SIZE_PX = 224

#: Channel means that are subtracted, for red, green and blue in the range 0 to 1.
#: Source: torchvision's ImageNet recipe, https://pytorch.org/vision/stable/models.html
IMAGENET_MEAN = (0.485, 0.456, 0.406)

#: Channel standard deviations that are divided by. Source: as for `IMAGENET_MEAN`.
IMAGENET_STD = (0.229, 0.224, 0.225)

#: Longest side of the viewed part, as a multiple of the shorter one. Without this crop, a line of a
#: pixel by a million would become a picture of fifty billion pixels.
LONGEST_SIDE = 32


def _normalized_levels() -> np.ndarray:
    """Return what each of the 256 levels of a colour becomes, float32 (3, 256): (level / 255 -
    mean) / deviation.
    """
    levels = np.arange(256, dtype=np.float32) / 255.0
    mean = np.array(IMAGENET_MEAN, np.float32)[:, None]
    deviation = np.array(IMAGENET_STD, np.float32)[:, None]
    return (levels - mean) / deviation


#: One row per channel. Looking a level up gives the very bits that computing it for each pixel
#: gives, in a tenth of the time.
_NORMALIZED = _normalized_levels()


class PhotoError(ValueError):
    """A photo is refused; the message is for the sender, and contains no data of this process."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the HTTP status for the fault: 413 for a photo that is too large, 422 for any other
        fault.
        """
        # Both, so that it survives the way from one process to another.
        super().__init__(status, message)
        self.status = status

    def __str__(self) -> str:
        """Return the message."""
        return self.args[1]


def from_base64(text: object) -> bytes:
    """Return a photo's file from its base64 text.

    Args:
        text: The text of a request, str or bytes; anything else is refused too.

    Raises:
        PhotoError: It is no base64 (422), or more than ``MOST_BYTES`` (413).
    """
    if not isinstance(text, str | bytes):
        raise PhotoError(422, "a photo is sent as the base64 text of its file, and this is no text")
    if len(text) > MOST_BODY_BYTES:
        raise _too_many_bytes("photo", MOST_BYTES)
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise PhotoError(422, f"this is no base64: {error}") from None
    if len(content) > MOST_BYTES:
        raise _too_many_bytes("photo", MOST_BYTES)
    return content


@contextlib.contextmanager
def photo_header(content: bytes) -> Iterator[Image.Image]:
    """Yield a photo's file as an image that is not decoded yet; whatever breaks in the block is the
    photo's fault.

    Raises:
        PhotoError: It has more than ``MOST_BYTES`` or ``MOST_PIXELS`` (413); or it is no photo of
            ``FORMATS``, or a part of one (422).
    """
    if len(content) > MOST_BYTES:
        raise _too_many_bytes("photo", MOST_BYTES)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_many_pixels(f"{image.width} × {image.height}")
            if image.format == "JPEG" and content.count(b"\xff\xda") > MOST_SCANS:
                raise PhotoError(
                    422, f"the JPEG has more than {MOST_SCANS} scans; save it as a baseline JPEG"
                )
            yield image
    except PhotoError:
        raise
    # Pillow's own limits, from 89 million on.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels("far more") from None
    # Each format's decoder has its own way of breaking, and Pillow's words may hold an address of
    # this process.
    except Exception:
        message = (
            f"these {len(content)} bytes are no {', '.join(FORMATS)} file, or only a part of "
            "one; send the file as it is, and look whether the upload was complete"
        )
        raise PhotoError(422, message) from None


def open_photo(content: bytes, *, least_px: int = 2 * INPUT_SIZE_PX) -> Image.Image:
    """Return a photo's file as an RGB image, decoded no larger than it has to be.

    A JPEG can be decoded at a half, a quarter or an eighth of its size, in a fraction of the time
    (`draft`). Resized from twice what the model sees, photos keep their classes: of the 660
    evaluation pictures at 2048 × 1536 pixels, 657 do (and 533 are right instead of 531); at 512 ×
    512 nothing is halved. From 224 on, 649 of those at 512 would.

    Args:
        least_px: Smallest number of pixels on both sides of the image, unless the photo has fewer.

    Raises:
        PhotoError: As ``photo_header`` raises it; an image that is too large is not decoded.
    """
    with photo_header(content) as image:
        image.draft("RGB", (least_px, least_px))  # of a JPEG; others have none
        return image.convert("RGB")


def _too_many_bytes(what: str, most: int) -> PhotoError:
    return PhotoError(
        413, f"the {what} has too many bytes: {most:,} are the limit; send a smaller copy"
    )


def _too_many_pixels(size: str) -> PhotoError:
    seen = f"{INPUT_SIZE_PX} × {INPUT_SIZE_PX}"
    message = (
        f"the photo has too many pixels ({size}): {MOST_PIXELS:,} are the limit; send a smaller "
        f"copy, the model sees {seen} of them"
    )
    return PhotoError(413, message)


def crop(image: Image.Image, size_px: int = INPUT_SIZE_PX) -> Image.Image:
    """Return a picture's central square, RGB, its shorter side resized to that square's side."""
    if image.mode != "RGB":
        image = image.convert("RGB")
    image = _middle(image)
    width, height = image.size
    shorter = min(width, height)
    # Floor, as torchvision's Resize does, so that both recipes agree on every aspect ratio.
    width = max(size_px, int(size_px * width / shorter))
    height = max(size_px, int(size_px * height / shorter))
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left = round((width - size_px) / 2)
    top = round((height - size_px) / 2)
    return image.crop((left, top, left + size_px, top + size_px))


def _middle(image: Image.Image) -> Image.Image:
    """Return the middle of a picture that is longer than ``LONGEST_SIDE`` times its width, others
    as they are.
    """
    longest = LONGEST_SIDE * min(image.size)
    if max(image.size) <= longest:
        return image
    width = min(image.width, longest)
    height = min(image.height, longest)
    left = (image.width - width) // 2
    top = (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def to_input(
    image: Image.Image, out: np.ndarray | None = None, *, size_px: int = INPUT_SIZE_PX
) -> np.ndarray:
    """Return an image as the model's input, without the batch axis.

    Args:
        out: float32 array of that shape to write into, such as one row of a batch; a new one when
            None.

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


class Bounded:
    """ASGI middleware: counts a body's bytes while they arrive, and answers 413 before they are
    kept or parsed.
    """

    def __init__(self, app, most_bytes: int = MOST_BODY_BYTES, refusal=None) -> None:
        """Stand before an app: ``app.add_middleware(Bounded)`` in FastAPI and Starlette.

        Args:
            refusal: ASGI app that answers in its place; a sentence as JSON when None.
        """
        self.app = app
        self.most_bytes = most_bytes
        self.refusal = refusal or self._refuse

    async def __call__(self, scope, receive, send) -> None:
        """Hand a request on; for the app, a body that is too large ends as if its client had
        disconnected.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        arrived_bytes = 0
        is_answering = False

        async def counted():
            nonlocal arrived_bytes
            if arrived_bytes > self.most_bytes:
                return {"type": "http.disconnect"}
            message = await receive()
            arrived_bytes += len(message.get("body", b""))
            return message if arrived_bytes <= self.most_bytes else {"type": "http.disconnect"}

        async def sent(message):
            nonlocal is_answering
            # An app's reply to a client that has gone is not sent.
            if arrived_bytes <= self.most_bytes or is_answering:
                is_answering = True
                await send(message)

        if announced.isdigit() and int(announced) > self.most_bytes:
            arrived_bytes = int(announced)
        else:
            try:
                await self.app(scope, counted, sent)
            except Exception:
                if arrived_bytes <= self.most_bytes or is_answering:
                    raise
        if arrived_bytes > self.most_bytes and not is_answering:
            await self.refusal(scope, receive, send)

    async def _refuse(self, scope, receive, send) -> None:
        detail = str(_too_many_bytes("request", self.most_bytes))
        body = json.dumps({"detail": detail}).encode()
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def guard(app) -> None:
    """Let a FastAPI app count arriving bytes (``Bounded``), and answer 422 to any body that does
    not fit its models.

    FastAPI's own reply repeats the body. ``{"image": 1e999}`` is infinite, which JSON cannot
    express, so FastAPI alone answers 500.
    """
    from fastapi.exceptions import RequestValidationError
    from starlette.responses import JSONResponse

    def shown(fault: dict) -> dict:
        return {"type": fault["type"], "loc": fault["loc"], "msg": fault["msg"]}

    async def unfit(request, error):
        return JSONResponse({"detail": [shown(fault) for fault in error.errors()]}, 422)

    app.add_middleware(Bounded)
    app.add_exception_handler(RequestValidationError, unfit)


def before_ray() -> list:
    """Return what Ray Serve's proxy puts before its applications
    (``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH``).
    """
    from starlette.middleware import Middleware

    return [Middleware(Bounded)]
