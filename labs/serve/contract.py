"""The one contract for food predictions: what a request and a reply look like, whichever server answers.

``POST /predict`` takes ``{"image": "<base64>"}`` and returns ``{"prediction": "<class>", "probability": 0..1}``.
Existing clients send and read exactly this, so nothing is added to either; timings travel in a header. A service says
no in one form: problem details (RFC 9457, 'Problem Details for HTTP APIs', July 2023), with what to do about it.
"""

from __future__ import annotations

import base64
import binascii
import http
import json
import logging
from typing import Annotated

import numpy as np
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import softmax

#: A whole image of one pixel, for the documentation's examples: it can be sent as it stands.
TINY_PNG_BASE64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mM4EaUBAAM4AUuENdDFAAAAAElFTkSuQmCC"

#: Formats that are decoded, by Pillow's names; fewer decoders are fewer ways in.
IMAGE_FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP")

#: The same as media types.
IMAGE_MEDIA_TYPES: tuple[str, ...] = tuple(f"image/{name.lower()}" for name in IMAGE_FORMATS)

#: Media type of a refusal.
PROBLEM_MEDIA_TYPE = "application/problem+json"

#: Every kind of problem: its status, and its title, which never changes from one occurrence to the next.
KINDS: dict[str, tuple[int, str]] = {
    "not-json": (400, "The body is not JSON"),
    "too-slow": (408, "The request took too long to arrive"),
    "head-too-large": (431, "The request's headers are too large"),
    "too-many-scans": (422, "The JPEG is stored in too many scans"),
    "wrong-host": (421, "The request is for another host"),
    "too-large": (413, "The body is too large"),
    "too-many-pixels": (413, "The image has too many pixels"),
    "wrong-media-type": (415, "This media type is not taken here"),
    "wrong-form": (422, "The body does not have the form that the contract asks for"),
    "not-base64": (422, "The image is not base64"),
    "not-an-image": (422, "The bytes are not an image"),
    "overloaded": (503, "More requests are waiting than the service takes"),
    "not-ready": (503, "The model is not loaded"),
}

_log = logging.getLogger("labs.serve")


class NotBase64Error(ValueError):
    """The text is not base64; the message says what it looks like instead."""


class PredictRequest(BaseModel):
    """One image, as base64 text."""

    # Strict: a number or a list where text belongs is a mistake of the client's, not something to convert.
    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"image": TINY_PNG_BASE64}]})

    image: Annotated[str, Field(description="A JPEG, PNG or WebP file, base64-encoded (RFC 4648, section 4).")]


class PredictReply(BaseModel):
    """What the image shows."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prediction": "Soup", "probability": 0.93}]})

    prediction: Annotated[str, Field(description="The most probable class.", json_schema_extra={"enum": CLASS_NAMES})]
    probability: Annotated[float, Field(description="Its probability: one softmax over all classes.", ge=0, le=1)]


def picture_bytes(text: str) -> bytes:
    """Return the file that base64 text holds.

    Args:
        text: Base64 without line breaks.

    Raises:
        NotBase64Error: It holds other characters or ends too early; a data URL keeps its prefix, for one.
    """
    if not text:
        raise NotBase64Error("'image' is empty; put the base64 text of a JPEG, PNG or WebP file there")
    if text.startswith("data:"):
        raise NotBase64Error("'image' is a data URL; send what comes behind the comma, without 'data:…;base64,'")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise NotBase64Error(
            f"'image' is not base64 ({error}); encode the file's bytes with the standard alphabet and padding, "
            "without line breaks"
        ) from error


def picture_text(content: bytes) -> str:
    """Return a file as the base64 text that ``PredictRequest`` holds."""
    return base64.b64encode(content).decode("ascii")


def reply_from(logits: np.ndarray) -> PredictReply:
    """Return the reply to one image.

    Args:
        logits: The model's outputs for it, shape (11,).
    """
    probs = softmax(logits)
    best = int(probs.argmax())
    return PredictReply(prediction=CLASS_NAMES[best], probability=float(probs[best]))


class Problem(BaseModel):
    """What went wrong, for programs (`type`, `status`) and for people (`title`, `detail`)."""

    #: A name for the kind of problem, a URI reference.
    type: str = Field(examples=["/problems/not-base64"])
    #: The kind in words.
    title: str = Field(examples=["The image is not base64"])
    #: The status that was sent.
    status: int = Field(examples=[422])
    #: What is wrong this time, and the way out.
    detail: str = Field(examples=["'image' is a data URL; send what comes behind the comma"])


class ProblemError(Exception):
    """A request that cannot be served, with the reply that says so."""

    def __init__(self, kind: str, detail: str, *, retry_after_s: int | None = None) -> None:
        """Describe it.

        Args:
            kind: A key of ``KINDS``.
            detail: What is wrong, and the way out.
            retry_after_s: Whole seconds after which another try may succeed.
        """
        super().__init__(detail)
        self.kind, self.detail, self.retry_after_s = kind, detail, retry_after_s
        self.status, self.title = KINDS[kind]

    def response(self) -> Response:
        """Return the reply."""
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        # What was not read of the body would be taken for the next request.
        if self.status in (408, 413, 421, 431):
            headers["Connection"] = "close"
        return problem_response(f"/problems/{self.kind}", self.title, self.status, self.detail, headers)


def problem_response(type_: str, title: str, status: int, detail: str, headers: dict | None = None) -> Response:
    """Return a reply in problem form."""
    body = Problem(type=type_, title=title, status=status, detail=detail).model_dump_json()
    return Response(body, status, headers, PROBLEM_MEDIA_TYPE)


def plain_problem(status: int, detail: str, headers: dict | None = None) -> Response:
    """Return a reply for a problem that its status says all about; its type is 'about:blank', as the RFC has it."""
    return problem_response("about:blank", http.HTTPStatus(status).phrase, status, detail, headers)


def described() -> dict[int, dict]:
    """Return what a prediction may be refused with, as OpenAPI describes replies: every kind, by its status."""
    found: dict[int, dict] = {}
    for kind, (status, title) in KINDS.items():
        reply = found.setdefault(status, {"description": "", "content": {PROBLEM_MEDIA_TYPE: {"examples": {}}}})
        reply["description"] = "; ".join(filter(None, (reply["description"], title)))
        content = reply["content"][PROBLEM_MEDIA_TYPE]
        content["schema"] = Problem.model_json_schema()
        value = {"type": f"/problems/{kind}", "title": title, "status": status, "detail": "what is wrong this time"}
        content["examples"][kind] = {"value": value}
    return found


def answer_in_problems(app: FastAPI) -> None:
    """Let the app answer every failure in this form, also those of the framework."""

    @app.exception_handler(ProblemError)
    async def known(_: Request, error: ProblemError) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return ProblemError("wrong-form", json.dumps(error.errors(), default=str)).response()

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        detail = f"{request.method} {request.url.path}: {error.detail}; /docs lists what there is"
        return plain_problem(error.status_code, detail, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        # The log has the details. The client gets none: they would tell a stranger about the inside.
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return plain_problem(500, "Something went wrong in the service, not in your request; its log says what.")

    @app.get("/problems/{kind}", include_in_schema=False)
    async def explain(kind: str) -> dict:
        if kind not in KINDS:
            raise HTTPException(404, f"no problem is named {kind!r}; there are {', '.join(KINDS)}")
        status, title = KINDS[kind]
        return {"type": f"/problems/{kind}", "title": title, "status": status}
