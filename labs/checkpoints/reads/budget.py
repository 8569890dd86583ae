"""Facts about files whose layers have different precisions: what they lose."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from labs import assets
from labs.checkpoints.reads.onnx_files import share_by_type
from labs.data.dataset import load_split
from labs.optimize.predict import answers
from labs.records.targets import BUDGETS
from labs.workspace import models_dir


def within_budgets(paths: Mapping[str, Path]) -> dict:
    """Return what the file of each budget loses on the validation photos, against the workspace's ``food11.onnx``."""
    if missing := [name for name in BUDGETS if name not in paths]:
        return {"missing": " and ".join(missing)}
    images, labels = load_split(assets.dataset(), "validation")
    right = {name: np.sum(answers(paths[name], images) == labels) for name in BUDGETS}
    target = np.sum(answers(models_dir() / "food11.onnx", images) == labels)
    loose, tight = (Path(paths[name]).stat().st_size for name in BUDGETS)
    return {
        "missing": "",
        "float_share": max(share_by_type(paths[name]).get("FLOAT", 0.0) for name in BUDGETS),
        "looser_is_larger": loose > tight,
        **{name: float(target - count) / len(labels) for name, count in right.items()},
    }
