"""The file that is served: the float32 model, made once and kept in the workspace."""

from pathlib import Path

from labs import assets
from labs.runtimes.progress import OnProgress, silent
from labs.workspace import models_dir

#: Its name in part 1's lessons, so that students who took them serve their own file.
FP32_NAME = "food11.onnx"


def fp32_model(folder: Path | None = None, *, on_progress: OnProgress = silent) -> Path:
    """Return the model as an ONNX file in a folder or the workspace; export it if it is missing."""
    from labs.data.models import load_mobilenet_v2
    from labs.optimize.export import export_onnx

    path = (folder or models_dir()) / FP32_NAME
    if not path.is_file():
        on_progress(0.0, "export to ONNX")
        # Under another name until it is whole: a run that was stopped must not leave half a model
        # behind.
        export_onnx(load_mobilenet_v2(assets.model()), path.with_suffix(".part.onnx"))
        path.with_suffix(".part.onnx").replace(path)
    on_progress(1.0, f"{path.name} is there")
    return path
