"""Facts about a file that takes fewer pixels."""

from pathlib import Path

import numpy as np
import onnx

from labs import assets
from labs.data.dataset import load_split
from labs.optimize.predict import answers
from labs.workspace import models_dir


def resized_file(path: Path) -> dict:
    """Return the size of a file's photos, and the share of 33 photos on which it gives the class of
    the signed static INT8 file.
    """
    full = models_dir() / "int8-static-s8s8.onnx"
    shape = onnx.load(path).graph.input[0].type.tensor_type.shape
    batch, _, height, width = (side.dim_value or "free" for side in shape.dim)
    facts = {
        "changed": path.read_bytes() != full.read_bytes(),
        "height": height,
        "width": width,
        "batch": batch,
    }
    if (height, width, batch) != (160, 160, "free"):
        return facts | {"agreement": 0.0}
    small, _ = load_split(assets.dataset(), "validation", limit=33, size_px=160)
    large, _ = load_split(assets.dataset(), "validation", limit=33, size_px=224)
    same_class = answers(path, small) == answers(full, large)
    return facts | {"agreement": float(np.mean(same_class))}
