"""Asking a Triton server as a client does, with Triton's own client over gRPC."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput

from labs.serve.triton.control import Triton

Answer = tuple[list[str], np.ndarray]


def classify(triton: Triton, model: str, pictures: Sequence[bytes]) -> Answer:
    """Return class names and probabilities, all pictures in one request."""
    texts = np.array([[base64.b64encode(one)] for one in pictures], dtype=object)
    answer = ask(triton, model, "INPUT_IMAGE", texts, "BYTES")
    labels = [one.decode() for one in answer.as_numpy("FOOD_LABEL").ravel()]
    return labels, answer.as_numpy("PROBABILITY").ravel()


def logits(triton: Triton, model: str, inputs: np.ndarray) -> np.ndarray:
    """Return the network's outputs for ready inputs."""
    return ask(triton, model, "input", inputs, "FP32").as_numpy("output")


def ask(triton: Triton, model: str, name: str, values: np.ndarray, datatype: str):
    """Return the answer to one request."""
    given = InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values)
    with InferenceServerClient(triton.grpc) as client:
        return client.infer(model, [given], client_timeout=60)
