"""The one contract for food predictions: what a request and a reply look like, whichever server answers.

``POST /predict`` takes ``{"image": "<base64>"}`` and returns ``{"prediction": "<class>", "probability": 0..1}``.
Existing clients send and read exactly this, so nothing is added to either; timings travel in a header.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from labs.labels import CLASS_NAMES
from labs.preprocess import softmax

#: A whole image of one pixel, for the documentation's examples: it can be sent as it stands.
TINY_PNG_BASE64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mM4EaUBAAM4AUuENdDFAAAAAElFTkSuQmCC"

#: Formats that are decoded, by Pillow's names; fewer decoders are fewer ways in.
IMAGE_FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP")

#: The same as media types.
IMAGE_MEDIA_TYPES: tuple[str, ...] = tuple(f"image/{name.lower()}" for name in IMAGE_FORMATS)


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
