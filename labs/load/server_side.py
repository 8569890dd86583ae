"""The server's own counters, read before and after a run: the difference is what the run did to it."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

from labs.records.load import ServerSide
from labs.serve.triton.statistics import parse_statistics


@dataclass(frozen=True)
class Counters:
    """Totals since the server started (or since the model was loaded)."""

    #: Requests finished well.
    requests: int
    #: Times that the model was run; 0 where the server does not tell.
    executions: int
    #: Seconds that these requests spent in the queue, summed.
    queue_s: float
    #: Seconds for their input, summed.
    input_s: float
    #: Seconds for the model itself, summed.
    infer_s: float
    #: Seconds for their output, summed.
    output_s: float
    #: Executions by batch size.
    batches: dict[int, int] = field(default_factory=dict)


def between(before: Counters | None, after: Counters | None) -> ServerSide | None:
    """Return what happened between two readings; None where there is nothing to tell.

    A counter that went backwards means that the model was loaded anew in between: the later reading is all there is.
    """
    if after is None:
        return None
    if before is None or after.requests < before.requests:
        before = Counters(0, 0, 0.0, 0.0, 0.0, 0.0)
    requests = after.requests - before.requests
    if requests == 0:
        return None
    means = {
        name: max(getattr(after, name) - getattr(before, name), 0.0) / requests
        for name in ("queue_s", "input_s", "infer_s", "output_s")
    }
    batches = {
        str(size): count - before.batches.get(size, 0)
        for size, count in sorted(after.batches.items())
        if count > before.batches.get(size, 0)
    }
    return ServerSide(requests, after.executions - before.executions, **means, batches=batches)


def triton_counters(url: str, model: str) -> Callable[[], Counters | None]:
    """Return a reader of a Triton model's statistics over HTTP.

    Args:
        url: Triton's HTTP address, such as 'http://127.0.0.1:8000'.
        model: The model's name.

    Source: Triton's statistics extension, ``GET /v2/models/<model>/stats``; durations are nanoseconds, summed over
    requests.
    """
    address = f"{url.rstrip('/')}/v2/models/{model}/stats"

    def read() -> Counters | None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                stats = json.load(answer)["model_stats"]
        except (OSError, ValueError, KeyError):
            return None
        return counters_from_triton(stats[-1]) if stats else None

    return read


def service_counters(url: str) -> Callable[[], Counters | None]:
    """Return a reader of the course's own service (``labs.serve``), from its Prometheus metrics.

    Args:
        url: The service's address, such as 'http://127.0.0.1:8000'.
    """
    address = f"{url.rstrip('/')}/metrics"

    def read() -> Counters | None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return counters_from_metrics(answer.read().decode())
        except (OSError, ValueError):
            return None

    return read


def counters_from_metrics(text: str) -> Counters:
    """Return the totals in the metrics of the course's service.

    Its stages are 'queue', 'prepare' (the picture's decoding) and 'model'; an output of eleven numbers is no stage.
    """
    found = {
        (kind, stage): float(value)
        for kind, stage, value in re.findall(
            r'^serving_stage_seconds_(sum|count)\{stage="(\w+)"\} (\S+)$', text, re.MULTILINE
        )
    }
    seconds = {stage: found.get(("sum", stage), 0.0) for stage in ("queue", "prepare", "model")}
    requests = int(found.get(("count", "model"), 0))
    return Counters(requests, 0, seconds["queue"], seconds["prepare"], seconds["model"], 0.0)


def counters_from_triton(entry: dict) -> Counters:
    """Return the totals in one entry of Triton's ``model_stats``, as its HTTP API gives it."""
    read = parse_statistics(entry)
    seconds = (read.queue_s, read.input_s, read.infer_s, read.output_s)
    return Counters(read.requests, read.executions, *seconds, read.batches)
