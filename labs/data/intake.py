"""One intake for all code that takes photos: it counts bytes, reads pixels from the header, and
raises one error.

It needs only the standard library, numpy and Pillow, so it can be copied unchanged: into a
container beside a student's app, into the folders of Triton's Python models, to a device.
``PhotoError`` has a status that each framework turns into its own refusal:
``HTTPException(error.status, …)``, ``TritonError(…, TritonError.INVALID_ARG)``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image, ImageOps

#: Most bytes of a photo, and most pixels. A few hundred bytes can claim to be a gigapixel.
MOST_BYTES = 10_000_000
MOST_PIXELS = 25_000_000

#: Most bytes of a request's whole body: a photo of ``MOST_BYTES`` in base64, and what JSON puts
#: around it.
MOST_BODY_BYTES = 14_000_000

#: Most seconds until all of a body is there, and most bytes of all bodies of a process that arrive
#: or wait for their answers.
MOST_BODY_S = 30.0
MOST_BODIES_BYTES = 40_000_000

#: Bytes of a body that are held in one piece of memory until all are there. A single piece that
#: grows moves to another place again and again, and the gaps that it leaves cost as much as it.
SEGMENT_BYTES = 65_536

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
    """Return a photo's file as an upright RGB image, decoded no larger than it has to be.

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
        if is_turned(image):
            ImageOps.exif_transpose(image, in_place=True)
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


def is_turned(image: Image.Image) -> bool:
    """Return whether a photo's EXIF data says that it lies on its side, or is mirrored.

    A camera keeps the sensor's rows as they are, and notes how it was held.
    """
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    except Exception:  # damaged notes say nothing; the photo may be whole
        return False


