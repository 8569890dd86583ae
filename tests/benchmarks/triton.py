"""Triton on this machine against its bars: bare ONNX Runtime beside it, and the seconds that a change takes.

Bare ONNX Runtime gets as many threads as the server's copies have together, used in the way that a trial found best
(several sessions, or one with several threads; images singly or in batches). The client runs on the same processors,
so its share is included.
"""

from __future__ import annotations

import contextlib
import re
import resource
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from labs import assets
from labs.data.models import load_mobilenet_v2
from labs.machine.fingerprint import usable_cpu_count
from labs.optimize.export import export_onnx
from labs.runtimes.progress import OnProgress, silent
from labs.serve.triton import catalogue
from labs.serve.triton.catalogue import ModelFolder, ModelRepository, instances
from labs.serve.triton.environment import perf_analyzer
from labs.serve.triton.server import LocalTriton, start

#: What the issue asks of the ONNX path: its throughput at saturation over bare ONNX Runtime's, with equal threads.
BAR = 0.92

#: What it asks of a change: seconds until the model is ready again.
CHANGE_WITHIN_S = 2.0

_ONNX = "food_classifier_onnx"
#: Tensors of zeros, handed over in shared memory.
_TENSORS = "--input-data zero --shape input:3,224,224 --shared-memory system"
#: Windows of 0.7 s, three of them, however alike they are.
_WINDOWS = "-p 700 -s 999"
#: How many images the backend runs at once.
_ONE_AT_ONCE = 'parameters { key: "run_batch_size" value { string_value: "1" } }'


