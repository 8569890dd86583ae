"""What a start costs, seen from outside: a process until it is alive, until it is ready, and its first answer."""

from __future__ import annotations

import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime

from labs.bench.targets import model_file
from labs.machine import fingerprint
from labs.progress import OnProgress, silent
from labs.records import Measurement, Threads
from labs.serve.running import start, wait_until_ready
from labs.serve.settings import Settings
from labs.version import code_version, library_versions

#: Requests behind the first one, for what a warm service takes.
_WARM_REQUESTS = 10


@dataclass(frozen=True)
class _Start:
    """One start, in seconds from the start of the process; the answers' latencies in seconds."""

    alive_s: float
    ready_s: float
    first_s: float
    warm_s: tuple[float, ...]


def cold_starts(
    settings: Settings, image: bytes, *, option: str, samples: int = 3, on_progress: OnProgress = silent
) -> list[Measurement]:
    """Return three records: ``load_time`` (process to ready), ``first_prediction`` and ``latency`` (warm), in seconds.

    The first one's ``details`` hold ``alive_s``, the seconds after which the process answered at all. The system's file
    cache is warm from the second start on, so this is a cold process, not a cold disk.

    Args:
        settings: The service.
        image: An encoded picture.
        option: Name under which the records are kept.
        samples: Fresh processes to start.
        on_progress: Told how far it is; may raise ``Cancelled``.
    """
    started_at, begin_s = datetime.now(UTC).isoformat(), time.perf_counter()
    starts = []
    for index in range(samples):
        on_progress(index / samples, f"{option}: start {index + 1} of {samples}")
        starts.append(_start_once(settings, image))
    end_s = time.perf_counter()
    on_progress(1.0, f"{option}: {samples} starts")
    found = {
        "load_time": ([one.ready_s for one in starts], {"alive_s": [one.alive_s for one in starts]}),
        "first_prediction": ([one.first_s for one in starts], {}),
        "latency": ([one for each in starts for one in each.warm_s], {}),
    }
    return [
        Measurement(
            kind=kind,
            option=option,
            samples=tuple(values),
            batch_size=1,
            model=model_file(settings.model_path),
            backend=f"fastapi-{settings.kind}",
            provider_requested=settings.provider,
            providers_used={},
            precision="",
            threads=Threads(settings.intra_op_threads, 1),
            warmup_count=0,
            warmup_settled=True,
            started_at=started_at,
            monotonic_start_s=begin_s,
            monotonic_end_s=end_s,
            machine=fingerprint(),
            libraries=library_versions("fastapi", "uvicorn", settings.kind),
            code_version=code_version(),
            details=details,
        )
        for kind, (values, details) in found.items()
    ]


def timed_request(url: str, image: bytes, *, timeout_s: float = 120.0) -> float:
    """Return the seconds from connecting to a service until its answer to one picture is there.

    Args:
        url: The service's address.
        image: An encoded picture.
        timeout_s: Seconds to wait.

    Raises:
        OSError: No good answer came.
    """
    asked = urllib.request.Request(f"{url}/predict/raw", image, {"Content-Type": "image/jpeg"})
    begin_s = time.perf_counter()
    with urllib.request.urlopen(asked, timeout=timeout_s) as reply:
        reply.read()
    return time.perf_counter() - begin_s


def _start_once(settings: Settings, image: bytes) -> _Start:
    begin_s = time.perf_counter()
    service = wait_until_ready(start(settings), path="/healthz")
    alive_s = time.perf_counter() - begin_s
    try:
        wait_until_ready(service)
        ready_s = time.perf_counter() - begin_s
        first_s = timed_request(service.url, image)
        return _Start(
            alive_s, ready_s, first_s, tuple(timed_request(service.url, image) for _ in range(_WARM_REQUESTS))
        )
    finally:
        service.stop()
