"""Reading a request's body with an end in sight: in bytes, and in seconds."""

from __future__ import annotations

import asyncio

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from labs.serve.contract import IMAGE_MEDIA_TYPES, NotBase64Error, PredictRequest, picture_bytes
from labs.serve.problems import ProblemError
from labs.serve.settings import Settings

#: Bodies up to so many times the limit are read before they are refused.
_HEARD_OUT = 2


async def read_body(request: Request, settings: Settings) -> bytes:
    """Return the body.

    Raises:
        ProblemError: It is larger than ``max_body_bytes`` (said before it was read, where its length is announced), or
            did not arrive within ``body_timeout_s``.
    """
    limit = settings.max_body_bytes
    too_large = ProblemError("too-large", f"{limit / 1e6:g} MB are the limit; send a smaller picture")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit and not _is_worth_hearing_out(request, int(announced), limit):
        raise too_large
    pieces, size = [], 0
    try:
        async with asyncio.timeout(settings.body_timeout_s):
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
            "too-slow", f"{size} bytes came within {settings.body_timeout_s:g} s, and then the service stopped waiting"
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


async def picture_in_json(request: Request, settings: Settings) -> bytes:
    """Return the picture's file out of ``{"image": "<base64>"}``.

    Raises:
        ProblemError: The body does not keep the contract.
    """
    body = await read_body(request, settings)
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


async def picture_as_sent(request: Request, settings: Settings) -> bytes:
    """Return the picture's file that is the body itself.

    Raises:
        ProblemError: The media type says that it is something else, or the body is empty.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Many clients do not say what they send, or say only that it is bytes; the decoder will find out.
    if media_type not in ("", "application/octet-stream", *IMAGE_MEDIA_TYPES):
        raise ProblemError("wrong-media-type", f"{media_type} is not taken; send {', '.join(IMAGE_MEDIA_TYPES)}")
    body = await read_body(request, settings)
    if not body:
        raise ProblemError("not-a-picture", "the body is empty; send the bytes of a JPEG, PNG or WebP file")
    return body