def crop(image: Image.Image, size_px: int = INPUT_SIZE_PX) -> Image.Image:
    """Return a picture's central square, RGB, resized to a side: cut first, so that what lies
    outside the square changes nothing in it.
    """
    if image.mode != "RGB":
        image = image.convert("RGB")
    width, height = image.size
    side = min(width, height)
    # As torchvision's CenterCrop does, so that both agree on every aspect ratio.
    left = round((width - side) / 2)
    top = round((height - side) / 2)
    if width != height:
        image = image.crop((left, top, left + side, top + side))
    return image.resize((size_px, size_px), Image.Resampling.BILINEAR)


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
    """ASGI middleware: collects a body before the app sees any of it, within bounds.

    A client that sends half of a body takes no place in the app's queue then. A body has a limit of
    bytes and of time. All bodies of the process together have one too: beyond it, the largest of
    those that still arrive is refused, so that a small photo gets through.
    """

    def __init__(
        self,
        app,
        most_bytes: int = MOST_BODY_BYTES,
        refusal=None,
        *,
        within_s: float = MOST_BODY_S,
        most_together: int = MOST_BODIES_BYTES,
    ) -> None:
        """Stand before an app: ``app.add_middleware(Bounded)`` in FastAPI and Starlette.

        Args:
            refusal: Returns the ASGI app that answers in its place, for the scope and the
                ``PhotoError``; a sentence as JSON when None.
            within_s: Seconds until all of a body must be there.
            most_together: Most bytes of all bodies that arrive or wait for their answers.
        """
        self.app = app
        self.most_bytes = most_bytes
        self.refusal = refusal or _sentence
        self.within_s = within_s
        self.most_together = most_together
        self._bodies: set[_Body] = set()

    async def __call__(self, scope, receive, send) -> None:
        """Hand a request on with its whole body, or refuse it: 413 for too many bytes, 408 where
        they take too long, 503 where too many arrive at once.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(self.within_s)
        self._bodies.add(body)
        try:
            await self._answer(body, scope, receive, send)
        finally:
            self._bodies.remove(body)

    async def _answer(self, body: _Body, scope, receive, send) -> None:
        try:
            content = await self._collect(body, scope, receive)
        except PhotoError as error:
            await self.refusal(scope, error)(scope, receive, send)
            return
        if content is not None:
            await self.app(scope, _first(content, receive), send)

    async def _collect(self, body: _Body, scope, receive) -> bytes | None:
        """Return all of a body; None if its client has gone."""
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.most_bytes:
            raise _too_many_bytes("request", self.most_bytes)
        try:
            async with body.clock:
                while body.is_arriving:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body.take(message.get("body", b""), message.get("more_body", False))
                    if body.size > self.most_bytes:
                        raise _too_many_bytes("request", self.most_bytes)
                    self._make_room()
        except TimeoutError:
            if not body.is_crowded_out:
                message = f"the request was not complete within {self.within_s:g} s"
                raise PhotoError(408, message) from None
        if body.is_crowded_out:
            raise PhotoError(503, "too many large requests arrive at once; send it again later")
        return body.content()

    def _make_room(self) -> None:
        """Give up the largest body that still arrives, if all together hold too much."""
        if sum(body.size for body in self._bodies) > self.most_together:
            arriving = [body for body in self._bodies if body.is_arriving]
            if arriving:
                max(arriving, key=lambda body: body.size).crowd_out()


class _Body:
    """The part of a body that is there."""

    def __init__(self, within_s: float) -> None:
        self.clock = asyncio.timeout(within_s)
        self.is_arriving = True
        self.is_crowded_out = False
        self.size = 0
        self._segments = [bytearray()]

    def take(self, piece: bytes, is_arriving: bool) -> None:
        """Add a piece; a body that was given up takes none."""
        if not self.is_crowded_out:
            if len(self._segments[-1]) >= SEGMENT_BYTES:
                self._segments.append(bytearray())
            self._segments[-1] += piece
            self.size += len(piece)
            self.is_arriving = is_arriving

    def crowd_out(self) -> None:
        """Give it up: its own task wakes with a TimeoutError."""
        self.is_arriving = False
        self.is_crowded_out = True
        self.size = 0
        self._segments = [bytearray()]
        self.clock.reschedule(0)

    def content(self) -> bytes:
        """Return it, and hold it no longer; the app does from now on."""
        content = b"".join(self._segments)
        self._segments = [bytearray()]
        return content


def _first(content: bytes, receive):
    """Return ``receive`` of ASGI that begins with a whole body."""
    messages = [{"type": "http.request", "body": content, "more_body": False}]

    async def received():
        return messages.pop() if messages else await receive()

    return received


def _sentence(scope, error: PhotoError):
    """Return an ASGI app that says why in JSON."""

    async def refuse(scope, receive, send) -> None:
        body = json.dumps({"detail": str(error)}).encode()
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return refuse


def guard(app, reply=None, *, most_bytes: int = MOST_BODY_BYTES, unfit: int = 422) -> None:
    """Let a FastAPI app collect what arrives (``Bounded``), and refuse what does not fit its
    models, whatever it is.

    FastAPI's own reply repeats what came, and ``{"image": 1e999}`` is infinite, which no JSON can
    repeat: a 500.

    Args:
        reply: Returns the response for a status and a sentence, which every error of the app has
            then; FastAPI's own form when None.
        unfit: Status for what does not fit the models.
    """
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    def shown(fault: dict) -> dict:
        return {"type": fault["type"], "loc": fault["loc"], "msg": fault["msg"]}

    async def refuse_unfit(request, error):
        if reply is None:
            return JSONResponse({"detail": [shown(fault) for fault in error.errors()]}, unfit)
        return reply(unfit, "; ".join(map(_in_words, error.errors())))

    if reply is None:
        app.add_middleware(Bounded, most_bytes)
    else:

        def refusal(scope, error):
            return reply(error.status, str(error))

        async def refuse(request, error):
            return reply(error.status_code, str(error.detail))

        async def fail(request, error):
            return reply(500, "the service failed")

        app.add_middleware(Bounded, most_bytes, refusal)
        app.add_exception_handler(HTTPException, refuse)
        app.add_exception_handler(Exception, fail)
    app.add_exception_handler(RequestValidationError, refuse_unfit)


def _in_words(fault: dict) -> str:
    """Return what does not fit, and why."""
    place = ".".join(map(str, fault["loc"][1:]))
    return f"{place}: {fault['msg']}" if place else fault["msg"]


def before_ray() -> list:
    """Return what Ray Serve's proxy puts before its applications
    (``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH``): a replica never waits for a body.
    """
    from starlette.middleware import Middleware

    return [Middleware(Bounded)]
