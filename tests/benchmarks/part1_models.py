"""The models of the part 1 table, made as the lessons make them."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from labs import assets
from labs.backends import BackendSpec
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

_SHIPPED = "food11-mini-mobilenetv2"
_GRAPH_LEVELS = ("disabled", "basic", "extended", "all")
_STATIC_FORMS = {
    "int8-static-qdq": "qdq-u8s8-channel",
    "int8-static-qoperator": "qoperator-u8s8-channel",
    "int8-static-s8s8": "qdq-s8s8-channel",
}


@functools.lru_cache(maxsize=1)
def _folder() -> Path:
    """Return a folder for the models of this run; the process keeps it alive and removes it at its end."""
    kept = tempfile.TemporaryDirectory(prefix="part1-")
    _folder.kept = kept
    return Path(kept.name)


@functools.lru_cache(maxsize=1)
def fp32_model() -> Path:
    """Return the shipped model as an ONNX file, exported once a process."""
    return export_onnx(load_mobilenet_v2(assets.model(_SHIPPED)), _folder() / "food11.onnx")


def options(on_progress: OnProgress = silent) -> dict[str, BackendSpec]:
    """Return every option that this machine can run, its model made on the way, in the lessons' order."""
    on_progress(0.0, "exporting the float model")
    onnx_path, torch_path = str(fp32_model()), str(assets.model(_SHIPPED))
    quantized = quantized_models(part(on_progress, 0.1, 0.6)) | {"int8-pruned": _pruned(part(on_progress, 0.6, 1.0))}
    found = {"torch-eager": BackendSpec("torch", torch_path)}
    if all(one.available for one in for_lesson("11") if one.name == "C++ compiler"):
        found["torch-compiled"] = BackendSpec("torch", torch_path, {"compiled": True})
    for level in _GRAPH_LEVELS:
        found[f"onnx-{level}"] = BackendSpec("onnxruntime", onnx_path, {"graph_level": level})
    found |= {name: BackendSpec("onnxruntime", str(path)) for name, path in quantized.items()}
    if find_spec("openvino"):
        has_bf16 = any(one.available for one in for_lesson("15") if one.name == "bf16 on the CPU")
        for precision in ("fp32", "bf16") if has_bf16 else ("fp32",):
            found[f"openvino native {precision}"] = BackendSpec("openvino", onnx_path, {"precision": precision})
        found["openvino-int8"] = BackendSpec("openvino", str(quantized["int8-static-qdq"]))
        found["openvino-int8-pruned"] = BackendSpec("openvino", str(quantized["int8-pruned"]))
    return found


def quantized_models(on_progress: OnProgress = silent) -> Mapping[str, Path]:
    """Return the quantized files by option name, made as lessons 14 to 14c make them."""
    folder, data = _folder(), assets.dataset("food11-mini")
    prepared = prepare(fp32_model(), folder / "prepared.onnx")
    training = load_split(data, "training", limit=128)[0]
    calibration = calibrate(prepared, training, on_progress=part(on_progress, 0.0, 0.4))
    made = {"int8-dynamic": quantize_dynamic(prepared, folder / "int8-dynamic.onnx").path}
    for name, form in _STATIC_FORMS.items():
        on_progress(0.5, f"quantizing {name}")
        path = quantize_static(prepared, folder / f"{name}.onnx", calibration, FORMS[form]).path
        made[name] = slim_onnx(path, path).path
    form = replace(best_form_for(fingerprint()).form, layout="qoperator")
    validation, state = load_split(data, "validation"), folder / "tuner.json"
    for name, budget in (("int8-budget-05", 0.05), ("int8-budget-01", 0.01)):
        settings = {"max_loss": budget, "state_path": state, "on_progress": part(on_progress, 0.6, 1.0)}
        path = folder / f"{name}.onnx"
        quantize_within_budget(prepared, path, calibration, form, *validation, **settings)
        made[name] = slim_onnx(path, path).path
    return made


def _pruned(on_progress: OnProgress = silent) -> Path:
    """Return the pruned, then quantized file of lesson 14c."""
    folder, data = _folder(), assets.dataset("food11-mini")
    net, training = load_mobilenet_v2(assets.model(_SHIPPED)), load_split(data, "training", limit=128)[0]
    narrow = prune_channels(net, training, tolerance=0.001, on_progress=part(on_progress, 0.0, 0.4))
    on_progress(0.4, "exporting the pruned model")
    prepared = prepare(export_onnx(narrow.module, folder / "pruned.onnx"), folder / "pruned-prepared.onnx")
    settings = {"method": "percentile", "percentile": 99.9}
    ranges = calibrate(prepared, training[::2], on_progress=part(on_progress, 0.5, 0.9), **settings)
    path = quantize_static(prepared, folder / "int8-pruned.onnx", ranges, FORMS["qdq-u8s8-channel"]).path
    return slim_onnx(path, path).path
