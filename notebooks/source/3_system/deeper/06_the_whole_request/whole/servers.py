"""Servers of several makers under one contract, side by side: a JPEG as base64 text in, class and
probability out.

All serve the same float32 file with about one worker per processor, each with one thread. They run
at the same time and take turns under load. Idle ones cost memory. Ray's own processes, which look
after the cluster, also take a part of a processor in all turns alike.
"""

import base64
import contextlib
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labs.bench.targets import model_file
from labs.display.format import milliseconds
from labs.load.race import cost_ratio, cost_s, latency_ratio, of, race, rate_ratio
from labs.load.served import app_target, triton_served
from labs.load.target import LoadTarget, Served, predict
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

#: The baseline of the comparison.
BASELINE = "FastAPI"

#: Triton's models, which the student writes in *Build an ensemble*.
_ENSEMBLE = "food_classifier_ensemble"
_PREPROCESS = "food_preprocess"
_NETWORK = "food_classifier_onnx"
_STEPS = (_PREPROCESS, _NETWORK, "food_label")

#: Starts a server for a model's file and photos, and returns what load is sent to; the stack ends
#: it.
Start = Callable[[contextlib.ExitStack, Path, Path, Sequence[bytes]], LoadTarget]


def compare(
    *,
    rounds: int = 5,
    more: Mapping[str, Start] | None = None,
    on_progress: OnProgress = silent,
) -> list[Measurement]:
    """Return one record for each server and round of sixteen clients; they take turns, every second
    round in reverse.

    Args:
        more: Servers beside ``SERVERS``, such as ``whole_request``.

    Raises:
        RuntimeUnavailableError: Triton, or LitServe's or Ray's environment, cannot be had on this
            machine; the message says why.
        NotWrittenError: The student's ensemble, or another program, is not written yet.
    """
    servers = {**SERVERS, **(more or {})}
    with serving(part(on_progress, 0.0, 0.4), servers) as targets:
        return race(
            targets,
            concurrency=16,
            rounds=rounds,
            on_progress=part(on_progress, 0.4, 1.0),
        )


@contextlib.contextmanager
def serving(
    on_progress: OnProgress = silent, servers: Mapping[str, Start] | None = None
) -> Iterator[dict[str, LoadTarget]]:
    """Yield what load is sent to, by server; all of them run, and end with the block."""
    model = fp32_model()
    photos = [photo(number) for number in range(8)]
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
    for name in dict.fromkeys(record.option for record in records):
        row = {"server": name, **_medians(of(records, name))}
        for quantity, ratio in _RATIOS.items():
            times = ratio(records, name, baseline).interval
            shown = f"{times.value:.2f} ({times.low:.2f} to {times.high:.2f})"
            row[f"× {quantity}"] = "" if name == baseline else shown
        rows.append(row)
    return pd.DataFrame(rows)


#: How a server's runs are compared with another's, by the quantity that a table names.
_RATIOS = {"answers/s": rate_ratio, "p50": latency_ratio, "processor time": cost_ratio}


def _medians(runs: Sequence[Measurement]) -> dict[str, object]:
    """Return the figures of one server in a table, over all of its runs."""
    answers_per_s = statistics.median(run.throughput_rps.value for run in runs)
    p50_s = statistics.median(latency_s for run in runs for latency_s in run.samples)
    processor_s = statistics.median(map(cost_s, runs))
    failed = sum(len(run.load.failures) for run in runs if run.load)
    return {
        "answers/s": round(answers_per_s),
        "p50": milliseconds(p50_s),
        "processor ms": round(1e3 * processor_s, 2),
        "failed": failed,
    }


def _fastapi(
    stack: contextlib.ExitStack, folder: Path, model: Path, photos: Sequence[bytes]
) -> LoadTarget:
    workers = usable_cpu_count()
    app = start(
        log_path=folder / "service.log", MODEL=model, WORKERS=workers, MAY_WAIT=64
    )
    service = stack.enter_context(app)
    return app_target(wait_until_ready(service), model, photos, workers=workers)


def _litserve(
    stack: contextlib.ExitStack, folder: Path, model: Path, photos: Sequence[bytes]
) -> LoadTarget:
    python = install("litserve").python
    workers = usable_cpu_count()
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    variables = os.environ | {"PYTHONPATH": str(PROJECT_DIR), "PYTHONNOUSERSITE": "1"}
    process = child.start(
        [python, "-m", "labs.deeper.whole.litserve_app", model, port, workers],
        folder / "litserve.log",
        environment=variables,
        folder=folder,
    )
    service = stack.enter_context(Service(f"http://127.0.0.1:{port}", process))
    wait_until_ready(service, path="/health")
    served = Served(
        model_file(model),
        "litserve-onnxruntime",
        threads=Threads(1, 1),
        libraries=_pinned("litserve"),
        settings={"workers_per_device": workers},
    )
    return predict(service.url, photos, served, pids=(process.pid,))


def _pinned(name: str) -> dict[str, str]:
    """Return the pinned version of the package that an environment is named after."""
    versions = {}
    for requirement in environment(name).requirements:
        if requirement.startswith(f"{name}=="):
            package, version = requirement.split("==")
            versions[package] = version
    return versions


