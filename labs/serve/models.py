"""The files that are served: the float32 model and its INT8 twin, made once and kept in the workspace."""

from __future__ import annotations

from pathlib import Path

from labs import assets
from labs.runtimes.progress import OnProgress, part, silent
from labs.workspace import models_dir

#: File names, as part 1's lessons give them: whoever has taken those serves what he made there.
FP32_NAME, INT8_NAME = "food11.onnx", "int8-static-qdq.onnx"

#: Images that the INT8 twin is calibrated with.
_CALIBRATION_IMAGES = 64


def fp32_model(folder: Path | None = None, *, on_progress: OnProgress = silent) -> Path:
    """Return the model as an ONNX file, exported from the shipped weights unless it is there.

    Args:
        folder: Where it is kept; the workspace's models when None.
        on_progress: Told how far it is; may raise ``Cancelled``.
    """
    from labs.data.models import load_mobilenet_v2
    from labs.optimize.export import export_onnx

    path = (folder or models_dir()) / FP32_NAME
    if not path.is_file():
        on_progress(0.0, "export to ONNX")
        # Under another name until it is whole: a run that was stopped must not leave half a model behind.
        export_onnx(load_mobilenet_v2(assets.model()), path.with_suffix(".part.onnx"))
        path.with_suffix(".part.onnx").replace(path)
    on_progress(1.0, f"{path.name} is there")
    return path


def int8_model(folder: Path | None = None, *, on_progress: OnProgress = silent) -> Path:
    """Return the INT8 model in the format that fits this machine, quantized unless it is there.

    Args:
        folder: Where it is kept; the workspace's models when None.
        on_progress: Told how far it is; may raise ``Cancelled``.
    """
    from onnxruntime.quantization import quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from labs.data.dataset import load_split
    from labs.machine.quantization_format import quantization_format
    from labs.optimize.static_quantization import ImageReader

    folder = folder or models_dir()
    path = folder / INT8_NAME
    if not path.is_file():
        fp32 = fp32_model(folder, on_progress=part(on_progress, 0.0, 0.3))
        on_progress(0.3, "calibrate and quantize")
        prepared, made = folder / "food11.prepared.onnx", path.with_suffix(".part.onnx")
        quant_pre_process(fp32, prepared)
        images, _ = load_split(assets.dataset(), "training", limit=_CALIBRATION_IMAGES)
        quantize_static(prepared, made, ImageReader(images), **quantization_format().settings())
        made.replace(path)
        prepared.unlink()
    on_progress(1.0, f"{path.name} is there")
    return path
