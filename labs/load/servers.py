"""Servers of several makers under one contract, side by side: a JPEG as base64 text in, class and probability out.

All serve the same float32 file with about as many workers as there are processors, each with one thread. They are up at
the same time and take turns under load. Idle ones cost memory; Ray's own processes, which look after the cluster, cost
all turns alike a part of a processor too.
"""

import base64
import contextlib
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labs.bench.targets import model_file
from labs.display.format import milliseconds
from labs.load.race import cost_ratio, cost_s, latency_ratio, of, race, rate_ratio
from labs.load.served import app_target, triton_served
from labs.load.target import Served, Target, predict
from labs.machine.fingerprint import usable_cpu_count
from labs.records import Measurement, Threads
from labs.runtimes import child
from labs.runtimes.loopback import listen
from labs.runtimes.progress import OnProgress, part, silent
from labs.runtimes.providers import environment, install
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.ray import start_ray
from labs.serve.running import Service, start, wait_until_ready
from labs.serve.triton import opening, server
from labs.serve.triton.catalogue import ModelRepository, with_instances
from labs.workspace import PROJECT_DIR, NotWrittenError, programs_dir, require_written

#: What the others are compared with.
BASELINE = "FastAPI"

#: Triton's models, which the student writes in *Build an ensemble*.
_ENSEMBLE, _STEPS = (
    "food_classifier_ensemble",
    ("food_preprocess", "food_classifier_onnx", "food_label"),
)

#: Starts a server for a model's file and photos, and returns what load is sent to; the stack ends it.
Start = Callable[[contextlib.ExitStack, Path, Path, Sequence[bytes]], Target]


def compare(
    *, rounds: int = 5, more: Mapping[str, Start] | None = None, on_progress: OnProgress = silent
) -> list[Measurement]:
    """Return one record for each server and round of sixteen clients; they take turns, every second round in reverse.

    Args:
        more: Servers beside ``SERVERS``, such as ``whole_request``.

    Raises:
        RuntimeUnavailableError: Triton, or LitServe's or Ray's environment, cannot be had on this machine; the message
            says why.
        NotWrittenError: The student's ensemble, or another program, is not written yet.
    """
    with serving(part(on_progress, 0.0, 0.4), {**SERVERS, **(more or {})}) as targets:
        return race(targets, concurrency=16, rounds=rounds, on_progress=part(on_progress, 0.4, 1.0))


@contextlib.contextmanager
def serving(
    on_progress: OnProgress = silent, servers: Mapping[str, Start] | None = None
) -> Iterator[dict[str, Target]]:
    """Yield what load is sent to, by server; all of them run, and end with the block."""
    model, photos = fp32_model(), [photo(number) for number in range(8)]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="servers-")))
        targets = {}
        servers = servers or SERVERS
        for index, (name, begin) in enumerate(servers.items()):
            on_progress(index / len(servers), f"start {name}")
            targets[name] = begin(stack, folder, model, photos)
        yield targets


def servers_table(records: Sequence[Measurement], baseline: str = BASELINE):
    """Return a race of servers as a pandas table, one row a server, with ratios to one of them."""
    import pandas as pd

    rows = []
    for name in dict.fromkeys(one.option for one in records):
        runs = of(records, name)
        row = {
            "server": name,
            "answers/s": round(statistics.median(run.throughput_rps.value for run in runs)),
            "p50": milliseconds(
                statistics.median(sample for run in runs for sample in run.samples)
            ),
            "processor ms": round(1e3 * statistics.median(map(cost_s, runs)), 2),
            "failed": sum(len(run.load.failures) for run in runs if run.load),
        }
        for what, ratio in (
            ("answers/s", rate_ratio),
            ("p50", latency_ratio),
            ("processor time", cost_ratio),
        ):
            times = ratio(records, name, baseline).interval
            row[f"× {what}"] = f"{times.value:.2f} ({times.low:.2f} to {times.high:.2f})" * (
                name != baseline
            )
        rows.append(row)
    return pd.DataFrame(rows)


def _fastapi(
    stack: contextlib.ExitStack, folder: Path, model: Path, photos: Sequence[bytes]
) -> Target:
    workers = usable_cpu_count()
    service = stack.enter_context(
        start(log_path=folder / "service.log", MODEL=model, WORKERS=workers, MAY_WAIT=64)
    )
    return app_target(wait_until_ready(service), model, photos, workers=workers)


def _litserve(
    stack: contextlib.ExitStack, folder: Path, model: Path, photos: Sequence[bytes]
) -> Target:
    made, workers = install("litserve"), usable_cpu_count()
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    process = child.start(
        [made.python, "-m", "labs.serve.compared.litserve_app", model, port, workers],
        folder / "litserve.log",
        environment={**os.environ, "PYTHONPATH": str(PROJECT_DIR), "PYTHONNOUSERSITE": "1"},
        folder=folder,
    )
    service = stack.enter_context(Service(f"http://127.0.0.1:{port}", process))
    wait_until_ready(service, path="/health")
    libraries = dict(
        one.split("==") for one in environment("litserve").requirements if "litserve" in one
    )
    limits, file = {"workers_per_device": workers}, model_file(model)
    served = Served(
        file, "litserve-onnxruntime", threads=Threads(1, 1), libraries=libraries, settings=limits
    )
    return predict(service.url, photos, served, pids=(process.pid,))


