"""A device's files, made in part 1's way where part 1 has not made them yet, and the same model on smaller pictures."""

from __future__ import annotations

from pathlib import Path

from labs import assets
from labs.data.dataset import load_split

#: The files that a device is measured with, by option: what part 1 calls them in the folder of models.
PART_1_FILES: dict[str, str] = {
    "edge-fp32": "food11.onnx",
    "edge-int8-dynamic": "int8-dynamic.onnx",
    "edge-int8-u8s8": "int8-static-u8s8.onnx",
    "edge-int8-s8s8": "int8-static-s8s8.onnx",
}


def part_1_files(folder: Path) -> dict[str, Path]:
    """Return the files by option, made first where they are missing.

    Args:
        folder: Folder of models.

    Raises:
        FileNotFoundError: Files are missing, and this machine has no torch to make them with.
    """
    try:
        make_part_1_files(folder)
    except ImportError as error:
        raise FileNotFoundError(
            f"{folder} lacks files of part 1, and this machine has no {error.name} to make them with. Copy "
            f"{', '.join(PART_1_FILES.values())} from where you did part 1 into this folder (drag them in), and run "
            "this cell again."
        ) from error
    return {option: folder / name for option, name in PART_1_FILES.items() if (folder / name).is_file()}


def make_part_1_files(folder: Path, *, calibration_images: int = 128) -> list[Path]:
    """Make what is missing of them in a folder, and return what was made.

    Needs torch; a machine without it brings the files that a laptop or a node has made.

    Args:
        folder: Folder of models.
        calibration_images: Training images to calibrate on.
    """
    names = list(PART_1_FILES.values())
    missing = [name for name in names if not (folder / name).is_file()]
    if not missing:
        return []

    # Only now: Chameleon's Jupyter, which has neither torch nor ONNX Runtime, brings the files along.
    from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from labs.data.models import load_mobilenet_v2
    from labs.optimize.export import export_onnx
    from labs.optimize.static_quantization import ImageReader

    exported = folder / names[0]
    if names[0] in missing:
        export_onnx(load_mobilenet_v2(assets.model()), exported)
    prepared = folder / "food11-prepared.onnx"
    if not prepared.is_file():
        quant_pre_process(exported, prepared)
    if names[1] in missing:
        # Unsigned weights: on the CPU, older ONNX Runtimes have no ConvInteger for signed ones (their issue 15888).
        quantize_dynamic(prepared, folder / names[1], weight_type=QuantType.QUInt8)
    images, _ = load_split(assets.dataset(), "training", limit=calibration_images)
    for name, activations in ((names[2], QuantType.QUInt8), (names[3], QuantType.QInt8)):
        if name in missing:
            settings = {"activation_type": activations, "weight_type": QuantType.QInt8, "per_channel": True}
            quantize_static(prepared, folder / name, ImageReader(images), **settings)
    return [folder / name for name in missing]


#: The network halves its picture five times, so a side that is no multiple of this loses a row.
STRIDE_PX = 32


def with_input_size(path: str | Path, resized_path: str | Path, size_px: int) -> Path:
    """Write a model that takes pictures of another size, and return where.

    Args:
        path: Any ``.onnx`` file of the course, float or quantized.
        resized_path: Where to write.
        size_px: Side of its pictures, a multiple of 32.

    Raises:
        ValueError: The size is no multiple of 32, or the model has its size built in somewhere.
    """
    import onnx

    if size_px < STRIDE_PX or size_px % STRIDE_PX:
        raise ValueError(
            f"{size_px} pixels: take a multiple of {STRIDE_PX}, since the network halves its picture 5 times"
        )
    model = onnx.load(path)
    dimensions = model.graph.input[0].type.tensor_type.shape.dim
    for dimension in dimensions[2:]:
        dimension.dim_value = size_px
    model.graph.ClearField("value_info")
    try:
        onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError as error:
        raise ValueError(f"{Path(path).name} cannot take {size_px} pixels: {error}") from error
    resized_path = Path(resized_path)
    partial = resized_path.with_suffix(".partial")
    partial.write_bytes(model.SerializeToString())
    partial.replace(resized_path)
    return resized_path
