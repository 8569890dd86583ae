"""The models of the part 1 table, made as the lessons make them."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from labs import assets, bench
from labs.data.dataset import load_split
from labs.data.models import ARCHITECTURES, load_mobilenet_v2, load_model
from labs.machine.capability import capabilities
from labs.machine.quantization_format import quantization_format
from labs.optimize.export import export_onnx
from labs.optimize.predict import answers
from labs.optimize.static_quantization import ImageReader, keep_float, layer_sensitivity
from labs.runtimes.opening import open_model
from labs.runtimes.progress import OnProgress, part, silent

_SHIPPED = "food11-mini-mobilenetv2"
#: Without basic, which leaves the exported graph as it is.
_GRAPH_LEVELS = {"disabled": "ORT_DISABLE_ALL", "extended": "ORT_ENABLE_EXTENDED", "all": "ORT_ENABLE_ALL"}
_U8S8 = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True}
_STATIC_FORMATS = {
    "int8-static-qdq": _U8S8,
    "int8-static-qoperator": {**_U8S8, "quant_format": QuantFormat.QOperator},
    "int8-static-s8s8": {**_U8S8, "activation_type": QuantType.QInt8},
}
#: Side of the images of the options of fewer pixels.
SMALL_PX = 192
#: Shares of right answers that an INT8 file may lose, by the file's name.
BUDGETS = {"int8-budget-05": 0.05, "int8-budget-01": 0.01}
#: For the models of this run; it goes with the process.
_TEMPORARY = tempfile.TemporaryDirectory(prefix="part1-")
#: Options whose files are made here, by the files' names.
_QUANTIZED = ("int8-dynamic", *_STATIC_FORMATS, *BUDGETS)


def fp32_model(folder: Path | None = None) -> Path:
    """Return the shipped model as an ONNX file, exported once a folder."""
    path = (folder or Path(_TEMPORARY.name)) / "food11.onnx"
    return path if path.is_file() else export_onnx(load_mobilenet_v2(assets.model(_SHIPPED)), path)


def options(folder: Path | None = None, on_progress: OnProgress = silent) -> dict[str, object]:
    """Return every option that this machine can run, in the lessons' order.

    Args:
        folder: Where the models are made; those of an earlier run are taken as they are. A temporary one when None.
        on_progress: Told which model is being made.
    """
    folder = folder or Path(_TEMPORARY.name)
    on_progress(0.0, "exporting the float model")
    onnx_path, torch_path = str(fp32_model(folder)), str(assets.model(_SHIPPED))
    quantized = {name: folder / f"{name}.onnx" for name in _QUANTIZED}
    if not all(path.is_file() for path in quantized.values()):
        _quantize(folder, part(on_progress, 0.1, 1.0))
    found = {"torch-eager": _opened(torch_path, "torch")}
    if all(one.available for one in capabilities() if one.name == "C++ compiler"):
        found["torch-compiled"] = _opened(torch_path, "torch-compiled")
    for name, level in _GRAPH_LEVELS.items():
        found[f"onnx-{name}"] = _opened(onnx_path, graph_optimization_level=level)
    found |= {name: _opened(path) for name, path in quantized.items()}
    for name in list(ARCHITECTURES)[1:]:  # the first is the model itself
        path = folder / f"{name}.onnx"
        if not path.is_file():
            export_onnx(load_model(name, assets.model(f"food11-mini-{name}")), path)
        found[name] = _opened(path)
    if find_spec("openvino"):
        has_bf16 = any(one.available for one in capabilities() if one.name == "bf16 on the CPU")
        # Said explicitly: left alone, OpenVINO takes bf16 on processors that have it.
        for precision, hint in {"fp32": "f32", "bf16": "bf16"}.items() if has_bf16 else (("fp32", "f32"),):
            latency = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
            found[f"openvino native {precision}"] = _opened(onnx_path, "openvino", **latency)
        latency["INFERENCE_PRECISION_HINT"] = "f32"
        found["openvino-int8"] = _opened(quantized["int8-static-qdq"], "openvino", **latency)
    return found


def small_model(folder: Path | None = None) -> Path:
    """Return an INT8 file that takes images of ``SMALL_PX`` pixels, made once a folder as 'Fewer pixels' makes it."""
    folder = folder or Path(_TEMPORARY.name)
    path, exported, prepared = folder / f"int8-{SMALL_PX}px.onnx", folder / "small.onnx", folder / "small-prepared.onnx"
    if not path.is_file():
        export_onnx(load_mobilenet_v2(assets.model(_SHIPPED)), exported, image_size_px=SMALL_PX)
        quant_pre_process(exported, prepared)
        training, _ = load_split(assets.dataset("food11-mini"), "training", limit=128, size_px=SMALL_PX)
        quantize_static(prepared, path, ImageReader(training), **_U8S8)
    return path


def smaller_options(path: Path) -> dict[str, object]:
    """Return every option that can run a file for images of ``SMALL_PX`` pixels here."""
    found = {f"int8-{SMALL_PX}px": _opened(path)}
    if find_spec("openvino"):
        latency = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        found[f"openvino-int8-{SMALL_PX}px"] = _opened(path, "openvino", **latency)
    return found


def _opened(path: str | Path, runtime: str = "onnxruntime", **settings: object) -> object:
    """Return a native object whose file is known to the benchmark."""
    target = open_model(path, runtime, settings)
    bench.describe(target, model_path=path)
    return target


def _quantize(folder: Path, on_progress: OnProgress) -> None:
    """Make the quantized files of part 1."""
    data, prepared, ranges = assets.dataset("food11-mini"), folder / "prepared.onnx", folder / "ranges.json"
    training, (validation, labels) = load_split(data, "training", limit=128)[0], load_split(data, "validation")
    quant_pre_process(fp32_model(folder), prepared)
    quantize_dynamic(prepared, folder / "int8-dynamic.onnx", weight_type=QuantType.QUInt8)
    for name, settings in _STATIC_FORMATS.items():
        on_progress(0.2, f"quantizing {name}")
        path = folder / f"{name}.onnx"
        quantize_static(prepared, path, ImageReader(training), calibration_cache_path=ranges, **settings)
    start = quantization_format().settings(per_channel=False)

    def write(kept: list[str], path: Path) -> Path:
        quantize_static(prepared, path, calibration_cache_path=ranges, nodes_to_exclude=kept, **start)
        return keep_float(path, kept)

    def right(path: Path) -> float:
        return float((answers(path, validation) == labels).mean())

    def loss(kept: list[str]) -> float:
        return target - right(write(kept, folder / "trial.onnx"))

    found = layer_sensitivity(prepared, training[::16], ranges, start, on_progress=part(on_progress, 0.3, 0.7))
    order, tried, target = found["layer"].tolist()[:12], [], right(prepared)
    for name, allowed in BUDGETS.items():
        while (kept := _next_trial(tried, order, allowed)) is not None:
            on_progress(0.8, f"{name}: trying {len(kept)} layers in float32")
            tried.append((loss(kept), kept))
        path = write(min(tried)[1], folder / f"{name}.onnx")


def _next_trial(tried: list[tuple[float, list[str]]], order: list[str], budget: float) -> list[str] | None:
    """Return the layers to keep in float32 next: one more than in the best trial; None when the search is over."""
    if not tried:
        return []
    lost, kept = min(tried)
    left = [layer for layer in order if layer not in {one[-1] for _, one in tried if one}]
    return None if lost <= budget or not left else [*kept, left[0]]
