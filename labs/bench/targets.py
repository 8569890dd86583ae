"""What can be measured, and what it really is: native objects of the runtimes, and any callable.

A *target* is an ``onnxruntime.InferenceSession``, a ``torch.nn.Module`` (compiled by ``torch.compile`` or not), an
``openvino.CompiledModel``, a callable that takes a batch and returns logits, or a callable without arguments. Nothing
has to be wrapped. What a target does not show of itself (a module does not know its file, a session that fell back does
not remember what was asked for) is said once, to ``describe``, and remembered for that object.

No runtime is imported here before one of its objects is handed over.
"""

import collections
import hashlib
import json
import sys
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from labs.assets.manifest import sha256_of
from labs.machine.fingerprint import fingerprint, physical_core_count
from labs.machine.version import library_versions
from labs.records import ModelFile, Threads
from labs.runtimes.calling import UnknownTargetError, kind_of

#: Operators that do a model's real work, by what they compute in, after ONNX Runtime has fused the graph.
INT8_OPERATORS = (
    "QLinearConv",
    "ConvInteger",
    "QGemm",
    "QLinearMatMul",
    "MatMulInteger",
    "DynamicQuantizeMatMul",
)
FLOAT_OPERATORS = ("Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul")

#: Session settings that decide how fast a graph runs; a copy of a session takes these over.
_SESSION_SETTINGS = (
    "intra_op_num_threads",
    "inter_op_num_threads",
    "enable_cpu_mem_arena",
    "enable_mem_pattern",
)

#: What is fed where a graph leaves an axis open.
_SHAPE = (1, 3, 224, 224)

#: Nodes of OpenVINO's runtime graph that compute nothing.
_NO_WORK = frozenset({"Const", "Input", "Output", "Reshape"})

#: Its precisions by the course's names; eight bits are 'u8' after a ReLU6, else 'i8'.
_OPENVINO_PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "u8": "int8", "i8": "int8"}

_WHEELS = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-migraphx",
    "numpy",
)


@dataclass(frozen=True)
class Description:
    """What runs when a target is called."""

    #: 'torch', 'torch-compiled', 'onnxruntime', 'openvino', or what was said of a callable.
    backend: str
    model: ModelFile
    provider_requested: str
    #: Nodes of the graph by the provider that ran them, read from a profile; empty where there are no providers.
    providers_used: dict[str, int] = field(default_factory=dict)
    #: Precision that most of the costly operators computed in.
    precision: str = "fp32"
    #: Threads; where the runtime chose for itself, the number that it chose.
    threads: Threads = field(default_factory=Threads)
    libraries: dict[str, str] = field(default_factory=dict)
    #: How it was opened, as plain JSON: enough for ``labs.runtimes.opening`` to open it again.
    settings: dict = field(default_factory=dict)


#: What was said of targets, and what was found out about them, for as long as they live.
_SAID: weakref.WeakKeyDictionary[object, dict] = weakref.WeakKeyDictionary()
_FOUND: weakref.WeakKeyDictionary[object, Description] = weakref.WeakKeyDictionary()


def describe(
    target: object,
    *,
    model_path: str | Path | None = None,
    backend: str | None = None,
    precision: str | None = None,
    provider: str | None = None,
    settings: Mapping | None = None,
) -> Description:
    """Return what really runs when ``target`` is called.

    Args:
        model_path: The file that the model came from, where the object does not know: torch modules, callables.
        backend: What runs a callable, such as 'litert'.
        provider: The execution provider that was asked for. A session whose provider could not be loaded no longer
            knows, and then says that the CPU was all along what was wanted.

    What is said is remembered for this object, so that measuring it need not repeat it.

    Raises:
        UnknownTargetError: Something is missing; the message says which argument.
        FileNotFoundError: There is no file at ``model_path``.
    """
    said: dict[str, Any] = {
        "model_path": model_path,
        "backend": backend,
        "precision": precision,
        "provider": provider,
    }
    said |= {"settings": settings and dict(settings)}
    kind, before = kind_of(target), _SAID.get(target, {})
    known = before | {name: value for name, value in said.items() if value is not None}
    if known != before or target not in _FOUND:
        _SAID[target], _FOUND[target] = (
            known,
            _DESCRIBERS.get(kind, _describe_callable)(target, known),
        )
    described = _FOUND[target]
    if kind == "torch":
        # A module has no threads of its own: `torch.set_num_threads` may have been called since.
        described = replace(described, threads=Threads(sys.modules["torch"].get_num_threads(), 0))
    return described