def _ray(
    stack: contextlib.ExitStack, folder: Path, model: Path, photos: Sequence[bytes]
) -> LoadTarget:
    cluster = stack.enter_context(start_ray())
    limits = {"num_replicas": usable_cpu_count(), "max_ongoing_requests": 16}
    deployment = {
        "name": "FoodClassifier",
        "ray_actor_options": {"num_cpus": 0},
        **limits,
    }
    application = {
        "name": "food",
        "args": {"model": str(model)},
        "deployments": [deployment],
        "route_prefix": "/",
        "import_path": "labs.deeper.whole.ray_app:build",
    }
    config = {
        "proxy_location": "HeadOnly",
        "http_options": {"host": "127.0.0.1", "port": cluster.port},
        "applications": [application],
    }
    config_file = folder / "ray.yaml"
    config_file.write_text(json.dumps(config))  # JSON is YAML
    cluster.deploy(config_file)
    served = Served(
        model_file(model),
        "ray-serve-onnxruntime",
        threads=Threads(1, 1),
        libraries=_pinned("ray"),
        settings=limits,
    )
    return predict(cluster.url, photos, served, pids=cluster.pids)


def _triton(
    stack: contextlib.ExitStack, folder: Path, model: Path, photos: Sequence[bytes]
) -> LoadTarget:
    students = opening.lesson_repository()
    repository = ModelRepository(folder / "models")
    if not (students / _ENSEMBLE).is_dir():
        raise NotWrittenError(
            f"There is no `{_ENSEMBLE}` in `{students}` yet. Write it in *Build an ensemble* first."
        )
    repository.copy(ModelRepository(students))
    for name in (_PREPROCESS, _NETWORK):  # the others have next to nothing to do
        config = repository.folder / name / "config.pbtxt"
        text = with_instances(config.read_text(encoding="utf-8"), usable_cpu_count())
        config.write_text(text, encoding="utf-8")
    for name in (*_STEPS, _ENSEMBLE):  # empty folders do not travel
        (repository.folder / name / "1").mkdir(exist_ok=True)
    shutil.copyfile(model, repository.folder / _NETWORK / "1" / "model.onnx")
    triton = stack.enter_context(
        server.start(repository=repository, load=(*_STEPS, _ENSEMBLE))
    )
    url = f"{triton.url}/v2/models/{_ENSEMBLE}/infer"
    bodies = tuple(_triton_body(image) for image in photos)
    served = triton_served(triton, _ENSEMBLE, model)
    return LoadTarget(
        f"HTTP {_ENSEMBLE}", "http", url, bodies, served, pids=(triton.pid,)
    )


def _triton_body(image: bytes) -> bytes:
    text = base64.b64encode(image).decode()
    tensor = {"name": "INPUT_IMAGE", "shape": [1, 1], "datatype": "BYTES", "data": [text]}
    return json.dumps({"inputs": [tensor]}).encode()


def written(
    lesson: str,
    program: str,
    model: Path,
    runtime: str = "onnxruntime",
    *,
    threads: int = 1,
    **how: Any,
) -> Start:
    """Return a function that starts a student's app from a lesson, with another model.

    Args:
        runtime: The runtime that opens the model; stored with the record, and passed to the app.
        threads: Threads of a call of the model, for the record; 0 if the app leaves them to the
            runtime.
        how: Passed to the app in its environment.

    Raises:
        NotWrittenError: It must be started, but is not written yet.
    """

    def begin(
        stack: contextlib.ExitStack, folder: Path, _: Path, photos: Sequence[bytes]
    ) -> LoadTarget:
        programs = programs_dir() / lesson
        log_path = folder / f"{lesson}-{program}.log"
        require_written([programs / f"{program}.py"])
        variables = {"MODEL": model, "RUNTIME": runtime, "MAY_WAIT": 64, **how}
        service = start(f"{program}:app", folder=programs, log_path=log_path, **variables)
        settings = {"threads": threads, "program": program, **how}
        target = app_target(
            stack.enter_context(service), model, photos, runtime, **settings
        )
        wait_until_ready(service)
        return target

    return begin


def with_photos(target: LoadTarget, photos: Sequence[bytes]) -> LoadTarget:
    """Return a target on the same service that sends other photos."""
    bodies = predict(target.url, photos, target.served).bodies
    return replace(target, bodies=bodies)


def whole_request() -> dict[str, Start]:
    """Return *The whole request*'s first step, the student's app of *Serve over HTTP* and the last
    step, by name.
    """
    workers = usable_cpu_count()
    model_of_bytes = programs_dir() / "whole" / "bytes.onnx"
    last_step: dict[str, Any] = {"LEVELS": "bytes.npy", "WORKERS": workers}
    return {
        "older app": written("whole", "older", fp32_model(), threads=0),
        "student's app": written("http", "app", fp32_model(), WORKERS=workers),
        "whole request": written(
            "whole", "fours", model_of_bytes, "openvino", **last_step
        ),
    }


#: Servers by the name under which their records are kept, in the order of the first round.
SERVERS: dict[str, Start] = {
    BASELINE: _fastapi,
    "LitServe": _litserve,
    "Ray Serve": _ray,
    "Triton": _triton,
}
