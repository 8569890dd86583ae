"""The device's files, made in part 1's way where part 1 has not made them yet: fp32, dynamic and static INT8."""

from __future__ import annotations

from pathlib import Path

from labs import assets
from labs.dataset import load_split

#: The files that a device is measured with, by option: what part 1 calls them in the folder of models.
PART_1_FILES: dict[str, str] = {
    "edge-fp32": "food11.onnx",
    "edge-int8-dynamic": "int8-dynamic.onnx",
    "edge-int8-qdq": "int8-static-qdq.onnx",
    "edge-int8-s8s8": "int8-static-s8s8.onnx",
    "edge-int8-pruned": "int8-pruned.onnx",
}


def part_1_files(folder: Path) -> dict[str, Path]:
    """Return the files by option, those of the unpruned model made first where they are missing.

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
    """Make what is missing of the unpruned files in a folder as lessons 12 and 14 do, and return what was made.

    Needs torch; a machine without it brings the files that a laptop or a node has made.

    Args:
        folder: Folder of models.
        calibration_images: Training images to calibrate on.
    """
    names = [PART_1_FILES[name] for name in ("edge-fp32", "edge-int8-dynamic", "edge-int8-qdq", "edge-int8-s8s8")]
    missing = [name for name in names if not (folder / name).is_file()]
    if not missing:
        return []

    # Only now: Chameleon's Jupyter, which has neither torch nor ONNX Runtime, brings the files along.
    from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from labs.models import load_mobilenet_v2
    from labs.optimize.export import export_onnx
    from labs.optimize.reader import ImageReader
    from labs.optimize.slim import slim_onnx

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
            slim_onnx(folder / name)
    return [folder / name for name in missing]