def model_file(path: str | Path) -> ModelFile:
    """Return name, sha256 and size of a model's file.

    Raises:
        FileNotFoundError: It is not there.
    """
    path = Path(path)
    return ModelFile(path.name, sha256_of(path), path.stat().st_size)


def stored_precision(content: bytes) -> str:
    """Return 'int8' for an ONNX file that holds operators on 8-bit integers, else 'fp32'."""
    return (
        "int8"
        if any(name.encode() in content for name in (*INT8_OPERATORS, "QuantizeLinear"))
        else "fp32"
    )


def _describe_torch(module, known: dict) -> Description:
    import torch

    if "model_path" not in known:
        raise UnknownTargetError(
            "a torch module does not know its file, and a record names it: say bench.describe(model, model_path=…) once"
        )
    compiled = type(module).__name__ == "OptimizedModule"
    tensor = next(module.parameters(), None)
    device = str(tensor.device) if tensor is not None else "cpu"
    names = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}
    return Description(
        backend="torch-compiled" if compiled else "torch",
        model=model_file(known["model_path"]),
        provider_requested=device,
        precision=known.get("precision")
        or names.get(getattr(tensor, "dtype", torch.float32), "fp32"),
        threads=Threads(torch.get_num_threads(), 0),
        libraries=library_versions("torch", "torchvision", "numpy"),
        settings={"device": device, "compiled": compiled},
    )


def _describe_session(session, known: dict) -> Description:
    options, providers = session.get_session_options(), _asked_providers(session, known)
    requested = known.get("provider") or providers[0][0]
    executed = _executed(session, providers)
    if "model_path" in known or getattr(session, "_model_path", None):
        model = model_file(known.get("model_path") or session._model_path)
    else:
        content = session._model_bytes
        model = ModelFile("model.onnx", hashlib.sha256(content).hexdigest(), len(content))
    return Description(
        backend="onnxruntime",
        model=model,
        provider_requested=requested,
        providers_used=dict(collections.Counter(provider for provider, _ in executed)),
        precision=known.get("precision") or _session_precision(session, providers, executed),
        # Left alone, ONNX Runtime takes a thread for each physical core.
        threads=Threads(
            options.intra_op_num_threads or physical_core_count(), options.inter_op_num_threads or 1
        ),
        libraries=library_versions(*_WHEELS),
        settings={
            "graph_optimization_level": options.graph_optimization_level.name,
            "intra_op_num_threads": options.intra_op_num_threads,
            "providers": [
                one for one in providers if one[0] != "CPUExecutionProvider" or len(providers) == 1
            ],
        },
    )


def _asked_providers(session, known: dict) -> list[list]:
    """Return providers with their options in the order in which they were asked for.

    Some providers keep their options to themselves (OpenVINO's does), and one that could not be loaded is not listed:
    what was said of the session in ``settings`` comes first.
    """
    said = known.get("settings", {}).get("providers")
    if said:
        return [[one, {}] if isinstance(one, str) else [one[0], dict(one[1])] for one in said]
    given = session.get_provider_options()
    return [[name, dict(given.get(name, {}))] for name in session.get_providers()]


def _executed(session, providers: list[list]) -> list[tuple[str, str]]:
    """Return provider and operator of every node that ran in one profiled call of a second session made alike.

    A provider that could not be loaded is replaced in silence by the CPU (microsoft/onnxruntime#23372), so neither the
    request nor ``get_providers()`` is evidence. The profile is.
    """
    import onnxruntime as ort

    given, options = session.get_session_options(), ort.SessionOptions()
    for name in (*_SESSION_SETTINGS, "graph_optimization_level"):
        setattr(options, name, getattr(given, name))
    options.log_severity_level = 3
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        source = getattr(session, "_model_path", None) or session._model_bytes
        second = ort.InferenceSession(
            source, options, providers=[(name, dict(given)) for name, given in providers]
        )
        (images,) = second.get_inputs()
        shape = [
            axis if isinstance(axis, int) else usual
            for axis, usual in zip(images.shape, _SHAPE, strict=True)
        ]
        second.run(None, {images.name: np.zeros(shape, np.float32)})
        events = json.loads(Path(second.end_profiling()).read_text(encoding="utf-8"))
    nodes = [event["args"] for event in events if event.get("cat") == "Node"]
    return [(node["provider"], node.get("op_name", "")) for node in nodes if node.get("provider")]


