"""Triton on this machine: bare ONNX Runtime beside it with equal threads, and the seconds that a change takes.

The client runs on the same processors, so its share is included.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from labs import assets
from labs.load import closed_loop, tensor_inputs
from labs.load.served import triton_target
from labs.machine.fingerprint import usable_cpu_count
from labs.runtimes.progress import OnProgress, silent
from labs.serve.models import fp32_model
from labs.serve.triton import catalogue
from labs.serve.triton.catalogue import ModelFolder, ModelRepository, instances
from labs.serve.triton.server import LocalTriton, start

#: What is asked of a change: seconds until the model is ready again.
CHANGE_WITHIN_S = 2.0


def bare_rate(model: Path, sessions: int, seconds: float = 3.0) -> float:
    """Return images a second of sessions side by side, one thread each, with nothing around them."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = 1, 1
    made = [ort.InferenceSession(model, options, providers=["CPUExecutionProvider"]) for _ in range(sessions)]
    feed = {"input": np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)}
    counts, end_s = [0] * sessions, time.perf_counter() + seconds

    def work(index: int) -> None:
        while time.perf_counter() < end_s:
            made[index].run(None, feed)
            counts[index] += 1

    workers = [threading.Thread(target=work, args=(index,)) for index in range(sessions)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / seconds


def rate_table(triton: LocalTriton, model: Path, rounds: int = 5) -> pd.DataFrame:
    """Return the rates of both in turns, so that a busy minute hits both, and the median of their ratios."""
    cores, rows = usable_cpu_count(), []
    target = triton_target(triton, "food_classifier_onnx", tensor_inputs(np.zeros((4, 3, 224, 224), np.float32)))
    for _ in range(rounds):
        record = closed_loop(target, concurrency=cores + 1, duration_s=3, option="triton")
        rows.append((bare_rate(model, cores), record.throughput_rps.value))
    found = pd.DataFrame(rows, columns=["bare, images/s", "Triton, images/s"])
    found["ratio"] = found["Triton, images/s"] / found["bare, images/s"]
    found.loc["median"] = found.median()
    return found.round(3)


def change_table(triton: LocalTriton, folders: list[ModelFolder]) -> pd.DataFrame:
    """Return what a change of each model's largest batch takes until it is ready again, the median of three changes."""
    found = []
    for folder in folders:
        path, took_s = triton.repository.folder / folder.name / "config.pbtxt", []
        for size in (8, 12, 16):
            path.write_text(folder.config.replace("max_batch_size: 16", f"max_batch_size: {size}"))
            begin_s = time.monotonic()
            triton.load(folder.name)
            took_s.append(time.monotonic() - begin_s)
        met = "met" if max(took_s) <= CHANGE_WITHIN_S else "missed"
        seconds = {"median, s": f"{statistics.median(took_s):.2f}", "longest, s": f"{max(took_s):.2f}"}
        found.append({"model": folder.name, **seconds, "bar": f"{CHANGE_WITHIN_S:g} s: {met}"})
    return pd.DataFrame(found)


def tables(report: OnProgress = silent) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield titled tables, each as soon as it is there."""
    model = fp32_model()
    folders = [
        catalogue.food_classifier(assets.model()),
        catalogue.food_classifier_onnx(model, instances(usable_cpu_count())),
        catalogue.food_preprocess(instances(2)),
        catalogue.food_label(),
    ]
    with tempfile.TemporaryDirectory() as folder, start(folders, repository=ModelRepository(folder)) as triton:
        report(0.1, "bare ONNX Runtime against Triton")
        yield "Triton's ONNX path against bare ONNX Runtime, equal threads", rate_table(triton, model)
        report(0.6, "from a change to ready")
        yield "From a changed configuration to a ready model", change_table(triton, folders)
