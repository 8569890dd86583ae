"""Triton's Python backend without Triton: a ``model.py`` is imported, and its ``execute`` is called.

``python -m grading.grade.artefacts.python_backend`` does it in the sandbox, in a folder with ``model.py``,
``weights.npy`` and ``asked.json``, and prints a JSON line an execution. The network is one that nobody has seen.

Source: names and calls are those of https://github.com/triton-inference-server/python_backend.
"""

from __future__ import annotations

import base64
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from labs.data import intake
from labs.serve.triton.models import food

#: What the stand-ins are called where a model imports them.
_UTILS, _FOOD = "triton_python_backend_utils", "food"

#: Side of the squares over which the stand-in of the network averages, in pixels.
_SQUARE_PX = 28

#: Numbers that it takes of an image: three colours of each square.
FEATURES = 3 * (224 // _SQUARE_PX) ** 2


def network(weights: np.ndarray) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
    """Return a function from a list of inputs (3, 224, 224) to probabilities (images, 11).

    Args:
        weights: float (FEATURES, 11).
    """

    def probabilities(inputs: Sequence[np.ndarray]) -> np.ndarray:
        squares = np.stack(inputs).reshape(len(inputs), 3, 8, _SQUARE_PX, 8, _SQUARE_PX).mean((3, 5))
        scores = squares.reshape(len(inputs), -1) @ weights
        odds = np.exp(scores - scores.max(1, keepdims=True))
        return (odds / odds.sum(1, keepdims=True)).astype(np.float32)

    return probabilities


class Tensor:
    """A tensor of a request or a response."""

    def __init__(self, name: str, values: np.ndarray) -> None:
        """Hold an array under a name."""
        self._name, self._values = name, np.asarray(values)

    def name(self) -> str:
        """Return its name."""
        return self._name

    def as_numpy(self) -> np.ndarray:
        """Return its values."""
        return self._values


class InferenceRequest:
    """A request with one tensor of texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Hold base64 texts."""
        self._inputs = [Tensor("INPUT_IMAGE", np.array([[text.encode()] for text in texts], dtype=object))]

    def inputs(self) -> list[Tensor]:
        """Return its tensors."""
        return self._inputs


class InferenceResponse:
    """A response: tensors, or an error."""

    def __init__(self, output_tensors: Sequence[Tensor] = (), error: object = None) -> None:
        """Hold what is answered."""
        self.tensors, self.error = list(output_tensors or ()), error


class TritonError(Exception):
    """What a response says in place of an answer; a code may follow, of which these are two."""

    INTERNAL, INVALID_ARG = 1, 3


def utils() -> ModuleType:
    """Return a module with the names that models take from Triton's."""
    made: Any = ModuleType(_UTILS)
    made.Tensor, made.InferenceRequest, made.InferenceResponse = Tensor, InferenceRequest, InferenceResponse
    made.TritonError, made.TritonModelException = TritonError, TritonError
    made.get_input_tensor_by_name = lambda request, name: next(
        (one for one in request.inputs() if one.name() == name), None
    )
    made.triton_string_to_numpy = {"TYPE_STRING": np.object_, "TYPE_FP32": np.float32}.get
    return made


def executed(model: Any, texts: Sequence[Sequence[str]]) -> list[dict] | None:
    """Return what a model answers to some requests in one call; None where it raises, or answers no list.

    Args:
        model: A ``TritonPythonModel``.
        texts: Base64 texts of each request.
    """
    try:
        answers = model.execute([InferenceRequest(one) for one in texts])
        return [_plain(one) for one in answers]
    except Exception:  # whatever a model raises, its requests have no answer
        return None


def _plain(response: Any) -> dict:
    if response is None or response.error is not None:
        return {"error": True}
    values = {one.name(): np.ravel(one.as_numpy()).tolist() for one in response.tensors}
    return {name: [one.decode() if isinstance(one, bytes) else one for one in some] for name, some in values.items()}


def main() -> None:
    """Print what the model of this folder answers, an execution a line; or why it cannot be loaded."""
    asked, probabilities = json.loads(Path("asked.json").read_text()), network(np.load("weights.npy"))
    stand_in: Any = ModuleType(_FOOD)
    vars(stand_in).update({name: value for name, value in vars(food).items() if not name.startswith("__")})
    stand_in.load = lambda args: probabilities
    sys.modules |= {_UTILS: utils(), _FOOD: stand_in, "intake": intake}
    try:
        model = importlib.import_module("model").TritonPythonModel()
        if hasattr(model, "initialize"):
            kind = {"model_instance_kind": "CPU", "model_instance_device_id": "0", "model_version": "1"}
            model.initialize({"model_name": "food_classifier", "model_repository": ".", "model_config": "{}", **kind})
    except Exception as error:  # what Triton would say of it
        print(json.dumps({"reason": f"{type(error).__name__}: {error}"[:300]}))
        return
    for texts in asked:
        print("\n" + json.dumps({"answers": executed(model, texts)}), flush=True)


def encoded(image: bytes) -> str:
    """Return an image as a request carries it."""
    return base64.b64encode(image).decode()


if __name__ == "__main__":
    main()