def _session_precision(session, providers: list[list], executed: list[tuple[str, str]]) -> str:
    """Return the precision that most convolutions ran in, unless the options of a provider that ran say less.

    A QDQ file holds INT8 weights whatever happens to them: without graph optimization its convolutions run in fp32
    between Dequantize nodes. So the operators that ran decide. A provider that compiles the graph into nodes of its own
    shows none of them; then the file has to do.
    """
    operators = [operator for _, operator in executed]
    in_int8 = sum(operator in INT8_OPERATORS for operator in operators)
    in_float = sum(operator in FLOAT_OPERATORS for operator in operators)
    if in_int8 or in_float:
        precision = "int8" if in_int8 > in_float else "fp32"
    else:
        path = getattr(session, "_model_path", None)
        precision = stored_precision(Path(path).read_bytes() if path else session._model_bytes)
    ran = {provider for provider, _ in executed}
    stated = [_stated_precision(name, given) for name, given in providers if name in ran]
    return next(filter(None, stated), precision) if precision == "fp32" else precision


def _stated_precision(provider: str, given: Mapping) -> str:
    """Return the precision below fp32 that a provider's options ask for; an empty text where they ask for none."""
    for name in ("trt_int8_enable", "trt_fp16_enable", "migraphx_fp16_enable"):
        if str(given.get(name, "0")).lower() in {"1", "true"}:
            return "int8" if "int8" in name else "fp16"
    if provider == "OpenVINOExecutionProvider":
        # Its own option 'precision' knows no bf16 on the CPU, so the hint goes through load_config.
        hints = json.loads(given.get("load_config") or "{}").get("CPU", {})
        return {"bf16": "bf16", "f16": "fp16"}.get(hints.get("INFERENCE_PRECISION_HINT"), "")
    if provider == "CUDAExecutionProvider" and str(given.get("use_tf32", "1")) == "1":
        # TF32 is ONNX Runtime's default, and needs Ampere.
        return (
            "tf32"
            if any(float(gpu.compute_capability) >= 8 for gpu in fingerprint().cuda_gpus)
            else ""
        )
    return ""


def _describe_openvino(compiled, known: dict) -> Description:
    """Describe what OpenVINO compiled: its runtime graph names the kernel and the precision of each node."""
    if "model_path" not in known:
        raise UnknownTargetError(
            "an OpenVINO compiled model does not know its file, and a record names it: "
            "say bench.describe(compiled, model_path=…) once"
        )
    kernels = [
        (info["layerType"].astype(str), info["runtimePrecision"].astype(str))
        for info in (node.get_rt_info() for node in compiled.get_runtime_model().get_ops())
        if info["layerType"].astype(str) not in _NO_WORK
    ]
    costly = [
        precision for layer, precision in kernels if layer in ("Convolution", "FullyConnected")
    ]
    (computed_in, _), *_ = collections.Counter(costly).most_common(1) or [("f32", 0)]
    (device, *_), hint = (
        compiled.get_property("EXECUTION_DEVICES"),
        compiled.get_property("INFERENCE_PRECISION_HINT"),
    )
    threads = int(compiled.get_property("INFERENCE_NUM_THREADS")) if device == "CPU" else 0
    settings = {
        "device": device,
        "INFERENCE_PRECISION_HINT": hint.to_string(),
        "INFERENCE_NUM_THREADS": threads,
    }
    return Description(
        backend="openvino",
        model=model_file(known["model_path"]),
        provider_requested=known.get("provider", device),
        providers_used={device: len(kernels)},
        precision=known.get("precision") or _OPENVINO_PRECISIONS.get(computed_in, computed_in),
        threads=Threads(threads, 0),
        libraries=library_versions("openvino", "numpy"),
        settings=settings,
    )


def _describe_callable(function, known: dict) -> Description:
    missing = [f"{name}=…" for name in ("model_path", "backend", "precision") if name not in known]
    if missing:
        raise UnknownTargetError(
            f"a function shows nothing of what it runs: say bench.describe(function, {', '.join(missing)}) once"
        )
    return Description(
        backend=known["backend"],
        model=model_file(known["model_path"]),
        provider_requested=known.get("provider", ""),
        precision=known["precision"],
        libraries=library_versions("numpy"),
        settings=known.get("settings", {}),
    )


_DESCRIBERS = {
    "torch": _describe_torch,
    "onnxruntime": _describe_session,
    "openvino": _describe_openvino,
}
