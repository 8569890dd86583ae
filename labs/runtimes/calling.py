"""Calling a native object: an ONNX Runtime session, a torch module, an OpenVINO model, a function.

No runtime is imported here before one of its objects is handed over.
"""

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

#: Batch in, logits out; a callable without arguments takes None in its place and its result is
#: thrown away.
Call = Callable[[Any], np.ndarray]


#: Each runtime by name, with the module and the class of its native objects.
_NATIVE_CLASSES = (
    ("onnxruntime", "onnxruntime", "InferenceSession"),
    ("torch", "torch.nn", "Module"),
    ("openvino", "openvino", "CompiledModel"),
)


class UnknownTargetError(ValueError):
    """Something about a target cannot be seen; the message says what to hand over."""


def kind_of(target: object) -> str:
    """Return 'onnxruntime', 'torch', 'openvino' or 'callable'.

    Raises:
        UnknownTargetError: It is none of these, such as a path.
    """
    # The caller that made this object has imported its runtime already.
    for runtime, module, class_name in _NATIVE_CLASSES:
        native_class = getattr(sys.modules.get(module), class_name, None)
        if native_class is not None and isinstance(target, native_class):
            return runtime
    if callable(target):
        return "callable"
    raise UnknownTargetError(
        f"a {type(target).__name__} cannot be measured: hand over an "
        "onnxruntime.InferenceSession, a torch module, an OpenVINO compiled model, or a function"
    )


def caller(target: Any) -> Call:
    """Return a function that runs a target on one batch, until the logits are in host memory.

    On a GPU the copy back waits for the device, so no measurement can stop its clock early.
    """
    kind = kind_of(target)
    if kind == "onnxruntime":
        name = target.get_inputs()[0].name
        return lambda images: target.run(None, {name: images})[0]
    if kind == "torch":
        return _torch_caller(target)
    if kind == "openvino":
        return _openvino_caller(target)
    return target if _takes_images(target) else lambda images: target()


def _takes_images(function: Callable) -> bool:
    """Return whether a function has an argument without which it cannot be called."""
    for parameter in inspect.signature(function).parameters.values():
        by_place = (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        if parameter.kind in by_place and parameter.default is parameter.empty:
            return True
    return False


def _openvino_caller(model) -> Call:
    request = model.create_infer_request()

    def call(images: np.ndarray) -> np.ndarray:
        outputs = request.infer({0: images}, share_inputs=True)
        return np.array(next(iter(outputs.values())))

    return call


def _torch_caller(module) -> Call:
    import torch

    device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))

    def call(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = module(torch.from_numpy(images).to(device))
            return logits.cpu().numpy()

    return call
