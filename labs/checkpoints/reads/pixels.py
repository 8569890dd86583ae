"""Facts about a file that takes fewer pixels."""

from pathlib import Path

import numpy as np
import onnx

from labs import assets
from labs.data.dataset import load_split
from labs.optimize.predict import answers
from labs.workspace import models_dir


def resized_file(path: Path) -> dict:
    """Return what photos a file takes, and on what share of 33 it names the class of the signed static INT8 file."""
    full = models_dir() / "int8-static-s8s8.onnx"
    batch, _, height, width = (
        side.dim_value or "free"
        for side in onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    )
    facts = {
        "changed": path.read_bytes() != full.read_bytes(),
        "height": height,
        "width": width,
        "batch": batch,
    }
    if (height, width, batch) != (160, 160, "free"):
        return facts | {"agreement": 0.0}
    small, large = (
        load_split(assets.dataset(), "validation", limit=33, size_px=side)[0] for side in (160, 224)
    )
    return facts | {"agreement": float(np.mean(answers(path, small) == answers(full, large)))}
