"""Part 3's measurements once more, with the files that were made at home, on whatever machine this is.

``python -m labs.load.repeat`` measures the route of *Serve over HTTP*, the Python model without and with batches, the
ONNX model and the ensemble, as their lessons do; records are kept as 'gpus-…'. Networks run on GPU 0 where there is
one; what decodes photos stays on processors.
"""

import contextlib
import shutil

import numpy as np
import tritonclient.http as httpclient

from labs.data.preprocess import load_image, to_input
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.served import app_target, triton_target
from labs.load.target import Target
from labs.machine import fingerprint
from labs.machine.fingerprint import usable_cpu_count
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import serve_app
from labs.serve.triton import opening
from labs.workspace import programs_dir

#: Seconds of a run: a leased node measures for longer than a computer that plays one.
LEASED_S, REHEARSED_S = 5.0, 2.0

#: Models whose network runs on a GPU where there is one.
ON_GPU = ("food_classifier", "food_classifier_onnx")

#: Where *Batch and multiply* keeps the student's stanza, in the folder of programs.
STANZA = "batching.pbtxt"


def main() -> None:
    """Measure all of it, and keep the records."""
    photos = [photo(number) for number in range(8)]
    _route(photos)
    _triton(photos)


def _measure(option: str, clients: int, target: Target) -> None:
    seconds = LEASED_S if fingerprint().cuda_gpus else REHEARSED_S
    record = closed_loop(target, concurrency=clients, duration_s=seconds, timeout_s=60, option=f"gpus-{option}")
    ledger().append(record)
    print(f"{option}: {record.throughput_rps.value:.0f} answers a second", flush=True)


def _route(photos: list[bytes]) -> None:
    folder, model, workers = programs_dir() / "http", fp32_model(), usable_cpu_count()
    if not (folder / "app.py").is_file():
        print("http-16: your app.py is not here, so the route is left out", flush=True)
        return
    with serve_app(folder, MODEL=model, WORKERS=workers, MAY_WAIT=1000) as service:
        _measure("http-16", 16, app_target(service, model, photos, workers=workers))


def _triton(photos: list[bytes]) -> None:
    repository, texts = opening.lesson_repository(), image_inputs(photos)
    onnx = repository / "food_classifier_onnx" / "1" / "model.onnx"
    onnx.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(fp32_model(), onnx)  # what a student writes has travelled, and the model lies among the models
    written = {path.parent.name: path.read_text(encoding="utf-8") for path in repository.glob("*/config.pbtxt")}
    for name in written:  # an ensemble's version is an empty folder, and those do not travel
        (repository / name / "1").mkdir(exist_ok=True)
    triton = opening.open_repository(repository)
    client = httpclient.InferenceServerClient(triton.http, network_timeout=180)

    def load(name: str, more: str = "") -> None:
        on_gpu = bool(fingerprint().cuda_gpus) and name in ON_GPU
        text = written[name].replace("KIND_CPU", "KIND_GPU gpus: [ 0 ]") if on_gpu else written[name]
        (triton.repository.folder / name / "config.pbtxt").write_text(text + more, encoding="utf-8")
        client.load_model(name, headers=triton.headers)

    with contextlib.ExitStack() as stack:
        stack.callback(triton.stop)  # the node's container goes on
        stanza = programs_dir() / STANZA
        for option, more in (("batching-off-16", None), ("batching-on-16", stanza)):
            if more and not more.is_file():
                print(f"{option}: your {STANZA} is not here, so it is left out", flush=True)
                continue
            load("food_classifier", more.read_text(encoding="utf-8") if more else "")
            _measure(option, 16, triton_target(triton, "food_classifier", texts))
        if "food_classifier_ensemble" in written:
            for name in ("food_classifier_onnx", "food_preprocess", "food_label", "food_classifier_ensemble"):
                load(name)
            tensors = tensor_inputs(np.stack([to_input(load_image(one)) for one in photos]))
            _measure("onnx", 8, triton_target(triton, "food_classifier_onnx", tensors))
            _measure("ensemble", 8, triton_target(triton, "food_classifier_ensemble", texts, network=onnx))
        else:
            print("onnx, ensemble: your ensemble is not here, so both are left out", flush=True)
        for name, text in written.items():
            (triton.repository.folder / name / "config.pbtxt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
