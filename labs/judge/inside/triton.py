"""A model for Triton's Python backend, without Triton.

Source: names and calls are those of https://github.com/triton-inference-server/python_backend.
"""

from pathlib import Path
from typing import Any

import numpy as np

from labs.judge.inside.runtime import features
from labs.judge.inside.wire import Ask, Wire, in_thread, load, module

#: Modules beside a student's model.
FOOD = Path(__file__).parents[2] / "serve" / "triton" / "models" / "food.py"
INTAKE = Path(__file__).parents[2] / "data" / "intake.py"


def triton(wire: Wire, path: str) -> Ask:
    """A model for Triton's Python backend; the network is outside."""

    class Tensor:
        def __init__(self, name: str, values: Any) -> None:
            self._name, self._values = name, np.asarray(values)

        def name(self) -> str:
            return self._name

        def as_numpy(self) -> Any:
            return self._values

    class Request:
        def __init__(self, texts: list[str]) -> None:
            self._inputs = [
                Tensor("INPUT_IMAGE", np.array([[text.encode()] for text in texts], object))
            ]

        def inputs(self) -> list[Tensor]:
            return self._inputs

    class Response:
        def __init__(self, output_tensors: Any = (), error: object = None) -> None:
            self.tensors, self.error = list(output_tensors or ()), error

    class TritonError(Exception):
        UNKNOWN, INTERNAL, NOT_FOUND, INVALID_ARG = (
            "unknown",
            "internal",
            "not found",
            "invalid argument",
        )
        UNAVAILABLE, UNSUPPORTED, ALREADY_EXISTS, CANCELLED = (
            "unavailable",
            "unsupported",
            "exists",
            "cancelled",
        )

        def __init__(self, message: str = "", code: str = INTERNAL) -> None:
            super().__init__(message)
            self.text, self.code = str(message), str(code)

    def tensor_named(request: Any, name: str) -> Any:
        return next((tensor for tensor in request.inputs() if tensor.name() == name), None)

    types = {"TYPE_STRING": np.object_, "TYPE_FP32": np.float32}
    module(
        "triton_python_backend_utils",
        Tensor=Tensor,
        InferenceRequest=Request,
        InferenceResponse=Response,
        TritonError=TritonError,
        TritonModelException=TritonError,
        triton_string_to_numpy=types.get,
        get_input_tensor_by_name=tensor_named,
    )

    def probabilities(inputs: Any) -> Any:
        return np.array(wire.call("network", rows=features(inputs).round(5).tolist()), np.float32)

    load(INTAKE, "intake")
    load(FOOD, "food").load = lambda args: probabilities
    model = load(path, "model").TritonPythonModel()
    if hasattr(model, "initialize"):
        names = (
            "model_name",
            "model_repository",
            "model_config",
            "model_version",
            "model_instance_kind",
        )
        given = dict(zip(names, ("food_classifier", ".", "{}", "1", "CPU"), strict=True))
        model.initialize(given | {"model_instance_device_id": "0"})

    def reply_of(response: Any) -> dict | None:
        """Return an answer's outputs, or code and text of a refusal."""
        if response is None:
            return None
        if response.error is not None:
            error = response.error
            code = getattr(error, "code", TritonError.INTERNAL)
            return {"code": code, "text": getattr(error, "text", str(error))}
        return {tensor.name(): output(tensor.as_numpy()) for tensor in response.tensors}

    def output(values: Any) -> dict:
        """Return an output as JSON knows it."""
        flat = [
            value.decode() if isinstance(value, bytes) else value
            for value in np.ravel(values).tolist()
        ]
        kind = "bytes" if values.dtype.kind in "OS" else str(values.dtype)
        return {"type": kind, "shape": list(values.shape), "values": flat}

    def execute(request: dict) -> None:
        answers, complaint = None, ""
        try:
            requests = [Request(texts) for texts in request["requests"]]
            answers = [reply_of(response) for response in model.execute(requests)]
        except Exception as error:  # whatever a model raises, its requests have no answer
            complaint = f"{type(error).__name__}: {error}"[:300]
        wire.say(reply=request["ask"], answers=answers, complaint=complaint)

    return in_thread(execute)
