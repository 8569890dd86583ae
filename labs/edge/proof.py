"""Proof that an environment does what the lessons need: import, name classes, measure.

``python -m labs.edge.proof`` reads a job from standard input and answers with one JSON line. It
runs in the same way on this computer, on the emulated device and on the real one; comparing its
answers is the proof.
"""

import hashlib
import importlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from labs import bench
from labs.data.dataset import load_split
from labs.edge.job import Candidate, Effort, Job
from labs.edge.measuring import measure
from labs.machine import fingerprint
from labs.records import Ledger
from labs.records.ledger import LedgerError
from labs.runtimes.opening import open_model

#: Packages that the device's lessons import, beside the course itself.
MODULES = (
    "onnxruntime",
    "onnx",
    "PIL.Image",
    "psutil",
    "matplotlib.pyplot",
    "altair",
    "ipykernel",
    "pandas",
    "ipywidgets",
    "typer",
    "labs.edge.measuring",
)


def versions(names: Iterable[str]) -> dict[str, str]:
    """Import modules and return their versions, empty if a module states none."""
    modules = {name: importlib.import_module(name) for name in names}
    return {name: str(getattr(modules[name], "__version__", "")) for name in modules}


def results(models: Mapping[str, str], images: np.ndarray, labels: np.ndarray) -> dict[str, dict]:
    """Return each model's classes for images (N, 3, 224, 224), with its precision and providers."""
    facts = {}
    for option, path in models.items():
        session = open_model(path, settings={"intra_op_num_threads": 1})
        record = bench.accuracy(session, images, labels, option=option, batch_size=1)
        facts[option] = {
            "predicted": record.details["predicted"],
            "precision": record.precision,
            "providers": record.providers_used,
            "sha256": record.model.sha256,
        }
    return facts


def timed(option: str, path: str, ledger: Path) -> dict:
    """Do a lesson's job with one option, and return what a ledger says to its records."""
    effort = Effort(latency_samples=1, latency_limit_s=0.1, pictures=1, batches=1)
    candidate = Candidate(option, Path(path).name, threads=1)
    job = Job("options", (candidate,), effort, (1,))
    kinds = []
    refused = set()
    for record in measure(job, models=Path(path).parent):
        kinds.append(record.kind)
        try:
            Ledger(ledger).append(record)
        except LedgerError as error:
            refused.add(str(error))
    return {"kinds": kinds, "refused": sorted(refused), "kept": ledger.exists()}


def main() -> None:
    """Read a job, do it, print one JSON line."""
    job = json.load(sys.stdin)
    images, labels = load_split(job["dataset"], "evaluation", limit=job["pictures"])
    # Decoding a JPEG is part of the recipe: another result here would be another model's input.
    digest = hashlib.sha256(images.tobytes()).hexdigest()
    answer = {
        "versions": versions(job.get("modules", ())),
        "results": results(job["models"], images, labels),
        "pictures_sha256": digest,
    }
    if "time" in job:
        option = job["time"]
        answer["timed"] = timed(option, job["models"][option], Path(job["ledger"]))
    machine = fingerprint()
    answer["machine"] = machine.to_json()
    answer["label"] = machine.label
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
