"""The models of the part 1 table, made as the lessons make them."""

import tempfile
from pathlib import Path

import torch
from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from labs import assets, bench
from labs.data.dataset import load_split
from labs.data.models import ARCHITECTURES, load_mobilenet_v2, load_model
from labs.machine.capability import capabilities
from labs.optimize.export import export_onnx
from labs.optimize.static_quantization import ImageReader
from labs.runtimes.opening import open_model
from labs.runtimes.progress import OnProgress, silent

_SHIPPED = "food11-mini-mobilenetv2"
#: Without basic, which leaves the exported graph as it is.
_GRAPH_LEVELS = {"disabled": "ORT_DISABLE_ALL", "extended": "ORT_ENABLE_EXTENDED", "all": "ORT_ENABLE_ALL"}
_U8S8 = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True}
_STATIC_FORMATS = {
    "int8-static-qdq": _U8S8,
    "int8-static-qoperator": {**_U8S8, "quant_format": QuantFormat.QOperator},
    "int8-static-s8s8": {**_U8S8, "activation_type": QuantType.QInt8},
}
#: For the models of this run; it goes with the process.
_TEMPORARY = tempfile.TemporaryDirectory(prefix="part1-")


def fp32_model(folder: Path | None = None) -> Path:
    """Return the shipped model as an ONNX file, exported once a folder."""
    path = (folder or Path(_TEMPORARY.name)) / "food11.onnx"
    return path if path.is_file() else export_onnx(load_mobilenet_v2(assets.model(_SHIPPED)), path)


def options(folder: Path | None = None, on_progress: OnProgress = silent) -> dict[str, object]:
    """Return every option that this machine can run, in the lessons' order."""
    folder = folder or Path(_TEMPORARY.name)
    on_progress(0.0, "making the models")
    onnx_path, torch_path = fp32_model(folder), assets.model(_SHIPPED)
    quantized = {name: folder / f"{name}.onnx" for name in ("int8-dynamic", *_STATIC_FORMATS)}
    if not all(path.is_file() for path in quantized.values()):
        prepared = folder / "prepared.onnx"
        quant_pre_process(onnx_path, prepared)
        quantize_dynamic(prepared, quantized["int8-dynamic"], weight_type=QuantType.QUInt8)
        training, _ = load_split(assets.dataset("food11-mini"), "training", limit=128)
        for name, settings in _STATIC_FORMATS.items():
            quantize_static(prepared, quantized[name], ImageReader(training), **settings)
    found = {"torch-eager": _opened(torch_path, "torch")}
    if all(one.available for one in capabilities() if one.name == "C++ compiler"):
        found["torch-compiled"] = torch.compile(open_model(torch_path, "torch"))
        bench.describe(found["torch-compiled"], model_path=torch_path)
    for name, level in _GRAPH_LEVELS.items():
        found[f"onnx-{name}"] = _opened(onnx_path, graph_optimization_level=level)
    found |= {name: _opened(path) for name, path in quantized.items()}
    for name in ARCHITECTURES:
        path = folder / f"{name}.onnx"
        if not path.is_file():
            export_onnx(load_model(name, assets.model(f"food11-mini-{name}")), path)
        found[name] = _opened(path)
    return found


def _opened(path: Path, runtime: str = "onnxruntime", **settings: object) -> object:
    """Return a native object whose file is known to the benchmark."""
    target = open_model(path, runtime, settings)
    bench.describe(target, model_path=path)
    return target
