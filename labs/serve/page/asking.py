"""Asking the server behind the page, FastAPI's or Triton's: one picture in, one answer out."""

import base64
import time
from dataclasses import dataclass

import httpx
import numpy as np

#: What a visitor is told for a refusal's status; the service's own details are for those who write clients.
IN_PLAIN_WORDS = {
    413: "This picture is too large. A smaller copy shows the same food.",
    422: "This file cannot be read as a picture. Try another one: JPEG, PNG or WebP.",
    503: "Too many people are asking at this moment. Try again in a few seconds.",
}

#: Seconds that the server gets to answer.
_WITHIN_S = 10.0


class NoAnswerError(RuntimeError):
    """There is no answer; the message is for whoever looks at the page."""

    def __init__(self, message: str, status: int) -> None:
        """Keep the status that the page is sent with: 4xx when the picture is at fault, 502 when the server is."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """What the server said about a picture."""

    label: str
    probability: float
    #: Seconds from sending to the answer.
    latency_s: float


def ask(content: bytes, server: str, triton_model: str = "") -> Answer:
    """Return what a server says about a picture.

    Raises:
        NoAnswerError: The picture was refused, or the server did not answer.
    """
    text, begin_s = base64.b64encode(content).decode(), time.perf_counter()
    try:
        label, probability = (
            _triton(text, server, triton_model) if triton_model else _fastapi(text, server)
        )
    except (OSError, httpx.TransportError) as error:
        raise NoAnswerError(f"No answer from {server}. Is it started?", 502) from error
    return Answer(label, probability, time.perf_counter() - begin_s)


def _fastapi(text: str, server: str) -> tuple[str, float]:
    reply = httpx.post(f"{server.rstrip('/')}/predict", json={"image": text}, timeout=_WITHIN_S)
    if reply.status_code != 200:
        words = IN_PLAIN_WORDS.get(
            reply.status_code, f"The server answered with status {reply.status_code}."
        )
        raise NoAnswerError(words, reply.status_code if reply.status_code < 500 else 502)
    return reply.json()["prediction"], reply.json()["probability"]


def _triton(text: str, server: str, model: str) -> tuple[str, float]:
    from tritonclient.http import InferenceServerClient, InferInput
    from tritonclient.utils import InferenceServerException

    given = InferInput("INPUT_IMAGE", [1, 1], "BYTES")
    given.set_data_from_numpy(np.array([[text.encode()]], dtype=object))
    scheme, _, address = server.rstrip("/").partition("://")
    try:
        with InferenceServerClient(
            address, ssl=scheme == "https", network_timeout=_WITHIN_S
        ) as client:
            found = client.infer(model, [given])
    except InferenceServerException as error:
        if "INPUT_IMAGE: " in error.message():  # as the course's models begin a refusal
            raise NoAnswerError(IN_PLAIN_WORDS[422], 422) from error
        full = "maximum queue size" in error.message()
        raise NoAnswerError(
            IN_PLAIN_WORDS[503] if full else f"Triton says: {error.message()}", 502
        ) from error
    return found.as_numpy("FOOD_LABEL").item().decode(), found.as_numpy("PROBABILITY").item()
