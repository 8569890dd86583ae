"""Calling a native object: an ONNX Runtime session, a torch module, an OpenVINO compiled model, or any function.

No runtime is imported here before one of its objects is handed over.
"""

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

#: Batch in, logits out; a callable without arguments takes None in its place and its result is thrown away.
Call = Callable[[Any], np.ndarray]


class UnknownTargetError(ValueError):
    """Something about a target cannot be seen and was not said; the message says what to hand over."""


def kind_of(target: object) -> str:
    """Return 'onnxruntime', 'torch', 'openvino' or 'callable'.

    Raises:
        UnknownTargetError: It is none of these, such as a path.
    """
    # A runtime whose object this is has been imported by whoever made it.
    for name, module, kind in (
        ("onnxruntime", "onnxruntime", "InferenceSession"),
        ("torch", "torch.nn", "Module"),
        ("openvino", "openvino", "CompiledModel"),
    ):
        type_ = getattr(sys.modules.get(module), kind, None)
        if type_ is not None and isinstance(target, type_):
            return name
    if callable(target):
        return "callable"
    raise UnknownTargetError(
        f"a {type(target).__name__} cannot be measured: hand over an onnxruntime.InferenceSession, a torch module, an "
        "OpenVINO compiled model, or a function"
    )


def caller(target: Any) -> Call:
    """Return a function that runs a target on one batch and is over when the logits are in host memory.

    On a GPU the copy back waits for the device, so no measurement can stop its clock early.
    """
    kind = kind_of(target)
    if kind == "onnxruntime":
        name = target.get_inputs()[0].name
        return lambda images: target.run(None, {name: images})[0]
    if kind == "torch":
        return _torch_caller(target)
    if kind == "openvino":
        request = target.create_infer_request()
        return lambda images: np.array(
            next(iter(request.infer({0: images}, share_inputs=True).values()))
        )
    takes = [
        one
        for one in inspect.signature(target).parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    return target if takes else lambda images: target()


def _torch_caller(module) -> Call:
    import torch

    device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))

    def call(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(images).to(device)).cpu().numpy()

    return call
