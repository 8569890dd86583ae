"""Part 3's measurements once more, with the files that were made at home, on whatever machine this
is.

``python -m labs.load.repeat`` measures both routes of *Serve over HTTP*, the Python model without
and with batches, the ONNX model and the ensemble, as their lessons do; records are kept as
'gpus-…'.
"""

from typing import Any

from labs import assets
from labs.load.arrange import ONNX, PYTHON, Models, measure
from labs.load.served import app_target
from labs.machine.fingerprint import usable_cpu_count
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import serve_app
from labs.workspace import programs_dir

#: Where *Batch and multiply* keeps the student's stanza, in the folder of programs.
STANZA = "batching.pbtxt"

#: The ensemble, and the models that are loaded before it.
STEPS = (ONNX, "food_preprocess", "food_label", "food_classifier_ensemble")


def main() -> None:
    """Measure all of it, and keep the records."""
    _routes()
    with Models() as models:
        models.load(PYTHON)
        models.measure("batching-off-16", PYTHON, 16)
        stanza = programs_dir() / STANZA
        if stanza.is_file():
            models.load(PYTHON, stanza.read_text(encoding="utf-8"))
            models.measure("batching-on-16", PYTHON, 16)
        else:
            print(f"batching-on-16: your {STANZA} is not here, so it is left out", flush=True)
        if "food_classifier_ensemble" not in models.written:
            print("onnx, ensemble: your ensemble is not here, so both are left out", flush=True)
            return
        for name in STEPS:
            models.load(name)
        models.measure("onnx", ONNX, 8)
        models.measure("ensemble", STEPS[-1], 8)


def _routes() -> None:
    folder = programs_dir() / "http"
    if not (folder / "app.py").is_file():
        print("http-16: your app.py is not here, so both routes are left out", flush=True)
        return
    model = fp32_model()
    workers = usable_cpu_count()
    photos = [photo(number) for number in range(8)]
    settings: dict[str, Any] = {"MODEL": model, "WORKERS": workers, "MAY_WAIT": 1000}
    for option, runtime, network in (
        ("http-torch-16", "torch", assets.model()),
        ("http-16", "onnxruntime", model),
    ):
        with serve_app(folder, RUNTIME=runtime, **settings) as service:
            target = app_target(service, network, photos, runtime, workers=workers)
            measure(option, 16, target)


if __name__ == "__main__":
    main()
