"""The same model on smaller pictures: its file with another input, and the pictures in that size.

A convolution does not care how large its picture is, and MobileNetV2 averages over whatever is left before its last
layer. So a smaller input needs no other weights: the same file, with another number in its header.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from labs.dataset import iterate
from labs.preprocess import IMAGENET_MEAN, IMAGENET_STD, crop, load_image

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


def to_input_at(picture: bytes | str | Path, size_px: int) -> np.ndarray:
    """Return a picture as the input of a model that takes another size; the recipe is the course's own.

    Args:
        picture: A file, or its bytes.
        size_px: Side in pixels.

    Returns:
        float32 array of shape (3, size_px, size_px).
    """
    pixels = np.asarray(crop(load_image(picture), size_px), dtype=np.float32) / 255.0
    pixels = (pixels - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_STD, np.float32)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def load_split_at(
    root: str | Path, split: str, size_px: int, *, limit: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return a split in another size, as ``labs.dataset.load_split`` does in the usual one.

    Args:
        root: Folder of the data set.
        split: Its part.
        size_px: Side in pixels.
        limit: Take this many pictures at most, spread evenly.
    """
    items = list(iterate(root, split))
    if limit is not None and limit < len(items):
        items = [items[index * len(items) // limit] for index in range(limit)]
    images = np.stack([to_input_at(path, size_px) for path, _ in items])
    return images, np.array([label for _, label in items], np.int64)
