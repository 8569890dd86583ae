"""Asking the server behind the page, whichever it is: one picture in, one answer out."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

import numpy as np
from PIL import Image

from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import ImageDecodeError, ImageTooLargeError, load_image, softmax, to_input
from labs.serve.contract import IMAGE_FORMATS, picture_text
from labs.serve.settings import PageSettings

#: What a visitor is told for a problem's type; the service's own details are for those who write clients.
_IN_PLAIN_WORDS = {
    "/problems/not-an-image": "This file cannot be read as a picture. Try another one: JPEG, PNG or WebP.",
    "/problems/too-many-pixels": "This picture has too many pixels. A smaller copy shows the same food.",
    "/problems/too-large": "This picture is too large a file. A smaller copy shows the same food.",
    "/problems/overloaded": "Too many people are asking at this moment. Try again in a few seconds.",
    "/problems/not-ready": "The classifier is still starting. Try again in a few seconds.",
}

#: Most pixels that the page itself decodes, for its preview and for a model that takes ready inputs.
MAX_PIXELS = 25_000_000


class NoAnswerError(RuntimeError):
    """There is no answer; the message is for whoever looks at the page."""

    def __init__(self, message: str, status: int) -> None:
        """Keep the status that the page is sent with: 4xx when the picture is at fault, 502 when the server is."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """What the server said about a picture."""

    #: Name of the class.
    label: str
    #: Its probability, 0 to 1.
    probability: float
    #: Seconds from sending to the answer.
    latency_s: float


def ask(content: bytes, settings: PageSettings) -> Answer:
    """Return what the configured server says about a picture.

    Args:
        content: The picture's file.
        settings: Which server, and where.

    Raises:
        NoAnswerError: The picture was refused, or the server did not answer.
    """
    asking = {"fastapi": _fastapi, "triton-python": _triton_python, "triton-onnx": _triton_onnx}[settings.server]
    begin_s = time.perf_counter()
    label, probability = asking(content, settings)
    return Answer(label, probability, time.perf_counter() - begin_s)


def _fastapi(content: bytes, settings: PageSettings) -> tuple[str, float]:
    body = json.dumps({"image": picture_text(content)}).encode()
    request = urllib.request.Request(f"{settings.url.rstrip('/')}/predict", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=settings.timeout_s) as reply:
            found = json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            raise NoAnswerError(_problem(error), error.code if error.code < 500 else 502) from error
    except OSError as error:
        raise _unreachable(settings) from error
    return found["prediction"], found["probability"]


def _problem(error: urllib.error.HTTPError) -> str:
    """Return what a refusal says, in a visitor's words where it is of a known type."""
    try:
        problem = json.load(error)
        return _IN_PLAIN_WORDS.get(problem["type"]) or f"{problem['title']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"the server answered with status {error.code}"


def _looked_at(content: bytes) -> Image.Image:
    """Return the picture, or say in a visitor's words why it is none; Triton's are for those who write clients."""
    try:
        return load_image(content, formats=IMAGE_FORMATS, max_pixels=MAX_PIXELS)
    except ImageTooLargeError as error:
        raise NoAnswerError(_IN_PLAIN_WORDS["/problems/too-many-pixels"], 413) from error
    except ImageDecodeError as error:
        raise NoAnswerError(_IN_PLAIN_WORDS["/problems/not-an-image"], 422) from error


def _triton_python(content: bytes, settings: PageSettings) -> tuple[str, float]:
    try:
        found = _infer(settings, "INPUT_IMAGE", np.array([[picture_text(content).encode()]], dtype=object))
    except NoAnswerError:
        _looked_at(content)  # where the picture is at fault, that is what the visitor needs to know
        raise
    return found["FOOD_LABEL"].item().decode(), found["PROBABILITY"].item()


def _triton_onnx(content: bytes, settings: PageSettings) -> tuple[str, float]:
    # This model takes numbers, so decoding and the softmax are the page's work.
    (logits,) = _infer(settings, "input", to_input(_looked_at(content))[np.newaxis])["output"]
    probs = softmax(logits)
    best = int(probs.argmax())
    return CLASS_NAMES[best], float(probs[best])


def _infer(settings: PageSettings, name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return a Triton model's outputs by name.

    Args:
        settings: Which model, and where.
        name: Of its one input.
        values: The input, with the batch axis.
    """
    from tritonclient.http import InferenceServerClient, InferInput
    from tritonclient.utils import InferenceServerException, np_to_triton_dtype

    given = InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
    given.set_data_from_numpy(values)
    scheme, _, address = settings.url.rstrip("/").partition("://")
    try:
        with InferenceServerClient(address, ssl=scheme == "https", network_timeout=settings.timeout_s) as client:
            found = client.infer(settings.triton_model, [given])
    except InferenceServerException as error:
        said = error.message()
        if "maximum queue size" in said:
            raise NoAnswerError(_IN_PLAIN_WORDS["/problems/overloaded"], 502) from error
        # Triton answers 400 for what a model refuses, and also for a model that is not loaded.
        raise NoAnswerError(f"{settings.answered_by}, says: {said}", 502) from error
    except OSError as error:
        raise _unreachable(settings) from error
    return {one["name"]: found.as_numpy(one["name"]) for one in found.get_response()["outputs"]}


def _unreachable(settings: PageSettings) -> NoAnswerError:
    return NoAnswerError(f"No answer from {settings.answered_by} at {settings.url}. Is it started?", 502)
