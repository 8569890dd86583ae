"""ONNX Runtime without a model: sessions that are answered outside."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labs.judge.inside.wire import Wire, module


def features(inputs: Any) -> Any:
    """Return what the network outside takes of inputs (n, 3, 224, 224): the means of squares, as
    floats (n, 192).
    """
    inputs = np.asarray(inputs, np.float64)
    return inputs.reshape(len(inputs), 3, 8, 28, 8, 28).mean((3, 5)).reshape(len(inputs), -1)


class InvalidArgument(Exception):  # noqa: N818 - ONNX Runtime's own name
    """ONNX Runtime refuses what a session is given."""


def _images_of(feed: Mapping) -> Any:
    """Return a session's input (n, 3, 224, 224), float32; a list is taken, too.

    Raises:
        ValueError, InvalidArgument: As ONNX Runtime raises them, for another name, type or shape.
    """
    if "input" not in feed:
        named = list(feed)
        raise ValueError(f"Required inputs (['input']) are missing from input feed ({named}).")
    values = feed["input"]
    images = np.asarray(values, None if hasattr(values, "dtype") else np.float32)
    if images.dtype != np.float32:
        raise InvalidArgument(f"The input's type is {images.dtype} instead of float32.")
    if images.shape[1:] != (3, 224, 224):
        shape = list(images.shape)
        raise InvalidArgument(f"The input's shape is {shape} instead of [batch, 3, 224, 224].")
    return images


class Anything:
    """Stands for objects that a program sets and never needs: session options and the like."""

    def __init__(self, *values: object, **named: object) -> None:
        """Accept any arguments."""

    def __getattr__(self, name: str) -> Anything:
        return Anything()

    def __call__(self, *values: object, **named: object) -> Anything:
        return Anything()


def onnxruntime_outside(wire: Wire) -> None:
    """Move ONNX Runtime outside: the program cannot predict a session's answers and times."""

    class Session(Anything):
        def __init__(
            self,
            path: object,
            sess_options: object = None,
            providers: Sequence | None = None,
            **more: object,
        ) -> None:
            threads = vars(sess_options or Anything()).get("intra_op_num_threads", 0)
            names = [name if isinstance(name, str) else str(name[0]) for name in providers or ()]
            self._number = wire.call("session", threads=threads, path=str(path), providers=names)

        def get_inputs(self) -> list:
            tensor: Any = Anything()
            tensor.name, tensor.shape, tensor.type = (
                "input",
                ["batch", 3, 224, 224],
                "tensor(float)",
            )
            return [tensor]

        def run(self, names: object, feed: Mapping, options: object = None) -> list:
            rows = features(_images_of(feed)).round(5).tolist()
            return [np.array(wire.call("run", session=self._number, rows=rows), np.float32)]

        def end_profiling(self) -> str:
            return os.devnull  # a profile without events

    module(
        "onnxruntime",
        SessionOptions=type("SessionOptions", (Anything,), {}),
        InferenceSession=Session,
        get_available_providers=lambda: ["CPUExecutionProvider"],
        __getattr__=lambda name: Anything(),
    )
