"""Asking the server behind the page, FastAPI's or Triton's: one picture in, one answer out."""

import base64
import functools
import time
from dataclasses import dataclass

import httpx
import numpy as np

#: A visitor's message for a refusal's status; the service's own details are for authors of clients.
IN_PLAIN_WORDS = {
    408: "This picture took too long to arrive. A smaller copy shows the same food.",
    413: "This picture is too large. A smaller copy shows the same food.",
    422: "This file cannot be read as a picture. Try another one: JPEG, PNG or WebP.",
    503: "Too many people are asking at this moment. Try again in a few seconds.",
}

#: Seconds that the server gets to answer.
_WITHIN_S = 10.0


class NoPredictionError(RuntimeError):
    """There is no answer; the message is for the visitor of the page."""

    def __init__(self, message: str, status: int) -> None:
        """Keep the page's status: 4xx when the picture is at fault, 502 when the server is, and 503
        when it has too much to do.
        """
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class ServerAnswer:
    """The server's answer to a picture."""

    label: str
    probability: float
    #: Seconds from sending to the answer.
    latency_s: float


def ask(content: bytes, server: str, triton_model: str = "") -> ServerAnswer:
    """Return what a server says about a picture.

    Raises:
        NoPredictionError: The picture was refused, or the server did not answer.
    """
    text = base64.b64encode(content).decode()
    begin_s = time.perf_counter()
    try:
        if triton_model:
            label, probability = _triton(text, server, triton_model)
        else:
            label, probability = _fastapi(text, server)
    except (TimeoutError, httpx.ReadTimeout) as error:
        raise NoPredictionError(IN_PLAIN_WORDS[503], 503) from error
    except (OSError, httpx.TransportError) as error:
        raise NoPredictionError(f"No answer from {server}. Is it started?", 502) from error
    return ServerAnswer(label, probability, time.perf_counter() - begin_s)


@functools.cache
def _client() -> httpx.Client:
    """Return the client of all photos: reading the certificates for TLS takes 10 to 20 ms, in
    which the page's other threads stand still.
    """
    # A new connection for each photo: a kept one may end in a process that was just killed.
    return httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))


def _fastapi(text: str, server: str) -> tuple[str, float]:
    url = f"{server.rstrip('/')}/predict"
    reply = _client().post(url, json={"image": text}, timeout=_WITHIN_S)
    status = reply.status_code
    if status != 200:
        usual_words = f"The server answered with status {status}."
        page_status = status if status < 500 else 502
        raise NoPredictionError(IN_PLAIN_WORDS.get(status, usual_words), page_status)
    answer = reply.json()
    return answer["prediction"], answer["probability"]


def _triton(text: str, server: str, model: str) -> tuple[str, float]:
    from tritonclient.http import InferenceServerClient, InferInput
    from tritonclient.utils import InferenceServerException

    image = InferInput("INPUT_IMAGE", [1, 1], "BYTES")
    image.set_data_from_numpy(np.array([[text.encode()]], dtype=object))
    scheme, _, address = server.rstrip("/").partition("://")
    encrypted = scheme == "https"
    try:
        with InferenceServerClient(address, ssl=encrypted, network_timeout=_WITHIN_S) as client:
            reply = client.infer(model, [image])
    except InferenceServerException as error:
        message = error.message()
        if "INPUT_IMAGE: " in message:  # as the course's models begin a refusal
            raise NoPredictionError(IN_PLAIN_WORDS[422], 422) from error
        if "maximum queue size" in message:
            raise NoPredictionError(IN_PLAIN_WORDS[503], 503) from error
        raise NoPredictionError(f"Triton says: {message}", 502) from error
    label = reply.as_numpy("FOOD_LABEL").item().decode()
    return label, reply.as_numpy("PROBABILITY").item()
