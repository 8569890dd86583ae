"""Facts about the file that a student exported: names, version, weights, and its answers."""

from pathlib import Path

import numpy as np
import onnx

from labs import assets
from labs.data.dataset import load_split
from labs.optimize.export import OPSET
from labs.optimize.exported import exported_facts

#: Photos whose logits are compared; two at a time, as in the lesson's example.
_PHOTOS, _AT_ONCE = 8, 2


def exported_file(path: Path) -> dict:
    """Return the facts of an exported file, and the largest ``difference`` of a logit from the
    network's own; 0 of a file that a runtime here may be unable to open.
    """
    facts: dict = dict(exported_facts(onnx.load(path, load_external_data=False)))
    can_be_run = facts["opset"] == OPSET and not facts["elsewhere"]
    facts["difference"] = _difference(path) if can_be_run else 0.0
    return facts


def _difference(path: Path) -> float:
    """Return the largest difference of a logit between a file and the network that was exported."""
    # Reading other questions' facts needs neither.
    import onnxruntime as ort
    import torch

    from labs.data.models import load_mobilenet_v2

    images = load_split(assets.dataset(), "evaluation")[0][:_PHOTOS]
    net = load_mobilenet_v2(assets.model()).eval()
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    input_name = session.get_inputs()[0].name
    largest = 0.0
    for start in range(0, len(images), _AT_ONCE):
        photos = images[start : start + _AT_ONCE]
        (logits,) = session.run(None, {input_name: photos})
        with torch.inference_mode():
            expected = net(torch.from_numpy(photos)).numpy()
        largest = max(largest, float(np.abs(logits - expected).max()))
    return largest