def _ray(stack: contextlib.ExitStack, folder: Path, model: Path, photos: Sequence[bytes]) -> Target:
    replicas, file = usable_cpu_count(), model_file(model)
    cluster = stack.enter_context(start_ray())
    limits = {"num_replicas": replicas, "max_ongoing_requests": 16}
    deployment = {"name": "FoodClassifier", "ray_actor_options": {"num_cpus": 0}, **limits}
    application = {"name": "food", "args": {"model": str(model)}, "deployments": [deployment]}
    application |= {"route_prefix": "/", "import_path": "labs.serve.compared.ray_app:build"}
    http = {"host": "127.0.0.1", "port": cluster.port}
    config = folder / "ray.yaml"  # JSON is YAML
    config.write_text(
        json.dumps(
            {"proxy_location": "HeadOnly", "http_options": http, "applications": [application]}
        )
    )
    cluster.deploy(config)
    libraries = dict(
        one.split("==") for one in environment("ray").requirements if one.startswith("ray==")
    )
    served = Served(
        file, "ray-serve-onnxruntime", threads=Threads(1, 1), libraries=libraries, settings=limits
    )
    return predict(cluster.url, photos, served, pids=cluster.pids)


def _triton(
    stack: contextlib.ExitStack, folder: Path, model: Path, photos: Sequence[bytes]
) -> Target:
    written, repository = opening.lesson_repository(), ModelRepository(folder / "models")
    if not (written / _ENSEMBLE).is_dir():
        raise NotWrittenError(
            f"There is no `{_ENSEMBLE}` in `{written}` yet. Write it in *Build an ensemble* first."
        )
    repository.copy(ModelRepository(written))
    for name in (
        "food_preprocess",
        "food_classifier_onnx",
    ):  # the others have next to nothing to do
        config = repository.folder / name / "config.pbtxt"
        config.write_text(
            with_instances(config.read_text(encoding="utf-8"), usable_cpu_count()), encoding="utf-8"
        )
    for name in (*_STEPS, _ENSEMBLE):  # empty folders do not travel
        (repository.folder / name / "1").mkdir(exist_ok=True)
    shutil.copyfile(model, repository.folder / "food_classifier_onnx" / "1" / "model.onnx")
    triton = stack.enter_context(server.start(repository=repository, load=(*_STEPS, _ENSEMBLE)))
    texts = [base64.b64encode(image).decode() for image in photos]
    wanted = [
        {"name": "INPUT_IMAGE", "shape": [1, 1], "datatype": "BYTES", "data": [text]}
        for text in texts
    ]
    bodies = tuple(json.dumps({"inputs": [one]}).encode() for one in wanted)
    served, url = (
        triton_served(triton, _ENSEMBLE, model),
        f"{triton.url}/v2/models/{_ENSEMBLE}/infer",
    )
    return Target(f"HTTP {_ENSEMBLE}", "http", url, bodies, served, pids=(triton.pid,))


def written(
    lesson: str,
    program: str,
    model: Path,
    runtime: str = "onnxruntime",
    *,
    threads: int = 1,
    **how: Any,
) -> Start:
    """Return what starts an app that a student has written in a lesson, with a model of its own.

    Args:
        runtime: What it opens the model with; kept with the record, and told to it too.
        threads: Of a call of the model, for the record; 0 if the app leaves them to the runtime.
        how: Told to it by its environment.

    Raises:
        NotWrittenError: When it is to be started, and is not written yet.
    """

    def begin(
        stack: contextlib.ExitStack, folder: Path, _: Path, photos: Sequence[bytes]
    ) -> Target:
        written, log_path = programs_dir() / lesson, folder / f"{lesson}-{program}.log"
        require_written([written / f"{program}.py"])
        variables = {"MODEL": model, "RUNTIME": runtime, "MAY_WAIT": 64, **how}
        service = start(f"{program}:app", folder=written, log_path=log_path, **variables)
        settings = {"threads": threads, "program": program, **how}
        target = app_target(stack.enter_context(service), model, photos, runtime, **settings)
        wait_until_ready(service)
        return target

    return begin


def whole_request() -> dict[str, Start]:
    """Return *The whole request*'s first step, the student's app of *Serve over HTTP* and the last step, by name."""
    workers, fast = usable_cpu_count(), programs_dir() / "whole" / "bytes.onnx"
    return {
        "older app": written("whole", "older", fp32_model(), threads=0),
        "student's app": written("http", "app", fp32_model(), WORKERS=workers),
        "whole request": written(
            "whole", "together", fast, "openvino", LEVELS="bytes.npy", WORKERS=workers
        ),
    }


#: Servers by the name under which their records are kept, in the order of the first round.
SERVERS: dict[str, Start] = {
    BASELINE: _fastapi,
    "LitServe": _litserve,
    "Ray Serve": _ray,
    "Triton": _triton,
}
