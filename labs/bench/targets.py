"""Targets of measurements: native objects of the runtimes, and any callable.

A *target* is an ``onnxruntime.InferenceSession``, a ``torch.nn.Module`` (compiled by
``torch.compile`` or not), an ``openvino.CompiledModel``, a callable that takes a batch and returns
logits, or a callable without arguments. You do not wrap targets. Some facts are not visible in the
object: a module does not know its file, and a session that fell back does not remember the
requested provider. Give these facts to ``describe`` once; it remembers them for that object.

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

#: Operators that do a model's real work, by their precision, after ONNX Runtime has fused the
#: graph.
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

#: Size for an axis that a graph leaves open.
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
    """A description of the model that a target runs."""

    #: 'torch', 'torch-compiled', 'onnxruntime', 'openvino', or a callable's given runtime.
    backend: str
    model: ModelFile
    provider_requested: str
    #: Nodes of the graph by the provider that ran them, read from a profile; empty where there are
    #: no providers.
    providers_used: dict[str, int] = field(default_factory=dict)
    #: Precision that most of the costly operators computed in.
    precision: str = "fp32"
    #: Threads; where the runtime chose for itself, the number that it chose.
    threads: Threads = field(default_factory=Threads)
    libraries: dict[str, str] = field(default_factory=dict)
    #: How it was opened, as plain JSON: enough for ``labs.runtimes.opening`` to open it again.
    settings: dict = field(default_factory=dict)


#: Callers' facts about targets, and the targets' descriptions, for the targets' lifetime.
_STATEMENTS: weakref.WeakKeyDictionary[object, dict] = weakref.WeakKeyDictionary()
_DESCRIPTIONS: weakref.WeakKeyDictionary[object, Description] = weakref.WeakKeyDictionary()


def describe(
    target: object,
    *,
    model_path: str | Path | None = None,
    backend: str | None = None,
    precision: str | None = None,
    provider: str | None = None,
    settings: Mapping | None = None,
) -> Description:
    """Return a description of the model, runtime and processor that ``target`` really uses.

    Args:
        model_path: The file that the model came from, where the object does not know: torch
            modules, callables.
        backend: The runtime of a callable, such as 'litert'.
        provider: The execution provider that was asked for. If this provider could not be loaded,
            the session has forgotten it, and reports the CPU as the requested one.

    The description is stored for this object, so a measurement need not repeat it.

    Raises:
        UnknownTargetError: Something is missing; the message says which argument.
        FileNotFoundError: There is no file at ``model_path``.
    """
    arguments: dict[str, Any] = {
        "model_path": model_path,
        "backend": backend,
        "precision": precision,
        "provider": provider,
        "settings": settings and dict(settings),
    }
    stated = {name: value for name, value in arguments.items() if value is not None}
    before = _STATEMENTS.get(target, {})
    known = before | stated
    kind = kind_of(target)
    if known != before or target not in _DESCRIPTIONS:
        describer = _DESCRIBERS.get(kind, _describe_callable)
        description = describer(target, known)
        _STATEMENTS[target] = known
        _DESCRIPTIONS[target] = description
    description = _DESCRIPTIONS[target]
    if kind == "torch":
        # Threads belong to torch, not to a module: `torch.set_num_threads` may have been called
        # since.
        threads = Threads(sys.modules["torch"].get_num_threads(), 0)
        description = replace(description, threads=threads)
    return description


def model_file(path: str | Path) -> ModelFile:
    """Return name, sha256 and size of a model's file.

    Raises:
        FileNotFoundError: It is not there.
    """
    path = Path(path)
    return ModelFile(path.name, sha256_of(path), path.stat().st_size)


def stored_precision(content: bytes) -> str:
    """Return 'int8' for an ONNX file that holds operators on 8-bit integers, else 'fp32'."""
    operators = (*INT8_OPERATORS, "QuantizeLinear")
    is_quantized = any(operator.encode() in content for operator in operators)
    return "int8" if is_quantized else "fp32"


def _describe_torch(module, known: dict) -> Description:
    import torch

    if "model_path" not in known:
        raise UnknownTargetError(
            "a torch module does not know its file, and a record names it: say "
            "bench.describe(model, model_path=…) once"
        )
    compiled = type(module).__name__ == "OptimizedModule"
    tensor = next(module.parameters(), None)
    device = "cpu"
    precision = "fp32"
    if tensor is not None:
        names = {torch.bfloat16: "bf16", torch.float16: "fp16"}
        device = str(tensor.device)
        precision = names.get(tensor.dtype, "fp32")
    backend = "torch-compiled" if compiled else "torch"
    threads = Threads(torch.get_num_threads(), 0)
    return Description(
        backend=backend,
        model=model_file(known["model_path"]),
        provider_requested=device,
        precision=known.get("precision") or precision,
        threads=threads,
        libraries=library_versions("torch", "torchvision", "numpy"),
        settings={"device": device, "compiled": compiled},
    )


def _describe_session(session, known: dict) -> Description:
    options = session.get_session_options()
    providers = _asked_providers(session, known)
    nodes_run = _executed(session, providers)
    used = collections.Counter(provider for provider, _ in nodes_run)
    # Left alone, ONNX Runtime takes a thread for each physical core.
    intra_op = options.intra_op_num_threads or physical_core_count()
    inter_op = options.inter_op_num_threads or 1
    settings = {
        "graph_optimization_level": options.graph_optimization_level.name,
        "intra_op_num_threads": options.intra_op_num_threads,
        "providers": _without_fallback(providers),
    }
    provider = known.get("provider") or providers[0][0]
    precision = known.get("precision") or _session_precision(session, providers, nodes_run)
    return Description(
        backend="onnxruntime",
        model=_file_of_session(session, known),
        provider_requested=provider,
        providers_used=dict(used),
        precision=precision,
        threads=Threads(intra_op, inter_op),
        libraries=library_versions(*_WHEELS),
        settings=settings,
    )


def _file_of_session(session, known: dict) -> ModelFile:
    """Return the file that a session was made from; of bytes, as if they had been a file."""
    path = known.get("model_path") or getattr(session, "_model_path", None)
    if path:
        return model_file(path)
    content = session._model_bytes
    return ModelFile("model.onnx", hashlib.sha256(content).hexdigest(), len(content))


def _without_fallback(providers: list[list]) -> list[list]:
    """Return providers without the CPU's, which follows all others; if it is the only one, it
    stays.
    """
    if len(providers) == 1:
        return providers
    return [provider for provider in providers if provider[0] != "CPUExecutionProvider"]


def _asked_providers(session, known: dict) -> list[list]:
    """Return providers with their options in the order in which they were asked for.

    Some providers do not show their options (OpenVINO's does not), and a provider that could not be
    loaded is missing from the list. So ``settings``, the session's description, comes first.
    """
    stated = known.get("settings", {}).get("providers")
    if stated:
        return [_with_options(provider) for provider in stated]
    options = session.get_provider_options()
    return [[name, dict(options.get(name, {}))] for name in session.get_providers()]


def _with_options(provider: Any) -> list:
    """Return a provider's name and options, from a name alone or from both."""
    if isinstance(provider, str):
        return [provider, {}]
    name, options = provider
    return [name, dict(options)]


def _executed(session, providers: list[list]) -> list[tuple[str, str]]:
    """Return provider and operator of every node that ran in one profiled call of a second, equal
    session.

    If a provider cannot be loaded, ONNX Runtime uses the CPU without a message
    (microsoft/onnxruntime#23372). So the request and ``get_providers()`` prove nothing here; the
    profile does.
    """
    import onnxruntime as ort

    given = session.get_session_options()
    options = ort.SessionOptions()
    for name in (*_SESSION_SETTINGS, "graph_optimization_level"):
        setattr(options, name, getattr(given, name))
    options.log_severity_level = 3
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        source = getattr(session, "_model_path", None) or session._model_bytes
        pairs = [(name, dict(of_provider)) for name, of_provider in providers]
        second = ort.InferenceSession(source, options, providers=pairs)
        (images,) = second.get_inputs()
        shape = []
        for axis, usual in zip(images.shape, _SHAPE, strict=True):
            shape.append(axis if isinstance(axis, int) else usual)
        second.run(None, {images.name: np.zeros(shape, np.float32)})
        events = json.loads(Path(second.end_profiling()).read_text(encoding="utf-8"))
    nodes = [event["args"] for event in events if event.get("cat") == "Node"]
    nodes_run = [node for node in nodes if node.get("provider")]
    return [(node["provider"], node.get("op_name", "")) for node in nodes_run]


def _session_precision(session, providers: list[list], executed: list[tuple[str, str]]) -> str:
    """Return the precision of most convolutions, or the lower one in the options of a provider that
    ran.

    A QDQ file always holds INT8 weights, but without graph optimization its convolutions run in
    fp32 between Dequantize nodes. So the operators that ran decide. A provider that compiles the
    graph into its own nodes shows none of them; then the file decides.
    """
    operators = [operator for _, operator in executed]
    in_int8 = sum(operator in INT8_OPERATORS for operator in operators)
    in_float = sum(operator in FLOAT_OPERATORS for operator in operators)
    if in_int8 or in_float:
        precision = "int8" if in_int8 > in_float else "fp32"
    else:
        path = getattr(session, "_model_path", None)
        precision = stored_precision(Path(path).read_bytes() if path else session._model_bytes)
    if precision == "int8":
        return precision
    providers_run = {provider for provider, _ in executed}
    for name, options in providers:
        stated = _stated_precision(name, options) if name in providers_run else ""
        if stated:
            return stated
    return precision


def _stated_precision(provider: str, given: Mapping) -> str:
    """Return the precision below fp32 that a provider's options ask for, or an empty text."""
    for name in ("trt_int8_enable", "trt_fp16_enable", "migraphx_fp16_enable"):
        setting = str(given.get(name, "0")).lower()
        if setting in {"1", "true"}:
            return "int8" if "int8" in name else "fp16"
    if provider == "OpenVINOExecutionProvider":
        # Its own option 'precision' knows no bf16 on the CPU, so the hint goes through load_config.
        load_config = json.loads(given.get("load_config") or "{}")
        hint = load_config.get("CPU", {}).get("INFERENCE_PRECISION_HINT")
        return {"bf16": "bf16", "f16": "fp16"}.get(hint, "")
    if provider == "CUDAExecutionProvider":
        # TF32 is ONNX Runtime's default, and needs Ampere.
        may_use_tf32 = str(given.get("use_tf32", "1")) == "1"
        capabilities = [float(gpu.compute_capability) for gpu in fingerprint().cuda_gpus]
        if may_use_tf32 and max(capabilities, default=0.0) >= 8:
            return "tf32"
    return ""


def _describe_openvino(compiled, known: dict) -> Description:
    """Describe what OpenVINO compiled: its runtime graph names the kernel and the precision of each
    node.
    """
    if "model_path" not in known:
        raise UnknownTargetError(
            "an OpenVINO compiled model does not know its file, and a record names it: "
            "say bench.describe(compiled, model_path=…) once"
        )
    kernels = 0
    costly = collections.Counter[str]()
    for node in compiled.get_runtime_model().get_ops():
        info = node.get_rt_info()
        layer = info["layerType"].astype(str)
        if layer not in _NO_WORK:
            kernels += 1
        if layer in ("Convolution", "FullyConnected"):
            costly[info["runtimePrecision"].astype(str)] += 1
    computed_in = max(costly, key=costly.__getitem__, default="f32")
    device, *_ = compiled.get_property("EXECUTION_DEVICES")
    threads = int(compiled.get_property("INFERENCE_NUM_THREADS")) if device == "CPU" else 0
    settings = {
        "device": device,
        "INFERENCE_PRECISION_HINT": compiled.get_property("INFERENCE_PRECISION_HINT").to_string(),
        "INFERENCE_NUM_THREADS": threads,
    }
    precision = known.get("precision") or _OPENVINO_PRECISIONS.get(computed_in, computed_in)
    return Description(
        backend="openvino",
        model=model_file(known["model_path"]),
        provider_requested=known.get("provider", device),
        providers_used={device: kernels},
        precision=precision,
        threads=Threads(threads, 0),
        libraries=library_versions("openvino", "numpy"),
        settings=settings,
    )


def _describe_callable(function, known: dict) -> Description:
    needed = ("model_path", "backend", "precision")
    missing = [name for name in needed if name not in known]
    if missing:
        arguments = ", ".join(f"{name}=…" for name in missing)
        raise UnknownTargetError(
            "bench cannot see which model a function runs. Describe it once: "
            f"bench.describe(function, {arguments})"
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
