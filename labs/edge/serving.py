"""What a service costs on the device: the same photo classified in the app's own process, and behind HTTP.

The service is the course's own (``labs.serve``), with one worker, behind a token. ``served_latency`` asks it
from the device itself, so no network takes part; ``network_latency`` from elsewhere.
"""

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx

from labs.bench.targets import Description, describe
from labs.bench.timing import Stopwatch, WarmUp, record
from labs.data.intake import open_photo, to_input
from labs.display.format import milliseconds
from labs.edge.job import Candidate
from labs.machine import Fingerprint, fingerprint
from labs.records import Measurement, ModelFile, Threads
from labs.runtimes.calling import Call, caller
from labs.runtimes.opening import open_model
from labs.runtimes.progress import OnProgress, part, silent
from labs.serve.running import Service, start, wait_until_ready
from labs.stats import percentile

#: Requests that are made and thrown away first.
WARMUP = 10

#: The app: the course's service behind a token.
APP = "labs.edge.app:app"


def served_latency(
    candidate: Candidate, models: Path, photo: bytes, samples: int, *, on_progress: OnProgress = silent
) -> Iterator[Measurement]:
    """Yield two latency records for one photo: in this process, and through a service on this machine.

    Both begin with the bytes of a JPEG and end with a class. The second one's option ends in '-service'.
    """
    session = candidate.open(models)
    call, runs, warmup = caller(session), describe(session), WarmUp(WARMUP, True)
    timed, watch = timed_calls(lambda: classify(call, photo), samples, part(on_progress, 0.0, 0.4))
    about: dict[str, Any] = {"from": "a JPEG's bytes", "to": "a class", "includes": ["decode", "prepare", "predict"]}
    yield record("latency", candidate.option, timed, runs, watch, warmup=warmup, details=about)
    timings: list[dict] = []
    with (
        serving(models / candidate.file, threads=runs.threads.intra_op) as (service, token),
        asking(service.url, token, photo) as ask,
    ):
        timed, watch = timed_calls(lambda: timings.append(ask()), samples, part(on_progress, 0.4, 1.0))
    inside = {name: percentile([timing[name] for timing in timings[WARMUP:]], 50) for name in timings[-1]}
    about = {**about, "includes": [*about["includes"], "HTTP on this machine"], "server_timing_s": inside}
    yield record("latency", f"{candidate.option}-service", timed, runs, watch, warmup=warmup, details=about)


def classify(call: Call, photo: bytes) -> int:
    """Return the class of a photo, as an app on the device would find it: decode, prepare, predict."""
    return int(call(to_input(open_photo(photo))[None]).argmax())


@contextlib.contextmanager
def asking(url: str, token: str, photo: bytes) -> Iterator[Callable[[], dict[str, float]]]:
    """Yield a function that sends the photo once and returns the service's own timings in seconds."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/jpeg"}
    # One connection for all: an app keeps it, and opening one would be measured instead.
    with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:

        def ask() -> dict[str, float]:
            reply = client.post("/predict/raw", content=photo)
            reply.raise_for_status()
            return server_timing_s(reply.headers.get("Server-Timing", ""))

        yield ask


def server_timing_s(header: str) -> dict[str, float]:
    """Return the durations of a Server-Timing header in seconds, by name."""
    parts = (column.strip().partition(";dur=") for column in header.split(",") if ";dur=" in column)
    return {name: float(milliseconds_) / 1e3 for name, _, milliseconds_ in parts}


@contextlib.contextmanager
def serving(file: Path, *, threads: int, host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[Service, str]]:
    """Yield a ready service for a file and its token; it ends with this block. Port 0 is a free one."""
    token = secrets.token_hex(16)
    with start(APP, host=host, port=port, MODEL=file, THREADS=threads, EDGE_TOKEN=token) as service:
        yield wait_until_ready(service), token


def serve_until(file: Path, about_path: Path, *, threads: int, host: str, port: int, lifetime_s: float) -> None:
    """Serve a file until its ``about`` file is removed or its time is over, whichever comes first.

    The about file says where the service is, with which token, and on which machine; to end it, remove
    the file. Otherwise it ends by itself after its lifetime.

    Args:
        host: Address to listen on; 0.0.0.0 opens it to the network, token or not.
        port: Port to listen on; a free one when 0.
    """
    runs = asdict(describe(open_model(file, settings={"intra_op_num_threads": threads})))
    with serving(file, threads=threads, host=host, port=port) as (service, token):
        about = {"port": int(service.url.rpartition(":")[2]), "token": token, "machine": fingerprint().to_json()}
        about |= {"runs": runs}
        partial = about_path.with_suffix(".partial")
        partial.write_text(json.dumps(about), encoding="utf-8")
        partial.replace(about_path)
        end_s = time.monotonic() + lifetime_s
        while about_path.exists() and time.monotonic() < end_s and service.alive:
            time.sleep(0.2)
    about_path.unlink(missing_ok=True)


def timed_calls(work: Callable[[], object], samples: int, on_progress: OnProgress) -> tuple[list[float], Stopwatch]:
    """Return wall times in seconds of calls, after a few that are thrown away."""
    for _ in range(WARMUP):
        work()
    watch, labels = Stopwatch(), []
    for index in range(samples):
        begin_s = watch.clock()
        work()
        labels.append(watch.clock() - begin_s)
        if index % 20 == 19:
            on_progress((index + 1) / samples, f"{index + 1} of {samples} photos, {milliseconds(labels[-1])}")
    return labels, watch


class DeviceNotReachedError(RuntimeError):
    """The device's service does not answer from here; the message says what to look at."""


def network_latency(
    url: str, about: dict, photo: bytes, *, option: str, samples: int = 200, on_progress: OnProgress = silent
) -> Measurement:
    """Return a latency record of a photo that is sent to the device's service from here.

    The record's machine is the device, which does the work; ``details["client"]`` names this one.

    Raises:
        DeviceNotReachedError: Often the port was not opened when the container was made, or the floating IP is gone.
    """
    timings: list[dict] = []
    try:
        with asking(url, about["token"], photo) as ask:
            timed, watch = timed_calls(lambda: timings.append(ask()), samples, on_progress)
    except httpx.HTTPError as error:
        raise DeviceNotReachedError(
            f"{url} does not answer ({type(error).__name__}: {error}). Likely: the floating IP is gone, the container "
            "was made without this port, or the service's time is over. Way out: start the service again; after that, "
            "run 'Reserve a device' again, which looks at all three."
        ) from error
    inside = {name: percentile([timing[name] for timing in timings[WARMUP:]], 50) for name in timings[-1]}
    runs = about["runs"]
    runs = Description(**runs | {"model": ModelFile(**runs["model"]), "threads": Threads(**runs["threads"])})
    details = {
        "includes": ["decode", "prepare", "predict", "HTTP", "the way"],
        "client": fingerprint().label,
        "photo_bytes": len(photo),
        "server_timing_s": inside,
    }
    measurement = record("latency", option, timed, runs, watch, warmup=WarmUp(WARMUP, True), details=details)
    return replace(measurement, machine=Fingerprint.from_json(about["machine"]))
