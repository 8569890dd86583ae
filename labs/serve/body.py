"""Reading a request's body with an end in sight: in bytes, and in seconds."""

from __future__ import annotations

import asyncio

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from labs.serve.contract import IMAGE_MEDIA_TYPES, NotBase64Error, PredictRequest, picture_bytes
from labs.serve.problems import ProblemError

#: Bodies up to so many times the limit are read before they are refused.
_HEARD_OUT = 2


async def read_body(request: Request, limit: int, within_s: float) -> bytes:
    """Return the body.

    Args:
        request: Whose.
        limit: Most bytes of it.
        within_s: Seconds within which it has to arrive.

    Raises:
        ProblemError: It is larger (said before it was read, where its length is announced), or too slow.
    """
    too_large = ProblemError("too-large", f"{limit / 1e6:g} MB are the limit; send a smaller image")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit and not _is_worth_hearing_out(request, int(announced), limit):
        raise too_large
    pieces, size = [], 0
    try:
        async with asyncio.timeout(within_s):
            async for piece in request.stream():
                size += len(piece)
                if size > _HEARD_OUT * limit:
                    raise too_large
                if size <= limit:
                    pieces.append(piece)
        if size > limit:
            raise too_large
    except TimeoutError:
        raise ProblemError(
            "too-slow", f"{size} bytes came within {within_s:g} s, and then the service stopped waiting"
        ) from None
    except ClientDisconnect:
        raise ProblemError("too-slow", "the connection ended before the body did") from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _is_worth_hearing_out(request: Request, announced: int, limit: int) -> bool:
    """Return whether a body that is too large is read to its end all the same, and thrown away.

    A connection that is closed while the client still sends is reset, and the client may never see why. Whoever asks
    first (``Expect: 100-continue``) gets the answer instead of the invitation.
    """
    return announced <= _HEARD_OUT * limit and "expect" not in request.headers


def image_in_json(body: bytes) -> bytes:
    """Return the image's file out of ``{"image": "<base64>"}``.

    Raises:
        ProblemError: The body does not keep the contract.
    """
    try:
        return picture_bytes(PredictRequest.model_validate_json(body).image)
    except NotBase64Error as error:
        raise ProblemError("not-base64", str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise ProblemError("not-json", f'{first["msg"]}; send {{"image": "<base64>"}}') from error
        where = ".".join(map(str, first["loc"])) or "the body"
        raise ProblemError("wrong-form", f'{where}: {first["msg"]}; send {{"image": "<base64>"}}') from error


def require_image_type(request: Request) -> None:
    """Let a request pass whose body may be an image's file.

    Raises:
        ProblemError: The media type says that it is something else.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Many clients do not say what they send, or say only that it is bytes; the decoder will find out.
    if media_type not in ("", "application/octet-stream", *IMAGE_MEDIA_TYPES):
        raise ProblemError("wrong-media-type", f"{media_type} is not taken; send {', '.join(IMAGE_MEDIA_TYPES)}")