def bare(model: Path, sessions: int, threads: int, batch_size: int, seconds: float = 2.0) -> tuple[float, float]:
    """Return pictures a second, and processor seconds a picture, of sessions side by side with nothing around them."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # As in the server: a thread that spins while it waits looks busy, and its processor seconds would count here.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    made = [ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"]) for _ in range(sessions)]
    feed = {"input": np.random.default_rng(0).normal(size=(batch_size, 3, 224, 224)).astype(np.float32)}
    for session in made:
        session.run(None, feed)
    counts, end_s = [0] * sessions, time.perf_counter() + seconds

    def work(index: int) -> None:
        while time.perf_counter() < end_s:
            made[index].run(None, feed)
            counts[index] += batch_size

    workers = [threading.Thread(target=work, args=(index,)) for index in range(sessions)]
    begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took_s, cpu_s = time.perf_counter() - begin_s, time.process_time() - begin_cpu_s
    return sum(counts) / took_s, cpu_s / sum(counts)


def best_way(model: Path, cores: int, batch_sizes: tuple[int, ...] = (1, 2, 8)) -> tuple[int, int, int]:
    """Return sessions, threads and batch size with which bare ONNX Runtime takes the least processor time an image.

    Found by the median of five turns before the comparison: the best of several noisy runs in each of its rounds would
    be the luckiest of them.
    """
    ways = [(*way, size) for way in {(cores, 1), (1, cores)} for size in batch_sizes]
    turns = [[bare(model, *way, seconds=0.8)[1] for way in ways] for _ in range(5)]
    return min(zip(np.median(turns, axis=0), ways, strict=True))[1]


def processor_s(triton: LocalTriton) -> float:
    """Return processor seconds that the server, its models and all finished children of this process took so far."""
    family = [one.cpu_times() for one in triton.processes()]
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.user + one.system for one in family) + ended.ru_utime + ended.ru_stime


def analyze(triton: LocalTriton, name: str, concurrency: int, images: int) -> float:
    """Return the images a second that perf_analyzer finds."""
    asked = f"-u {triton.grpc} -i grpc -m {name} -b {images} --concurrency-range {concurrency} {_TENSORS} {_WINDOWS}"
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        command = [str(perf_analyzer()), *asked.split(), "-f", str(table)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout[-1500:] + done.stderr[-500:])
        return float(pd.read_csv(table).iloc[-1]["Inferences/Second"])


def bar_table(triton: LocalTriton, folder: ModelFolder, model: Path, rounds: int = 9) -> pd.DataFrame:
    """Return the bar: bare ONNX Runtime and Triton in turns, so that a busy minute hits both.

    Beside the rates stand the processor milliseconds that a picture cost, with those of perf_analyzer included. Where
    processors are what runs out, their ratio is the ratio of the rates on a machine that nobody else uses.
    """
    cores, rows = usable_cpu_count(), []
    way = best_way(model, cores)
    for _ in range(rounds):
        rate_alone, cost_alone_s = bare(model, *way)
        # Requests of eight images, as a service in front of Triton would gather them; run singly in the backend.
        before_s, served_before = processor_s(triton), triton.statistics(folder.name).inferences
        rate_served = analyze(triton, folder.name, cores + 1, 8)
        cost_s = (processor_s(triton) - before_s) / (triton.statistics(folder.name).inferences - served_before)
        rows.append((rate_alone, rate_served, cost_alone_s * 1e3, cost_s * 1e3))
    found = pd.DataFrame(rows, columns=["bare, pictures/s", "Triton, pictures/s", "bare, cpu ms", "Triton, cpu ms"])
    found["rates"] = found["Triton, pictures/s"] / found["bare, pictures/s"]
    found["costs"] = found["bare, cpu ms"] / found["Triton, cpu ms"]
    found.loc["median"] = found.median()
    found.insert(0, "bare: sessions × threads, batch", "{} × {}, {}".format(*way))
    met = {name: "met" if found.loc["median", name] >= BAR else "missed" for name in ("rates", "costs")}
    return found.round(3).assign(bar=[""] * rounds + [f"{BAR}: {met['rates']}, {met['costs']}"])


def changed(triton: LocalTriton, folder: ModelFolder) -> float:
    """Return the seconds from a changed configuration to a ready model."""
    triton.repository.write_config(folder.name, folder.config)
    return triton.load(folder.name)


def change_table(triton: LocalTriton, folders: dict[str, ModelFolder]) -> pd.DataFrame:
    """Return what a change of each model's configuration takes until it is ready again, the median of three changes."""
    found = []
    for name, folder in folders.items():
        if not folder.files:  # an ensemble
            continue
        more = re.sub(r"count: (\d+)", lambda found: f"count: {int(found[1]) + 1}", folder.config)
        fewer = folder.config.replace("max_batch_size: 16", "max_batch_size: 8")
        for what, config in (("another instance", more), ("largest batch", fewer)):
            took_s = []
            for _ in range(3):
                took_s.append(changed(triton, replace(folder, config=config)))
                changed(triton, folder)
            met = "met" if max(took_s) <= CHANGE_WITHIN_S else "missed"
            seconds = {"median, s": f"{statistics.median(took_s):.2f}", "longest, s": f"{max(took_s):.2f}"}
            found.append({"model": name, "change": what, **seconds, "bar": f"{CHANGE_WITHIN_S:g} s: {met}"})
    return pd.DataFrame(found)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[LocalTriton, dict[str, ModelFolder], Path]]:
    """Yield a server with all models, their folders by name, and the ONNX file."""
    weights = assets.model()
    model = export_onnx(load_mobilenet_v2(weights), folder / "food11.onnx")
    made = [
        catalogue.food_classifier(weights),
        catalogue.food_classifier_onnx(model, instances(usable_cpu_count()), _ONE_AT_ONCE),
        catalogue.food_preprocess(instances(2)),
        catalogue.food_label(),
        catalogue.food_ensemble(),
    ]
    with start(made, repository=ModelRepository(folder / "models"), shared_memory=True) as triton:
        yield triton, {one.name: one for one in made}, model


def tables(report: OnProgress = silent) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield titled tables, each as soon as it is there."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (triton, folders, model):
        report(0.1, "bare ONNX Runtime against Triton")
        found = bar_table(triton, folders[_ONNX], model)
        yield "Triton's ONNX path against bare ONNX Runtime, equal threads", found
        report(0.6, "from a change to ready")
        yield "From a changed configuration to a ready model", change_table(triton, folders)
