"""A device's files, made where part 1 has not made them, and the same model on smaller pictures."""

from pathlib import Path

from labs import assets
from labs.data.dataset import load_split

#: The files that a device is measured with, by option: what part 1 calls them in the folder of
#: models.
PART_1_FILES: dict[str, str] = {
    "edge-fp32": "food11.onnx",
    "edge-int8-dynamic": "int8-dynamic.onnx",
    "edge-int8-u8s8": "int8-static-u8s8.onnx",
    "edge-int8-s8s8": "int8-static-s8s8.onnx",
}


def part_1_files(folder: Path, *, calibration_images: int = 128) -> dict[str, Path]:
    """Return the files by option, made first if they are missing.

    Raises:
        FileNotFoundError: Files are missing, and this machine has no torch to make them with.
    """
    paths = {option: folder / name for option, name in PART_1_FILES.items()}
    if not all(path.is_file() for path in paths.values()):
        try:
            _make(paths, calibration_images)
        except ImportError as error:
            # Chameleon's Jupyter and the device have neither torch nor the quantizer.
            names = ", ".join(PART_1_FILES.values())
            raise FileNotFoundError(
                f"{folder} lacks files of part 1, and this machine has no {error.name} to make "
                f"them with. Copy {names} from where you did part 1 "
                "into this folder (drag them in), and run this cell again."
            ) from error
    return paths


def _make(paths: dict[str, Path], calibration_images: int) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from labs.optimize.static_quantization import ImageReader
    from labs.serve.models import fp32_model

    exported, dynamic, *fixed = paths.values()
    prepared = exported.with_name("food11-prepared.onnx")
    quant_pre_process(fp32_model(exported.parent), prepared)
    if not dynamic.is_file():
        # Unsigned weights: on the CPU, older ONNX Runtimes have no ConvInteger for signed ones
        # (their issue 15888).
        quantize_dynamic(prepared, dynamic, weight_type=QuantType.QUInt8)
    images, _ = load_split(assets.dataset(), "training", limit=calibration_images)
    for path, activations in zip(fixed, (QuantType.QUInt8, QuantType.QInt8), strict=True):
        if not path.is_file():
            settings = {
                "activation_type": activations,
                "weight_type": QuantType.QInt8,
                "per_channel": True,
            }
            quantize_static(prepared, path, ImageReader(images), **settings)


#: The network halves its picture five times, so a side that is no multiple of this loses a row.
STRIDE_PX = 32


def with_input_size(path: str | Path, resized_path: str | Path, size_px: int) -> Path:
    """Write a model, float or quantized, that takes pictures of another size, and return where.

    Raises:
        ValueError: The size is no multiple of 32, or the model has its size built in somewhere.
    """
    import onnx

    if size_px < STRIDE_PX or size_px % STRIDE_PX:
        raise ValueError(
            f"{size_px} pixels: take a multiple of {STRIDE_PX}, since the network halves its "
            "picture 5 times"
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
