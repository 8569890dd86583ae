"""Open a model again from plain data: in another process, or from its record.

Lessons open models by hand, in the runtime's own words. A fresh process, a job for a device, a
service's settings or a race between records cannot hold a native object. They hold a runtime's name
and these settings instead, the same that ``labs.bench.describe`` reads from a native object.
"""

from collections.abc import Mapping
from pathlib import Path

from labs.shell import python

#: The runtimes, by the name that a record gives as its backend.
RUNTIMES = ("torch", "onnxruntime", "openvino")


class RuntimeUnavailableError(RuntimeError):
    """This environment or machine cannot run it; the message gives the reason and the fix."""


def open_model(
    path: str | Path, runtime: str = "onnxruntime", settings: Mapping | None = None
) -> object:
    """Return a native object that predicts: a session, a compiled model, or a torch module.

    Args:
        path: The model's file: ``.onnx``, or ``.safetensors`` for torch.
        settings: For 'onnxruntime': ``providers`` (names, or pairs of name and options; the CPU
            follows them), ``graph_optimization_level`` ('ORT_ENABLE_ALL'),
            ``intra_op_num_threads``, ``session_config`` (entries by name). For 'openvino':
            ``device`` and its properties, such as ``INFERENCE_PRECISION_HINT``. For torch:
            ``device``, ``num_threads``. The runtime decides all other settings.

    Raises:
        FileNotFoundError: There is no such file.
        RuntimeUnavailableError: The runtime, the provider or the device is not there.
        ValueError: There is no such runtime.
    """
    path = Path(path)
    given = dict(settings or {})
    if runtime not in RUNTIMES:
        raise ValueError(f"no runtime {runtime!r}; there are {', '.join(RUNTIMES)}")
    if not path.is_file():
        raise FileNotFoundError(f"no model at {path}: run the lesson that makes it first")
    if runtime == "onnxruntime":
        return _open_session(path, given)
    if runtime == "openvino":
        return _compile(path, given)
    return _load_module(path, given)


def _open_session(path: Path, given: dict):
    import onnxruntime as ort

    providers = []
    names = []
    for provider in given.get("providers", ["CPUExecutionProvider"]):
        # A pair of name and options is a list where it comes from JSON.
        providers.append(provider if isinstance(provider, str) else tuple(provider))
        names.append(provider if isinstance(provider, str) else provider[0])
    available = ort.get_available_providers()
    missing = [name for name in names if name not in available]
    if missing:
        present = ", ".join(available)
        command = python("labs providers list")
        raise RuntimeUnavailableError(
            f"This environment's ONNX Runtime has no {missing[0]}; it has {present}. Each provider "
            f"needs another wheel in a separate environment: `{command}` lists them."
        )
    if names[0] != "CPUExecutionProvider":
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()
        if "CPUExecutionProvider" not in names:
            providers.append("CPUExecutionProvider")
    options = ort.SessionOptions()
    # Its warnings about nodes that stay on the CPU would fill the screen; a description says it in
    # one line.
    options.log_severity_level = 3
    if level := given.get("graph_optimization_level"):
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    if threads := given.get("intra_op_num_threads"):
        options.intra_op_num_threads = threads
    for name, value in given.get("session_config", {}).items():
        options.add_session_config_entry(name, value)
    return ort.InferenceSession(str(path), options, providers=providers)


def _compile(path: Path, given: dict):
    import openvino

    device = given.get("device", "CPU")
    properties = {name: value for name, value in given.items() if name != "device"}
    return openvino.Core().compile_model(str(path), device, properties)


def _load_module(path: Path, given: dict):
    import torch

    from labs.data.models import load_mobilenet_v2

    device = given.get("device", "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise RuntimeUnavailableError(
            "torch sees no CUDA device: use device='cpu', or run on a GPU node"
        )
    if given.get("num_threads"):
        torch.set_num_threads(given["num_threads"])
    if device.startswith("cuda"):
        # Left alone, cuDNN rounds the inputs of convolutions to TF32 on Ampere and later; records
        # say fp32. Source: PyTorch documentation, 'TensorFloat-32 (TF32) on Ampere (and later)
        # devices'.
        torch.backends.cudnn.allow_tf32 = False
    return load_mobilenet_v2(path).to(device)
