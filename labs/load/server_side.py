"""The server's own counters, read before and after a run: the difference is what the run did to it."""

from __future__ import annotations

import contextlib
import re
import urllib.request
from collections.abc import Callable

from labs.records.load import ServerSide
from labs.serve.triton.control import Counters, Triton, TritonError


def between(before: Counters | None, after: Counters | None) -> ServerSide | None:
    """Return what happened between two readings; None where there is nothing to tell."""
    if after is None:
        return None
    run = after if before is None else after.since(before)
    if run.requests == 0:
        return None
    stages = ("queue_s", "input_s", "infer_s", "output_s")
    means = {name: max(getattr(run, name), 0.0) / run.requests for name in stages}
    batches = {str(size): count for size, count in sorted(run.batches.items()) if count > 0}
    return ServerSide(run.requests, run.executions, **means, batches=batches)


def triton_counters(triton: Triton, model: str) -> Callable[[], Counters | None]:
    """Return a reader of a Triton model's statistics.

    Args:
        triton: The server.
        model: The model's name.
    """

    def read() -> Counters | None:
        with contextlib.suppress(TritonError, LookupError):
            return triton.statistics(model)
        return None

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
