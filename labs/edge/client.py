"""Asking a device's service from here: what a photo costs that has to travel first."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from labs.edge.served import WARMUP, asking, timed_calls
from labs.machine import Fingerprint, fingerprint
from labs.progress import OnProgress, silent
from labs.records import Measurement, ModelFile, Threads
from labs.stats import percentile
from labs.version import code_version


class DeviceNotReachedError(RuntimeError):
    """The device's service does not answer from here; the message says what to look at."""


def network_latency(
    url: str, about: dict, photo: bytes, *, option: str, samples: int = 200, on_progress: OnProgress = silent
) -> Measurement:
    """Return a latency record of a photo that is sent to the device's service from here.

    The record's machine is the device, which does the work; ``details["client"]`` names this one.

    Args:
        url: Where the service answers, seen from here.
        about: What the device wrote about its service.
        photo: Bytes of a JPEG.
        option: Name under which the record is kept.
        samples: Requests timed.
        on_progress: Told how far it is.

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
            "run lesson 21 again, which looks at all three."
        ) from error
    inside = {name: percentile([one[name] for one in timings[WARMUP:]], 50) for name in timings[-1]}
    runs = about["runs"]
    return Measurement(
        kind="latency",
        option=option,
        samples=tuple(timed),
        batch_size=1,
        model=ModelFile(**runs["model"]),
        backend=runs["backend"],
        provider_requested=runs["provider_requested"],
        providers_used=runs["providers_used"],
        precision=runs["precision"],
        threads=Threads(**runs["threads"]),
        warmup_count=WARMUP,
        warmup_settled=True,
        started_at=watch.started_at,
        monotonic_start_s=watch.start_s,
        monotonic_end_s=watch.clock(),
        machine=Fingerprint.from_json(about["machine"]),
        libraries=runs["libraries"],
        code_version=code_version(),
        settings=runs["settings"],
        details={
            "includes": ["decode", "prepare", "predict", "HTTP", "the way"],
            "client": fingerprint().label,
            # Asked on the device itself, the same service is reached without any network.
            "over": "loopback" if urlsplit(url).hostname.startswith(("127.", "localhost", "::1")) else "network",
            "photo_bytes": len(photo),
            "server_timing_s": inside,
        },
    )
