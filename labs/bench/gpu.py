"""Providers of a GPU in turns, with the GPU's power: a script for a provider's environment.

It reads ``requests.json`` (lists of providers by option) from a folder of the workspace's programs,
and leaves ``power.json`` there; records go into the ledger. Run it with
``python -m labs gpu run labs/bench/gpu.py FOLDER``.
"""

import json
import sys
import threading
import time
from typing import Any

import numpy as np

from labs import assets, bench
from labs.data.dataset import load_split
from labs.records.ledger import ledger
from labs.workspace import models_dir, programs_dir


def race(requests: dict[str, list]) -> dict[str, object]:
    """Measure the float32 model in all ways with each list of providers, and return the sessions by
    option.
    """
    import onnxruntime as ort

    images, labels = load_split(assets.dataset(), "evaluation")
    sessions = {}
    for option, wanted in requests.items():
        # JSON has lists where ONNX Runtime wants pairs of a provider and its options.
        providers = [tuple(item) if isinstance(item, list) else item for item in wanted]
        session = ort.InferenceSession(models_dir() / "food11.onnx", providers=providers)
        sessions[option] = session
        described = bench.describe(session, settings={"providers": wanted})
        print(f"{option}: {described.providers_used}")
        ledger().append(bench.size(session, option=option))
        ledger().append(bench.accuracy(session, images, labels, option=option, batch_size=32))
    for record in bench.compare(sessions, images[:32], batches=(1, 32)):
        ledger().append(record)
        p50_ms = 1000 * record.percentile(50)
        print(f"{record.option}, {record.batch_size} at once: {p50_ms:.2f} ms")
    return sessions


def power(session: Any) -> dict | None:
    """Return readings of the first GPU's power while it answers batches for 10 s: times_s, watts,
    images between them.

    None where it shows none, as a slice of a GPU does.
    """
    import pynvml

    pynvml.nvmlInit()
    gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
    try:
        pynvml.nvmlDeviceGetPowerUsage(gpu)
    except pynvml.NVMLError as error:
        print(f"This GPU shows no power ({error}): a slice does not know what its neighbours draw.")
        return None
    photos = {"input": np.zeros((32, 3, 224, 224), np.float32)}
    for _ in range(20):
        session.run(None, photos)
    times_s: list[float] = []
    watts: list[float] = []
    over = threading.Event()
    images = 0
    begin_s = time.perf_counter()

    def read() -> None:
        while not over.wait(0.1):
            watts.append(pynvml.nvmlDeviceGetPowerUsage(gpu) / 1000)
            times_s.append(time.perf_counter() - begin_s)

    reader = threading.Thread(target=read)
    reader.start()
    while time.perf_counter() < begin_s + 10:
        session.run(None, photos)
        images += 32
    spent_s = time.perf_counter() - begin_s
    over.set()
    reader.join()
    read_s = times_s[-1] - times_s[0]
    images_between = images * read_s / spent_s
    return {"times_s": times_s, "watts": watts, "images": round(images_between)}


def main(name: str) -> None:
    """Do both for the folder of that name."""
    import onnxruntime as ort

    if hasattr(ort, "preload_dlls"):
        # CUDA's libraries are in this environment, where the system does not look
        ort.preload_dlls()
    folder = programs_dir() / name
    requests = json.loads((folder / "requests.json").read_text(encoding="utf-8"))
    sessions = race(requests)
    if "cuda" in sessions:
        readings = json.dumps(power(sessions["cuda"]))
        (folder / "power.json").write_text(readings, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
