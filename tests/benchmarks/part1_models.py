"""The models of the part 1 table, made as the lessons make them."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from labs import assets, bench
from labs.dataset import load_split
from labs.machine import fingerprint
from labs.machine.capability import for_lesson
from labs.models import load_mobilenet_v2
from labs.optimize.budget import quantize_within_budget
from labs.optimize.calibrate import calibrate
from labs.optimize.export import export_onnx
from labs.optimize.forms import FORMS, best_form_for
from labs.optimize.prune import prune_channels
from labs.optimize.quantize import prepare, quantize_dynamic, quantize_static
from labs.optimize.slim import slim_onnx
from labs.progress import OnProgress, part, silent
from labs.runtimes import open_model

_SHIPPED = "food11-mini-mobilenetv2"
#: Without basic, which leaves the exported graph as it is (lesson 13).
_GRAPH_LEVELS = {"disabled": "ORT_DISABLE_ALL", "extended": "ORT_ENABLE_EXTENDED", "all": "ORT_ENABLE_ALL"}
_STATIC_FORMS = {
    "int8-static-qdq": "qdq-u8s8-channel",
    "int8-static-qoperator": "qoperator-u8s8-channel",
    "int8-static-s8s8": "qdq-s8s8-channel",
}
#: Options whose files are made here, by the files' names.
_QUANTIZED = ("int8-dynamic", *_STATIC_FORMS, "int8-budget-05", "int8-budget-01", "int8-pruned")


@functools.lru_cache(maxsize=1)
def _temporary() -> Path:
    """Return a folder for the models of this run; the process keeps it alive and removes it at its end."""
    kept = tempfile.TemporaryDirectory(prefix="part1-")
    _temporary.kept = kept
    return Path(kept.name)


def fp32_model(folder: Path | None = None) -> Path:
    """Return the shipped model as an ONNX file, exported once a folder."""
    path = (folder or _temporary()) / "food11.onnx"
    return path if path.is_file() else export_onnx(load_mobilenet_v2(assets.model(_SHIPPED)), path)


def options(folder: Path | None = None, on_progress: OnProgress = silent) -> dict[str, object]:
    """Return every option that this machine can run, in the lessons' order.

    Args:
        folder: Where the models are made; those of an earlier run are taken as they are. A temporary one when None.
        on_progress: Told which model is being made.
    """
    folder = folder or _temporary()
    on_progress(0.0, "exporting the float model")
    onnx_path, torch_path = str(fp32_model(folder)), str(assets.model(_SHIPPED))
    quantized = {name: folder / f"{name}.onnx" for name in _QUANTIZED}
    if not all(path.is_file() for path in quantized.values()):
        _quantize(folder, part(on_progress, 0.1, 0.6))
        _prune(folder, part(on_progress, 0.6, 1.0))
    found = {"torch-eager": _opened(torch_path, "torch")}
    if all(one.available for one in for_lesson("11") if one.name == "C++ compiler"):
        found["torch-compiled"] = _opened(torch_path, "torch-compiled")
    for name, level in _GRAPH_LEVELS.items():
        found[f"onnx-{name}"] = _opened(onnx_path, graph_optimization_level=level)
    found |= {name: _opened(path) for name, path in quantized.items()}
    if find_spec("openvino"):
        has_bf16 = any(one.available for one in for_lesson("15") if one.name == "bf16 on the CPU")
        # Said explicitly: left alone, OpenVINO takes bf16 on processors that have it.
        for precision, hint in {"fp32": "f32", "bf16": "bf16"}.items() if has_bf16 else (("fp32", "f32"),):
            latency = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
            found[f"openvino native {precision}"] = _opened(onnx_path, "openvino", **latency)
        latency["INFERENCE_PRECISION_HINT"] = "f32"
        found["openvino-int8"] = _opened(quantized["int8-static-qdq"], "openvino", **latency)
        found["openvino-int8-pruned"] = _opened(quantized["int8-pruned"], "openvino", **latency)
    return found


def _opened(path: str | Path, runtime: str = "onnxruntime", **settings: object) -> object:
    """Return a native object whose file is known to the benchmark."""
    target = open_model(path, runtime, settings)
    bench.describe(target, model_path=path)
    return target


def _quantize(folder: Path, on_progress: OnProgress) -> None:
    """Make the quantized files of lessons 14 to 14c, but for the pruned one."""
    data = assets.dataset("food11-mini")
    prepared = prepare(fp32_model(folder), folder / "prepared.onnx")
    training = load_split(data, "training", limit=128)[0]
    calibration = calibrate(prepared, training, on_progress=part(on_progress, 0.0, 0.4))
    quantize_dynamic(prepared, folder / "int8-dynamic.onnx")
    for name, form in _STATIC_FORMS.items():
        on_progress(0.5, f"quantizing {name}")
        path = quantize_static(prepared, folder / f"{name}.onnx", calibration, FORMS[form]).path
        slim_onnx(path, path)
    form = replace(best_form_for(fingerprint()).form, layout="qoperator")
    validation, state = load_split(data, "validation"), folder / "tuner.json"
    for name, budget in (("int8-budget-05", 0.05), ("int8-budget-01", 0.01)):
        settings = {"max_loss": budget, "state_path": state, "on_progress": part(on_progress, 0.6, 1.0)}
        path = folder / f"{name}.onnx"
        quantize_within_budget(prepared, path, calibration, form, *validation, **settings)
        slim_onnx(path, path)


def _prune(folder: Path, on_progress: OnProgress) -> None:
    """Make the pruned, then quantized file of lesson 14c."""
    data = assets.dataset("food11-mini")
    net, training = load_mobilenet_v2(assets.model(_SHIPPED)), load_split(data, "training", limit=128)[0]
    narrow = prune_channels(net, training, tolerance=0.001, on_progress=part(on_progress, 0.0, 0.4))
    on_progress(0.4, "exporting the pruned model")
    prepared = prepare(export_onnx(narrow.module, folder / "pruned.onnx"), folder / "pruned-prepared.onnx")
    settings = {"method": "percentile", "percentile": 99.9}
    ranges = calibrate(prepared, training[::2], on_progress=part(on_progress, 0.5, 0.9), **settings)
    path = quantize_static(prepared, folder / "int8-pruned.onnx", ranges, FORMS["qdq-u8s8-channel"]).path
    slim_onnx(path, path)
