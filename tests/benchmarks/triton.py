"""The Triton table of this machine: bare ONNX Runtime, the same model behind Triton, and what each setting brings.

    python -m tests.benchmarks.triton [--only bar]

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
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import typer

from labs import assets
from labs.machine import fingerprint
from labs.machine.fingerprint import usable_cpu_count
from labs.models import load_mobilenet_v2
from labs.optimize.export import export_onnx
from labs.records.format import milliseconds
from labs.serve.photos import write_input_data
from labs.serve.triton import catalogue
from labs.serve.triton.catalogue import ModelFolder, instances
from labs.serve.triton.environment import perf_analyzer
from labs.serve.triton.repository import ModelRepository
from labs.serve.triton.server import LocalTriton, start

#: What the issue asks of the ONNX path: its throughput at saturation over bare ONNX Runtime's, with equal threads.
BAR = 0.92

#: What it asks of a change: seconds until the model is ready again.
CHANGE_WITHIN_S = 2.0

_ONNX = "food_classifier_onnx"
#: Tensors of zeros, handed over in shared memory.
_TENSORS = "--input-data zero --shape input:3,224,224 --shared-memory system"
#: Windows of 0.7 s, three of them, however alike they are; and windows of so many requests, for a slower model.
_SECONDS, _REQUESTS = "-p 700 -s 999", "-s 999 --measurement-mode count_windows --measurement-request-count {}"
_BATCHING = "dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 500 }"
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
    family = [one.cpu_times() for one in psutil.Process(triton.pid).children(recursive=True)]
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.user + one.system for one in family) + ended.ru_utime + ended.ru_stime


def analyze(triton: LocalTriton, name: str, concurrency: int, images: int, contents: str) -> dict:
    """Return the row of perf_analyzer's table: images a second, and mean times and percentiles in microseconds."""
    asked = f"-u {triton.grpc} -i grpc -m {name} -b {images} --concurrency-range {concurrency} {contents}"
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        for windows in (_SECONDS, _REQUESTS.format(max(4, concurrency))):
            command = [str(perf_analyzer()), *asked.split(), *windows.split(), "-f", str(table), "--verbose-csv"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
            if done.returncode == 0:
                return pd.read_csv(table).iloc[-1].to_dict()
    raise RuntimeError(done.stdout[-1500:] + done.stderr[-500:])


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
        served = analyze(triton, folder.name, cores + 1, 8, _TENSORS)
        cost_s = (processor_s(triton) - before_s) / (triton.statistics(folder.name).inferences - served_before)
        rows.append((rate_alone, served["Inferences/Second"], cost_alone_s * 1e3, cost_s * 1e3))
    found = pd.DataFrame(rows, columns=["bare, pictures/s", "Triton, pictures/s", "bare, cpu ms", "Triton, cpu ms"])
    found["rates"] = found["Triton, pictures/s"] / found["bare, pictures/s"]
    found["costs"] = found["bare, cpu ms"] / found["Triton, cpu ms"]
    found.loc["median"] = found.median()
    found.insert(0, "bare: sessions × threads, batch", "{} × {}, {}".format(*way))
    met = {name: "met" if found.loc["median", name] >= BAR else "missed" for name in ("rates", "costs")}
    return found.round(3).assign(bar=[""] * rounds + [f"{BAR}: {met['rates']}, {met['costs']}"])


def row(found: dict, what: str, concurrency: int, images: int) -> dict:
    """Return one line of the table."""
    compute_us = sum(found[f"Server Compute {part}"] for part in ("Input", "Infer", "Output"))
    return {
        "": what,
        "at once": concurrency,
        "batch": images,
        "images/s": f"{found['Inferences/Second']:.0f}",
        "p50": milliseconds(found["p50 latency"] * 1e-6),
        "p99": milliseconds(found["p99 latency"] * 1e-6),
        "queue": milliseconds(found["Server Queue"] * 1e-6),
        "compute": milliseconds(compute_us * 1e-6),
    }


def rows(triton: LocalTriton, folders: dict[str, ModelFolder], input_data: Path) -> Iterator[dict]:
    """Yield the table's lines: the Python model, batches, dynamic batching, instances, ensemble, ONNX."""

    def run(name: str, what: str, concurrency: int, images: int = 1) -> dict:
        contents = _TENSORS if name == _ONNX else f"--input-data {input_data}"
        return row(analyze(triton, name, concurrency, images, contents), what, concurrency, images)

    def settle(make: Callable[..., ModelFolder], file: Path, *stanzas: str) -> float:
        return changed(triton, make(file, *stanzas))

    python, onnx = catalogue.food_classifier, catalogue.food_classifier_onnx
    weights, network = folders["food_classifier"].files["model.safetensors"], folders[_ONNX].files["model.onnx"]

    for concurrency in (1, 8, 16):
        yield run("food_classifier", "Python backend, torch", concurrency)
    yield run("food_classifier", "requests of 16 images", 1, 16)
    settle(python, weights, _BATCHING)
    yield run("food_classifier", "dynamic batching", 8)
    for count in (2, 4):
        settle(python, weights, instances(count), _BATCHING)
        yield run("food_classifier", f"dynamic batching, {count} instances", 8)
    settle(python, weights)
    yield run("food_classifier_ensemble", "ensemble with ONNX Runtime", 8)
    for count in (1, 2, 4):
        took_s = settle(onnx, network, instances(count), _BATCHING)
        yield run(_ONNX, f"ONNX backend, {count} instances (ready after {took_s:.1f} s)", 8)


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


def tables(
    only: str = "", report: Callable[[float, str], None] = lambda done, text: None
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield titled tables, each as soon as it is there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = sorted((assets.dataset("food11-mini") / "evaluation").rglob("*.jpg"))[:16]
        images = [path.read_bytes() for path in photos]
        with served(folder) as (triton, folders, model):
            if only in ("", "bar"):
                report(0.1, "bare ONNX Runtime against Triton")
                yield (
                    "Triton's ONNX path against bare ONNX Runtime, equal threads",
                    bar_table(triton, folders[_ONNX], model),
                )
            if only in ("", "change"):
                report(0.2, "from a change to ready")
                yield "From a changed configuration to a ready model", change_table(triton, folders)
            if only in ("", "table"):
                found = []
                for line in rows(triton, folders, write_input_data(folder / "input.json", images)):
                    report(0.2 + 0.06 * len(found), line[""])
                    found.append(line)
                yield "Triton under perf_analyzer", pd.DataFrame(found)


def main(only: str = typer.Option("", help="'bar', 'change' or 'table' for one of them alone.")) -> None:
    """Print the tables; about two minutes on two cores."""
    print(f"Machine: {fingerprint().label}", flush=True)
    for title, table in tables(only, lambda done, text: print(text, file=sys.stderr, flush=True)):
        print(f"\n{title}\n{'-' * len(title)}\n{table.to_string(index=False)}", flush=True)


if __name__ == "__main__":
    typer.run(main)
